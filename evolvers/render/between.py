"""What a genome draws between the pixels of its image.

A CPPN has no resolution. Where it repeats faster than the pixels, the image shows one point of each
stripe, and a larger print shows the stripes: quite another picture than the one that was scored.
"""

import numpy as np

from evolvers import program, render
from evolvers.canvas import Canvas
from evolvers.cppn import Cppn, CppnBatch

# A mean difference, in grey levels, from which on a print looks like another picture. Of 50
# champions of MNIST with raw coordinates, 20 differ by 1 to 12 levels, which are softer edges, and
# 30 by 40 to 78, which are stripes. Of 20 with normalized coordinates, 10 of them in colour, 19
# differ by up to 24 and look alike, and one by 33: stripes, where the image is plain.
VISIBLE = 24.0
# Points across a pixel. Three miss stripes of which a whole number lies between two of them: 7 of
# those 30; five and nine agree.
_POINTS = 5
_MAX_WORK = 2**33  # weights and activations times points: some seconds


def difference(genome: Cppn, canvas: Canvas) -> float | None:
    """How much the scored pixels differ from the mean of what is drawn around each of them.

    Args:
        genome: A genome that was evolved on `canvas`.
        canvas: Its image shape and coordinates.

    Returns:
        The mean absolute difference in grey levels, 0 to 255; None where finding it would take
        more than some seconds.
    """
    height, width = (_POINTS * (side - 1) + 1 for side in (canvas.height, canvas.width))
    packed = program.pack(CppnBatch.stack([genome]))
    if (len(packed.activations) + len(packed.weights)) * height * width > _MAX_WORK:
        return None
    # Every fifth point in each direction is that of a pixel.
    means = render.draw(genome, canvas, height, width).astype(np.float32)
    for axis in (0, 1):
        means = _means(means, axis)
    scored = render.draw(genome, canvas)
    return float(np.abs(means - scored).mean())


def _means(points: np.ndarray, axis: int) -> np.ndarray:
    """Means over the points around each pixel along an axis; at a border its point is repeated."""
    around = [(0, 0)] * points.ndim
    around[axis] = (_POINTS // 2, _POINTS // 2)
    points = np.moveaxis(np.pad(points, around, mode="edge"), axis, 0)
    pixels = points.reshape(-1, _POINTS, *points.shape[1:])
    return np.moveaxis(pixels.mean(axis=1), 0, axis)
