import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.trainers import caffe_forward
from trainers import export, layers


@pytest.mark.parametrize("channels", [1, 2, 3, 5, 17])
@pytest.mark.parametrize("size", [3, 5])
def test_normalization_is_caffes(channels, size):
    x = np.random.default_rng(1).normal(0, 300, (2, 4, 3, channels)).astype(np.float32)

    found = layers.LocalResponseNormalization(size, alpha=0.001, beta=0.6)(x).numpy()

    expected = [
        caffe_forward.lrn(image.transpose(2, 0, 1), size, 0.001, 0.6).transpose(1, 2, 0)
        for image in x.astype(np.float64)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_normalization_by_hand():
    """One value of 100: its channel and two on either side are divided by what it makes."""
    x = np.ones((1, 1, 1, 7), np.float32)
    x[..., 3] = 100

    found = layers.normalization("norm")(x).numpy().ravel()

    assert found[0] == pytest.approx((1 + 1e-4 / 5 * 3) ** -0.75)
    assert found[1] == pytest.approx((1 + 1e-4 / 5 * (3 + 100**2)) ** -0.75)
    assert found[3] == pytest.approx(100 * (1 + 1e-4 / 5 * (4 + 100**2)) ** -0.75)


def test_normalization_computes_in_float32_whatever_the_others_do():
    x = tf.fill([1, 1, 1, 8], tf.constant(300, tf.float16))  # squared, this is infinite

    found = layers.normalization("norm")(x)

    assert found.dtype == tf.float32
    expected = 300 * (1 + 1e-4 / 5 * 5 * 300**2) ** -0.75
    np.testing.assert_allclose(found[0, 0, 0, 4], expected, rtol=1e-3)


@pytest.mark.parametrize("shape", [(8, 8), (9, 9), (2, 2), (3, 3), (8, 9), (7, 4)])
def test_pooling_has_caffes_places(shape):
    x = np.random.default_rng(1).uniform(size=(2, *shape, 3)).astype(np.float32)
    inputs = keras.Input(x.shape[1:])
    model = keras.Model(inputs, layers.max_pool(inputs, "pool"))

    found = model(x).numpy()

    expected = [caffe_forward.max_pool(image.transpose(2, 0, 1)) for image in x]
    np.testing.assert_array_equal(found.transpose(0, 3, 1, 2), np.array(expected, np.float32))


@pytest.mark.parametrize("strides", [1, 2])
def test_convolutions_in_groups_are_caffes_forward_and_backward(strides):
    """Of TensorFlow's own the gradient is not there on every processor, so it is differences."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2, 7, 6, 8)).astype(np.float32)
    convolution = layers.GroupConvolution(6, 3, strides=strides, groups=2)
    convolution.build(x.shape)
    convolution.bias.assign(rng.normal(size=6))
    kernel = convolution.kernel.numpy()

    @tf.function
    def both(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = convolution(x)
            loss = tf.reduce_sum(y**2)
        return y, tape.gradient(loss, [x, convolution.kernel.value])

    y, (to_x, to_kernel) = both(tf.constant(x))

    bias = convolution.bias.numpy()

    def of_caffe(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        weights = kernel.transpose(3, 2, 0, 1)
        images = [image.transpose(2, 0, 1) for image in x]
        found = [
            caffe_forward.convolve(image, weights, bias, stride=strides, groups=2)
            for image in images
        ]
        return np.stack(found).transpose(0, 2, 3, 1)

    np.testing.assert_allclose(y, of_caffe(x, kernel), rtol=1e-4, atol=1e-5)
    for _ in range(3):
        to = rng.normal(size=x.shape), rng.normal(size=kernel.shape)
        ahead, behind = (
            (of_caffe(x + step * to[0], kernel + step * to[1]) ** 2).sum() for step in (1e-4, -1e-4)
        )
        gained = (to[0] * to_x.numpy()).sum() + (to[1] * to_kernel.numpy()).sum()
        assert gained == pytest.approx((ahead - behind) / 2e-4, rel=1e-4, abs=1e-2)


def test_a_convolution_in_groups_needs_no_xla():
    """A server of the exported network may have none."""
    convolution = layers.GroupConvolution(6, 3, groups=2)
    convolution.build((None, 9, 9, 8))
    function = tf.function(convolution).get_concrete_function(tf.TensorSpec([None, 9, 9, 8]))

    content = function.graph.as_graph_def().SerializeToString()

    assert b"Conv2D" in content
    assert b"_XlaMustCompile" not in content


def centred(shape, mean) -> keras.Model:
    images = keras.Input(shape, dtype="uint8")
    return keras.Model(images, layers.without_mean(images, mean))


def test_mean_is_subtracted_by_colour_or_by_place():
    images = np.random.default_rng(1).integers(0, 256, (2, 4, 5, 3), np.uint8)
    by_place = np.random.default_rng(2).uniform(0, 255, (4, 5, 3)).astype(np.float32)
    by_colour = np.array([1, 20, 50], np.float32)

    for mean, expected in ((None, [123, 117, 104]), (by_colour, by_colour), (by_place, by_place)):
        found = centred((4, 5, 3), mean)(images).numpy()

        assert found.dtype == np.float32
        np.testing.assert_allclose(found, images.astype(np.float32) - expected, rtol=1e-6)


def test_means_and_images_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"must have the shape \(3,\) or \(4, 5, 3\), got \(5, 4"):
        centred((4, 5, 3), np.zeros((5, 4, 3), np.float32))
    with pytest.raises(ValueError, match=r"takes colour images, got \(4, 5, 1\)"):
        centred((4, 5, 1), None)


def test_what_has_these_layers_is_exported_and_read_back(tmp_path):
    images = keras.Input((9, 9, 3), dtype="uint8")
    mean = np.random.default_rng(2).uniform(0, 255, (9, 9, 3)).astype(np.float32)
    x = layers.without_mean(images, mean)
    x = layers.LocalResponseNormalization(3, alpha=0.01, beta=0.5)(x)
    x = keras.layers.Flatten()(layers.GroupConvolution(6, 3, groups=3)(x))
    x = keras.layers.Dropout(0.5, seed=1)(x)
    model = keras.Model(images, keras.layers.Softmax()(keras.layers.Dense(3)(x)))
    samples = np.random.default_rng(3).integers(0, 256, (5, 9, 9, 3), np.uint8)

    export.save(
        tmp_path / "1", model, {"labels": ["a", "b", "c"]}, samples
    )  # compares what it reads back

    loaded = keras.saving.load_model(tmp_path / "1" / "classifier.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded.layers[1].mean, mean)
    assert (loaded.layers[2].size, loaded.layers[2].alpha, loaded.layers[2].beta) == (3, 0.01, 0.5)
