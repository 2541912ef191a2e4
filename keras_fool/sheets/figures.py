"""Images with captions as a Matplotlib figure, for notebooks and papers."""

import io
from collections.abc import Sequence

import numpy as np
from matplotlib import figure
from matplotlib.backends import backend_agg

from keras_fool.sheets.sheet_drawing import squarish

_TILE = 1.5  # inches
_CAPTION = 0.5


class Figure(figure.Figure):
    """A figure that notebooks show, whatever Matplotlib's settings are."""

    def _repr_png_(self) -> bytes:
        return png(self)


def grid(images: np.ndarray, captions: Sequence[str], title: str) -> Figure:
    """Draws images side by side; nothing of Matplotlib's state is used or changed.

    Args:
        images: uint8 [images, height, width, channels], grey or RGB.
        captions: A text for each, of one or more lines.
        title: The first line.

    Returns:
        A figure with an axes for each image.
    """
    columns = len(images) if len(images) <= 10 else squarish(len(images))
    rows = -(-len(images) // columns)
    height, width = images.shape[1:3]
    size = (columns * _TILE, rows * (_TILE * height / width + _CAPTION) + _CAPTION)
    drawn = Figure(figsize=size, layout="constrained")
    backend_agg.FigureCanvasAgg(drawn)
    drawn.suptitle(title)
    axes = list(drawn.subplots(rows, columns, squeeze=False).flat)
    for image, caption, each in zip(images, captions, axes, strict=False):
        shown = image[..., 0] if image.shape[2] == 1 else image
        each.imshow(shown, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        each.set_title(caption, fontsize=9)
    for each in axes:
        each.set_axis_off()
    return drawn


def png(drawn: figure.Figure) -> bytes:
    """A figure as a PNG file."""
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="png")
    return buffer.getvalue()
