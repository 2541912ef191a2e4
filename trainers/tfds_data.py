"""Any image classification data set of TensorFlow Datasets, by its name there: `tfds:cifar10`.

https://www.tensorflow.org/datasets/catalog/overview. A configuration and a version may follow the
name, as TensorFlow Datasets writes them: `tfds:imagenette/160px:1.0.0`. Images are in memory. Where
they have sizes of their own, or another size is asked for, they are warped to squares by
TensorFlow's antialiased resize.
"""

import hashlib
from typing import Any

import numpy as np
import tensorflow as tf

from trainers import datasets, names, pictures, resizing, sources, streams

PREFIX = "tfds:"
_HOST = "https://storage.googleapis.com"  # from where most data sets are downloaded
_SECONDS_TO_REACH_HOST = 10
_SIDE = 256  # of pictures that have sizes of their own
_MOST_BYTES = 2**31  # of images in memory
_TEST_SPLITS = ("test", "validation", "val")
# Where there is no split for testing, the last tenth of the training images is.
_WITHOUT_TEST = ("train[:90%]", "train[90%:]")


class ArrayPictures:
    """Pictures in memory."""

    def __init__(self, images: np.ndarray, labels: np.ndarray):
        """Copies nothing.

        Args:
            images: uint8 [number, side, side, channels].
            labels: int64 [number].
        """
        self._images, self._labels = images, labels

    def __len__(self) -> int:
        """How many pictures there are."""
        return len(self._images)

    def name(self, number: int) -> str:
        """The name of a picture in messages."""
        return f"test image {number}"

    def read(self, number: int) -> tuple[np.ndarray, int]:
        """A picture, uint8 [side, side, channels], and its label."""
        return self._images[number], int(self._labels[number])


def load(
    name: str,
    data_dir: str | None,
    *,
    image_size: int | None = None,
    crop_size: int | None = None,
    channels: int | None = None,
    test_only: bool = False,
) -> sources.Source:
    """Loads a data set; the same images in the same order every time.

    Args:
        name: `PREFIX` and the name in TensorFlow Datasets.
        data_dir: As `datasets.load` takes it.
        image_size: The side of the squares to which images are warped; by default images keep
            their size where all have the same, and are warped to 256 pixels elsewhere.
        crop_size: As `datasets.load` takes it.
        channels: 3 for RGB, 1 for luminance; by default what the images have.
        test_only: Whether only the test images are needed.

    Raises:
        ValueError: There is no such data set, or it does not classify images, or it is not
            prepared and cannot be downloaded, or its images do not fit into memory.
    """
    builder = prepared(name.removeprefix(PREFIX), data_dir)
    image, label = _features(name, builder)
    own = tuple(image.shape)
    fixed = None not in own[:2]
    side = image_size or (None if fixed else _SIDE)
    shape = (*(own[:2] if side is None else (side, side)), channels or own[2] or 3)
    labels = names.checked_labels(list(label.names), f"the labels of {name}")
    splits = _splits(name, builder)
    wanted = splits[1:] if test_only else splits
    _check_memory(name, builder, wanted, shape)
    arrays = [_read(builder, split, shape) for split in wanted]
    square = shape[0] == shape[1]
    if not test_only and crop_size in (None, shape[0] if square else None):
        return datasets.Dataset(name, labels, *arrays[0], *arrays[1])
    if not square:
        raise ValueError(
            f"the images of {name} are {shape[0]} x {shape[1]}: give --image_size, the side of the "
            "squares that they are warped to."
        )
    digest = hashlib.sha256()
    for array in (array for pair in arrays for array in pair):
        digest.update(np.ascontiguousarray(array))
    *train, test = (ArrayPictures(*pair) for pair in arrays)
    return streams.Stream(
        name,
        labels,
        train[0] if train else pictures.NoPictures(),
        test,
        shape[0],
        crop_size,
        digest.hexdigest(),
        shape[2],
    )


