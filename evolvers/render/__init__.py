"""Genomes -> images.

    coordinates   how a CPPN gets the position of a pixel
    cpu           CpuRenderer: compiled, on all cores
    between       what is drawn between the pixels of an image

There are several renderers with the same meaning: they agree up to float32 rounding.
"""

from collections.abc import Callable

import numpy as np

from evolvers import program
from evolvers.canvas import Canvas
from evolvers.cppn import Cppn, CppnBatch
from evolvers.direct import DirectGenome
from evolvers.render.cpu import CpuRenderer

# The most work of a print, in weights and activations times pixels: about ten minutes on two cores.
_MAX_WORK = 2**40
# The work of one band: less than a second, so that progress is shown and a signal is noticed.
_WORK_OF_BAND = 2**28


def draw(
    genome: Cppn | DirectGenome,
    canvas: Canvas,
    height: int | None = None,
    width: int | None = None,
    on_rows: Callable[[int], None] = lambda _: None,
) -> np.ndarray:
    """Draws one genome at any size.

    A CPPN has no resolution: a larger print also shows what it draws between the pixels of the
    canvas, even stripes that are too fine for the canvas. The pixels of a direct genome become
    squares.

    Args:
        genome: A genome that was evolved on `canvas`.
        canvas: Its image shape and coordinates.
        height: Rows to draw; those of the canvas by default.
        width: Columns to draw; likewise.
        on_rows: Called again and again with the number of rows drawn since the last call.

    Returns:
        uint8 [height, width, channels]; at the size of the canvas, exactly the image that was
        scored.

    Raises:
        ValueError: Drawing so many pixels with so large a network would take hours.
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
    if work * height * width > _MAX_WORK:
        scale = (_MAX_WORK / (work * height * width)) ** 0.5
        raise ValueError(
            f"the genome has {len(packed.activations)} nodes and {len(packed.weights)} connections "
            f"that draw: a print of {width} x {height} pixels would take too long; choose one of "
            f"{int(scale * max(height, width))} pixels at most."
        )
    band = max(1, min(height, _WORK_OF_BAND // (work * width)))
    image = np.empty((height, width, canvas.channels), np.uint8)
    for first in range(0, height, band):
        rows = slice(first, min(first + band, height))
        image[rows] = renderer.render(packed, canvas, height, width, rows)[0]
        on_rows(rows.stop - rows.start)
    return image
