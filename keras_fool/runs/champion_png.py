"""Champions as PNG files: the image that scored, and inside it the genome that drew it.

PNG is lossless, so the file is the image; the genome is text in the file (`exiftool` or
`strings` show it), so a champion can be drawn again at any size wherever it is copied.
An image made by gradient ascent has no genome, and says how it was made.
"""

import dataclasses
import io
import pathlib

import numpy as np
from PIL import Image, PngImagePlugin

from trainers import pictures, regular_file

# The genome of a colour image of 256x256 pixels in the direct encoding, the largest there
# is, has a fraction of this; a file with more is no champion.
_MOST_GENOME_CHARACTERS = 2**24


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
        ValueError: It is no PNG image, grey or RGB, or there is no genome in it, or
            its texts are larger than any champion's.
    """
    try:
        content = io.BytesIO(regular_file.read(path))
        with Image.open(content, formats=["PNG"]) as image:
            mode = image.mode
            pixels = np.asarray(image)
            texts = dict(image.text)
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}.") from None
    except regular_file.NoFileError as error:
        raise ValueError(f"{path} is no PNG image that can be read: {error.strerror}") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        problem = pictures.reason(error)
        raise ValueError(f"{path} is no PNG image that can be read: {problem}") from error
    if mode not in ("L", "RGB"):
        raise ValueError(f"{path} is a PNG image of mode {mode}, not a grey or RGB one.")
    genome = texts.pop("genome", "")
    if not genome and MADE_BY not in texts:
        raise ValueError(f"there is no genome in {path}: it was not written by an evolution.")
    if len(genome) > _MOST_GENOME_CHARACTERS:
        raise ValueError(f"the genome in {path} has {len(genome)} characters, more than any.")
    return Champion(pixels.reshape(*pixels.shape[:2], -1), str(genome), texts)
