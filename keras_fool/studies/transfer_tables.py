"""Table S1 and what lies below it, as Markdown and CSV."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from keras_fool.models import classifiers
from keras_fool.runs import tables
from keras_fool.studies import bootstrap, cross_scoring, transfer

NO_VALUE = "-"
_IMAGE_COLUMNS = ("folder", "file", "run", "evolved_for")


def table_s1(columns: Mapping[str, transfer.Counts], intervals: Mapping[str, Sequence[str]]) -> str:
    """The three rows of Table S1 as Markdown.

    Args:
        columns: By heading, the counts of one original and one other classifier.
        intervals: By heading, for each row the interval, or `NO_VALUE`.
    """
    rows = [
        [
            name,
            *(
                percent(counts.percentages[row]) + _in_brackets(intervals[heading][row])
                for heading, counts in columns.items()
            ),
        ]
        for row, name in enumerate(transfer.ROWS)
    ]
    return markdown(["%", *columns], rows)


def intervals(scores: cross_scoring.CrossScores, other: str, seed: int) -> list[str]:
    """For the rows of Table S1, the 95 % intervals over runs, as texts; none of a single run."""
    by_run = _by_run(scores, other)
    return [
        _interval(by_run, lambda drawn, row=row: _percentages(drawn)[:, row], seed)
        for row in range(3)
    ]


def mean_intervals(studies: Sequence[cross_scoring.CrossScores], seed: int) -> list[str]:
    """The same for the mean over several studies of as many runs, each of one other."""
    return mean_intervals_of([(scores, *scores.others) for scores in studies], seed)


def mean_intervals_of(
    pairs: Sequence[tuple[cross_scoring.CrossScores, str]], seed: int
) -> list[str]:
    """The same for the mean over several pairs of a study, all of as many runs, and an other."""
    # Runs of different seeds are independent: run r of each, taken together, is one draw.
    by_run = np.stack([_by_run(scores, other) for scores, other in pairs], axis=1)
    return [
        _interval(by_run, lambda drawn, row=row: _percentages(drawn)[..., row].mean(axis=1), seed)
        for row in range(3)
    ]


def label_table(scores: cross_scoring.CrossScores, other: str) -> str:
    """The transfer of each label's images to another classifier, as Markdown."""
    rows = transfer.by_label(
        scores.confidences[scores.original],
        scores.confidences[other],
        scores.champions.niches,
        scores.independent,
    )
    names = scores.champions.labels
    headings = [
        "evolved for",
        "images",
        "top-1 matches",
        f"given that label by {other}",
        "given it by both with 99 %",
        f"median confidence of {other} for it",
    ]
    return markdown(
        headings,
        [
            [
                names[r.label],
                r.images,
                r.matches,
                r.given,
                r.sure,
                NO_VALUE if np.isnan(r.median) else f"{100 * r.median:.2f} %",
            ]
            for r in rows
        ],
    )


def not_finite(scores: cross_scoring.CrossScores, other: str) -> str:
    """A sentence on the images that another classifier gave no confidences; empty for none."""
    lost = np.count_nonzero(transfer.top1(scores.confidences[other]) < 0)
    if not lost:
        return ""
    return f"; {other} gives {lost} of them NaN or infinite confidences: they count as no matches"


def images_csv(studies: Iterable[cross_scoring.CrossScores]) -> str:
    """A row per image, and in it what each classifier takes it for, and how surely.

    `confidence_for_evolved` is that for the label which the image was evolved for. All three
    are empty where the confidences are NaN.
    """
    studies = list(studies)
    models = list(dict.fromkeys(name for scores in studies for name in scores.confidences))
    columns = ("top1", "confidence", "confidence_for_evolved")
    header = [*_IMAGE_COLUMNS, *(f"{column}:{name}" for name in models for column in columns)]
    rows = []
    for scores in studies:
        champions = scores.champions
        for place, niche in enumerate(champions.niches):
            row = [
                classifiers.printable(champions.folder.name),
                champions.files[place],
                champions.runs[place],
                champions.labels[niche],
            ]
            for name in models:
                if name not in scores.confidences:
                    row += [""] * len(columns)
                    continue
                confidences = scores.confidences[name][place]
                (top,) = transfer.top1(confidences[np.newaxis])
                if top < 0:
                    row += [""] * len(columns)
                    continue
                row += [champions.labels[top], *map(tables.number, confidences[[top, niche]])]
            rows.append(row)
    return as_csv(header, rows)


def percent(value: float) -> str:
    """A percentage with the one digit that the paper gives."""
    return NO_VALUE if np.isnan(value) else f"{value:.1f}"


def markdown(headings: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; all but the first column to the right."""
    alignment = ["---", *["---:"] * (len(headings) - 1)]
    lines = [headings, alignment, *rows]
    # Names of labels and files may have the sign that ends a cell.
    cells = [[str(cell).replace("|", r"\|") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def as_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The text of a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _in_brackets(interval: str) -> str:
    return "" if interval == NO_VALUE else f" ({interval})"


def _by_run(scores: cross_scoring.CrossScores, other: str) -> np.ndarray:
    return transfer.count_by_run(
        scores.confidences[scores.original],
        scores.confidences[other],
        scores.champions.runs,
        scores.own,
    )


def _percentages(drawn: np.ndarray) -> np.ndarray:
    """[resamples, ..., 3] of the counts [resamples, runs, ..., 4] of the drawn runs."""
    return transfer.percentages(drawn.sum(axis=1))


def _interval(by_run: np.ndarray, statistic: Callable, seed: int) -> str:
    if len(by_run) < 2:  # a single run says nothing of how much runs differ
        return NO_VALUE
    low, high = bootstrap.interval(by_run, statistic, seed)
    return f"{percent(low)} to {percent(high)}"
