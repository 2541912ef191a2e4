"""Pictures in folders that are named by their labels.

    PATH/train/<label>/*.jpg
    PATH/test/<label>/*.jpg     (or validation/, or val/)

The layout of TensorFlow Datasets' ImageFolder, of Keras' and of many others.
"""

import hashlib
import math
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from trainers import names, pictures, regular_file, streams

_TRAIN = "train"
_TESTS = ("test", "validation", "val")  # the first one that is there
_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")
_MOST_NAMED = 3
# So many decoded pictures stay in memory: all of small ones, none where there are more.
_BYTES_KEPT = 2**29


class FilePictures:
    """Pictures in files; their folders are their labels.

    Where all of them fit into half a gibibyte, each is decoded once and kept.
    """

    def __init__(self, folder: pathlib.Path, labels: Sequence[str], side: int, channels: int = 3):
        """Lists the files, in the order of their names; opens none.

        Args:
            folder: Has a folder for every label.
            labels: In order.
            side: Height and width that the pictures are warped to.
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
        """How many there are."""
        return len(self._files)

    def name(self, number: int) -> str:
        """The file, seen from the folder above."""
        label = self._labels[self._of_label[number]]
        return f"{self._folder.name}/{label}/{self._files[number]}"

    def read(self, number: int) -> tuple[np.ndarray, int]:
        """A picture, uint8 [side, side, channels], and its label.

        Raises:
            UnreadableError: It is no file, or a damaged one, or cannot be opened.
        """
        label = int(self._of_label[number])
        if self._is_kept[number]:
            return self._kept[number].copy(), label
        try:
            content = regular_file.read(self._folder.parent / self.name(number))
        except OSError as error:
            raise pictures.UnreadableError(error.strerror) from error
        picture = pictures.warped(content, self._side, self._channels)
        if self._kept is not None:
            self._kept[number] = picture
            self._is_kept[number] = True  # last, as other threads read, too
        return picture, label

    def digest(self) -> str:
        """Tells apart folders by the names and sizes of the files; reads none of them."""
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
        path: Holds train/ and test/, validation/ or val/, and these a folder per label.
        image_size: Side of the squares that pictures are warped to.
        crop_size: Side of the images that are cut out of them; None cuts none.
        channels: 3 for RGB, 1 for luminance.
        test_only: train/ need not be there.

    Raises:
        ValueError: Something is missing: the folder, a split, labels, pictures of one.
    """
    folder = pathlib.Path(path)
    if not folder.is_dir():
        raise ValueError(f"there is no folder {path}.")
    test = next((folder / name for name in _TESTS if (folder / name).is_dir()), None)
    train = folder / _TRAIN if (folder / _TRAIN).is_dir() else None
    missing = [f"{_TRAIN}/"] if train is None and not test_only else []
    if test is None:
        missing.append(" or ".join(f"{name}/" for name in _TESTS))
    if missing:
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
        train=parts.get(train, pictures.NoPictures()),
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
    except OSError:  # a link to nowhere, which is found unreadable where it is read
        return 0


def _some(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - _MOST_NAMED} more" if len(labels) > _MOST_NAMED else ""
    return ", ".join(labels[:_MOST_NAMED]) + more
