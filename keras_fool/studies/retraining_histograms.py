"""How sure classifiers are of what was evolved against them, before retraining and after.

Each classifier's champions as a histogram of their confidences, and the median; beside it
that of the paper, which is of ImageNet.
"""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib import axes as matplotlib_axes
from matplotlib import figure
from matplotlib.backends import backend_agg

from keras_fool.studies import figures, retraining_effect, retraining_table

_INK, _FAINT, _OURS = "#1d1d1f", "#8a8a90", "#1f5fa8"
_BARS = 50


def draw(confidences: Sequence[np.ndarray], title: str) -> bytes:
    """Draws a histogram for each classifier.

    Args:
        confidences: Of each DNN in order, float [runs, niches] in [0, 1]; at least one.
        title: The first line.

    Returns:
        A PNG file.
    """
    number = len(confidences)
    sheet = figure.Figure(figsize=(9, 1 + 2.4 * number), layout="constrained")
    backend_agg.FigureCanvasAgg(sheet)
    lines = textwrap.fill(title, 90)
    sheet.suptitle(lines, x=0.02, ha="left", fontsize=13, weight="bold", color=_INK)
    panels = sheet.subplots(number, 1, sharex=True, squeeze=False)[:, 0]
    for index, (axes, values) in enumerate(zip(panels, confidences, strict=True)):
        _draw_one(axes, index, 100 * values.ravel())
    panels[-1].set_xlabel("confidence of the champions of the last generation, %", color=_INK)
    return figures.png(sheet)


def _draw_one(axes: matplotlib_axes.Axes, index: int, percents: np.ndarray) -> None:
    shares = np.full(len(percents), 100 / len(percents))
    axes.hist(percents, np.linspace(0, 100, _BARS + 1), weights=shares, color=_OURS, alpha=0.55)
    median = float(np.median(percents))
    axes.axvline(median, color=_OURS, linewidth=2, label=f"median {retraining_table.cut(median)} %")
    if index < len(retraining_effect.PAPER):
        paper = retraining_effect.PAPER[index].score
        label = f"paper's median, ImageNet: {paper} %"
        axes.axvline(paper, color=_FAINT, linewidth=1.5, linestyle="--", label=label)
    title = f"DNN {index + 1}: {len(percents)} images evolved against it; % of them"
    axes.set_title(title, loc="left", fontsize=10, color=_FAINT)
    axes.set_xlim(-1, 101)
    axes.grid(axis="y", color="#e4e4e8")
    axes.set_axisbelow(True)
    axes.tick_params(labelcolor=_INK, color=_FAINT)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(fontsize=9, frameon=False, loc="upper center")
