"""Genomes -> images.

    coordinates   what a CPPN sees of a pixel's place
    cpu           CpuRenderer: compiled, on all cores

One meaning, several renderers: they agree to float32 rounding.
"""

import numpy as np

from evolvers import program
from evolvers.canvas import Canvas
from evolvers.cppn import Cppn, CppnBatch
from evolvers.direct import DirectGenome
from evolvers.render.cpu import CpuRenderer


def draw(
    genome: Cppn | DirectGenome,
    canvas: Canvas,
    height: int | None = None,
    width: int | None = None,
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

    Returns:
        uint8 [height, width, channels]; at the canvas' own size the very image that scored.
    """
    renderer = CpuRenderer()
    try:
        if isinstance(genome, Cppn):
            packed = program.pack(CppnBatch.stack([genome]))
            return renderer.render(packed, canvas, height, width)[0]
        image = renderer.render_pixels(genome.genes[np.newaxis])[0]
        rows = np.arange(height or canvas.height) * canvas.height // (height or canvas.height)
        columns = np.arange(width or canvas.width) * canvas.width // (width or canvas.width)
        return image[rows][:, columns]
    finally:
        renderer.close()
