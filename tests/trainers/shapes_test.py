import colorsys

import numpy as np
import pytest

from trainers import shapes


def test_an_image_is_the_same_in_every_batch():
    numbers = np.arange(60)
    whole = shapes.draw(3, numbers, 32)

    np.testing.assert_array_equal(shapes.draw(3, numbers[::-7], 32), whole[::-7])
    for number in (0, 17, 59):
        np.testing.assert_array_equal(shapes.draw(3, np.array([number]), 32)[0], whole[number])


def test_other_seeds_and_numbers_are_other_images():
    first, second = (shapes.draw(seed, np.arange(200), 16) for seed in (0, 1))

    assert len({image.tobytes() for image in [*first, *second]}) == 400


@pytest.mark.parametrize("side", [16, 28, 33, 64, 256])
def test_any_size(side):
    images = shapes.draw(0, np.arange(10), side)

    assert (images.shape, images.dtype) == ((10, side, side, 3), np.uint8)
    assert images.std(axis=(1, 2)).min() > 1


def test_a_larger_image_shows_the_same():
    small, large = (shapes.draw(0, np.arange(50), side).astype(float) for side in (32, 128))

    means = large.reshape(50, 32, 4, 32, 4, 3).mean(axis=(2, 4))

    assert np.abs(means - small).mean() < 8  # the noise is another one
    assert np.corrcoef(means.ravel(), small.ravel())[0, 1] > 0.98


def test_labels_take_turns():
    labels = shapes.labels_of(np.arange(25))

    assert len(shapes.LABELS) == 10 == len(set(shapes.LABELS))
    assert list(shapes.LABELS) == sorted(shapes.LABELS)
    assert np.bincount(labels, minlength=10).tolist() == [3] * 5 + [2] * 5
    assert labels.dtype == np.int64


def test_every_hue_size_and_place_occurs():
    images = shapes.draw(0, np.arange(500), 16)

    hues = [colorsys.rgb_to_hsv(*image.mean(axis=(0, 1)) / 255)[0] for image in images]
    assert np.histogram(hues, 6, (0, 1))[0].min() > 20
    # Bytes of the corners: an unbiased ground has all of them, the ends included.
    assert (images[:, 0, 0].min(), images[:, 0, 0].max()) == (0, 255)
    assert images[:, 0, 0].mean() == pytest.approx(127.5, abs=10)


# What share of the square around it each covers, from its own geometry.
AREAS = {
    "bar": 2 * 0.48,
    "circle": np.pi * 0.9**2,
    "cross": 2 * 1.9 * 0.56 - 0.56**2,
    "ring": np.pi * (0.92**2 - 0.52**2),
    "square": 1.5**2,
    "triangle": 3 * np.sqrt(3) * 0.5**2,
}


@pytest.mark.parametrize("label", AREAS)
def test_outlines_enclose_the_area_of_their_shape(label):
    at = (np.arange(400, dtype=np.float32) + 0.5) / 200 - 1
    inside = shapes._OUTLINES[shapes.LABELS.index(label)](at[None, None], at[None, :, None]) < 0

    assert inside.shape[-2:] == (400, 400)
    assert 4 * inside.mean() == pytest.approx(AREAS[label], rel=0.02)


def test_a_star_has_five_points():
    angles = np.arange(3600, dtype=np.float32) * np.float32(np.pi / 1800)
    far = np.float32(0.8)
    star = shapes._OUTLINES[shapes.LABELS.index("star")]

    inside = star(far * np.cos(angles), far * np.sin(angles)) < 0

    assert np.count_nonzero(inside & ~np.roll(inside, 1)) == 5
