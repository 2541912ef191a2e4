"""How a CPPN gets the position of a pixel: its inputs."""

import dataclasses
import functools

import numpy as np

from evolvers.canvas import Canvas


@dataclasses.dataclass(frozen=True, eq=False)
class Grid:
    """The inputs of all pixels of an image, by column and by row.

    A pixel's inputs are `x[column]`, `y[row]`, `sqrt(across[column]^2 + down[row]^2)` and 1.

    Attributes:
        x: float32 [width], the first input.
        y: float32 [height], the second input.
        across: float32 [width], in [-1, 1].
        down: float32 [height], in [-1, 1].
    """

    x: np.ndarray
    y: np.ndarray
    across: np.ndarray
    down: np.ndarray

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """The four arrays in the order in which compiled code takes them."""
        return self.x, self.y, self.across, self.down

    def select_rows(self, rows: slice) -> "Grid":
        """The inputs of some of the rows."""
        return Grid(self.x, self.y[rows], self.across, self.down[rows])

    def inputs(self) -> np.ndarray:
        """The four inputs of every pixel: float32 [4, height, width]."""
        down, across = np.meshgrid(self.down, self.across, indexing="ij")
        distance = np.sqrt(across * across + down * down)
        y, x = np.meshgrid(self.y, self.x, indexing="ij")
        return np.stack([x, y, distance, np.ones_like(x)])


@functools.lru_cache(maxsize=16)
def grid(canvas: Canvas, height: int, width: int) -> Grid:
    """The inputs for a picture of `height` x `width` pixels.

    A print of any size has, from border to border, the coordinates of the canvas on which the
    genome was evolved, so it samples the same picture more finely or more coarsely. At the size of
    the canvas, raw coordinates are the whole numbers 0..width - 1 and 0..height - 1.
    """
    column, across = _axis(canvas.width, width)
    row, down = _axis(canvas.height, height)
    if canvas.coords == "normalized":
        column, row = across, down
    return Grid(*(axis.astype(np.float32) for axis in (column, row, across, down)))


def _axis(evolved: int, printed: int) -> tuple[np.ndarray, np.ndarray]:
    """Raw and normalised positions along one axis: float64 [printed] each."""
    if evolved == 1:
        return np.zeros(printed), np.zeros(printed)
    raw = np.arange(printed) * ((evolved - 1) / max(printed - 1, 1))
    return raw, -1 + 2 * raw / (evolved - 1)
