"""Genomes -> images.

    coordinates   what a CPPN sees of a pixel's place
    cpu           CpuRenderer: compiled, on all cores

One meaning, several renderers: they agree to float32 rounding.
"""

from collections.abc import Callable

import numpy as np

from evolvers import program
from evolvers.canvas import Canvas
from evolvers.cppn import Cppn, CppnBatch
from evolvers.direct import DirectGenome
from evolvers.render.cpu import CpuRenderer

# What a print may take, in weights and activations times pixels: ten minutes or so on two cores.
_MOST_WORK = 2**40
# What is done at a time: a part of a second, so that whoever waits is told, and may stop it.
_WORK_AT_A_TIME = 2**28


def draw(
    genome: Cppn | DirectGenome,
    canvas: Canvas,
    height: int | None = None,
    width: int | None = None,
    on_rows: Callable[[int], None] = lambda _: None,
) -> np.ndarray:
    """Draws one genome at any size.

    A CPPN has no resolution: a larger print has what it draws between the pixels of the
    canvas, be it stripes too fine for the canvas to show. The pixels of a direct genome
    become squares.

    Args:
        genome: A genome that was evolved on `canvas`.
        canvas: Its image shape and coordinates.
        height: Rows to draw; the canvas' own by default.
        width: Columns to draw; likewise.
        on_rows: Told, again and again, how many rows more are drawn.

    Returns:
        uint8 [height, width, channels]; at the canvas' own size the very image that scored.

    Raises:
        ValueError: So many pixels of so large a network would take hours.
    """
    height, width = height or canvas.height, width or canvas.width
    renderer = CpuRenderer()
    try:
        if isinstance(genome, Cppn):
            return _draw_in_bands(renderer, genome, canvas, height, width, on_rows)
        image = renderer.render_pixels(genome.genes[np.newaxis])[0]
        rows = np.arange(height) * canvas.height // height
        columns = np.arange(width) * canvas.width // width
        drawn = image[rows][:, columns]
        on_rows(height)
        return drawn
    finally:
        renderer.close()


def _draw_in_bands(
    renderer: CpuRenderer,
    genome: Cppn,
    canvas: Canvas,
    height: int,
    width: int,
    on_rows: Callable[[int], None],
) -> np.ndarray:
    packed = program.pack(CppnBatch.stack([genome]))
    work = len(packed.activations) + len(packed.weights)
    if work * height * width > _MOST_WORK:
        scale = (_MOST_WORK / (work * height * width)) ** 0.5
        raise ValueError(
            f"the genome has {len(packed.activations)} nodes and {len(packed.weights)} connections "
            f"that draw: a print of {width} x {height} pixels would take too long; choose one of "
            f"{int(scale * max(height, width))} pixels at most."
        )
    band = max(1, min(height, _WORK_AT_A_TIME // (work * width)))
    image = np.empty((height, width, canvas.channels), np.uint8)
    for first in range(0, height, band):
        rows = slice(first, min(first + band, height))
        image[rows] = renderer.render(packed, canvas, height, width, rows)[0]
        on_rows(rows.stop - rows.start)
    return image
