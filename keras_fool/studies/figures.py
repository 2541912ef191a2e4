"""The pictures of the results, drawn without a window; the same numbers, the same bytes."""

import dataclasses
import io
from collections.abc import Sequence

import numpy as np
from matplotlib import axes as axes_module
from matplotlib import figure
from matplotlib.backends import backend_agg

_MOST_NUMBERED = 20  # labels up to which every square says its number
_DARK = 0.55  # shares from which numbers are white
_INK, _FAINT = "#1d1d1f", "#6e6e73"


@dataclasses.dataclass(frozen=True, eq=False)
class HeatMap:
    """What a classifier calls the images that were evolved for each label.

    Attributes:
        counts: int [num_labels, num_labels]; at [evolved, given] the number of images.
        title: Above it.
        across: What its columns are.
    """

    counts: np.ndarray
    title: str
    across: str


def heat_maps(maps: Sequence[HeatMap], labels: Sequence[str], title: str) -> bytes:
    """Heat maps side by side.

    Args:
        maps: All of the same labels.
        labels: Their names.
        title: The first line.

    Returns:
        A PNG file. Colours are shares of a row, so labels of few images show as well.
    """
    side = min(9.0, max(4.0, 0.5 * len(labels) + 0.5))
    sheet = figure.Figure(figsize=(side * len(maps) + 0.4, side + 0.9), layout="constrained")
    backend_agg.FigureCanvasAgg(sheet)
    sheet.suptitle(title, x=0.01, ha="left", fontsize=14, weight="bold", color=_INK)
    for axes, heat_map in zip(sheet.subplots(1, len(maps), squeeze=False)[0], maps, strict=True):
        _draw_heat_map(axes, heat_map, labels)
    return png(sheet)


def _draw_heat_map(axes: axes_module.Axes, heat_map: HeatMap, labels: Sequence[str]) -> None:
    counts = heat_map.counts
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.set_title(heat_map.title, loc="left", fontsize=11, color=_FAINT)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    axes.set_xlabel(heat_map.across, color=_INK)
    axes.set_ylabel("evolved for", color=_INK)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, labelsize=11, labelcolor=_INK)
    if len(labels) > _MOST_NUMBERED:
        return
    axes.set_xticks(range(len(labels)), labels, rotation=90 if max(map(len, labels)) > 3 else 0)
    axes.set_yticks(range(len(labels)), labels)
    for (row, column), number in np.ndenumerate(counts):
        if number:
            colour = "white" if shares[row, column] > _DARK else _INK
            axes.text(column, row, str(number), ha="center", va="center", color=colour, fontsize=10)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(np.arange(1, len(labels)) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="minor", length=0)


def png(sheet: figure.Figure, dpi: int = 110) -> bytes:
    """A Matplotlib figure as a PNG file without the library's version in it."""
    buffer = io.BytesIO()
    sheet.savefig(buffer, format="png", dpi=dpi, facecolor="#fbfbf9", metadata={"Software": None})
    return buffer.getvalue()
