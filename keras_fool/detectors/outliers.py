"""Images that are not real and were not made to fool: noise, and what detectors score on it.

Plain noise is the easiest outlier that there is, and the one for which most scores are published.
The parameters are those of the code of Hendrycks, Mazeika and Dietterich, 2019, "Deep Anomaly
Detection with Outlier Exposure", https://arxiv.org/abs/1812.04606, for MNIST
(https://github.com/hendrycks/outlier-exposure, MNIST/test.py), on the scale from black, 0, to
white, 1; every value of every pixel is drawn independently:

    uniform      between 0 and 1
    gaussian     mean and standard deviation 0.5, clipped to 0..1
    bernoulli    0 or 1, each with probability 0.5

Images of other data sets are outliers, too: `as_images_for` makes them fit a classifier.
"""

from collections.abc import Callable, Sequence

import numpy as np

from trainers import names

_WHITE = 255
_MEAN, _DEVIATION = 0.5, 0.5  # of Gaussian noise
_AT_ONCE = 2**22  # values that are drawn together
# Weights of red, green and blue in a luminance: ITU-R BT.601, as Outlier Exposure has them.
_LUMINANCE = (0.299, 0.587, 0.114)
_RGB = 3


def _uniform(rng: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    return rng.integers(0, _WHITE, size, np.uint8, endpoint=True)


def _gaussian(rng: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    values = rng.standard_normal(size, np.float32)
    values *= _WHITE * _DEVIATION
    values += _WHITE * _MEAN
    return np.rint(np.clip(values, 0, _WHITE, out=values)).astype(np.uint8)


def _bernoulli(rng: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    return np.where(rng.random(size, np.float32) < np.float32(0.5), 0, _WHITE).astype(np.uint8)


_KINDS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "uniform": _uniform,
    "gaussian": _gaussian,
    "bernoulli": _bernoulli,
}
NAMES = tuple(_KINDS)
# What reports call them.
TITLES = {
    "uniform": "uniform noise",
    "gaussian": "Gaussian noise",
    "bernoulli": "Bernoulli noise",
}


def noise(name: str, number: int, image_shape: Sequence[int], seed: int = 0) -> np.ndarray:
    """Images of noise; the same seed gives the same ones, of more images the first ones.

    Args:
        name: One of `NAMES`; each has a random stream of its own.
        number: How many images, at least 1.
        image_shape: (height, width, channels), as `Source.image_shape` has it.
        seed: At least 0.

    Returns:
        uint8 [number, height, width, channels], 0..255.

    Raises:
        ValueError: There is no such noise, or a number is too small.
    """
    if name not in _KINDS:
        raise ValueError(names.unknown("noise", name, list(NAMES)))
    shape = tuple(image_shape)
    if number < 1 or len(shape) != 3 or min(shape) < 1 or seed < 0:
        raise ValueError(
            "noise takes at least 1 image of (height, width, channels) of at least 1 each and a "
            f"seed of at least 0, got {number} of {shape} and seed {seed}."
        )
    rng = np.random.default_rng([seed, NAMES.index(name)])
    made = np.empty((number, *shape), np.uint8)
    step = max(1, _AT_ONCE // int(np.prod(shape)))
    for start in range(0, number, step):
        part = made[start : start + step]
        part[...] = _KINDS[name](rng, part.shape)
    return made


def as_images_for(images: np.ndarray, image_shape: Sequence[int]) -> np.ndarray:
    """Images of another data set as a classifier takes them.

    Args:
        images: uint8 [n, height, width, channels], grey (one channel) or RGB.
        image_shape: (height, width, channels) of the classifier, one channel or three.

    Returns:
        uint8 [n, *image_shape]: a grey image has three equal channels in RGB, an RGB one its
        luminance in grey; other sizes are resized bilinearly, antialiased, without keeping
        the ratio of height and width.

    Raises:
        ValueError: `images` are no such images, or the classifier takes other channels.
    """
    height, width, channels = image_shape
    known = (1, _RGB)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in known:
        raise ValueError(
            "images must be uint8 [n, height, width, 1 or 3], got "
            f"{images.dtype} {list(images.shape)}."
        )
    if channels not in known:
        raise ValueError(
            f"grey or RGB images cannot be made images of {channels} channels: take a classifier "
            "of 1 or 3."
        )
    if images.shape[1:3] != (height, width):
        from trainers import resizing

        step = max(1, _AT_ONCE // int(np.prod(images.shape[1:])))
        parts = [
            resizing.resized(images[start : start + step], height, width).numpy()
            for start in range(0, len(images), step)
        ]
        images = np.concatenate(parts) if parts else np.zeros((0, height, width, 1), np.uint8)
    if images.shape[3] < channels:
        return np.repeat(images, channels, axis=3)
    if images.shape[3] > channels:
        return np.rint(images @ np.array(_LUMINANCE))[..., np.newaxis].astype(np.uint8)
    return images
