"""Confidence intervals by resampling runs, and how much images of different labels look alike.

The images of one run have ancestors in common; runs are independent. So runs are what is
drawn with replacement, each with all of its images (Efron, 1979; the percentile method).
"""

from collections.abc import Callable, Sequence

import numpy as np

RESAMPLES = 10_000
LEVEL = 0.95
_AT_ONCE = 500  # resamples that are in memory together


def interval(
    by_run: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    seed: int,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> tuple[float, float]:
    """The percentile interval of a statistic of several runs; the same seed, the same interval.

    Args:
        by_run: [runs, ...]; what each run contributes.
        statistic: Takes [resamples, runs, ...] and gives float [resamples]; a NaN, where
            a resample has no value, is left out.
        seed: Of the resampling.
        resamples: How many.
        level: The share of resamples inside.

    Returns:
        Lower and upper end; NaN where no resample has a value.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for start in range(0, resamples, _AT_ONCE):
        size = min(_AT_ONCE, resamples - start), len(by_run)
        drawn = rng.integers(0, len(by_run), size)
        # Of three runs there are 27 resamples, however many are drawn.
        different, places = np.unique(drawn, axis=0, return_inverse=True)
        parts.append(statistic(by_run[different])[places.ravel()])
    values = np.concatenate(parts)
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def median(values: np.ndarray) -> np.ndarray:
    """The median of all that each resample holds: a `statistic` for `interval`."""
    return np.median(values.reshape(len(values), -1), axis=1)


def mean_images(images: np.ndarray) -> np.ndarray:
    """The mean image of each label over runs.

    Args:
        images: uint8 [runs, labels, height, width, channels].

    Returns:
        uint8 [labels, height, width, channels].
    """
    return np.round(images.mean(axis=0)).astype(np.uint8)


def correlations(images: np.ndarray) -> np.ndarray:
    """How alike the images are that one run evolved for two labels, in the median run.

    Args:
        images: uint8 [runs, labels, height, width, channels].

    Returns:
        float64 [labels, labels]: the median over runs of the Pearson correlation of the
        pixels; an image of one shade has none with any other and counts as 0.
    """
    pixels = images.reshape(*images.shape[:2], -1).astype(np.float64)
    pixels -= pixels.mean(axis=-1, keepdims=True)
    lengths = np.linalg.norm(pixels, axis=-1, keepdims=True)
    pixels /= np.maximum(lengths, 1e-9)
    return np.median(pixels @ pixels.transpose(0, 2, 1), axis=0)


def stripes(images: np.ndarray) -> np.ndarray:
    """How much of images is bars, in the median run.

    Args:
        images: uint8 [runs, labels, height, width, channels].

    Returns:
        float64 [labels, 2] in 0..1: the share of an image's variance that is between its
        columns (vertical bars), and the share of its lower half's that is between rows
        (horizontal bars); 0 for an image of one shade.
    """
    pixels = images.mean(axis=-1, dtype=np.float64)
    lower = pixels[:, :, pixels.shape[2] // 2 :]
    shares = [_share(pixels, axis=2), _share(lower, axis=3)]
    return np.median(np.stack(shares, axis=-1), axis=0)


def _share(pixels: np.ndarray, axis: int) -> np.ndarray:
    """[runs, labels]: the share of the variance that is left after averaging over an axis."""
    whole = pixels.var(axis=(2, 3))
    return pixels.mean(axis=axis).var(axis=2) / np.maximum(whole, 1e-9)


def most_alike(matrix: np.ndarray, labels: Sequence[str], number: int) -> list[tuple[str, float]]:
    """The pairs of different labels that are most alike, as "3 and 8", the highest first."""
    first, second = np.triu_indices(len(labels), 1)
    order = np.argsort(-matrix[first, second], kind="stable")[:number]
    return [
        (f"{labels[first[i]]} and {labels[second[i]]}", float(matrix[first[i], second[i]]))
        for i in order
    ]
