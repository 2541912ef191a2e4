"""What came of every classifier of a retraining study: errors, and how well it is fooled.

Nguyen, Yosinski and Clune, 2015, supplement C, https://arxiv.org/abs/1412.1897.
"""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_fool.runs.tables import number
from keras_fool.studies import statistics, tables
from keras_fool.studies.retraining import config as config_module
from keras_fool.studies.retraining import folder as folder_module

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


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


def rows(folder: folder_module.Folder, config: config_module.Config) -> list[Row]:
    """A row for every classifier that has been trained and fooled, in order."""
    found: list[Row] = []
    while len(found) < config.iterations and folder.is_evolved(len(found) + 1):
        found.append(_row(folder, config, len(found) + 1))
    return found


def _row(folder: folder_module.Folder, config: config_module.Config, dnn: int) -> Row:
    card = folder.card(dnn)
    fooling = sum(config.drawn(earlier)[1] for earlier in range(1, dnn))
    error, original = card["test_error_percent"], card[folder_module.ORIGINAL_ERROR]
    val = card["num_test"]
    wrong = round(error * val / 100) - round(original * (val - fooling) / 100)
    confidences = folder.confidences(dnn)
    low, high = statistics.interval(confidences, statistics.median, config.seed)
    # What a float32 stands for: 0.9999 is 0.99989998 and yet at least 0.9999.
    at_least = [100 * float((confidences >= np.float32(bound)).mean()) for bound in (0.99, 0.9999)]
    return Row(
        number=dnn,
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


def confidences_csv(folder: folder_module.Folder, found: Sequence[Row]) -> bytes:
    """A row per champion: what every score was made of."""
    rows = [
        [row.number, run, label, number(confidence)]
        for row in found
        for (run, label), confidence in np.ndenumerate(folder.confidences(row.number))
    ]
    return tables.as_csv(["i", "run", "label", "confidence"], rows)


def as_csv(
    found: Sequence[Row],
    paper: "Sequence[DataclassInstance]",
    further: Sequence[tuple[int, ...]] = (),
    names: Sequence[str] = (),
    digits: int = 7,
) -> bytes:
    """The table for programs: every field of `Row`, further columns, and the paper's figures.

    Args:
        found: A row each.
        paper: The paper's rows, dataclass instances of one class; there may be fewer.
        further: Further columns of each row.
        names: Their names.
        digits: Significant digits.
    """
    fields = [field.name for field in dataclasses.fields(Row)]
    of_paper = [field.name for field in dataclasses.fields(paper[0])]
    header = ["i", *fields[1:], *names, *(f"paper_{name}" for name in of_paper)]
    rows = []
    for place, row in enumerate(found):
        more = further[place] if further else ()
        known = row.number <= len(paper)
        # The paper's digits as it has them.
        said = dataclasses.astuple(paper[row.number - 1]) if known else [""] * len(of_paper)
        rows.append([*dataclasses.astuple(row), *more, *said])
    return tables.as_csv(header, rows, digits)
