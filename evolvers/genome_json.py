"""Genomes as text, with their canvas: what the PNG of a champion contains."""

import json
import reprlib

from evolvers.canvas import Canvas
from evolvers.cppn import Cppn
from evolvers.direct import DirectGenome

_FORMAT = 1
_MAX_PIXELS = 2**24  # otherwise a text could ask for any amount of memory


def dumps(genome: Cppn | DirectGenome, canvas: Canvas) -> str:
    """The genome and its canvas as one line of JSON; the same genome gives the same line."""
    encoding = "cppn" if isinstance(genome, Cppn) else "direct"
    value = {
        "format": _FORMAT,
        "encoding": encoding,
        "height": canvas.height,
        "width": canvas.width,
        "channels": canvas.channels,
        "coords": canvas.coords,
        **genome.to_json(),
    }
    return json.dumps(value, separators=(",", ":"))


def loads(text: str) -> tuple[Cppn | DirectGenome, Canvas]:
    """The genome and canvas that `dumps` wrote.

    Raises:
        ValueError: `text` is not such a line.
    """
    try:
        value = json.loads(text)
        canvas = Canvas(value["height"], value["width"], value["channels"], value["coords"])
        number, encoding = value["format"], value["encoding"]
    except (KeyError, TypeError, RecursionError, json.JSONDecodeError) as error:
        raise ValueError(f"no genome: {type(error).__name__}: {error}.") from error
    if canvas.height * canvas.width > _MAX_PIXELS:
        raise ValueError(
            f"expected a canvas of at most {_MAX_PIXELS} pixels, "
            f"got {canvas.height} x {canvas.width}."
        )
    if number != _FORMAT:
        raise ValueError(f"expected genome format {_FORMAT}, got {reprlib.repr(number)}.")
    if encoding == "cppn":
        return Cppn.from_json(value, canvas.channels), canvas
    if encoding == "direct":
        shape = (canvas.channels, canvas.height, canvas.width)
        return DirectGenome.from_json(value, shape), canvas
    raise ValueError(f"encoding must be cppn or direct, got {reprlib.repr(encoding)}.")
