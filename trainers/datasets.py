"""Data sets by name: images, labels, a fixed split; in memory, or read during the training.

MNIST by LeCun, Cortes and Burges comes through TensorFlow Datasets and must be prepared
there or downloaded. The digits of scikit-learn (the test set of "Optical Recognition of
Handwritten Digits", Alpaydin and Kaynak, 1998, https://doi.org/10.24432/C50P49) are in
that package, and `shapes` are drawn, so everybody can train on them. `tfds:NAME` is any image
classification data set of TensorFlow Datasets (`tfds_data`). Data sets that do not fit into
memory (ImageNet, folders of pictures) are `streams.Stream`s.

Quick to import: commands read the names here before they know whether they will run.
"""

import dataclasses
import functools
import hashlib
import pathlib
import re
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from trainers import names, sample_order, shapes, sources

_DIGITS_SIDE = 28
_SHAPES_SIDE, _NUM_SHAPES = 64, (20_000, 2_000)  # to train, to test
_MAX_SHAPES_SIDE = 128  # all shapes of this size take a gigabyte
_PICTURE_SIDE = 256
_FOLDER = "folder:"
_TFDS = "tfds:"  # those of TensorFlow Datasets
_IMAGENET = "imagenet2012"


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels for training and for testing; checked when it is created.

    Attributes:
        name: Its name in cards and messages.
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
    def picture_shape(self) -> tuple[int, int, int]:
        """The same: nothing is cut."""
        return self.image_shape

    @property
    def num_train(self) -> int:
        """How many training images there are."""
        return len(self.train_images)

    @property
    def num_test(self) -> int:
        """How many test images there are."""
        return len(self.test_images)

    @functools.cached_property
    def mean_image(self) -> np.ndarray:
        """The mean training image: float32 [height, width, channels] in 0..255."""
        return self.train_images.mean(axis=0, dtype=np.float64).astype(np.float32)

    @property
    def unreadable(self) -> Mapping[str, str]:
        """Empty: all images are in memory."""
        return {}

    @property
    def digest(self) -> str:
        """Differs between data sets whose images, labels or order differ."""
        digest = hashlib.sha256("\n".join(self.labels).encode())
        for array in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            digest.update(np.ascontiguousarray(array))
        return digest.hexdigest()[:32]

    def with_label(
        self, name: str, label: str, train_images: np.ndarray, test_images: np.ndarray
    ) -> "Dataset":
        """The data set with one more label; see `sources.Source`."""
        added, number = (train_images, test_images), len(self.labels)
        train_labels, test_labels = (
            np.concatenate([known, np.full(len(images), number, known.dtype)])
            for known, images in zip((self.train_labels, self.test_labels), added, strict=True)
        )
        return Dataset(
            name,
            (*self.labels, label),
            np.concatenate([self.train_images, train_images]),
            train_labels,
            np.concatenate([self.test_images, test_images]),
            test_labels,
        )

    def test_name(self, number: int) -> str:
        """The name of a test image: its number."""
        return f"test image {number}"

    def train_feed(self, seed: int, batch: int, columns: slice) -> "ArrayFeed":
        """The images of every step, of a part of the batch; see `sources.Source`."""
        return ArrayFeed(self, seed, batch, columns)

    def test_batches(
        self, batch: int, part: int = 0, parts: int = 1
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The test images in order; see `sources.Source`."""
        for start in range(part * batch, self.num_test, parts * batch):
            rows = slice(start, start + batch)
            yield self.test_images[rows], self.test_labels[rows]


@dataclasses.dataclass(frozen=True)
class ArrayFeed:
    """The images of a training's steps, taken from arrays.

    Attributes:
        data: The data set.
        seed: Seed of the order of the images.
        batch: How many images a step has, over all devices and processes.
        columns: The wanted part of the batch.
    """

    data: Dataset
    seed: int
    batch: int
    columns: slice

    def read(self, step: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The images and labels of some steps; see `sources.Feed`."""
        numbers = sample_order.sample_numbers(
            self.seed, self.data.num_train, step * self.batch, count * self.batch
        ).reshape(count, self.batch)[:, self.columns]
        return self.data.train_images[numbers], self.data.train_labels[numbers]


@dataclasses.dataclass(frozen=True)
class DatasetSpec:
    """A data set that `load` knows and that has a fixed size.

    Attributes:
        labels: The names of its labels, in order.
        read: Takes the folder of TensorFlow Datasets, or None for its default, and returns the
            arrays `(train_images, train_labels, test_images, test_labels)` of `Dataset`.
    """

    labels: tuple[str, ...]
    read: Callable[[str | None], tuple[np.ndarray, ...]]


def check_name(name: str) -> None:
    """Checks whether `load` knows a name, without loading anything.

    Raises:
        ValueError: It does not; the message lists the known names.
    """
    if name == _FOLDER:
        raise ValueError(f"{name} needs the path of a folder behind it: {_FOLDER}PATH.")
    if name == _TFDS:
        raise ValueError(f"{name} needs a name of TensorFlow Datasets behind it: {_TFDS}cifar10.")
    if name not in (*SPECS, _IMAGENET) and not name.startswith((_FOLDER, _TFDS)):
        raise ValueError(names.unknown("data set", name, NAMES))


def short_name(name: str) -> str:
    """A data set's name; of a path only the last part, because the rest depends on the machine."""
    if name.startswith(_TFDS):
        return re.sub("[/:]", "-", name.removeprefix(_TFDS))
    if not name.startswith(_FOLDER):
        return name
    return names.shown(pathlib.Path(name.removeprefix(_FOLDER)).resolve().name)


def default_sizes(
    name: str, side: int, picture_side: int | None = None
) -> tuple[int | None, int | None]:
    """How pictures are usually prepared for a network.

    Args:
        name: One of `NAMES`.
        side: The side of the images for which the network was made.
        picture_side: The side of the pictures from which these images are cut, if it is known,
            as in `config.PICTURE_SIDES`.

    Returns:
        `image_size` and `crop_size` for `load`: crops of pictures of 256 pixels for the networks of
        ImageNet, whole pictures for smaller networks, None for data sets with a size of their own.
    """
    if name in SPECS:
        return None, None
    if picture_side is None:
        picture_side = side if side < _PICTURE_SIDE / 2 else _PICTURE_SIDE
    return (side, None) if side == picture_side else (picture_side, side)


def load(
    name: str,
    data_dir: str | None = None,
    *,
    image_size: int | None = None,
    crop_size: int | None = None,
    channels: int | None = None,
    test_only: bool = False,
) -> sources.Source:
    """Loads or opens a data set; the same images in the same order every time.

    Args:
        name: One of `NAMES`.
        data_dir: Where TensorFlow Datasets stores prepared data; by default
            `$TFDS_DATA_DIR`, then ~/tensorflow_datasets.
        image_size: The side with which shapes are drawn (default 64), or to which pictures are
            warped (default 256; those of TensorFlow Datasets keep a size that all have); other
            data sets have a size of their own.
        crop_size: The side of the images that are cut out of these squares: at random places and
            mirrored at random for training, from the middle for testing. None: nothing is cut.
        channels: For the pictures of a folder and of ImageNet: 3 for RGB (the default), 1 for
            their luminance; for those of TensorFlow Datasets either, by default their own. Other
            data sets have channels of their own.
        test_only: Whether the training images may be missing, where the data set can do without.

    Raises:
        ValueError: `name` is unknown (the message lists the known names), the data is not there
            and cannot be downloaded, or the sizes do not fit it.
    """
    check_name(name)
    if name in SPECS and channels is not None:
        raise ValueError(f"the images of {name} have colours of their own: give no other.")
    if name == "shapes":
        return _shapes(image_size or _SHAPES_SIDE, crop_size)
    if name == _IMAGENET:
        from trainers import imagenet

        return imagenet.load(
            data_dir,
            image_size or _PICTURE_SIDE,
            crop_size,
            channels=channels or 3,
            test_only=test_only,
        )
    if name.startswith(_FOLDER):
        from trainers import image_folder

        path = name.removeprefix(_FOLDER)
        return image_folder.load(
            path,
            image_size or _PICTURE_SIDE,
            crop_size,
            channels=channels or 3,
            test_only=test_only,
        )
    if name.startswith(_TFDS):
        from trainers import tfds_data

        return tfds_data.load(
            name,
            data_dir,
            image_size=image_size,
            crop_size=crop_size,
            channels=channels,
            test_only=test_only,
        )
    spec = SPECS[name]
    if (image_size, crop_size) != (None, None):
        raise ValueError(f"the images of {name} have a size of their own: give no other.")
    return Dataset(name, spec.labels, *spec.read(data_dir))


def enlarge(images: np.ndarray, side: int, peak: int) -> np.ndarray:
    """Enlarges square grey images bilinearly.

    It computes in whole numbers, so that every machine and library gets the same bytes.

    Args:
        images: integers [batch, small, small] in 0..`peak`.
        side: The new side.
        peak: The value that becomes 255.

    Returns:
        uint8 [batch, side, side, 1] in 0..255.
    """
    weights = _bilinear(images.shape[1], side)
    whole = weights[0].sum() ** 2 * peak  # the divisor of 255 times the weighted sum
    summed = np.einsum("ir,brc,jc->bij", weights, images.astype(np.int64), weights)
    return ((2 * 255 * summed + whole) // (2 * whole)).astype(np.uint8)[..., np.newaxis]


def _bilinear(small: int, large: int) -> np.ndarray:
    """int64 [large, small]: each new pixel's weights, which all add up to 2 * large."""
    # The centre of pixel i lies at (i + 1/2) * small / large - 1/2 in the small image.
    twice = (2 * np.arange(large) + 1) * small - large  # that place, times 2 * large
    distance = np.abs(
        twice.clip(0, 2 * large * (small - 1))[:, np.newaxis] - 2 * large * np.arange(small)
    )
    return (2 * large - distance).clip(0)


def _read_mnist(data_dir: str | None) -> tuple[np.ndarray, ...]:
    import tensorflow_datasets as tfds

    from trainers import tfds_data

    builder = tfds_data.prepared("mnist", data_dir)
    arrays = []
    for split in ("train", "test"):
        examples = builder.as_dataset(
            split=split, batch_size=-1, as_supervised=True, shuffle_files=False
        )
        arrays.extend(tfds.as_numpy(examples))
    return tuple(arrays)


def _read_digits(_data_dir: str | None) -> tuple[np.ndarray, ...]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = enlarge(digits.images.astype(np.int64), _DIGITS_SIDE, peak=16)
    labels = digits.target.astype(np.int64)
    # Every fifth image is for testing, so that both splits have digits of all writers.
    test = np.arange(len(images)) % 5 == 4
    return images[~test], labels[~test], images[test], labels[test]


def _shapes(side: int, crop_size: int | None) -> sources.Source:
    """Drawn shapes: in memory if that takes at most a gigabyte, otherwise drawn when needed."""
    if side <= _MAX_SHAPES_SIDE and crop_size is None:
        return Dataset("shapes", shapes.LABELS, *_draw_shapes(side))
    from trainers import pictures, streams

    train, test = (
        pictures.DrawnPictures(
            functools.partial(shapes.draw, seed, side=side), shapes.labels_of(np.arange(count))
        )
        for seed, count in enumerate(_NUM_SHAPES)
    )
    some = shapes.draw(
        0, np.arange(100), side
    )  # these bytes differ if shapes are drawn differently
    return streams.Stream(
        "shapes", shapes.LABELS, train, test, side, crop_size, hashlib.sha256(some).hexdigest()
    )


def _draw_shapes(side: int) -> tuple[np.ndarray, ...]:
    arrays = []
    for seed, count in enumerate(_NUM_SHAPES):
        numbers = np.arange(count)
        arrays += [shapes.draw(seed, numbers, side), shapes.labels_of(numbers)]
    return tuple(arrays)


_TEN_DIGITS = tuple("0123456789")
SPECS = {
    "mnist": DatasetSpec(labels=_TEN_DIGITS, read=_read_mnist),
    "digits": DatasetSpec(labels=_TEN_DIGITS, read=_read_digits),
    "shapes": DatasetSpec(labels=shapes.LABELS, read=lambda _: _draw_shapes(_SHAPES_SIDE)),
}
NAMES = (*SPECS, _IMAGENET, f"{_FOLDER}PATH", f"{_TFDS}NAME")
