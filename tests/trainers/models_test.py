import keras
import numpy as np
import pytest

from trainers import config, models

FAN_IN = {"conv1": 25, "conv2": 500, "ip1": 800, "ip2": 500}


@pytest.fixture(scope="module")
def lenet() -> keras.Model:
    return models.build("lenet", (28, 28, 1), 10, seed=1)


@pytest.mark.parametrize(("num_labels", "expected"), [(10, 431_080), (11, 431_581)])
def test_lenet_has_caffes_number_of_weights(num_labels, expected):
    assert models.build("lenet", (28, 28, 1), num_labels, seed=1).count_params() == expected


def test_xavier_is_uniform_within_caffes_bounds(lenet):
    for name, fan_in in FAN_IN.items():
        kernel, bias = lenet.get_layer(name).get_weights()
        bound = np.sqrt(3 / fan_in)

        assert np.abs(kernel).max() <= bound
        assert np.abs(kernel).max() > 0.98 * bound
        # A uniform distribution has this deviation; 500 weights at least are drawn.
        assert kernel.std() == pytest.approx(bound / np.sqrt(3), rel=0.1)
        assert not bias.any()


def test_weights_follow_from_the_seed(lenet):
    again, other = (models.build("lenet", (28, 28, 1), 10, seed) for seed in (1, 2))

    for mine, same, different in zip(
        lenet.get_weights()[::2], again.get_weights()[::2], other.get_weights()[::2], strict=True
    ):
        np.testing.assert_array_equal(mine, same)
        assert np.mean(mine == different) < 0.01


def slow_lenet(image: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    """Confidences of one image, loop by loop, in float64."""

    def conv(x, kernel, bias):
        size = len(x) - 4
        patches = [[x[r : r + 5, c : c + 5] for c in range(size)] for r in range(size)]
        return np.einsum("rcyxi,yxio->rco", np.array(patches), kernel) + bias

    def pool(x):
        half = len(x) // 2
        return x.reshape(half, 2, half, 2, -1).max(axis=(1, 3))

    conv1, bias1, conv2, bias2, ip1, bias3, ip2, bias4 = (w.astype(np.float64) for w in weights)
    x = pool(conv(image / 256, conv1, bias1))
    x = pool(conv(x, conv2, bias2)).reshape(-1)
    x = np.maximum(x @ ip1 + bias3, 0) @ ip2 + bias4
    x = np.exp(x - x.max())
    return x / x.sum()


def test_lenet_computes_what_caffes_does(lenet):
    rng = np.random.default_rng(3)
    model = keras.models.clone_model(lenet)
    model.set_weights([rng.normal(0, 0.1, w.shape) for w in lenet.get_weights()])
    images = rng.integers(0, 256, (4, 28, 28, 1), dtype=np.uint8)

    confidences = model.predict_on_batch(images)

    assert confidences.dtype == np.float32
    for image, found in zip(images, confidences, strict=True):
        np.testing.assert_allclose(found, slow_lenet(image, model.get_weights()), atol=1e-5)


def test_softmax_of_logits_is_the_confidence(lenet):
    images = np.random.default_rng(4).integers(0, 256, (5, 28, 28, 1), dtype=np.uint8)

    logits = models.logits(lenet).predict_on_batch(images).astype(np.float64)

    exponentials = np.exp(logits)
    np.testing.assert_allclose(
        lenet.predict_on_batch(images),
        exponentials / exponentials.sum(axis=1, keepdims=True),
        atol=1e-6,
    )


def test_names_are_those_of_the_settings():
    assert tuple(models.BUILDERS) == config.ARCHITECTURES
    with pytest.raises(ValueError, match="unknown architecture 'vgg'; known: lenet, "):
        models.build("vgg", (28, 28, 1), 10, seed=1)


@pytest.mark.parametrize(
    ("architecture", "side", "weights"), [("small", 64, 95_114), ("cifar", 28, 253_898)]
)
def test_networks_of_small_pictures_are_made_of_keras_own_layers(architecture, side, weights):
    model = models.build(architecture, (side, side, 3), 10, seed=1)

    assert {type(layer).__module__.partition(".")[0] for layer in model.layers} == {"keras"}
    assert model.count_params() == weights
    assert not model.non_trainable_weights


@pytest.mark.parametrize("architecture", ["small", "cifar"])
@pytest.mark.parametrize("shape", [(16, 16, 3), (32, 48, 1), (64, 64, 3)])
def test_networks_of_small_pictures_tell_bytes_apart(architecture, shape):
    model = models.build(architecture, shape, 4, seed=1)
    images = np.random.default_rng(1).integers(0, 256, (3, *shape), np.uint8)

    confidences = model(images, training=False).numpy()

    assert confidences.shape == (3, 4)
    np.testing.assert_allclose(confidences.sum(axis=1), 1, atol=1e-6)
    assert np.ptp(confidences, axis=0).max() > 1e-4


@pytest.mark.parametrize("architecture", ["lenet", "small", "cifar"])
def test_networks_of_one_head_are_trained_as_they_score(architecture):
    network = models.for_training(architecture, (28, 28, 1), 10, seed=1)
    images = np.random.default_rng(4).integers(0, 256, (5, 28, 28, 1), dtype=np.uint8)

    [(logits, weight)] = network.outputs(images, draw=3)

    assert weight == 1.0
    assert logits.dtype == "float32"
    np.testing.assert_array_equal(logits, models.logits(network.model)(images))
    own = [variable.path for variable in network.model.trainable_variables]
    assert [variable.path for variable in network.variables] == own
    alone = models.build(architecture, (28, 28, 1), 10, seed=1)
    for mine, other in zip(network.model.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.slow
def test_in_mixed_precision_logits_and_confidences_are_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = models.for_training("googlenet", (32, 32, 3), 3, seed=1)
    finally:
        keras.config.set_dtype_policy("float32")
    images = np.random.default_rng(4).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)

    heads = network.outputs(images, 0)

    assert network.model.get_layer("conv1_7x7_s2").compute_dtype == "bfloat16"
    assert [logits.dtype for logits, _ in heads] == ["float32"] * 3
    assert network.model(images).dtype == "float32"
    assert {variable.dtype for variable in network.variables} == {"float32"}


@pytest.mark.parametrize("architecture", ["lenet", "small", "cifar"])
def test_a_mean_for_a_network_that_subtracts_none_is_refused(architecture):
    with pytest.raises(ValueError, match=f"{architecture} subtracts no mean"):
        models.build(architecture, (28, 28, 3), 10, seed=1, mean=np.zeros(3, np.float32))


def test_images_too_small_are_refused():
    assert models.build("lenet", (16, 16, 3), 2, seed=1).output_shape == (None, 2)
    with pytest.raises(ValueError, match=r"at least 16x16, got \(15, 28, 1\)"):
        models.build("lenet", (15, 28, 1), 10, seed=1)
