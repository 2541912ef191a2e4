"""Pictures of confidences: over generations, along a step, and how they are distributed."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib import figure
from matplotlib import text as matplotlib_text
from matplotlib.backends import backend_agg

from keras_fool.studies import figures

_INK, _FAINT = "#1d1d1f", "#6e6e73"
_COLOURS = ("#0b6bcb", "#c2410c", "#15803d", "#7c3aed", "#b45309")
_BINS = 40
_SMALLEST = 1e-10  # of confidences on a logarithmic axis
_TITLE_SIZES, _HEADING_SIZES = range(14, 6, -1), range(11, 6, -1)  # points: the largest that fits


def over_generations(
    curves: Mapping[str, Mapping[str, np.ndarray]], title: str, paper: float | None = None
) -> bytes:
    """The median confidence of runs over their generations, with the share between.

    Args:
        curves: By name, columns `generation`, `median` and `mean` of a metrics.csv.
        title: The first line.
        paper: A confidence in [0, 1] to draw a line at.

    Returns:
        A PNG file.
    """
    sheet, axes = _axes(title)
    for (name, curve), colour in zip(curves.items(), _COLOURS, strict=False):
        axes.plot(curve["generation"], 100 * curve["median"], color=colour, label=f"{name}: median")
        axes.plot(
            curve["generation"],
            100 * curve["mean"],
            color=colour,
            linestyle=":",
            label=f"{name}: mean",
        )
    if paper is not None:
        axes.axhline(100 * paper, color=_FAINT, linewidth=1, linestyle="--")
        across = axes.get_yaxis_transform()  # places along the width as shares of it
        axes.text(0.995, 100 * paper + 1, "paper", color=_FAINT, ha="right", transform=across)
    axes.set_xlabel("generation", color=_INK)
    axes.set_ylabel("confidence of the champions, %", color=_INK)
    axes.set_ylim(0, 103)
    axes.set_xlim(left=0)
    axes.legend(frameon=False, loc="lower right", labelcolor=_INK)
    return figures.png(sheet)


def along_a_step(parts: np.ndarray, gains: np.ndarray, title: str) -> bytes:
    """What parts of a step gain, beside what they aim at.

    Args:
        parts: float64 [parts]; 1 is the whole step.
        gains: float64 [parts, images]; in shares of what the whole step aims at.
        title: The first line.

    Returns:
        A PNG file: a thin line per image, a thick one for their median.
    """
    sheet, axes = _axes(title)
    axes.plot(parts, 100 * gains, color=_COLOURS[0], alpha=0.25, linewidth=0.8)
    median = 100 * np.median(gains, axis=1)
    axes.plot(parts, median, color=_COLOURS[0], label=f"median of {gains.shape[1]} images")
    axes.plot(parts, 100 * parts, color=_FAINT, linestyle="--", linewidth=1, label="aimed at")
    axes.axvline(1, color=_FAINT, linewidth=0.8)
    axes.set_xlabel("part of the step", color=_INK)
    axes.set_ylabel("gain, % of what a whole step aims at", color=_INK)
    axes.set_xlim(0, parts[-1])
    axes.set_ylim(min(-20, 100 * gains.min() - 5), 120)
    axes.legend(frameon=False, loc="upper left", labelcolor=_INK)
    return figures.png(sheet)


def gains_of_steps(
    networks: Mapping[str, tuple[np.ndarray, np.ndarray]],
    published: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    title: str,
) -> bytes:
    """What the first steps gain, over the confidence that they are taken at.

    Args:
        networks: By name, confidences in [0, 1] before each step, float [steps, images], and
            what the steps gain, as shares of their aims, likewise.
        published: The same of single images, [steps] each; drawn as stars that are joined.
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
                100 * np.maximum(across, _SMALLEST),
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
        axes.plot(*percent, color=_INK, marker="*", markersize=13, linewidth=0.8, label=name)
    axes.axhline(100, color=_FAINT, linestyle="--", linewidth=1)
    axes.set_xlabel("confidence before the step, % (filled: first step)", color=_INK)
    axes.set_ylabel("gain, % of what the step aims at", color=_INK)
    axes.legend(frameon=False, loc="upper left", labelcolor=_INK, fontsize=8)
    return figures.png(sheet)


def distributions(groups: Mapping[str, np.ndarray], title: str) -> bytes:
    """How confidences are distributed in several groups, one above the other.

    Args:
        groups: By name, confidences in [0, 1]; a group may be empty, NaN is left out.
        title: The first line.

    Returns:
        A PNG file: a histogram per group, of the same bins, with its median.
    """
    sheet = figure.Figure(figsize=(8, 0.8 + 1.5 * len(groups)), layout="constrained")
    backend_agg.FigureCanvasAgg(sheet)
    _draw_title(sheet, title)
    rows = sheet.subplots(len(groups), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, values), colour in zip(rows, groups.items(), _colours(groups), strict=True):
        percent = 100 * np.asarray(values, np.float64)
        percent = percent[np.isfinite(percent)]
        share = np.full(len(percent), 100 / max(1, len(percent)))
        axes.hist(percent, _BINS, range=(0, 100), weights=share, color=colour, alpha=0.75)
        median = f"median {np.median(percent):.1f} %" if len(percent) else "none"
        heading = axes.set_title(f"{name}: {len(percent):,} images, {median}", loc="left")
        _fit(heading, sheet, _HEADING_SIZES, 0.9)  # beside the axis
        if len(percent):
            axes.axvline(np.median(percent), color=_INK, linewidth=1)
        _plain(axes)
        axes.set_ylabel("% of images", color=_FAINT)
    rows[-1].set_xlabel("top-1 confidence, %", color=_INK)
    rows[-1].set_xlim(0, 100)
    return figures.png(sheet)


def _axes(title: str) -> tuple[figure.Figure, object]:
    sheet = figure.Figure(figsize=(9, 5), layout="constrained")
    backend_agg.FigureCanvasAgg(sheet)
    _draw_title(sheet, title)
    axes = sheet.subplots()
    _plain(axes)
    return sheet, axes


def _draw_title(sheet: figure.Figure, title: str) -> None:
    line = sheet.suptitle(title, x=0.01, ha="left", weight="bold", color=_INK)
    _fit(line, sheet, _TITLE_SIZES, 0.95)


def _fit(
    text: matplotlib_text.Text, sheet: figure.Figure, sizes: Iterable[int], share: float
) -> None:
    """Gives a text the first size at which it takes at most a share of the sheet's width."""
    for size in sizes:
        text.set_fontsize(size)
        width = text.get_window_extent(sheet.canvas.get_renderer()).width
        if width < share * sheet.bbox.width:
            break


def _plain(axes: object) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0, labelcolor=_INK)
    axes.grid(axis="y", color="#e5e5ea", linewidth=0.8)
    axes.set_axisbelow(True)


def _colours(groups: Mapping[str, np.ndarray]) -> Sequence[str]:
    return [_COLOURS[place % len(_COLOURS)] for place in range(len(groups))]