def prepared(name: str, data_dir: str | None) -> Any:
    """A builder of TensorFlow Datasets whose data are prepared, after a download if need be.

    Args:
        name: The name in TensorFlow Datasets.
        data_dir: As `datasets.load` takes it.

    Raises:
        ValueError: There is no such data set, or it is not prepared and cannot be downloaded.
    """
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        known = tfds.list_builders(with_community_datasets=False)
        hint = names.did_you_mean(name, known)
        raise ValueError(
            f"TensorFlow Datasets has no data set {name!r}{hint or '.'} See "
            "https://www.tensorflow.org/datasets/catalog/overview."
        ) from error
    except Exception as error:  # a configuration or a version that there is not
        raise ValueError(
            f"TensorFlow Datasets cannot open {name!r}: {_first_line(error)}"
        ) from error
    if not builder.is_prepared():
        _download(builder)
    return builder


def is_prepared(name: str, data_dir: str | None) -> bool:
    """Whether a data set can be read without a download.

    Args:
        name: The name in TensorFlow Datasets.
        data_dir: As `datasets.load` takes it.
    """
    import tensorflow_datasets as tfds

    return tfds.builder(name, data_dir=data_dir).is_prepared()


def _download(builder: Any) -> None:
    import requests

    try:
        # Without this check, TensorFlow Datasets tries for minutes before it gives up.
        requests.head(_HOST, timeout=_SECONDS_TO_REACH_HOST)
        builder.download_and_prepare()
    except Exception as error:  # the libraries for downloads raise many types
        raise ValueError(
            f"data set {builder.name} is not prepared in {builder.data_dir} and cannot be "
            f"downloaded ({type(error).__name__}). Name the folder that holds "
            f"{builder.name}/{builder.version} with --data_dir or $TFDS_DATA_DIR, or come back "
            "with a network; --dataset=digits needs neither."
        ) from error


def _features(name: str, builder: Any) -> tuple[Any, Any]:
    """What describes the images and their labels."""
    import tensorflow_datasets as tfds

    keys = builder.info.supervised_keys or ()
    features = [builder.info.features[key] for key in keys if isinstance(key, str)]
    if (
        len(features) != 2
        or not isinstance(features[0], tfds.features.Image)
        or not isinstance(features[1], tfds.features.ClassLabel)
        or features[0].shape[2] not in (1, 3)
        or features[0].dtype != np.uint8
    ):
        raise ValueError(
            f"{name} is no image classification data set: its examples are not pairs of one image, "
            "grey or RGB, and one label."
        )
    return features[0], features[1]


def _splits(name: str, builder: Any) -> tuple[str, str]:
    """What is for training, and what for testing."""
    found = builder.info.splits
    test = next((split for split in _TEST_SPLITS if split in found), None)
    if "train" not in found:
        raise ValueError(f"{name} has no split train, but {', '.join(found) or 'none'}.")
    return _WITHOUT_TEST if test is None else ("train", test)


def _check_memory(
    name: str, builder: Any, splits: tuple[str, ...], shape: tuple[int, int, int]
) -> None:
    count = sum(builder.info.splits[split].num_examples for split in splits)
    size = count * int(np.prod(shape))
    if size > _MOST_BYTES:
        raise ValueError(
            f"the {count:,} images of {name} take {size / 2**30:.1f} GiB with "
            f"{' x '.join(map(str, shape))} values each, and at most {_MOST_BYTES / 2**30:g} GiB "
            "are kept in memory: give a smaller --image_size, or write them into folders and name "
            "--dataset=folder:PATH."
        )


def _read(builder: Any, split: str, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [number, *shape] and int64 [number], in the order of TensorFlow Datasets."""

    def seen(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        if shape[2] == 1 and image.shape[2] == 3:
            image = tf.image.rgb_to_grayscale(image)
        elif shape[2] == 3 and image.shape[2] == 1:
            image = tf.image.grayscale_to_rgb(image)
        if image.shape[:2] != shape[:2]:
            image = resizing.resized(image, *shape[:2])
        return tf.ensure_shape(image, shape), tf.cast(label, tf.int64)

    count = builder.info.splits[split].num_examples
    images, labels = np.empty((count, *shape), np.uint8), np.empty(count, np.int64)
    examples = builder.as_dataset(split=split, as_supervised=True, shuffle_files=False)
    place = 0
    for some, their in examples.map(seen, num_parallel_calls=tf.data.AUTOTUNE).batch(256):
        images[place : place + len(some)], labels[place : place + len(some)] = some, their
        place += len(some)
    return images, labels


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0][:200]
