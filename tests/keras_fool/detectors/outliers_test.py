"""Noise: its distribution, its seeds, its shapes; images of other data made to fit."""

import hashlib

import numpy as np
import pytest
import scipy.stats

from keras_fool import detectors
from keras_fool.detectors import outliers

SHAPE = (20, 10, 3)


def probabilities(name: str) -> np.ndarray:
    """Of each byte, by the published parameters."""
    if name == "uniform":
        return np.full(256, 1 / 256)
    if name == "bernoulli":
        return np.array([0.5, *[0.0] * 254, 0.5])
    # A byte stands for what is rounded to it; what is clipped is at the ends.
    ends = np.concatenate([[-np.inf], (np.arange(255) + 0.5) / 255, [np.inf]])
    return np.diff(scipy.stats.norm(0.5, 0.5).cdf(ends))


@pytest.mark.parametrize("name", outliers.NAMES)
def test_values_have_the_published_distribution_and_are_independent(name):
    images = outliers.noise(name, 500, SHAPE, seed=3)
    values = images.ravel()
    expected = probabilities(name) * len(values)
    counts = np.bincount(values, minlength=256)

    assert images.shape == (500, *SHAPE)
    assert images.dtype == np.uint8
    assert not counts[expected == 0].any()
    found = expected > 0
    assert scipy.stats.chisquare(counts[found], expected[found]).pvalue > 1e-3
    floats = images.astype(np.float64)
    for axis in (0, 1, 2, 3):  # neighbours have nothing in common
        one, next_one = np.delete(floats, 0, axis), np.delete(floats, -1, axis)
        assert abs(np.corrcoef(one.ravel(), next_one.ravel())[0, 1]) < 0.01


@pytest.mark.parametrize("name", outliers.NAMES)
def test_more_images_begin_with_the_same_ones_and_seeds_differ(name, monkeypatch):
    many = outliers.noise(name, 50, SHAPE, seed=1)
    monkeypatch.setattr(outliers, "_AT_ONCE", 7 * 600)  # in several parts

    assert np.array_equal(outliers.noise(name, 50, SHAPE, seed=1), many)
    assert np.array_equal(outliers.noise(name, 9, SHAPE, seed=1), many[:9])
    assert np.mean(outliers.noise(name, 50, SHAPE, seed=2) == many) < 0.6


def test_the_same_bytes_in_every_version():
    digest = hashlib.sha256()
    for name in outliers.NAMES:
        digest.update(outliers.noise(name, 8, (28, 28, 1)))

    assert digest.hexdigest()[:16] == "adb5d496b720c962"


def test_streams_of_different_noise_differ():
    uniform, bernoulli = (outliers.noise(name, 50, SHAPE) for name in ("uniform", "bernoulli"))
    assert abs(np.corrcoef(uniform.ravel(), bernoulli.ravel())[0, 1]) < 0.02


def test_a_detector_scores_noise_of_its_classifier(colour):
    images = outliers.noise("gaussian", 5, colour.source.image_shape)
    assert detectors.fit("msp", colour.source).score(images).shape == (5,)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("gausian", 1, SHAPE), ["gausian", "gaussian"]),
        (("gaussian", 0, SHAPE), ["at least 1"]),
        (("gaussian", 1, (28, 28)), ["(28, 28)"]),
        (("gaussian", 1, (28, 0, 1)), ["(28, 0, 1)"]),
        (("gaussian", 1, SHAPE, -1), ["seed -1"]),
    ],
)
def test_wrong_noise_is_refused(arguments, words):
    with pytest.raises(ValueError) as raised:  # noqa: PT011, the words are checked
        outliers.noise(*arguments)
    assert all(word in str(raised.value) for word in words)


def test_grey_images_in_colour_and_back():
    grey = outliers.noise("uniform", 4, (6, 5, 1))

    colour = outliers.as_images_for(grey, (6, 5, 3))

    assert colour.shape == (4, 6, 5, 3)
    assert (colour == grey).all()
    assert np.array_equal(outliers.as_images_for(colour, (6, 5, 1)), grey)
    assert outliers.as_images_for(colour, (6, 5, 3)) is colour


def test_a_luminance_weighs_colours_as_eyes_do():
    red, green, blue = 255 * np.eye(3, dtype=np.uint8)[:, np.newaxis, np.newaxis, np.newaxis]
    found = [outliers.as_images_for(image, (1, 1, 1)).item() for image in (red, green, blue)]
    assert found == [76, 150, 29]


def test_images_of_another_size_keep_their_mean(monkeypatch):
    images = outliers.noise("bernoulli", 6, (64, 32, 3))
    monkeypatch.setattr(outliers, "_AT_ONCE", 2 * 64 * 32 * 3)

    small = outliers.as_images_for(images, (16, 16, 3))

    assert small.shape == (6, 16, 16, 3)
    assert small.dtype == np.uint8
    assert np.abs(small.mean(axis=(1, 2)) - images.mean(axis=(1, 2))).max() < 6
    assert small.std() < images.std() / 2  # antialiased, not picked out


@pytest.mark.parametrize(
    ("images", "shape"),
    [
        (np.zeros((2, 5, 5, 1), np.float32), (5, 5, 1)),
        (np.zeros((2, 5, 5), np.uint8), (5, 5, 1)),
        (np.zeros((2, 5, 5, 4), np.uint8), (5, 5, 3)),
        (np.zeros((2, 5, 5, 3), np.uint8), (5, 5, 4)),
    ],
)
def test_what_cannot_be_made_to_fit_is_refused(images, shape):
    with pytest.raises(ValueError, match=r"channels|must be uint8"):
        outliers.as_images_for(images, shape)
