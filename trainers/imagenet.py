"""ImageNet (ILSVRC 2012) through TensorFlow Datasets.

Russakovsky et al., 2015, https://arxiv.org/abs/1409.0575. Its files are given to whoever
registers, so they cannot be downloaded here; TensorFlow Datasets prepares them once, in
a format that can be read in any order.
"""

import hashlib
import pathlib

import numpy as np

from trainers import pictures, streams

_TRAIN_FILE, _TEST_FILE = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"
_FORMAT = "array_record"


class PreparedPictures:
    """Pictures that TensorFlow Datasets has prepared."""

    def __init__(self, source: object, split: str, side: int, channels: int = 3):
        """Reads nothing yet.

        Args:
            source: Gives examples by number, their images not decoded.
            split: What messages call it.
            side: Height and width that the pictures are warped to.
            channels: 3 for RGB, 1 for luminance.
        """
        self._source = source
        self._split = split
        self._side = side
        self._channels = channels

    def __len__(self) -> int:
        """How many there are."""
        return len(self._source)

    def name(self, number: int) -> str:
        """Its place among the examples of the split."""
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
    """Opens ImageNet where it is prepared; prepares it where its files are.

    Args:
        data_dir: TensorFlow Datasets' folder, or None for its default.
        image_size: Side of the squares that pictures are warped to.
        crop_size: Side of the images that are cut out of them; None cuts none.
        channels: 3 for RGB, 1 for luminance.
        test_only: The training images need not be there.

    Raises:
        ValueError: The data is not there, or not all of it; the message says which files
            must be where.
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
    return streams.Stream(
        name="imagenet2012",
        labels=tuple(builder.info.features["label"].names),
        train=opened("train") if "train" in found else pictures.NoPictures(),
        test=opened("validation"),
        image_size=image_size,
        crop_size=crop_size,
        channels=channels,
        content_digest=hashlib.sha256(
            "\n".join([str(builder.version), *content]).encode()
        ).hexdigest(),
    )


def _prepare(builder: object) -> None:
    """Has the files that were downloaded by hand prepared, which takes hours.

    Raises:
        ValueError: There are none, or they are damaged.
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
    except Exception as error:  # fails with whatever tar, image and record libraries raise
        raise ValueError(
            f"imagenet2012 cannot be prepared from {folder} ({type(error).__name__}: "
            f"{str(error).strip().partition(chr(10))[0]})."
        ) from error


def _instructions(builder: object) -> str:
    folder = _manual_folder(builder)
    return (
        f"Register at https://image-net.org/download-images, put {_TRAIN_FILE} (138 GB) and "
        f"{_TEST_FILE} (6.3 GB) into {folder}, and give the same command again; {_TEST_FILE} "
        "alone is enough to score classifiers, but not to train."
    )


def _manual_folder(builder: object) -> pathlib.Path:
    # Above it: imagenet2012/<version>.
    return pathlib.Path(builder.data_path).parent.parent / "downloads" / "manual"
