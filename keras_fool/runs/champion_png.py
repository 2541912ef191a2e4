"""Champions as PNG files: the image that scored, and inside it the genome that drew it.

PNG is lossless, so the file is the image; the genome is text in the file (`exiftool` or
`strings` show it), so a champion can be drawn again at any size wherever it is copied.
An image made by gradient ascent has no genome, and says how it was made.
"""

import dataclasses
import io
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image, PngImagePlugin

from keras_fool import foreign_files
from trainers import pictures

# The genome of a colour image of 256x256 pixels in the direct encoding, the largest there
# is, has a fraction of this; a file with more is not a champion.
_MOST_GENOME_CHARACTERS = 2**24
MAX_BYTES = 2**28
_MOST_PIXELS = 2**26  # the largest print, 8192 x 8192
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# What Pillow raises for files that are not images, besides its own errors.
_UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    struct.error,
    zlib.error,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    Image.DecompressionBombError,
)

MADE_BY = "made_by"  # the text that says so where it was no evolution


@dataclasses.dataclass(frozen=True)
class Champion:
    """An image and where it comes from.

    Attributes:
        image: [height, width, channels] uint8, RGB or grey.
        genome: The genome as `evolvers.genome_json` writes it; empty where `about` has
            `MADE_BY`.
        about: Further texts by name: run, label, confidence, generation.
    """

    image: np.ndarray
    genome: str
    about: dict[str, str]


def encode(champion: Champion) -> bytes:
    """The PNG file; the same champion gives the same bytes."""
    texts = PngImagePlugin.PngInfo()
    genome = {"genome": champion.genome} if champion.genome else {}
    for name, text in {**champion.about, **genome}.items():
        texts.add_text(name, text)
    buffer = io.BytesIO()
    pixels = champion.image[..., 0] if champion.image.shape[2] == 1 else champion.image
    Image.fromarray(pixels).save(buffer, "PNG", pnginfo=texts)
    return buffer.getvalue()


def read(path: pathlib.Path) -> Champion:
    """Reads what `encode` made; the file may come from anyone.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: As `decode` says, or it is too large.
    """
    return decode(foreign_files.content(path, MAX_BYTES), path)


def decode(content: bytes, path: pathlib.Path) -> Champion:
    """The champion in a file's bytes.

    Args:
        content: The bytes.
        path: The file, for messages.

    Raises:
        ValueError: It is not a whole PNG image, grey or RGB, or there is no genome in it, or
            it is larger than any champion.
    """
    try:
        _check_whole(content)
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            assert isinstance(image, PngImagePlugin.PngImageFile)  # no other format is asked for
            mode = image.mode
            pixels = np.asarray(image)
            texts = {str(name): str(text) for name, text in image.text.items()}
    except _UNREADABLE as error:
        problem = pictures.reason(error)
        raise ValueError(f"{path} is not a PNG image that can be read: {problem}") from error
    if mode not in ("L", "RGB"):
        raise ValueError(f"{path} is a PNG image of mode {mode}, not a grey or RGB one.")
    genome = texts.pop("genome", "")
    if not genome and MADE_BY not in texts:
        raise ValueError(f"there is no genome in {path}: it was not written by an evolution.")
    if len(genome) > _MOST_GENOME_CHARACTERS:
        raise ValueError(f"the genome in {path} has {len(genome)} characters, more than any.")
    return Champion(pixels.reshape(*pixels.shape[:2], -1), genome, texts)


def check_whole(path: pathlib.Path) -> None:
    """Checks that a PNG file has all of its parts, each undamaged.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It has not.
    """
    try:
        _check_whole(foreign_files.content(path, MAX_BYTES))
    except ValueError as error:
        raise ValueError(f"{path} is not a whole PNG image: {error}") from error


def _check_whole(content: bytes) -> None:
    """Pillow itself looks at the checksums of few parts, and takes what is missing as black."""
    if not content.startswith(_SIGNATURE):
        raise ValueError("it does not begin like one.")
    names, start = [], len(_SIGNATURE)
    while start < len(content):
        length = int.from_bytes(content[start : start + 4])
        end = start + 12 + length
        if end > len(content):
            raise ValueError("its end is missing.")
        checksum = int.from_bytes(content[end - 4 : end])
        if zlib.crc32(memoryview(content)[start + 4 : end - 4]) != checksum:
            raise ValueError(f"its part at byte {start} is damaged.")
        names.append(content[start + 4 : start + 8])
        start = end
    once = names.count(b"IHDR") == names.count(b"IEND") == 1
    if not once or (names[0], names[-1]) != (b"IHDR", b"IEND"):
        raise ValueError("its parts are not in order.")
    width, height = struct.unpack_from(">II", content, len(_SIGNATURE) + 8)
    if width * height > _MOST_PIXELS:
        raise ValueError(f"it has {width} x {height} pixels, a decompression bomb.")
