"""Pictures of any size and kind as squares of RGB bytes.

They are warped, as Caffe's preparation of ImageNet does it (BVLC/caffe,
examples/imagenet/create_imagenet.sh): the sides' ratio is not kept, and every new pixel
is interpolated between the four old ones around it (here, the fractions are dropped).
"""

import hashlib
import io
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from PIL import Image


class UnreadableError(ValueError):
    """A picture is damaged, or is none; the message says how."""


class Pictures(Protocol):
    """Labelled pictures, numbered from 0, read one by one and from any thread."""

    def __len__(self) -> int:
        """How many there are."""

    def name(self, number: int) -> str:
        """What messages call a picture."""

    def read(self, number: int) -> tuple[np.ndarray, int]:
        """A picture, uint8 [side, side, 3], and its label.

        Raises:
            UnreadableError: It cannot be read.
        """


def warped(content: bytes, side: int) -> np.ndarray:
    """Decodes a picture and makes it a square.

    Args:
        content: A JPEG, PNG or other file that Pillow reads.
        side: The new height and width.

    Returns:
        uint8 [side, side, 3], RGB; grey becomes three equal channels, and transparency
        is dropped.

    Raises:
        UnreadableError: `content` is no whole picture.
    """
    try:
        with Image.open(io.BytesIO(content)) as picture:
            # A JPEG of many times that size is decoded at a half, a quarter or an eighth of
            # its own, which takes less time and averages what would be skipped.
            picture.draft("RGB", (2 * side, 2 * side))
            rgb = _eight_bits(picture).convert("RGB")
    except Exception as error:  # decoders fail with whatever their formats raise
        first_line = str(error).partition("\n")[0]
        raise UnreadableError(f"{type(error).__name__}: {first_line}") from error
    whole = (0, 0, rgb.width, rgb.height)
    square = rgb.transform((side, side), Image.Transform.EXTENT, whole, Image.Resampling.BILINEAR)
    return np.asarray(square)


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Grey of 16 bits, of which Pillow would keep the low half, as grey of 8 bits."""
    if not picture.mode.startswith("I"):
        return picture
    return Image.fromarray((np.asarray(picture).clip(0, 2**16 - 1) >> 8).astype(np.uint8))


class NoPictures:
    """A split that is missing."""

    def __len__(self) -> int:
        """None."""
        return 0


class DrawnPictures:
    """Pictures that a function draws."""

    def __init__(self, draw: Callable[[np.ndarray], np.ndarray], labels: np.ndarray):
        """Draws nothing yet.

        Args:
            draw: Numbers int64 [batch] -> uint8 [batch, side, side, 3].
            labels: int64 [number], of all pictures.
        """
        self._draw = draw
        self._labels = labels

    def __len__(self) -> int:
        """How many there are."""
        return len(self._labels)

    def name(self, number: int) -> str:
        """What messages call a picture."""
        return f"drawing {number}"

    def read(self, number: int) -> tuple[np.ndarray, int]:
        """A picture, uint8 [side, side, 3], and its label."""
        return self._draw(np.array([number]))[0], int(self._labels[number])


class KnownPictures:
    """Squares that are there already, all of one label."""

    def __init__(self, images: np.ndarray, label: int):
        """Copies nothing, so `images` may be a file mapped into memory.

        Args:
            images: uint8 [number, side, side, 3].
            label: Of all of them.
        """
        self._images = images
        self._label = label

    def __len__(self) -> int:
        """How many there are."""
        return len(self._images)

    def name(self, number: int) -> str:
        """What messages call a picture."""
        return f"added image {number}"

    def read(self, number: int) -> tuple[np.ndarray, int]:
        """A picture, uint8 [side, side, 3], and its label."""
        return np.asarray(self._images[number]), self._label

    def digest(self) -> str:
        """Tells apart pictures that differ."""
        digest = hashlib.sha256(str((self._images.shape, self._label)).encode())
        for image in self._images:
            digest.update(np.ascontiguousarray(image))
        return digest.hexdigest()


class JoinedPictures:
    """Pictures of several sources, one after the other."""

    def __init__(self, parts: Sequence[Pictures]):
        self._parts = list(parts)
        self._ends = np.cumsum([len(part) for part in parts])

    def __len__(self) -> int:
        """How many there are."""
        return int(self._ends[-1])

    def name(self, number: int) -> str:
        """What messages call a picture."""
        part, place = self._place(number)
        return part.name(place)

    def read(self, number: int) -> tuple[np.ndarray, int]:
        """A picture, uint8 [side, side, 3], and its label.

        Raises:
            UnreadableError: It cannot be read.
        """
        part, place = self._place(number)
        return part.read(place)

    def _place(self, number: int) -> tuple[Pictures, int]:
        index = int(np.searchsorted(self._ends, number, side="right"))
        return self._parts[index], number - int(self._ends[index]) + len(self._parts[index])
