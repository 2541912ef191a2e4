"""The pictures of the results, drawn without a window; the same numbers, the same bytes."""

import dataclasses
import io
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib import axes as axes_module
from matplotlib import figure
from matplotlib import text as matplotlib_text
from matplotlib.backends import backend_agg

_MOST_NUMBERED = 20  # labels up to which every square says its number
_DARK = 0.55  # shares from which numbers are white
_INK, _FAINT = "#1d1d1f", "#6e6e73"
_SMALLEST = 7  # points
_PANEL, _SQUARE = 0.9, 0.5  # what numbers beside the axes leave of a panel
_LEGEND = 0.75  # of that
_LONGEST_NAME, _LONG_NAME = 16, 12  # letters beside an axis; from when on they are smaller
_LINES, _TITLE_LINES = 2, 3  # at most


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
    more = 0.6 if max(map(len, labels)) > _LONG_NAME else 0.0  # for upright names
    size = (side * len(maps) + 0.4, side + 0.9 + more)
    sheet = figure.Figure(figsize=size, layout="constrained")
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
    names = [shortened(label) for label in labels]
    axes.set_xticks(range(len(names)), names, rotation=90 if max(map(len, names)) > 3 else 0)
    axes.set_yticks(range(len(names)), names)
    if max(map(len, names)) > _LONG_NAME:
        axes.tick_params(labelsize=8)
    for (row, column), number in np.ndenumerate(counts):
        if number:
            colour = "white" if shares[row, column] > _DARK else _INK
            axes.text(column, row, str(number), ha="center", va="center", color=colour, fontsize=10)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(np.arange(1, len(labels)) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="minor", length=0)


def png(sheet: figure.Figure, dpi: int = 110) -> bytes:
    """A Matplotlib figure as a PNG file without the library's version in it.

    Titles and names of axes that are too long for it become smaller, then have more lines.
    """
    _fit_words(sheet)
    buffer = io.BytesIO()
    sheet.savefig(buffer, format="png", dpi=dpi, facecolor="#fbfbf9", metadata={"Software": None})
    return buffer.getvalue()


def shortened(name: str) -> str:
    """A name as it stands beside an axis."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1].rstrip()}…"


def _fit_words(sheet: figure.Figure) -> None:
    # Measured without a layout, which would move everything: an axis' words have the share
    # that its panel has of the sheet.
    width, height = sheet.bbox.width, sheet.bbox.height
    if sheet.get_suptitle():
        _fit(sheet._suptitle, 0.97 * width, _TITLE_LINES)
    for axes in sheet.axes:
        grid = axes.get_subplotspec().get_gridspec()
        # A square one stands in the middle of its panel.
        part = _PANEL if axes.get_aspect() == "auto" else _SQUARE
        across, up = part * width / grid.ncols, part * height / grid.nrows
        for title in (axes.title, axes._left_title, axes._right_title, axes.xaxis.label):
            _fit(title, across)
        _fit(axes.yaxis.label, up, upright=True)
        for name in axes.get_legend().get_texts() if axes.get_legend() else ():
            _fit(name, _LEGEND * across)


def _fit(
    words: matplotlib_text.Text, limit: float, most_lines: int = _LINES, *, upright: bool = False
) -> None:
    """Makes words so small that they fit, then breaks them into lines, then leaves some out."""
    text, size = " ".join(words.get_text().split()), words.get_fontsize()

    def fits() -> bool:
        found = words.get_window_extent(words.figure.canvas.get_renderer())
        return (found.height if upright else found.width) <= limit

    if not text or fits():
        return
    for lines in range(1, most_lines + 1):
        words.set_text(_in_lines(text, lines))
        for smaller in np.arange(max(size, _SMALLEST), _SMALLEST - 0.5, -1.0):
            words.set_fontsize(smaller)
            if fits():
                return
    while len(text) > 1 and not fits():
        text = text[: -1 - len(text) // 20]
        words.set_text(_in_lines(f"{text.rstrip()}…", most_lines))


def _in_lines(text: str, lines: int) -> str:
    """At most so many lines, of about the same length."""
    width = -(-len(text) // lines)
    while len(broken := textwrap.wrap(text, width)) > lines:
        width += 1
    return "\n".join(broken)
