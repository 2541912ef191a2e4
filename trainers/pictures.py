"""Pictures of any size and kind as squares of RGB or grey bytes.

They are turned upright (by EXIF), lose their transparency, and of animations the first picture is
taken. They are warped, as in Caffe's preparation of ImageNet (BVLC/caffe,
examples/imagenet/create_imagenet.sh): the ratio of the sides is not kept, and every new pixel is
interpolated between the four old pixels around it (here, fractions are cut off).
"""

import hashlib
import io
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from PIL import Image, UnidentifiedImageError

# Pillow warns about photographs with more than 90 million pixels (it refuses twice as many) and
# about damaged EXIF. It does not name the file, and such pictures are read nevertheless.
warnings.filterwarnings("ignore", module=r"PIL\.")
_ORIENTATION = 0x0112  # the EXIF tag for how the camera was held
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class UnreadableError(ValueError):
    """A file is not a picture, or is damaged; the message says how."""


class Pictures(Protocol):
    """Pictures with labels, numbered from 0, read one by one and from any thread."""

    def __len__(self) -> int:
        """How many pictures there are."""

    def name(self, number: int) -> str:
        """The name of a picture in messages."""

    def read(self, number: int) -> tuple[np.ndarray, int]:
        """A picture, uint8 [side, side, channels], and its label.

        Raises:
            UnreadableError: It cannot be read.
        """


def warped(content: bytes, side: int, channels: int = 3) -> np.ndarray:
    """Decodes a picture and makes it a square.

    Args:
        content: A JPEG, PNG or other file that Pillow reads.
        side: The new height and width.
        channels: 3 for RGB (three equal channels if the picture is grey), or 1 for the luminance
            (ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B).

    Returns:
        uint8 [side, side, channels].

    Raises:
        UnreadableError: `content` is not a complete picture.
    """
    try:
        with Image.open(io.BytesIO(content)) as picture:
            # A JPEG of many times that size is decoded at a half, a quarter or an eighth of its
            # size, which takes less time, and averages pixels that would be skipped.
            picture.draft("RGB", (2 * side, 2 * side))
            picture.load()
            turn = _turn(picture)
            rgb = _rgb(picture)
    except Exception as error:  # decoders raise many types
        raise UnreadableError(reason(error)) from error
    if turn is not None:
        rgb = rgb.transpose(turn)
    seen = rgb if channels == 3 else rgb.convert("L")
    whole = (0, 0, seen.width, seen.height)
    square = seen.transform((side, side), Image.Transform.EXTENT, whole, Image.Resampling.BILINEAR)
    return np.asarray(square).reshape(side, side, channels)


def reason(error: Exception) -> str:
    """Why Pillow could not read a picture, in one line without the names of Pillow's objects."""
    if isinstance(error, UnidentifiedImageError):
        return "UnidentifiedImageError: it is not a picture of a known kind"
    first_line = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {re.sub(r'<_io[.][^>]*>', 'the file', first_line)}"


def _turn(picture: Image.Image) -> Image.Transpose | None:
    """The turn that makes a picture upright; None if it is upright, or its EXIF is damaged."""
    try:
        return _TURNS.get(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # the picture itself is not damaged; viewers show it as it is stored, too
        return None


def _rgb(picture: Image.Image) -> Image.Image:
    picture = _eight_bits(picture)
    if picture.mode == "P" and "transparency" in picture.info:
        picture = picture.convert("RGBA")  # without this step Pillow warns
    return picture.convert("RGB")


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Grey of 16 bits as grey of 8 bits; Pillow would keep the lower half of the bits."""
    if not picture.mode.startswith("I"):
        return picture
    return Image.fromarray((np.asarray(picture).clip(0, 2**16 - 1) >> 8).astype(np.uint8))


class NoPictures:
    """The pictures of a split that is missing."""

    def __len__(self) -> int:
        """0: there are no pictures."""
        return 0

    def name(self, number: int) -> str:
        """Raises IndexError, as there is no such picture."""
        raise IndexError(f"there is no picture {number}")

    def read(self, number: int) -> tuple[np.ndarray, int]:
        """Raises IndexError, as there is no such picture."""
        raise IndexError(f"there is no picture {number}")


class DrawnPictures:
    """Pictures that a function draws."""

    def __init__(self, draw: Callable[[np.ndarray], np.ndarray], labels: np.ndarray):
        """Draws nothing yet.

        Args:
            draw: Numbers int64 [batch] -> uint8 [batch, side, side, 3].
            labels: int64 [number], the labels of all pictures.
        """
        self._draw = draw
        self._labels = labels

    def __len__(self) -> int:
        """How many pictures there are."""
        return len(self._labels)

    def name(self, number: int) -> str:
        """The name of a picture in messages."""
        return f"drawing {number}"

    def read(self, number: int) -> tuple[np.ndarray, int]:
        """A picture, uint8 [side, side, channels], and its label."""
        return self._draw(np.array([number]))[0], int(self._labels[number])


class KnownPictures:
    """Squares that exist already, all with the same label."""

    def __init__(self, images: np.ndarray, label: int):
        """Copies nothing, so `images` may be a file mapped into memory.

        Args:
            images: uint8 [number, side, side, channels].
            label: The label of all of them.
        """
        self._images = images
        self._label = label

    def __len__(self) -> int:
        """How many pictures there are."""
        return len(self._images)

    def name(self, number: int) -> str:
        """The name of a picture in messages."""
        return f"added image {number}"

    def read(self, number: int) -> tuple[np.ndarray, int]:
        """A picture, uint8 [side, side, channels], and its label."""
        return np.asarray(self._images[number]), self._label

    def digest(self) -> str:
        """Differs between different pictures."""
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
        """How many pictures there are."""
        return int(self._ends[-1])

    def name(self, number: int) -> str:
        """The name of a picture in messages."""
        part, place = self._place(number)
        return part.name(place)

    def read(self, number: int) -> tuple[np.ndarray, int]:
        """A picture, uint8 [side, side, channels], and its label.

        Raises:
            UnreadableError: It cannot be read.
        """
        part, place = self._place(number)
        return part.read(place)

    def _place(self, number: int) -> tuple[Pictures, int]:
        index = int(np.searchsorted(self._ends, number, side="right"))
        return self._parts[index], number - int(self._ends[index]) + len(self._parts[index])
