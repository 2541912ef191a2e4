"""Table S2: fifteen classifiers, each trained on the images that fooled those before it.

Nguyen, Yosinski and Clune, 2015, supplement C.1, https://arxiv.org/abs/1412.1897. The table
has the figures of keras_fool, and on MNIST the paper's behind them.
"""

import dataclasses
import textwrap
from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib import axes as matplotlib_axes
from matplotlib import figure

from keras_fool.studies import plots, tables
from keras_fool.studies.retraining import outcomes

_DATASETS = {"mnist": "MNIST"}  # as they are written


@dataclasses.dataclass(frozen=True)
class PaperRow:
    """A row of the paper's Table S2; errors and score in per cent."""

    error: float
    mnist_error: float
    train: int
    val: int
    score: float


PAPER = (
    PaperRow(0.94, 0.94, 60000, 10000, 99.99),
    PaperRow(1.02, 0.87, 66000, 11000, 97.42),
    PaperRow(0.92, 0.87, 67000, 11100, 99.83),
    PaperRow(0.89, 0.83, 68000, 11200, 72.52),
    PaperRow(0.90, 0.96, 69000, 11300, 97.55),
    PaperRow(0.89, 0.99, 70000, 11400, 99.68),
    PaperRow(0.86, 0.98, 71000, 11500, 76.13),
    PaperRow(0.91, 1.01, 72000, 11600, 99.96),
    PaperRow(0.90, 0.86, 73000, 11700, 99.51),
    PaperRow(0.84, 0.94, 74000, 11800, 99.48),
    PaperRow(0.80, 0.93, 75000, 11900, 98.62),
    PaperRow(0.82, 0.98, 76000, 12000, 99.97),
    PaperRow(0.75, 0.90, 77000, 12100, 99.93),
    PaperRow(0.80, 0.96, 78000, 12200, 99.15),
    PaperRow(0.79, 0.95, 79000, 12300, 99.15),
)


def as_markdown(found: Sequence[outcomes.Row], dataset: str) -> str:
    """The table for readers, on MNIST with the paper's figures in brackets."""
    original = "MNIST Error" if dataset == "mnist" else f"{dataset} Error"
    headings = ["i", "Error", original, "Train", "Val", "Score", "95 % interval", "runs"]
    headings += ["fooling images missed", "champions >= 99.99 %"]
    lines = []
    for row in found:
        paper = [""] * 5
        if dataset == "mnist" and row.number <= len(PAPER):
            paper = [f" ({value})" for value in _texts(PAPER[row.number - 1])]
        missed = "-" if np.isnan(row.fooling_error) else f"{row.fooling_error:.2f} %"
        cells = [
            str(row.number),
            f"{row.error:.2f}{paper[0]}",
            f"{row.original_error:.2f}{paper[1]}",
            f"{row.train}{paper[2]}",
            f"{row.val}{paper[3]}",
            f"{tables.cut(row.score)}{paper[4]}",
            f"{tables.cut(row.low)} to {tables.cut(row.high)}",
            str(row.runs),
            missed,
            f"{row.share_9999:.1f} %",
        ]
        lines.append(cells)
    return tables.markdown(headings, lines)


def _texts(paper: PaperRow) -> list[str]:
    return [
        f"{paper.error:.2f}",
        f"{paper.mnist_error:.2f}",
        str(paper.train),
        str(paper.val),
        f"{paper.score:.2f}",
    ]


def draw(found: Sequence[outcomes.Row], title: str, dataset: str) -> bytes:
    """Draws both panels.

    Args:
        found: What came of each classifier, of at least one.
        title: The first line.
        dataset: The data set's name.

    Returns:
        A PNG file. The paper's points are left out where the data set is another one.
    """
    paper = PAPER[: len(found)] if dataset == "mnist" else ()
    numbers = [row.number for row in found]
    sheet = new_sheet(title, 7.2)
    scores, errors = sheet.subplots(2, 1, sharex=True)

    ends = [
        [row.score - row.low for row in found],
        [row.high - row.score for row in found],
    ]
    scores.errorbar(
        numbers,
        [row.score for row in found],
        yerr=ends,
        color=plots.BLUE,
        marker="o",
        capsize=4,
        label="keras_fool, 95 % over runs",
    )
    errors.plot(
        numbers,
        [row.error for row in found],
        color=plots.BLUE,
        marker="o",
        label="Error, keras_fool (with the fooling class)",
    )
    errors.plot(
        numbers,
        [row.original_error for row in found],
        color=plots.ORANGE,
        marker="s",
        label=f"{_DATASETS.get(dataset, dataset)} Error, keras_fool",
    )
    if paper:
        dashed = {"linestyle": "--", "linewidth": 1, "markersize": 4, "alpha": 0.75}
        at = numbers[: len(paper)]
        for axes, name, color, marker, label in (
            (scores, "score", plots.PALE, "D", "paper"),
            (errors, "error", plots.BLUE, "o", "Error, paper"),
            (errors, "mnist_error", plots.ORANGE, "s", "MNIST Error, paper"),
        ):
            values = [getattr(row, name) for row in paper]
            axes.plot(at, values, color=color, marker=marker, label=label, **dashed)
    errors.set_xlabel("i, the number of the classifier", color=plots.INK)
    errors.set_xticks(numbers)
    dress(scores, "Score: median confidence of the images evolved against DNN i, %")
    dress(errors, "Error of DNN i on validation images, %")
    return plots.png(sheet)


def new_sheet(title: str, height: float) -> figure.Figure:
    """An empty figure with its title."""
    sheet = plots.new_sheet(9, height)
    lines = textwrap.fill(title, 90)
    sheet.suptitle(lines, x=0.02, ha="left", fontsize=13, weight="bold", color=plots.INK)
    return sheet


def dress(
    axes: matplotlib_axes.Axes, title: str, legend: Literal["upper center"] | None = None
) -> None:
    """The title, grid and legend of a panel; `legend` is its place."""
    axes.set_title(title, loc="left", fontsize=10, color=plots.PALE)
    axes.grid(axis="y", color=plots.PALE_GRID)
    axes.set_axisbelow(True)
    axes.tick_params(labelcolor=plots.INK, color=plots.PALE)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(fontsize=9, frameon=False, loc=legend)
