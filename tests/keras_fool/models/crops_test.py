import numpy as np
import tensorflow as tf

from keras_fool.models import crops


def columns(side: int) -> tf.Tensor:
    """An image whose values are the numbers of their columns."""
    return tf.constant(np.tile(np.arange(side, dtype=np.uint8), (1, side, 1))[..., np.newaxis])


def test_ten_crops_of_256_are_those_of_caffe():
    cut = crops.cut(columns(256), 227, 10).numpy()

    assert cut.shape == (10, 227, 227, 1)
    assert cut[:, 0, 0, 0].tolist() == [0, 29, 0, 29, 14, 226, 255, 226, 255, 240]


def test_rows_follow_the_corners_in_reading_order():
    cut = crops.cut(tf.transpose(columns(256), [0, 2, 1, 3]), 227, 10).numpy()

    assert cut[:, 0, 0, 0].tolist() == [0, 0, 29, 29, 14] * 2


def test_mirror_images_are_of_the_crops_before_them():
    image = tf.constant(np.random.default_rng(0).integers(0, 256, (3, 9, 9, 3), np.uint8))
    cut = crops.cut(image, 6, 10).numpy().reshape(10, 3, 6, 6, 3)

    np.testing.assert_array_equal(cut[5:], cut[:5, :, :, ::-1])
    np.testing.assert_array_equal(cut[3], image[:, 3:, 3:])


def test_one_crop_is_the_centre():
    assert crops.corners(256, 227, 1) == [(14, 14)]
    assert crops.corners(256, 224, 1) == [(16, 16)]
    np.testing.assert_array_equal(crops.cut(columns(8), 8, 1), columns(8))


def test_mean_is_over_the_crops_of_each_image():
    confidences = tf.constant(np.random.default_rng(0).random((10 * 4, 3), np.float32))

    mean = crops.mean(confidences, 10).numpy()

    expected = [confidences.numpy()[image::4].mean(axis=0) for image in range(4)]
    np.testing.assert_allclose(mean, expected, rtol=1e-6)
