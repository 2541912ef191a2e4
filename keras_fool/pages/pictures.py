"""PNG files as parts of a page: different pictures once, all within a number of bytes.

As long as they fit, pictures keep all their pixels. Else all become smaller, and WebP; the page
says so.
"""

import base64
import dataclasses
import hashlib
import io
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image

from keras_fool import foreign_files

_MAX_FILE_BYTES = 2**26
_MAX_SIDE = 4096  # pixels
# (longer side in pixels, quality), tried in this order.
_STEPS = ((256, 80), (160, 75), (128, 70), (96, 65), (80, 62), (64, 60), (48, 50), (32, 40))
_TRIED = 40  # pictures by which the bytes of all are estimated
_CERTAIN = 1.2  # estimates above the limit by this factor are not tried out
_AROUND = 110  # bytes of markup around a picture


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture of a page.

    Attributes:
        key: By which the page refers to it; of equal pixels it is the same.
        width: In pixels of the file.
        height: Likewise.
        path: A file with these pixels.
    """

    key: str
    width: int
    height: int
    path: pathlib.Path


def find(folder: pathlib.Path, files: Iterable[str]) -> dict[str, Picture]:
    """Reads PNG files; files of equal pixels give the same picture.

    Args:
        folder: Where they are.
        files: Their names, relative to it.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A name leads out of the folder, or a file is no PNG that can be shown.
    """
    inside = folder.resolve()
    found: dict[str, Picture] = {}
    by_key: dict[str, Picture] = {}
    for file in dict.fromkeys(files):
        path = _checked(inside, file)
        pixels = _pixels(path)  # not kept: there may be thousands
        content = repr(pixels.shape).encode() + pixels.tobytes()
        key = f"p{hashlib.sha256(content).hexdigest()[:16]}"
        height, width = pixels.shape[:2]
        found[file] = by_key.setdefault(key, Picture(key, width, height, path))
    return found


def uris(pictures: Sequence[Picture], max_bytes: int) -> tuple[list[str], int | None]:
    """What shows pictures without a file: `data:` addresses.

    Args:
        pictures: Different ones.
        max_bytes: What they may add to a page. More, if they do not fit even at their smallest.

    Returns:
        An address for each, and the pixels of the longer side that they were reduced to; None where
        they have all pixels of their files.
    """
    some = [_pixels(one.path) for one in pictures[:: max(1, len(pictures) // _TRIED)]]
    found: list[str] = []
    for step in (None, *_STEPS):
        tried = _bytes(_uri(pixels, step) for pixels in some)
        if step != _STEPS[-1] and tried * len(pictures) > max_bytes * len(some) * _CERTAIN:
            continue
        found = [_uri(_pixels(one.path), step) for one in pictures]
        if _bytes(found) <= max_bytes:
            return found, step and step[0]
    return found, _STEPS[-1][0]


def _bytes(addresses: Iterable[str]) -> int:
    return sum(len(address) + _AROUND for address in addresses)


def _checked(folder: pathlib.Path, file: str) -> pathlib.Path:
    """The path of a file inside a folder, which is resolved."""
    path = pathlib.PurePosixPath(file)
    is_inside = not path.is_absolute() and ".." not in path.parts and "\\" not in file
    if not is_inside or not (folder / path).resolve().is_relative_to(folder):
        raise ValueError(f"expected a file inside {folder}, got {file!a}.")
    return folder / path


def _pixels(path: pathlib.Path) -> np.ndarray:
    """uint8 [height, width] or [height, width, 3]."""
    content = foreign_files.content(path, _MAX_FILE_BYTES)
    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as opened:
            if max(opened.size) > _MAX_SIDE:
                raise ValueError(f"expected at most {_MAX_SIDE} pixels a side, got {opened.size}.")
            return np.asarray(opened.convert("L" if opened.mode == "L" else "RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} is not a PNG file that can be shown: {error}") from error


def _uri(pixels: np.ndarray, step: tuple[int, int] | None) -> str:
    """A picture as PNG, or reduced as WebP."""
    picture = Image.fromarray(pixels)
    buffer = io.BytesIO()
    if step is None:
        kind = "png"  # written anew: files have texts, such as genomes, that no page needs
        picture.save(buffer, kind, optimize=True)
    else:
        kind, (side, quality) = "webp", step
        if max(picture.size) > side:
            picture.thumbnail((side, side), Image.Resampling.BOX)
        picture.convert("RGB").save(buffer, kind, quality=quality, method=2)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
