"""Logits, features and weights of networks that end in every usual way, and of unusual ones."""

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from keras_fool.detectors import signals
from keras_fool.models import classifiers
from tests import exploring

SHAPE = (9, 8, 3)
layers = keras.layers


def decided(seed: int, deviation: float = 0.5):
    return keras.initializers.RandomNormal(stddev=deviation, seed=seed)


def dense(units: int = 4, activation: str | None = "softmax", **options):
    return layers.Dense(
        units, activation, kernel_initializer=decided(1), bias_initializer=decided(2), **options
    )


def conv(filters: int = 4, size=1, activation: str | None = None, **options):
    return layers.Conv2D(
        filters,
        size,
        activation=activation,
        kernel_initializer=decided(3),
        bias_initializer=decided(4),
        **options,
    )


def front(image):
    """[batch, 9, 8, 3] -> [batch, 4, 3, 6], scaled."""
    return conv(6, 3, "relu", strides=2)(layers.Rescaling(1 / 127.5, -1.0)(image))


def ending(*behind, dtype: str = "float32"):
    """The front, then these layers."""

    def build() -> keras.Model:
        image = keras.Input(SHAPE, dtype=dtype)
        found = front(image)
        for layer in behind:
            found = layer()(found)
        return keras.Model(image, found)

    return build


def inside(*behind, before=()):
    """A whole network as one layer of another, with layers in front of it and behind it."""

    def build() -> keras.Model:
        inner = ending(layers.GlobalAveragePooling2D, lambda: dense(activation=None))()
        image = keras.Input(SHAPE)
        found = image
        for layer in before:
            found = layer()(found)
        found = inner(found)
        for layer in behind:
            found = layer()(found)
        return keras.Model(image, found)

    return build


def sequential() -> keras.Model:
    base = keras.Sequential(
        [keras.Input(SHAPE), layers.Rescaling(1 / 99), conv(5, 3, "relu"), layers.Flatten()]
    )
    return keras.Sequential([keras.Input(SHAPE), base, layers.Dropout(0.3), dense()])


def two_ways() -> keras.Model:
    image = keras.Input(SHAPE)
    flat = layers.Flatten()(front(image))
    return keras.Model(image, layers.Softmax()(layers.Add()([dense(4, None)(flat)] * 2)))


def of_operations() -> keras.Model:
    image = keras.Input(SHAPE)
    logits = dense(4, None)(layers.Flatten()(front(image)))
    return keras.Model(image, keras.ops.softmax(logits))


POOLED = layers.GlobalAveragePooling2D
# Name: builder, what is said of the outputs, number of features, whether weights are found.
WHOLE = {
    "fused": (ending(layers.Flatten, dense), None, 72),
    "of bytes": (ending(layers.Flatten, dense, dtype="uint8"), None, 72),
    "softmax layer": (ending(layers.Flatten, lambda: dense(4, None), layers.Softmax), None, 72),
    "activation layer": (
        ending(POOLED, lambda: dense(4, None), lambda: layers.Activation("softmax")),
        None,
        6,
    ),
    "linear activations": (
        ending(POOLED, dense, lambda: layers.Activation("linear"), layers.Identity),
        None,
        6,
    ),
    "without bias": (ending(POOLED, lambda: dense(use_bias=False)), None, 6),
    "logits": (ending(POOLED, lambda: dense(4, None)), "logits", 6),
    "log_softmax": (
        ending(POOLED, lambda: dense(4, None), lambda: layers.Activation("log_softmax")),
        "logits",
        6,
    ),
    "sigmoid for two labels": (ending(POOLED, lambda: dense(1, "sigmoid")), "sigmoid", 6),
    "logit for two labels": (ending(POOLED, lambda: dense(1, None)), "logits", 6),
    "MobileNet's": (
        ending(
            lambda: layers.GlobalAveragePooling2D(keepdims=True),
            lambda: layers.Dropout(0.1),
            conv,
            lambda: layers.Reshape((4,)),
            lambda: layers.Activation("softmax"),
        ),
        None,
        6,
    ),
    "convolution over all": (ending(lambda: conv(4, (4, 3), "softmax")), None, 72),
    "convolution, then mean": (ending(conv, POOLED, layers.Softmax), None, 6),
    "sequential": (sequential, None, 210),
    "an operation": (of_operations, None, 72),
    "inside": (inside(layers.Softmax), None, 6),
    "inside, said": (inside(), "logits", 6),
    "inside, scaled": (
        inside(layers.Softmax, before=[lambda: layers.Rescaling(0.5)]),
        None,
        6,
    ),
}
RARE = {
    *("activation layer", "linear activations", "without bias", "log_softmax"),
    *("logit for two labels", "convolution, then mean", "sequential", "inside, said"),
}
# What is lacking, and what the reason names.
PARTS = {
    "SqueezeNet's": (
        ending(lambda: conv(4, activation="relu"), POOLED, layers.Softmax),
        6,
        {signals.WEIGHTS: "not linear"},
    ),
    "normalised logits": (
        ending(POOLED, lambda: dense(4, None), layers.BatchNormalization, layers.Softmax),
        6,
        {signals.WEIGHTS: "batch_normalization"},
    ),
    "larger convolution": (
        ending(lambda: conv(4, 2), POOLED, layers.Softmax),
        6,
        {signals.WEIGHTS: "several places"},
    ),
    "two ways": (
        two_ways,
        0,
        {signals.FEATURES: "several ways", signals.WEIGHTS: "several ways"},
    ),
    "mean of distributions": (
        ending(conv, layers.Softmax, POOLED),
        0,
        dict.fromkeys((signals.LOGITS, signals.FEATURES, signals.WEIGHTS), "no softmax"),
    ),
}


