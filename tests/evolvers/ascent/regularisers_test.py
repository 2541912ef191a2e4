import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from evolvers.ascent import regularisers
from evolvers.ascent.config import PRESETS, Config

RNG = np.random.default_rng(5)
OFFSETS = RNG.normal(0, 30, (3, 13, 9, 3)).astype(np.float32)
GRADIENT = RNG.normal(0, 1e-4, OFFSETS.shape).astype(np.float32)


def regularised(regularise, step=0, offsets=OFFSETS):
    """Called as an ascent does, inside a graph."""
    function = tf.function(regularise.__call__)
    return function(tf.constant(offsets), tf.constant(GRADIENT), tf.constant(step)).numpy()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("sigma", [0.3, 0.4, 0.5, 1.0, 2.6])
def test_blur_is_scipys(sigma, channels):
    offsets = OFFSETS[..., :channels]

    blurred = regularised(regularisers.Blur(sigma), offsets=offsets)

    for image, result in zip(offsets, blurred, strict=True):
        for channel in range(channels):
            expected = ndimage.gaussian_filter(
                image[..., channel].astype(float), sigma, mode="reflect", truncate=4
            )
            np.testing.assert_allclose(result[..., channel], expected, atol=2e-5)


def test_kernels_of_the_figures():
    np.testing.assert_allclose(
        regularisers.kernel(0.3), [0.0038363, 0.9923275, 0.0038363], atol=5e-8
    )
    np.testing.assert_allclose(
        regularisers.kernel(0.4),
        [0.0000034, 0.0403876, 0.9192179, 0.0403876, 0.0000034],
        atol=5e-8,
    )


def test_blur_keeps_the_brightness():
    blurred = regularised(regularisers.Blur(1.0))

    np.testing.assert_allclose(blurred.mean(axis=(1, 2)), OFFSETS.mean(axis=(1, 2)), atol=1e-4)


def test_blur_in_every_third_step():
    blur = regularisers.Blur(1.0, every=3)

    untouched = [np.array_equal(regularised(blur, step), OFFSETS) for step in range(7)]

    assert untouched == [False, True, True, False, True, True, False]


def test_decay():
    decayed = regularised(regularisers.Decay(0.01))

    np.testing.assert_allclose(decayed, OFFSETS * 0.99, rtol=1e-6)


@pytest.mark.parametrize("percentile", [10, 20, 80])
@pytest.mark.parametrize(
    ("measure", "of"),
    [
        (regularisers.norm, lambda x, _: np.linalg.norm(x, axis=2)),
        (regularisers.contribution, lambda x, g: -(x * g).sum(axis=2)),
        (regularisers.absolute_contribution, lambda x, g: abs((x * g).sum(axis=2))),
    ],
)
def test_clips_set_the_pixels_that_matter_least_to_the_mean(measure, of, percentile):
    clipped = regularised(regularisers.Clip(measure, percentile))

    for image, gradient, result in zip(OFFSETS, GRADIENT, clipped, strict=True):
        values = of(image.astype(float), gradient.astype(float))
        gone = values < np.percentile(values, percentile)
        assert 0 < gone.sum() < gone.size
        np.testing.assert_array_equal(result, np.where(gone[..., None], 0, image))


def test_a_contribution_is_the_gain_of_taking_the_pixel_away():
    """To first order, for an objective that is the sum over gradient times image."""
    x, g = OFFSETS[:1].astype(float), GRADIENT[:1].astype(float)
    without = x.copy()
    without[0, 4, 2] = 0

    predicted = regularisers.contribution(tf.constant(x), tf.constant(g)).numpy()

    assert predicted[0, 4, 2] == pytest.approx((g * (without - x)).sum())


def test_of_a_configuration_in_the_published_order():
    everything = Config(
        decay=0.1,
        blur_sigma=0.5,
        blur_every=4,
        norm_percentile=10,
        contribution_percentile=20,
        absolute_percentile=30,
    )

    assert regularisers.from_config(everything) == [
        regularisers.Decay(0.1),
        regularisers.Blur(0.5, 4),
        regularisers.Clip(regularisers.norm, 10),
        regularisers.Clip(regularisers.contribution, 20),
        regularisers.Clip(regularisers.absolute_contribution, 30),
    ]
    assert regularisers.from_config(PRESETS["plain"]) == []
    assert len(regularisers.from_config(PRESETS["s6"])) == 3


def test_figure_s6_loses_nothing_by_leaving_out_the_clip_of_absolute_contributions():
    clipped = regularised(regularisers.Clip(regularisers.norm, 20))

    again = regularised(regularisers.Clip(regularisers.absolute_contribution, 20), offsets=clipped)

    np.testing.assert_array_equal(again, clipped)
    assert dataclasses.replace(PRESETS["s6"], absolute_percentile=20) != PRESETS["s6"]
