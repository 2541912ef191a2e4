"""Named data sets as arrays in memory: images, labels, a fixed split.

MNIST by LeCun, Cortes and Burges comes through TensorFlow Datasets and must be prepared
there or downloaded. The digits of scikit-learn (the test set of "Optical Recognition of
Handwritten Digits", Alpaydin and Kaynak, 1998, https://doi.org/10.24432/C50P49) are inside
that package, so everybody can train on them.
"""

import dataclasses
import hashlib
from collections.abc import Callable

import numpy as np

_MNIST_HOST = "https://storage.googleapis.com"  # where TensorFlow Datasets downloads it from
_SECONDS_TO_REACH_HOST = 10
_DIGITS_SIDE = 28


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels for training and for testing; checked where it is made.

    Attributes:
        name: What cards and messages call it.
        labels: The names of the labels, in order.
        train_images: uint8 [num_train, height, width, channels], grey or RGB in 0..255.
        train_labels: int64 [num_train], in 0..len(labels)-1.
        test_images: uint8 [num_test, height, width, channels].
        test_labels: int64 [num_test].
    """

    name: str
    labels: tuple[str, ...]
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray

    def __post_init__(self):
        for split in ("train", "test"):
            images = getattr(self, f"{split}_images")
            labels = getattr(self, f"{split}_labels")
            if images.dtype != np.uint8 or images.ndim != 4 or not len(images):
                raise ValueError(
                    f"{split}_images of {self.name} must be uint8 [number, height, width, "
                    f"channels], got {images.dtype} {list(images.shape)}."
                )
            if images.shape[1:] != self.image_shape:
                raise ValueError(
                    f"{split}_images of {self.name} must be {list(self.image_shape)} like the "
                    f"training images, got {list(images.shape[1:])}."
                )
            if labels.dtype != np.int64 or labels.shape != images.shape[:1]:
                raise ValueError(
                    f"{split}_labels of {self.name} must be int64 [{len(images)}], "
                    f"got {labels.dtype} {list(labels.shape)}."
                )
            if labels.min() < 0 or labels.max() >= len(self.labels):
                raise ValueError(
                    f"{split}_labels of {self.name} must be in 0..{len(self.labels) - 1}, "
                    f"got {labels.min()}..{labels.max()}."
                )

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of every image."""
        return self.train_images.shape[1:]

    @property
    def digest(self) -> str:
        """Tells apart data sets whose images, labels or order differ."""
        digest = hashlib.sha256("\n".join(self.labels).encode())
        for array in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            digest.update(np.ascontiguousarray(array))
        return digest.hexdigest()[:32]


@dataclasses.dataclass(frozen=True)
class DatasetSpec:
    """A data set that `load` knows.

    Attributes:
        labels: The names of its labels, in order.
        read: Gets the arrays `(train_images, train_labels, test_images, test_labels)`
            of `Dataset`, given TensorFlow Datasets' folder or None for its default.
    """

    labels: tuple[str, ...]
    read: Callable[[str | None], tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]


def load(name: str, data_dir: str | None = None) -> Dataset:
    """Loads a data set; the same arrays in the same order every time.

    Args:
        name: One of `SPECS`.
        data_dir: Where TensorFlow Datasets keeps prepared data; by default
            `$TFDS_DATA_DIR`, then ~/tensorflow_datasets.

    Raises:
        ValueError: `name` is unknown (the known ones are named), or the data is neither
            prepared nor can be downloaded.
    """
    if name not in SPECS:
        raise ValueError(f"unknown data set {name!r}; known: {', '.join(SPECS)}.")
    spec = SPECS[name]
    return Dataset(name, spec.labels, *spec.read(data_dir))


def enlarge(images: np.ndarray, side: int, peak: int) -> np.ndarray:
    """Enlarges square grey images bilinearly.

    In whole numbers, so that every machine and library gets the same bytes.

    Args:
        images: integers [batch, small, small] in 0..`peak`.
        side: The new side.
        peak: The value that becomes 255.

    Returns:
        uint8 [batch, side, side, 1] in 0..255.
    """
    weights = _bilinear(images.shape[1], side)
    whole = weights[0].sum() ** 2 * peak  # what 255 times the weighted sum is divided by
    summed = np.einsum("ir,brc,jc->bij", weights, images.astype(np.int64), weights)
    return ((2 * 255 * summed + whole) // (2 * whole)).astype(np.uint8)[..., np.newaxis]


def _bilinear(small: int, large: int) -> np.ndarray:
    """int64 [large, small]: each new pixel's weights, which all add up to 2 * large."""
    # Pixel i's centre lies at (i + 1/2) * small / large - 1/2 of the small image.
    twice = (2 * np.arange(large) + 1) * small - large  # that place, times 2 * large
    distance = np.abs(
        twice.clip(0, 2 * large * (small - 1))[:, np.newaxis] - 2 * large * np.arange(small)
    )
    return (2 * large - distance).clip(0)


def _read_mnist(data_dir: str | None) -> tuple[np.ndarray, ...]:
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    builder = tfds.builder("mnist", data_dir=data_dir)
    if not builder.is_prepared():
        _download(builder)
    arrays = []
    for split in ("train", "test"):
        examples = builder.as_dataset(
            split=split, batch_size=-1, as_supervised=True, shuffle_files=False
        )
        arrays.extend(tfds.as_numpy(examples))
    return tuple(arrays)


def _download(builder: object) -> None:
    """Prepares a data set of TensorFlow Datasets from the network.

    Raises:
        ValueError: It could not be downloaded or written.
    """
    import requests

    try:
        # Without this look TensorFlow Datasets tries for minutes before it gives up.
        requests.head(_MNIST_HOST, timeout=_SECONDS_TO_REACH_HOST)
        builder.download_and_prepare()
    except Exception as error:  # downloads fail with whatever their libraries raise
        raise ValueError(
            f"data set {builder.name} is not prepared in {builder.data_dir} and cannot be "
            f"downloaded ({type(error).__name__}). Name the folder that holds "
            f"{builder.name}/{builder.version} with --data_dir or $TFDS_DATA_DIR, or come back "
            "with a network; --dataset=digits needs neither."
        ) from error


def _read_digits(_data_dir: str | None) -> tuple[np.ndarray, ...]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = enlarge(digits.images.astype(np.int64), _DIGITS_SIDE, peak=16)
    labels = digits.target.astype(np.int64)
    # Every fifth is for testing, so that both splits have all writers' digits.
    test = np.arange(len(images)) % 5 == 4
    return images[~test], labels[~test], images[test], labels[test]


_TEN_DIGITS = tuple("0123456789")
SPECS = {
    "mnist": DatasetSpec(labels=_TEN_DIGITS, read=_read_mnist),
    "digits": DatasetSpec(labels=_TEN_DIGITS, read=_read_digits),
}