@pytest.fixture
def images():
    rng = np.random.default_rng(7)
    return rng.integers(0, 256, (12, *SHAPE), np.uint8)


def opened(tmp_path, build, said: str | None = None) -> tuple[signals.SignalScorer, keras.Model]:
    path = tmp_path / "model.keras"
    model = build()
    model.save(path)
    spec = str(path) if said is None else f"{path}:{said}"
    return signals.SignalScorer(classifiers.find(spec)), model


def seen(source: signals.SignalScorer, images: np.ndarray) -> signals.Signals:
    everything = source.mapped(lambda _, found: [part for part in found if part is not None])
    return signals.Signals(*everything(images))


@pytest.mark.parametrize("name", exploring.most(WHOLE, rare=RARE))
def test_signals_belong_together(tmp_path, images, name):
    build, said, num_features = WHOLE[name]

    source, model = opened(tmp_path, build, said)
    found = seen(source, images)

    assert not any(map(source.lack, signals.KINDS))
    np.testing.assert_array_equal(found.confidences, source.score(images))
    np.testing.assert_allclose(
        scipy.special.softmax(found.logits, axis=1), found.confidences, atol=2e-6
    )
    assert source.num_features == num_features == found.features.shape[1]
    kernel, bias = source.weights()
    np.testing.assert_allclose(found.features @ kernel + bias, found.logits, atol=2e-4, rtol=1e-5)
    # Not any logits with this softmax, but the network's own, from its own weights.
    own = [weights for weights in model.get_weights() if weights.ndim > 1][-1]
    own = own.reshape(-1, own.shape[-1])
    np.testing.assert_array_equal(kernel[:, -own.shape[1] :], own)


@pytest.mark.parametrize("name", PARTS)
def test_what_cannot_be_seen_is_said(tmp_path, images, name):
    build, num_features, lacking = PARTS[name]

    source, _ = opened(tmp_path, build)
    found = seen(source, images)

    np.testing.assert_array_equal(found.confidences, source.score(images))
    for kind in (signals.LOGITS, signals.FEATURES, signals.WEIGHTS):
        reason = source.lack(kind)
        assert (reason is None) == (kind not in lacking), reason
        assert reason is None or lacking[kind] in reason
    assert source.num_features == num_features
    if found.logits is not None:
        np.testing.assert_allclose(
            scipy.special.softmax(found.logits, axis=1), found.confidences, atol=1e-6
        )


def test_features_of_a_convolution_are_means_over_places(tmp_path, images):
    source, model = opened(tmp_path, PARTS["SqueezeNet's"][0])
    before = keras.Model(model.input, model.layers[-3].input)

    found = seen(source, images).features

    expected = before.predict(images, verbose=0).mean(axis=(1, 2))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_gradients_flow_to_bytes_through_a_form_of_floats(tmp_path, images):
    source, _ = opened(tmp_path, WHOLE["of bytes"][0])
    values = tf.constant(images, tf.float32)

    with tf.GradientTape() as tape:
        tape.watch(values)
        logits = source.signals(values).logits

    assert np.abs(tape.gradient(logits, values)).max() > 0
    np.testing.assert_allclose(logits, seen(source, images).logits, atol=1e-5)


def test_an_operation_without_gradient_is_noticed(tmp_path):
    def rounded():
        image = keras.Input(SHAPE)
        steps = keras.ops.floor(image / 8)
        return keras.Model(image, dense()(POOLED()(front(keras.ops.cast(steps, "int32")))))

    source, _ = opened(tmp_path, rounded)

    assert "gradient" in source.lack(signals.GRADIENTS)
    assert source.lack(signals.FEATURES) is None
