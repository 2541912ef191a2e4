"""ImageNet (ILSVRC 2012) through TensorFlow Datasets.

Russakovsky et al., 2015, https://arxiv.org/abs/1409.0575. Its files are only
given to registered users, so they cannot be downloaded here. TensorFlow Datasets prepares them
once, in a format that can be read in any order.
"""

import hashlib
import pathlib
from typing import Any

import numpy as np

from trainers import pictures, streams

_TRAIN_FILE, _TEST_FILE = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"
_FORMAT = "array_record"


class PreparedPictures:
    """Pictures that TensorFlow Datasets has prepared."""

    def __init__(self, source: Any, split: str, side: int, channels: int = 3):
        """Reads nothing yet.

        Args:
            source: Returns examples by number, with images that are not decoded.
            split: The name of the split, for messages.
            side: The height and width to which the pictures are warped.
            channels: 3 for RGB, 1 for luminance.
        """
        self._source = source
        self._split = split
        self._side = side
        self._channels = channels

    def __len__(self) -> int:
        """How many pictures there are."""
        return len(self._source)

    def name(self, number: int) -> str:
        """The split, and the number of the example in it."""
        return f"{self._split} example {number}"

    def read(self, number: int) -> tuple[np.ndarray, int]:
        """A picture, uint8 [side, side, channels], and its label.

        Raises:
            UnreadableError: It is damaged.
        """
        example = self._source[number]
        picture = pictures.warped(example["image"], self._side, self._channels)
        return picture, int(example["label"])


def load(
    data_dir: str | None,
    image_size: int,
    crop_size: int | None,
    *,
    channels: int = 3,
    test_only: bool = False,
) -> streams.Stream:
    """Opens ImageNet if it is prepared; prepares it if its files are there.

    Args:
        data_dir: TensorFlow Datasets' folder, or None for its default.
        image_size: The side of the squares to which pictures are warped.
        crop_size: The side of the images that are cut out of them; None: nothing is cut.
        channels: 3 for RGB, 1 for luminance.
        test_only: Whether the training images may be missing.

    Raises:
        ValueError: The data, or a part of it, is missing; the message says which files must be
            where.
    """
    import tensorflow_datasets as tfds

    builder = tfds.builder("imagenet2012", data_dir=data_dir, file_format=_FORMAT)
    if not builder.is_prepared():
        _prepare(builder)
    found = builder.info.splits
    wanted = ["validation"] if test_only else ["train", "validation"]
    missing = [split for split in wanted if split not in found]
    if missing:
        raise ValueError(
            f"imagenet2012 in {builder.data_path} was prepared without its "
            f"{' and '.join(missing)} images. {_instructions(builder)} Remove "
            f"{builder.data_path} before that."
        )
    if builder.info.file_format.value != _FORMAT:
        raise ValueError(
            f"imagenet2012 in {builder.data_path} is prepared as "
            f"{builder.info.file_format.value}, which cannot be read in any order. Prepare it "
            f"in another --data_dir. {_instructions(builder)}"
        )
    decoders = {"image": tfds.decode.SkipDecoding()}

    def opened(split: str) -> PreparedPictures:
        source = builder.as_data_source(split, decoders=decoders)
        return PreparedPictures(source, split, image_size, channels)

    content = [f"{name} {part.num_examples} {part.num_bytes}" for name, part in found.items()]
    train: pictures.Pictures = opened("train") if "train" in found else pictures.NoPictures()
    return streams.Stream(
        name="imagenet2012",
        labels=tuple(builder.info.features["label"].names),
        train=train,
        test=opened("validation"),
        image_size=image_size,
        crop_size=crop_size,
        channels=channels,
        content_digest=hashlib.sha256(
            "\n".join([str(builder.version), *content]).encode()
        ).hexdigest(),
    )


def _prepare(builder: Any) -> None:
    """Prepares the files that the user has downloaded, which takes hours.

    Raises:
        ValueError: There are no such files, or they are damaged.
    """
    folder = _manual_folder(builder)
    if not any((folder / name).is_file() for name in (_TRAIN_FILE, _TEST_FILE)):
        raise ValueError(
            f"imagenet2012 is not prepared in {builder.data_path}. {_instructions(builder)}"
        )
    import tensorflow_datasets as tfds

    try:
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(manual_dir=str(folder))
        )
    except Exception as error:  # the libraries for archives, images and records raise many types
        raise ValueError(
            f"imagenet2012 cannot be prepared from {folder} ({type(error).__name__}: "
            f"{str(error).strip().partition(chr(10))[0]})."
        ) from error


def _instructions(builder: Any) -> str:
    folder = _manual_folder(builder)
    return (
        f"Register at https://image-net.org/download-images, put {_TRAIN_FILE} (138 GB) and "
        f"{_TEST_FILE} (6.3 GB) into {folder}, and give the same command again; {_TEST_FILE} "
        "alone is enough to score classifiers, but not to train."
    )


def _manual_folder(builder: Any) -> pathlib.Path:
    # `data_path` ends in imagenet2012/<version>.
    return pathlib.Path(builder.data_path).parent.parent / "downloads" / "manual"
