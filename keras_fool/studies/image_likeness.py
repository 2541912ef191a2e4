"""How much the images of different labels look alike, and how much of them is bars."""

from collections.abc import Sequence

import numpy as np


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
