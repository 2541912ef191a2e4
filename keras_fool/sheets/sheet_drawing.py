"""What sheets of images are drawn with: colours, letters, enlarged pixels, files."""

import functools
import importlib.util
import io
import math
import pathlib
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from keras_fool.sheets import captions

PAPER, INK, FAINT, WEAK, LINE = "#fbfbf9", "#1d1d1f", "#6e6e73", "#b4540a", "#c9c9ce"

_SMALLEST_LEGEND = 9


def tile_size(shape: tuple[int, int], side: int) -> tuple[int, int]:
    """(width, height) on the sheet: whole multiples of small images, large ones reduced."""
    height, width = shape
    longest = max(height, width)
    if longest <= side:
        return width * (side // longest), height * (side // longest)
    return max(1, width * side // longest), max(1, height * side // longest)


def squarish(count: int) -> int:
    """How many columns make a grid of `count` tiles a bit wider than high."""
    return math.ceil(math.sqrt(1.3 * count))


def scaled(image: np.ndarray, size: tuple[int, int]) -> Image.Image:
    """An image in RGB at another size (width, height); enlarged pixels stay squares."""
    pixels = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    enlarged = size[0] >= pixels.width
    resampling = Image.Resampling.NEAREST if enlarged else Image.Resampling.BOX
    return pixels.resize(size, resampling).convert("RGB")


def smooth(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """An image at another size, without squares: uint8 [height, width, channels].

    Bicubic interpolation: sharper than a bilinear one, and, unlike Lanczos', nearly without rings
    around edges.
    """
    pixels = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    enlarged = np.asarray(pixels.resize((width, height), Image.Resampling.BICUBIC))
    return enlarged.reshape(height, width, image.shape[2])


def fitting(text: str, size: int, width: int, *, smallest: int, bold: bool = False) -> int:
    """The largest size of letters up to `size` at which a text fits; else `smallest`."""
    while size > smallest and font(size, bold).getlength(text) > width:
        size -= 1
    return size


def cut(text: str, size: int, width: int, *, bold: bool = False) -> str:
    """`text`, shortened to fit into `width` pixels."""
    letters = font(size, bold)
    if letters.getlength(text) <= width:
        return text
    while text and letters.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text.rstrip()}…"


def draw_legend(
    draw: ImageDraw.ImageDraw, at: tuple[int, int], confidences: Sequence[float], width: int
) -> None:
    """Draws what explains the captions of images with these confidences, in a line."""
    words = captions.legend(confidences)
    size = fitting("; ".join(words), 13, width, smallest=_SMALLEST_LEGEND)
    x, y = at
    for text, colour in zip(words, (FAINT, WEAK), strict=True):
        draw.text((x, y), cut(text, size, width), colour, font(size))
        x += round(font(size).getlength(f"{text}   ")) if text else 0


@functools.cache
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans at a size in pixels."""
    # Matplotlib ships DejaVu Sans; its folder is found without importing it.
    found = importlib.util.find_spec("matplotlib")
    assert found is not None and found.origin is not None  # noqa: PT018
    package = pathlib.Path(found.origin).parent
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(package / "mpl-data" / "fonts" / "ttf" / name, size)


def jpeg(sheet: Image.Image, quality: int = 85) -> bytes:
    """A sheet as a JPEG file, for many noisy images: a third of what a PNG takes."""
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()


def png(sheet: Image.Image) -> bytes:
    """A sheet as a PNG file."""
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
