"""Pictures in folders that have the names of their labels.

    PATH/train/<label>/*.jpg
    PATH/test/<label>/*.jpg     (or validation/, or val/)

This layout is that of ImageFolder in TensorFlow Datasets, of Keras, and of many others.
"""

import hashlib
import math
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from trainers import names, pictures, regular_file, streams

_TRAIN = "train"
_TESTS = ("test", "validation", "val")  # the first one that exists
_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")
_MAX_NAMED = 3
# If all decoded pictures take no more bytes than this, they stay in memory; otherwise none does.
_BYTES_KEPT = 2**29


class FilePictures:
    """Pictures in files; their folders are their labels.

    If all of them fit into half a gibibyte, each is decoded once and stays in memory.
    """

    def __init__(self, folder: pathlib.Path, labels: Sequence[str], side: int, channels: int = 3):
        """Lists the files, in the order of their names; opens none of them.

        Args:
            folder: It has a folder for every label.
            labels: The labels, in order.
            side: The height and width to which the pictures are warped.
            channels: 3 for RGB, 1 for luminance.

        Raises:
            ValueError: A label has no picture; the message names it.
        """
        self._folder = folder
        self._side = side
        self._channels = channels
        self._labels = labels
        found = [_files(folder / label) for label in labels]
        empty = [label for label, files in zip(labels, found, strict=True) if not files]
        if empty:
            raise ValueError(
                f"{folder} has no pictures ({', '.join(suffix[1:] for suffix in _SUFFIXES)}) of "
                f"{_some(empty)}."
            )
        self._files = [name for files in found for name in files]
        self._of_label = np.repeat(np.arange(len(labels)), [len(files) for files in found])
        self._sizes = [size for files in found for size in files.values()]
        shape = (len(self._files), side, side, channels)
        self._kept = np.zeros(shape, np.uint8) if math.prod(shape) <= _BYTES_KEPT else None
        self._is_kept = np.zeros(len(self._files), bool)

    def __len__(self) -> int:
        """How many pictures there are."""
        return len(self._files)

    def name(self, number: int) -> str:
        """The path of the file, relative to the folder that contains the split."""
        label = self._labels[self._of_label[number]]
        return f"{self._folder.name}/{label}/{self._files[number]}"

    def read(self, number: int) -> tuple[np.ndarray, int]:
        """A picture, uint8 [side, side, channels], and its label.

        Raises:
            UnreadableError: It is not a file, is damaged, or cannot be opened.
        """
        label = int(self._of_label[number])
        if self._kept is not None and self._is_kept[number]:
            return self._kept[number].copy(), label
        try:
            content = regular_file.read(self._folder.parent / self.name(number))
        except OSError as error:
            raise pictures.UnreadableError(error.strerror) from error
        picture = pictures.warped(content, self._side, self._channels)
        if self._kept is not None:
            self._kept[number] = picture
            self._is_kept[number] = True  # last, because other threads read, too
        return picture, label

    def digest(self) -> str:
        """Differs between folders with other names or sizes of files; reads none of them."""
        digest = hashlib.sha256()
        for number, size in enumerate(self._sizes):
            digest.update(f"{self.name(number)}\0{size}\n".encode())
        return digest.hexdigest()


def load(
    path: str,
    image_size: int,
    crop_size: int | None,
    *,
    channels: int = 3,
    test_only: bool = False,
) -> streams.Stream:
    """Opens a folder; reads no picture.

    Args:
        path: A folder with train/ and test/, validation/ or val/; each of them has a folder per
            label.
        image_size: The side of the squares to which pictures are warped.
        crop_size: The side of the images that are cut out of them; None: nothing is cut.
        channels: 3 for RGB, 1 for luminance.
        test_only: Whether train/ may be missing.

    Raises:
        ValueError: Something is missing: the folder, a split, labels, or the pictures of a label.
    """
    folder = pathlib.Path(path)
    if not folder.is_dir():
        raise ValueError(f"there is no folder {path}.")
    test = next((folder / name for name in _TESTS if (folder / name).is_dir()), None)
    train = folder / _TRAIN if (folder / _TRAIN).is_dir() else None
    missing = [f"{_TRAIN}/"] if train is None and not test_only else []
    if test is None:
        missing.append(" or ".join(f"{name}/" for name in _TESTS))
    if test is None or missing:
        raise ValueError(
            f"{path} has no {' and no '.join(missing)}: pictures are looked for in "
            f"{path}/{_TRAIN}/<label>/ and {path}/{_TESTS[0]}/<label>/."
        )
    labels = _labels(test if train is None else train)
    if train is not None and (other := set(labels) ^ set(_labels(test))):
        raise ValueError(
            f"{train} and {test} must have folders for the same labels; only one of them has "
            f"{_some(sorted(other))}."
        )
    parts = {
        split: FilePictures(split, labels, image_size, channels) for split in (train, test) if split
    }
    digests = [part.digest() for part in parts.values()]
    return streams.Stream(
        name=f"folder:{names.shown(folder.resolve().name)}",
        labels=tuple(labels),
        train=pictures.NoPictures() if train is None else parts[train],
        test=parts[test],
        image_size=image_size,
        crop_size=crop_size,
        channels=channels,
        content_digest=hashlib.sha256("\n".join(digests).encode()).hexdigest(),
    )


def _labels(split: pathlib.Path) -> list[str]:
    found = sorted(
        entry.name
        for entry in os.scandir(split)
        if entry.is_dir() and not entry.name.startswith(".")
    )
    if not found:
        raise ValueError(f"{split} has no folders: each label is one, with its pictures in it.")
    return list(names.checked_labels(found, f"the folders in {split}"))


def _files(folder: pathlib.Path) -> dict[str, int]:
    """The pictures in a folder by name, and their sizes in bytes."""
    return {
        entry.name: _size(entry)
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name)
        if entry.name.lower().endswith(_SUFFIXES) and not entry.name.startswith(".")
    }


def _size(entry: os.DirEntry) -> int:
    try:
        return entry.stat().st_size
    except OSError:  # a broken link, which is reported when it is read
        return 0


def _some(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - _MAX_NAMED} more" if len(labels) > _MAX_NAMED else ""
    return ", ".join(labels[:_MAX_NAMED]) + more
