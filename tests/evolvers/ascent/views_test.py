import numpy as np
import tensorflow as tf
from scipy import ndimage

from evolvers.ascent import views
from evolvers.ascent.config import Config

IMAGES = np.random.default_rng(2).uniform(0, 255, (2, 11, 8, 3)).astype(np.float32)


def seen(*of):
    return views.seen(tf.constant(IMAGES), tf.constant(of, tf.float32)).numpy()


def test_the_plain_view_is_the_image():
    np.testing.assert_allclose(seen([0, 0, 1], [0, 0, 1]), IMAGES, rtol=1e-6)


def test_moved_by_whole_pixels():
    moved = seen([2, 0, 1], [0, -3, 1])

    np.testing.assert_allclose(moved[0, 2:], IMAGES[0, :-2], rtol=1e-6)
    np.testing.assert_allclose(moved[0, :2], IMAGES[0, [0, 0]], rtol=1e-6)
    np.testing.assert_allclose(moved[1, :, :-3], IMAGES[1, :, 3:], rtol=1e-6)


def test_scaled_about_its_middle():
    enlarged = seen([0.5, -1.25, 1.3], [0, 0, 0.8])

    for image, result, (moved, factor) in zip(
        IMAGES, enlarged, [((0.5, -1.25, 0), 1.3), ((0, 0, 0), 0.8)], strict=True
    ):
        middle = (np.array(image.shape) - 1) / 2
        scale = np.array([1 / factor, 1 / factor, 1])
        offset = middle - scale * (middle + moved)
        expected = ndimage.affine_transform(
            image.astype(float), scale, offset, order=1, mode="nearest"
        )
        np.testing.assert_allclose(result, expected, atol=1e-3)


def test_drawn_within_their_limits_and_for_each_image_alone():
    config = Config(steps=200, jitter=4, zoom=0.1)

    drawn = views.drawn(config, [(7, 0), (3, 0), (7, 1)])

    assert drawn.shape == (3, 200, 3)
    np.testing.assert_array_equal(views.drawn(config, [(3, 0)])[0], drawn[1])
    assert len(np.unique(drawn)) == drawn.size
    for column, low, high in ((0, -4, 4), (1, -4, 4), (2, 0.9, 1.1)):
        values = drawn[..., column]
        assert low <= values.min() < low + 0.1 * (high - low)
        assert high - 0.1 * (high - low) < values.max() <= high


def test_nothing_is_drawn_where_nothing_moves():
    assert views.drawn(Config(), [(0, 0)]).shape == (1, 0, 3)
