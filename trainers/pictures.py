"""Pictures of any size and kind as squares of RGB or grey bytes.

They are turned as their cameras say (EXIF), lose their transparency, and of animations the
first picture is taken. They are warped, as Caffe's preparation of ImageNet does it (BVLC/caffe,
examples/imagenet/create_imagenet.sh): the sides' ratio is not kept, and every new pixel
is interpolated between the four old ones around it (here, the fractions are dropped).
"""

import hashlib
import io
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from PIL import Image, UnidentifiedImageError

# Pillow warns of photographs with more than 90 million pixels (twice as many it refuses) and of
# damaged EXIF; it names no file, and either picture is read all the same.
warnings.filterwarnings("ignore", module=r"PIL\.")
_ORIENTATION = 0x0112  # the tag of EXIF that says how the camera was held
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
    """A picture is damaged, or is none; the message says how."""


class Pictures(Protocol):
    """Labelled pictures, numbered from 0, read one by one and from any thread."""

    def __len__(self) -> int:
        """How many there are."""

    def name(self, number: int) -> str:
        """What messages call a picture."""

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
        channels: 3 for RGB, of which grey has three equal ones, or 1 for the luminance (ITU-R
            BT.601: 0.299 R + 0.587 G + 0.114 B).

    Returns:
        uint8 [side, side, channels].

    Raises:
        UnreadableError: `content` is no whole picture.
    """
    try:
        with Image.open(io.BytesIO(content)) as picture:
            # A JPEG of many times that size is decoded at a half, a quarter or an eighth of
            # its own, which takes less time and averages what would be skipped.
            picture.draft("RGB", (2 * side, 2 * side))
            picture.load()
            turn = _turn(picture)
            rgb = _rgb(picture)
    except Exception as error:  # decoders fail with whatever their formats raise
        raise UnreadableError(reason(error)) from error
    if turn is not None:
        rgb = rgb.transpose(turn)
    seen = rgb if channels == 3 else rgb.convert("L")
    whole = (0, 0, seen.width, seen.height)
    square = seen.transform((side, side), Image.Transform.EXTENT, whole, Image.Resampling.BILINEAR)
    return np.asarray(square).reshape(side, side, channels)


def reason(error: Exception) -> str:
    """Why Pillow could not read a picture, in a line that does not name its own objects."""
    if isinstance(error, UnidentifiedImageError):
        return "UnidentifiedImageError: it is no picture of a known kind"
    first_line = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {re.sub(r'<_io[.][^>]*>', 'the file', first_line)}"


def _turn(picture: Image.Image) -> Image.Transpose | None:
    """What makes a picture upright; None where it is so, or its EXIF is damaged."""
    try:
        return _TURNS.get(picture.getexif().get(_ORIENTATION))
    except Exception:  # the picture is whole; viewers, too, show it as it is stored
        return None


def _rgb(picture: Image.Image) -> Image.Image:
    picture = _eight_bits(picture)
    if picture.mode == "P" and "transparency" in picture.info:
        picture = picture.convert("RGBA")  # without this step Pillow warns
    return picture.convert("RGB")


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
        """A picture, uint8 [side, side, channels], and its label."""
        return self._draw(np.array([number]))[0], int(self._labels[number])


class KnownPictures:
    """Squares that are there already, all of one label."""

    def __init__(self, images: np.ndarray, label: int):
        """Copies nothing, so `images` may be a file mapped into memory.

        Args:
            images: uint8 [number, side, side, channels].
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
        """A picture, uint8 [side, side, channels], and its label."""
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
        """A picture, uint8 [side, side, channels], and its label.

        Raises:
            UnreadableError: It cannot be read.
        """
        part, place = self._place(number)
        return part.read(place)

    def _place(self, number: int) -> tuple[Pictures, int]:
        index = int(np.searchsorted(self._ends, number, side="right"))
        return self._parts[index], number - int(self._ends[index]) + len(self._parts[index])
