"""Table S2, ours beside the paper's: what came of every classifier of a retraining study.

Nguyen, Yosinski and Clune, 2015, supplement C.1, https://arxiv.org/abs/1412.1897.
"""

import csv
import dataclasses
import decimal
import io
from collections.abc import Sequence

import numpy as np

from keras_fool.runs import tables
from keras_fool.studies import bootstrap, retraining, retraining_folder

_HUNDREDTH = decimal.Decimal("0.01")


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


@dataclasses.dataclass(frozen=True)
class Row:
    """What came of one classifier.

    Attributes:
        number: Of the DNN, from 1.
        error: Per cent of all validation images, those of the fooling class among them.
        original_error: Per cent of the data's own test images.
        fooling_error: Per cent of the fooling class's validation images; NaN without any.
        train: Training images.
        val: Validation images.
        score: Median confidence, in per cent, of the last champions of all runs.
        low: Lower end of the score's 95 % interval over runs.
        high: Its upper end.
        score_of_runs: Median of the runs' medians, in per cent.
        share_99: Per cent of the champions with a confidence of at least 0.99.
        share_9999: Per cent of them with at least 0.9999.
        runs: Runs of evolution.
    """

    number: int
    error: float
    original_error: float
    fooling_error: float
    train: int
    val: int
    score: float
    low: float
    high: float
    score_of_runs: float
    share_99: float
    share_9999: float
    runs: int


def rows(folder: retraining_folder.Folder, config: retraining.Config) -> list[Row]:
    """A row for every classifier that has been trained and fooled, in order."""
    found = []
    while len(found) < config.iterations and folder.is_done("evolve", len(found) + 1):
        found.append(_row(folder, config, len(found) + 1))
    return found


def _row(folder: retraining_folder.Folder, config: retraining.Config, number: int) -> Row:
    card = folder.card(number)
    fooling = sum(config.drawn(earlier)[1] for earlier in range(1, number))
    error, original = card["test_error_percent"], card[retraining_folder.ORIGINAL_ERROR]
    val = card["num_test"]
    wrong = round(error * val / 100) - round(original * (val - fooling) / 100)
    confidences = folder.confidences(number)
    low, high = bootstrap.interval(confidences, bootstrap.median, config.seed)
    # What a float32 stands for: 0.9999 is 0.99989998 and yet at least 0.9999.
    at_least = [100 * float((confidences >= np.float32(bound)).mean()) for bound in (0.99, 0.9999)]
    return Row(
        number=number,
        error=error,
        original_error=original,
        fooling_error=100 * wrong / fooling if fooling else float("nan"),
        train=card["num_train"],
        val=val,
        score=100 * float(np.median(confidences)),
        low=100 * low,
        high=100 * high,
        score_of_runs=100 * float(np.median(np.median(confidences, axis=1))),
        share_99=at_least[0],
        share_9999=at_least[1],
        runs=len(confidences),
    )


def as_markdown(found: Sequence[Row], dataset: str) -> str:
    """The table for readers: ours, and on MNIST the paper's in brackets behind it."""
    original = "MNIST Error" if dataset == "mnist" else f"{dataset} Error"
    lines = [
        f"| i | Error | {original} | Train | Val | Score | 95 % interval | runs "
        "| fooling images missed | champions >= 99.99 % |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in found:
        beside = [""] * 5
        if dataset == "mnist" and row.number <= len(PAPER):
            beside = [f" ({value})" for value in _texts(PAPER[row.number - 1])]
        missed = "-" if np.isnan(row.fooling_error) else f"{row.fooling_error:.2f} %"
        cells = [
            str(row.number),
            f"{row.error:.2f}{beside[0]}",
            f"{row.original_error:.2f}{beside[1]}",
            f"{row.train}{beside[2]}",
            f"{row.val}{beside[3]}",
            f"{cut(row.score)}{beside[4]}",
            f"{cut(row.low)} to {cut(row.high)}",
            str(row.runs),
            missed,
            f"{row.share_9999:.1f} %",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def as_csv(found: Sequence[Row]) -> str:
    """The table for programs: every field of `Row`, and the paper's figures."""
    names = [field.name for field in dataclasses.fields(Row)]
    papers = [field.name for field in dataclasses.fields(PaperRow)]
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["i", *names[1:], *(f"paper_{name}" for name in papers)])
    for row in found:
        paper = dataclasses.astuple(PAPER[row.number - 1]) if row.number <= len(PAPER) else ()
        values = [f"{v:.7g}" if isinstance(v, float) else v for v in dataclasses.astuple(row)]
        writer.writerow([*values, *(paper or [""] * len(papers))])
    return table.getvalue()


def confidences_csv(folder: retraining_folder.Folder, found: Sequence[Row]) -> str:
    """A row per champion: what every score was made of."""
    lines = ["i,run,label,confidence\n"]
    for row in found:
        for (run, label), confidence in np.ndenumerate(folder.confidences(row.number)):
            lines.append(f"{row.number},{run},{label},{tables.number(confidence)}\n")
    return "".join(lines)


def _texts(paper: PaperRow) -> list[str]:
    return [
        f"{paper.error:.2f}",
        f"{paper.mnist_error:.2f}",
        str(paper.train),
        str(paper.val),
        f"{paper.score:.2f}",
    ]


def cut(percent: float) -> str:
    """Two digits, cut and not rounded, as the paper has it: 100 is said of 100 only."""
    if percent >= 100:
        return "100.00"
    # The decimal that a float32 stands for: 0.9999 is 0.99989998 and yet not 99.98 %.
    exact = decimal.Decimal(f"{percent:.7g}").quantize(_HUNDREDTH, decimal.ROUND_DOWN)
    return str(min(exact, 100 - _HUNDREDTH))
