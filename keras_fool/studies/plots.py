"""Diagrams of results: heat maps, curves, histograms; the same numbers give the same bytes.

The colours of all diagrams are listed here; those of sheets of images are in
`keras_fool.sheets.sheet_drawing`.
"""

import dataclasses
import io
import textwrap
from collections.abc import Iterable, Mapping, Sequence, Sized

import numpy as np
import numpy.typing as npt
from matplotlib import axes as axes_module
from matplotlib import colormaps, colors, figure
from matplotlib import text as matplotlib_text
from matplotlib.backends import backend_agg

from keras_fool.sheets import sheet_drawing

INK, FAINT, ORANGE = sheet_drawing.INK, sheet_drawing.FAINT, sheet_drawing.WEAK
PALE, BLUE = "#8a8a90", "#1f5fa8"
GRID, PALE_GRID = "#e5e5ea", "#e4e4e8"
_SERIES = ("#0b6bcb", "#c2410c", "#15803d", "#7c3aed", "#b45309", "#0e7490", "#be185d")

_MAX_NUMBERED = 20  # labels up to which every square of a heat map shows its number
_DARK = 0.55  # shares from which these numbers are white
_MIN_SIZE = 7  # of letters, in points
_TITLE_SIZES, _HEADING_SIZES = range(14, 6, -1), range(11, 6, -1)  # points; the largest that fits
_PANEL, _SQUARE = 0.9, 0.5  # share of a panel that numbers beside the axes leave
_LEGEND = 0.75  # of that
_MAX_NAME, _LONG_NAME = 16, 12  # letters beside an axis; from when on they are smaller
_MAX_LINES, _MAX_TITLE_LINES = 2, 3
_BINS = 40
_MIN_CONFIDENCE = 1e-10  # on a logarithmic axis


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
        A PNG file. Colours are shares of a row, so that labels with few images show as well.
    """
    side = min(9.0, max(4.0, 0.5 * len(labels) + 0.5))
    more = 0.6 if max(map(len, labels)) > _LONG_NAME else 0.0  # for upright names
    sheet = new_sheet(side * len(maps) + 0.4, side + 0.9 + more)
    sheet.suptitle(title, x=0.01, ha="left", fontsize=14, weight="bold", color=INK)
    for axes, heat_map in zip(sheet.subplots(1, len(maps), squeeze=False)[0], maps, strict=True):
        _draw_heat_map(axes, heat_map, labels)
    return png(sheet)


def _draw_heat_map(axes: axes_module.Axes, heat_map: HeatMap, labels: Sequence[str]) -> None:
    counts = heat_map.counts
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.set_title(heat_map.title, loc="left", fontsize=11, color=FAINT)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    axes.set_xlabel(heat_map.across, color=INK)
    axes.set_ylabel("evolved for", color=INK)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, labelsize=11, labelcolor=INK)
    if len(labels) > _MAX_NUMBERED:
        return
    names = [_shortened(label) for label in labels]
    axes.set_xticks(range(len(names)), names, rotation=90 if max(map(len, names)) > 3 else 0)
    axes.set_yticks(range(len(names)), names)
    if max(map(len, names)) > _LONG_NAME:
        axes.tick_params(labelsize=8)
    for (row, column), number in np.ndenumerate(counts):
        if number:
            colour = "white" if shares[row, column] > _DARK else INK
            axes.text(column, row, str(number), ha="center", va="center", color=colour, fontsize=10)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(np.arange(1, len(labels)) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="minor", length=0)


def over_generations(
    curves: Mapping[str, Mapping[str, np.ndarray]], title: str, paper: float | None = None
) -> bytes:
    """The median and the mean confidence of runs over their generations.

    Args:
        curves: By name, columns `generation`, `median` and `mean` of a metrics.csv.
        title: The first line.
        paper: A confidence in [0, 1] to draw a line at.

    Returns:
        A PNG file.
    """
    sheet, axes = _axes(title)
    for (name, curve), colour in zip(curves.items(), _colours(curves), strict=True):
        axes.plot(curve["generation"], 100 * curve["median"], color=colour, label=f"{name}: median")
        axes.plot(
            curve["generation"],
            100 * curve["mean"],
            color=colour,
            linestyle=":",
            label=f"{name}: mean",
        )
    if paper is not None:
        axes.axhline(100 * paper, color=FAINT, linewidth=1, linestyle="--")
        across = axes.get_yaxis_transform()  # places along the width as shares of it
        axes.text(0.995, 100 * paper + 1, "paper", color=FAINT, ha="right", transform=across)
    axes.set_xlabel("generation", color=INK)
    axes.set_ylabel("confidence of the champions, %", color=INK)
    axes.set_ylim(0, 103)
    axes.set_xlim(left=0)
    axes.legend(frameon=False, loc="lower right", labelcolor=INK)
    return png(sheet)


def against_images(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]],
    title: str,
    quantity: str,
    paper: float | None = None,
) -> bytes:
    """A share against the number of images that it took.

    Args:
        curves: By name, numbers of images of a run, and shares in [0, 1].
        title: The first line.
        quantity: What the shares are, with its unit, %.
        paper: A share to draw a line at.

    Returns:
        A PNG file.
    """
    sheet, axes = _axes(title)
    for (name, (images, shares)), colour in zip(curves.items(), _colours(curves), strict=True):
        axes.plot(images, 100 * shares, color=colour, label=name)
    if paper is not None:
        axes.axhline(100 * paper, color=FAINT, linewidth=1, linestyle="--")
        across = axes.get_yaxis_transform()  # places along the width as shares of it
        axes.text(0.005, 100 * paper + 1, "paper, at its end", color=FAINT, transform=across)
    axes.set_xlabel("images of a run", color=INK)
    axes.set_ylabel(quantity, color=INK)
    axes.set_ylim(0, 103)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    # Where it hides the least; what lies behind it shows through, but no line crosses the names.
    axes.legend(
        loc="best", labelcolor=INK, facecolor=sheet_drawing.PAPER, edgecolor="none", framealpha=0.85
    )
    return png(sheet)


def along_a_step(parts: np.ndarray, gains: np.ndarray, title: str) -> bytes:
    """What parts of a step gain, compared with what they aim at.

    Args:
        parts: float64 [parts]; 1 is the whole step.
        gains: float64 [parts, images]; in shares of what the whole step aims at.
        title: The first line.

    Returns:
        A PNG file: a thin line per image, a thick one for their median.
    """
    sheet, axes = _axes(title)
    axes.plot(parts, 100 * gains, color=_SERIES[0], alpha=0.25, linewidth=0.8)
    median = 100 * np.median(gains, axis=1)
    axes.plot(parts, median, color=_SERIES[0], label=f"median of {gains.shape[1]} images")
    axes.plot(parts, 100 * parts, color=FAINT, linestyle="--", linewidth=1, label="aimed at")
    axes.axvline(1, color=FAINT, linewidth=0.8)
    axes.set_xlabel("part of the step", color=INK)
    axes.set_ylabel("gain, % of what a whole step aims at", color=INK)
    axes.set_xlim(0, parts[-1])
    axes.set_ylim(min(-20, 100 * gains.min() - 5), 120)
    axes.legend(frameon=False, loc="upper left", labelcolor=INK)
    return png(sheet)


def gains_of_steps(
    networks: Mapping[str, tuple[np.ndarray, np.ndarray]],
    published: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]],
    title: str,
) -> bytes:
    """What the first steps gain, over the confidence that they are taken at.

    Args:
        networks: By name, confidences in [0, 1] before each step, float [steps, images], and
            what the steps gain as shares of their aims, float [steps, images].
        published: The same for single images, [steps] each; drawn as stars joined by a line.
        title: The first line.

    Returns:
        A PNG file: a point per image and step, filled for the first one.
    """
    sheet, axes = _axes(title)
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=1, linscale=0.5)
    for colour, (name, (confidences, shares)) in zip(
        _colours(networks), networks.items(), strict=True
    ):
        for number, (across, up) in enumerate(zip(confidences, shares, strict=True)):
            axes.scatter(
                100 * np.maximum(across, _MIN_CONFIDENCE),
                100 * up,
                s=16,
                alpha=0.7,
                edgecolors=colour,
                facecolors="none" if number else colour,
                linewidths=0.8,
                label=None if number else name,
            )
    for name, (across, up) in published.items():
        percent = [100 * np.asarray(values) for values in (across, up)]
        axes.plot(*percent, color=INK, marker="*", markersize=13, linewidth=0.8, label=name)
    axes.axhline(100, color=FAINT, linestyle="--", linewidth=1)
    axes.set_xlabel("confidence before the step, % (filled: first step)", color=INK)
    axes.set_ylabel("gain, % of what the step aims at", color=INK)
    axes.legend(frameon=False, loc="upper left", labelcolor=INK, fontsize=8)
    return png(sheet)


def distributions(groups: Mapping[str, np.ndarray], title: str) -> bytes:
    """How confidences are distributed in several groups, one above the other.

    Args:
        groups: By name, confidences in [0, 1]; a group may be empty, NaN is left out.
        title: The first line.

    Returns:
        A PNG file: a histogram per group, of the same bins, with its median.
    """
    sheet = new_sheet(8, 0.8 + 1.5 * len(groups))
    _draw_title(sheet, title)
    rows = sheet.subplots(len(groups), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, values), colour in zip(rows, groups.items(), _colours(groups), strict=True):
        percent = 100 * np.asarray(values, np.float64)
        percent = percent[np.isfinite(percent)]
        share = np.full(len(percent), 100 / max(1, len(percent)))
        axes.hist(percent, _BINS, range=(0, 100), weights=share, color=colour, alpha=0.75)
        median = f"median {np.median(percent):.1f} %" if len(percent) else "none"
        heading = axes.set_title(f"{name}: {len(percent):,} images, {median}", loc="left")
        _shrink(heading, sheet, _HEADING_SIZES, 0.9)  # beside the axis
        if len(percent):
            axes.axvline(np.median(percent), color=INK, linewidth=1)
        _dress(axes)
        axes.set_ylabel("% of images", color=FAINT)
    rows[-1].set_xlabel("top-1 confidence, %", color=INK)
    rows[-1].set_xlim(0, 100)
    return png(sheet)


def new_sheet(width: float, height: float) -> figure.Figure:
    """An empty figure of a size in inches, which is drawn without a window."""
    sheet = figure.Figure(figsize=(width, height), layout="constrained")
    backend_agg.FigureCanvasAgg(sheet)
    return sheet


def png(sheet: figure.Figure, dpi: int = 110) -> bytes:
    """A Matplotlib figure as a PNG file without the library's version in it.

    Titles and names of axes that are too long for it become smaller, then have more lines.
    """
    _fit_words(sheet)
    buffer = io.BytesIO()
    sheet.savefig(
        buffer, format="png", dpi=dpi, facecolor=sheet_drawing.PAPER, metadata={"Software": None}
    )
    return buffer.getvalue()


def _shortened(name: str) -> str:
    """A name as it is written beside an axis."""
    return name if len(name) <= _MAX_NAME else f"{name[: _MAX_NAME - 1].rstrip()}…"


def _fit_words(sheet: figure.Figure) -> None:
    # Measured without a layout, which would move everything: the words of an axis get the same
    # share of the sheet as its panel.
    width, height = sheet.bbox.width, sheet.bbox.height
    if sheet.get_suptitle():
        # Matplotlib has no public way to the titles themselves.
        _fit(sheet, sheet._suptitle, 0.97 * width, _MAX_TITLE_LINES)  # type: ignore[attr-defined]
    for axes in sheet.axes:
        panel = axes.get_subplotspec()
        assert panel is not None  # `subplots` made it
        grid = panel.get_gridspec()
        # A square one stands in the middle of its panel.
        part = _PANEL if axes.get_aspect() == "auto" else _SQUARE
        across, up = part * width / grid.ncols, part * height / grid.nrows
        beside = axes._left_title, axes._right_title  # type: ignore[attr-defined]
        for title in (axes.title, *beside, axes.xaxis.label):
            _fit(sheet, title, across)
        _fit(sheet, axes.yaxis.label, up, upright=True)
        legend = axes.get_legend()
        for name in legend.get_texts() if legend else ():
            _fit(sheet, name, _LEGEND * across)


def _fit(
    sheet: figure.Figure,
    words: matplotlib_text.Text,
    limit: float,
    max_lines: int = _MAX_LINES,
    *,
    upright: bool = False,
) -> None:
    """Makes words so small that they fit, then breaks them into lines, then leaves some out."""
    text, size = " ".join(words.get_text().split()), words.get_fontsize()

    def fits() -> bool:
        found = words.get_window_extent(_renderer(sheet))
        return (found.height if upright else found.width) <= limit

    if not text or fits():
        return
    for lines in range(1, max_lines + 1):
        words.set_text(_in_lines(text, lines))
        for smaller in np.arange(max(size, _MIN_SIZE), _MIN_SIZE - 0.5, -1.0):
            words.set_fontsize(smaller)
            if fits():
                return
    while len(text) > 1 and not fits():
        text = text[: -1 - len(text) // 20]
        words.set_text(_in_lines(f"{text.rstrip()}…", max_lines))


def _in_lines(text: str, lines: int) -> str:
    """At most so many lines, of about the same length."""
    width = -(-len(text) // lines)
    while len(broken := textwrap.wrap(text, width)) > lines:
        width += 1
    return "\n".join(broken)


def _axes(title: str) -> tuple[figure.Figure, axes_module.Axes]:
    sheet = new_sheet(9, 5)
    _draw_title(sheet, title)
    axes = sheet.subplots()
    _dress(axes)
    return sheet, axes


def _draw_title(sheet: figure.Figure, title: str) -> None:
    line = sheet.suptitle(title, x=0.01, ha="left", weight="bold", color=INK)
    _shrink(line, sheet, _TITLE_SIZES, 0.95)


def _shrink(
    text: matplotlib_text.Text, sheet: figure.Figure, sizes: Iterable[int], share: float
) -> None:
    """Gives a text the first size at which it takes at most a share of the sheet's width."""
    for size in sizes:
        text.set_fontsize(size)
        width = text.get_window_extent(_renderer(sheet)).width
        if width < share * sheet.bbox.width:
            break


def _renderer(sheet: figure.Figure) -> backend_agg.RendererAgg:
    canvas = sheet.canvas
    assert isinstance(canvas, backend_agg.FigureCanvasAgg)  # `new_sheet` gave it one
    return canvas.get_renderer()


def _dress(axes: axes_module.Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0, labelcolor=INK)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)


def _colours(groups: Sized) -> Sequence[str]:
    """A colour for each, all different; beyond seven, those between violet and red."""
    if len(groups) <= len(_SERIES):
        return _SERIES[: len(groups)]
    return [colors.to_hex(colormaps["turbo"](at)) for at in np.linspace(0.05, 0.95, len(groups))]
