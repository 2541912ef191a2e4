"""Table S2 as a picture: errors and scores over the iterations, ours and the paper's."""

import textwrap
from collections.abc import Sequence

from matplotlib import axes as matplotlib_axes
from matplotlib import figure
from matplotlib.backends import backend_agg

from keras_fool.studies import figures, retraining_table

_INK, _FAINT, _OURS, _SECOND = "#1d1d1f", "#8a8a90", "#1f5fa8", "#b4540a"
_DATASETS = {"mnist": "MNIST"}  # as they are written


def draw(found: Sequence[retraining_table.Row], title: str, dataset: str) -> bytes:
    """Draws both panels.

    Args:
        found: Our rows, at least one.
        title: The first line.
        dataset: The data set's name.

    Returns:
        A PNG file. The paper's points are left out where the data set is another one.
    """
    paper = retraining_table.PAPER[: len(found)] if dataset == "mnist" else ()
    numbers = [row.number for row in found]
    sheet = figure.Figure(figsize=(9, 7.2), layout="constrained")
    backend_agg.FigureCanvasAgg(sheet)
    lines = textwrap.fill(title, 90)
    sheet.suptitle(lines, x=0.02, ha="left", fontsize=13, weight="bold", color=_INK)
    scores, errors = sheet.subplots(2, 1, sharex=True)

    ends = [
        [row.score - row.low for row in found],
        [row.high - row.score for row in found],
    ]
    scores.errorbar(
        numbers,
        [row.score for row in found],
        yerr=ends,
        color=_OURS,
        marker="o",
        capsize=4,
        label="ours, 95 % over runs",
    )
    scores.set_title("Score: median confidence of the images evolved against DNN i, %")
    errors.plot(
        numbers,
        [row.error for row in found],
        color=_OURS,
        marker="o",
        label="Error, ours (with the fooling class)",
    )
    errors.plot(
        numbers,
        [row.original_error for row in found],
        color=_SECOND,
        marker="s",
        label=f"{_DATASETS.get(dataset, dataset)} Error, ours",
    )
    errors.set_title("Error of DNN i on validation images, %")
    if paper:
        dashed = {"linestyle": "--", "linewidth": 1, "markersize": 4, "alpha": 0.75}
        at = numbers[: len(paper)]
        values = [row.score for row in paper]
        scores.plot(at, values, color=_FAINT, marker="D", label="paper", **dashed)
        values = [row.error for row in paper]
        errors.plot(at, values, color=_OURS, marker="o", label="Error, paper", **dashed)
        values = [row.mnist_error for row in paper]
        errors.plot(at, values, color=_SECOND, marker="s", label="MNIST Error, paper", **dashed)
    errors.set_xlabel("i, the number of the classifier", color=_INK)
    errors.set_xticks(numbers)
    for axes in (scores, errors):
        _dress(axes)
    return figures.png(sheet)


def _dress(axes: matplotlib_axes.Axes) -> None:
    axes.set_title(axes.get_title(), loc="left", fontsize=10, color=_FAINT)
    axes.set_title("")
    axes.grid(axis="y", color="#e4e4e8")
    axes.set_axisbelow(True)
    axes.tick_params(labelcolor=_INK, color=_FAINT)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(fontsize=9, frameon=False)
