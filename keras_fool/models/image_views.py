"""What reaches a network of an image: the image, or what the paper's published code shows it.

The code published with Nguyen, Yosinski and Clune, 2015, scores MNIST images in memory. It
converts them as if they had three colour channels: for row h and column w the network gets the
byte at 28 h + 3 w of the image, so it sees three squeezed copies side by side, and the mean
training image is subtracted. The PNG that is saved is the image before all that. (Read from
https://github.com/Evolving-AI-Lab/fooling, which was not run.)
"""

import pathlib

import numpy as np

PLAIN = "plain"
# By name: whether the squeezed copies are seen, and whether the mean image is subtracted.
_SQUEEZES = {"published": True, "published_no_mean": True, "mean_subtracted": False}
_SUBTRACTS = {"published": True, "published_no_mean": False, "mean_subtracted": True}
VIEWS = (PLAIN, *_SQUEEZES)
# The mean training image, beside the classifier that learned without it.
MEAN_FILE = "mean_image.npy"


def subtracts_mean(view: str) -> bool:
    """Whether a view, one of `VIEWS`, needs the mean training image."""
    return _SUBTRACTS.get(view, False)


def places(view: str, height: int, width: int) -> np.ndarray | None:
    """Where the value that a network sees at each pixel comes from.

    Args:
        view: One of `VIEWS`.
        height: Of grey images, in pixels.
        width: Likewise.

    Returns:
        int64 [height * width]: places in the flat image; those past its end, in the last
        rows, stand for memory past the image, and are filled by `seen`. None where every
        pixel stays where it is.
    """
    if not _SQUEEZES.get(view, False):
        return None
    rows, columns = np.mgrid[:height, :width]
    return (width * rows + 3 * columns).reshape(-1)


def seen(images: np.ndarray, view: str, mean: np.ndarray | None, filling: int = 0) -> np.ndarray:
    """What the network gets of images, before its own preprocessing.

    Args:
        images: uint8 [batch, height, width, 1].
        view: One of `VIEWS`.
        mean: float [height, width, 1] in 0..255, the mean training image; needed where
            `subtracts_mean` says so.
        filling: The byte that stands for memory past the image's end.

    Returns:
        float32 [batch, height, width, 1].
    """
    batch, height, width, _ = images.shape
    found = places(view, height, width)
    values: np.ndarray = images.reshape(batch, -1)
    if found is not None:
        past = np.full((batch, found.max() + 1 - height * width), filling, np.uint8)
        values = np.concatenate([values, past], axis=1)[:, found]
    values = values.reshape(images.shape).astype(np.float32)
    if not subtracts_mean(view):
        return values
    assert mean is not None
    return values - mean.astype(np.float32)


def read_mean(path: pathlib.Path, shape: tuple[int, int, int]) -> np.ndarray:
    """The mean training image in a file.

    Args:
        path: A `.npy` file.
        shape: (height, width, channels) that it must have.

    Returns:
        float32 [height, width, channels].

    Raises:
        ValueError: There is no such image in it.
        OSError: It cannot be read.
    """
    try:
        mean = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OverflowError, MemoryError) as error:
        raise ValueError(f"{path} is not a NumPy array: {error}") from error
    if mean.shape != shape or mean.dtype.kind != "f":
        raise ValueError(
            f"{path} must hold floats of shape {list(shape)}, got {mean.dtype} {list(mean.shape)}."
        )
    if not (np.isfinite(mean).all() and mean.min() >= 0 and mean.max() <= 255):
        raise ValueError(f"{path} must hold values in 0..255.")
    return mean.astype(np.float32)
