"""Table S1 and what lies below it, as Markdown and CSV."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from keras_fool.models import classifiers
from keras_fool.runs.tables import number
from keras_fool.studies import cross_scoring, statistics, tables, transfer

_IMAGE_COLUMNS = ("folder", "file", "run", "evolved_for")


def table_s1(columns: Mapping[str, transfer.Counts], intervals: Mapping[str, Sequence[str]]) -> str:
    """The three rows of Table S1 as Markdown.

    Args:
        columns: By heading, the counts of one original and one other classifier.
        intervals: By heading, for each row the interval, or `tables.NO_VALUE`.
    """
    rows = [
        [
            name,
            *(
                with_interval(counts.percentages[row], intervals[heading][row])
                for heading, counts in columns.items()
            ),
        ]
        for row, name in enumerate(transfer.ROWS)
    ]
    return tables.markdown(["%", *columns], rows)


def count(scores: cross_scoring.CrossScores, other: str) -> transfer.Counts:
    """How many of some images transfer to another classifier."""
    return transfer.count(
        scores.confidences[scores.original], scores.confidences[other], scores.own
    )


def mean_row(
    pairs: Sequence[tuple[cross_scoring.CrossScores, str]], seed: int
) -> list[tuple[float, str]]:
    """For the rows of Table S1, the mean over pairs of scores and another classifier.

    Returns:
        (percentage, interval as `intervals` gives it) of each row.
    """
    shares = [count(*pair).percentages for pair in pairs]
    means = [sum(of_row) / len(of_row) for of_row in zip(*shares, strict=True)]
    return list(zip(means, mean_intervals(pairs, seed), strict=True))


def with_interval(value: float, interval: str) -> str:
    """A percentage, and in brackets its interval."""
    return tables.percent(value) + _in_brackets(interval)


def intervals(scores: cross_scoring.CrossScores, other: str, seed: int) -> list[str]:
    """For the rows of Table S1, the 95 % intervals over runs; `NO_VALUE` for a single run."""
    by_run = _by_run(scores, other)
    return [
        _interval(by_run, lambda drawn, row=row: _percentages(drawn)[:, row], seed)
        for row in range(3)
    ]


def mean_intervals(pairs: Sequence[tuple[cross_scoring.CrossScores, str]], seed: int) -> list[str]:
    """The same for the mean over pairs; all have the same number of runs."""
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
    headings = ["evolved for", "images", "top-1 matches", f"given that label by {other}"]
    headings += ["given it by both with 99 %", f"median confidence of {other} for it"]
    lines = []
    for r in rows:
        median = tables.NO_VALUE if np.isnan(r.median) else f"{100 * r.median:.2f} %"
        lines.append([names[r.label], r.images, r.matches, r.given, r.sure, median])
    return tables.markdown(headings, lines)


def not_finite(scores: cross_scoring.CrossScores, other: str) -> str:
    """A sentence on the images that another classifier gave no confidences; empty for none."""
    lost = np.count_nonzero(transfer.top1(scores.confidences[other]) < 0)
    if not lost:
        return ""
    return f"; {other} gives {lost} of them NaN or infinite confidences: they count as no matches"


def resized(scores: cross_scoring.CrossScores, other: str) -> str:
    """Says which size the images were resized to for another classifier; empty for none."""
    if other not in scores.resized:
        return ""
    return f"; images resized to {' x '.join(map(str, scores.resized[other]))}"


def images_csv(studies: Iterable[cross_scoring.CrossScores]) -> bytes:
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
                row += [champions.labels[top], *map(number, confidences[[top, niche]])]
            rows.append(row)
    return tables.as_csv(header, rows)


def _in_brackets(interval: str) -> str:
    return "" if interval == tables.NO_VALUE else f" ({interval})"


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
        return tables.NO_VALUE
    low, high = statistics.interval(by_run, statistic, seed)
    return f"{tables.percent(low)} to {tables.percent(high)}"
