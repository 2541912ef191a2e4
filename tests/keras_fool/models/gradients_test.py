"""What an ascent follows is the gradient of what is scored, for every kind of classifier."""

import dataclasses
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from keras_fool.models import classifiers, scoring

SQUEEZENET = (
    pathlib.Path(__file__).parents[4]
    / "shared/imagenet_networks/squeezenet/squeezenet_1.1_227.keras"
)


@pytest.fixture(scope="module")
def coloured(tmp_path_factory) -> pathlib.Path:
    """A .keras file: floats [16, 16, 3] -> four logits, through a smooth layer."""
    import keras

    keras.utils.set_random_seed(4)
    image = keras.Input((16, 16, 3))
    features = keras.layers.Conv2D(6, 3, activation="tanh")(image)
    outputs = keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(features))
    path = tmp_path_factory.mktemp("models") / "coloured.keras"
    keras.Model(image, outputs).save(path)
    return path


@pytest.fixture(scope="module")
def nested(tmp_path_factory) -> pathlib.Path:
    """A .keras file whose bytes go through a model inside the model."""
    import keras

    keras.utils.set_random_seed(5)
    inner = keras.Sequential(
        [keras.Input((12, 10, 1)), keras.layers.Rescaling(1 / 128, -1), keras.layers.Flatten()]
    )
    image = keras.Input((12, 10, 1), dtype="uint8")
    hidden = keras.layers.Dense(8, activation="tanh")(inner(image))
    outputs = keras.layers.Dense(3, activation="softmax")(hidden)
    path = tmp_path_factory.mktemp("models") / "nested.keras"
    keras.Model(image, outputs).save(path)
    return path


def check_gradient(scorer: scoring.LocalScorer, label: int | None, size: float, rel: float) -> None:
    """Central differences in the scorer's own function.

    Of the confidence for `label` along a random direction; where there are very many
    labels, of the surest one's, along half of the gradient's signs.
    """
    rng = np.random.default_rng(0)
    shape = (2, *scorer.image_shape)
    images = tf.constant(rng.uniform(40, 210, shape), tf.float32)
    direction = rng.choice([-1.0, 1.0], shape).astype(np.float32)
    labels = np.full(2, label)
    if label is None:
        labels = scorer.confidences(images).numpy().argmax(axis=1)
    with tf.GradientTape() as tape:
        tape.watch(images)
        confidence = tf.gather(scorer.confidences(images), labels, batch_dims=1)
    gradient = tape.gradient(confidence, images).numpy()
    if label is None:
        direction = np.where(direction > 0, np.sign(gradient), 0)

    ahead, behind = (
        scorer.confidences(images + h * direction).numpy()[[0, 1], labels].astype(float)
        for h in (size, -size)
    )

    measured = (ahead - behind) / (2 * size)
    predicted = (gradient * direction).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(measured, predicted, rtol=rel)
    assert (np.abs(predicted) > 1e-6).all()


def test_of_a_model_of_bytes(tiny_model):
    check_gradient(scoring.LocalScorer(classifiers.find(str(tiny_model))), 1, 0.01, 0.02)


def test_of_the_shipped_classifier(shipped):
    check_gradient(scoring.LocalScorer(shipped), 3, 0.05, 0.05)


def test_of_a_model_in_a_model(nested):
    check_gradient(scoring.LocalScorer(classifiers.find(str(nested))), 0, 0.5, 0.02)


@pytest.mark.parametrize(
    ("preprocess", "size"), [("bgr", 0.02), ("tf", 0.2), ("torch", 0.2), ("unit", 10)]
)
def test_through_preprocessing_and_softmax(coloured, preprocess, size):
    spec = f"{coloured}:{preprocess}:logits"
    check_gradient(scoring.LocalScorer(classifiers.find(spec)), 2, size, 0.03)


def test_through_ten_crops(coloured):
    views = classifiers.Views(image_size=24, crops=10)
    classifier = classifiers.find(f"{coloured}:tf:logits", None, views)
    check_gradient(scoring.LocalScorer(classifier), 2, 0.2, 0.02)


def test_of_an_ensemble(coloured):
    one = classifiers.find(f"{coloured}:tf:logits")
    other = dataclasses.replace(one, preprocess="bgr")
    check_gradient(scoring.LocalScorer(classifiers.Ensemble((one, other))), 2, 0.02, 0.03)


def test_whole_numbers_score_the_same_as_bytes_and_as_floats(shipped):
    scorer = scoring.LocalScorer(shipped)
    images = np.random.default_rng(1).integers(0, 256, (16, 28, 28, 1), np.uint8)

    of_floats = scorer.confidences(tf.constant(images, tf.float32)).numpy()

    np.testing.assert_allclose(of_floats, scorer.score(images), atol=1e-6)


@pytest.mark.slow
@pytest.mark.skipif(not SQUEEZENET.is_file(), reason=f"{SQUEEZENET} is not there")
def test_of_squeezenet():
    scorer = scoring.LocalScorer(classifiers.find(f"{SQUEEZENET}:bgr"))
    check_gradient(scorer, None, 0.005, 0.05)
