"""Figures S1 and S4: images of independent runs that MNIST classifiers are sure of.

Figure S1 is about the images of Table S1 that fool both of its classifiers; the paper shows
the digits 9, 6 and 2, whose images transferred most. Figure S4 is about 50 runs against one of
them. The first runs are those of Table S1, if it has been made: a run makes the same images
whatever other runs there are.
"""

import pathlib
from collections.abc import Sequence

import numpy as np

from keras_fool.runs import champions, run_records
from keras_fool.runs.tables import number
from keras_fool.sheets import captions, sheet_drawing, tile_sheets
from keras_fool.studies import (
    cross_scoring,
    evolutions,
    experiment,
    galleries,
    statistics,
    table_s1,
    tables,
    transfer,
)

_S1_DIGITS = ("9", "6", "2")  # of the paper
_S1_COLUMNS = 12
_S4_RUNS = 50
_S4_MEDIAN = 99.99  # of the paper, in per cent
_SURE = np.float32(0.9999)
_PAIRS = 5
_PAPER_PAIR = "3 and 8"


def _s1_report(context: experiment.Context) -> experiment.Outcome:
    """Scores the images of Table S1, and draws."""
    studies, settings = table_s1.scored(context)
    labels = studies[0].champions.labels
    sure = [_sure(scores) for scores in studies]
    counts = np.stack(
        [
            np.bincount(scores.champions.niches[chosen], minlength=len(labels))
            for scores, chosen in zip(studies, sure, strict=True)
        ]
    )
    most = np.argsort(-counts.sum(axis=0), kind="stable")
    runs = len(set(studies[0].champions.runs))
    table = tables.markdown(
        [
            "evolved for",
            *(f"of {runs} images of {scores.original}" for scores in studies),
            "of all",
        ],
        [[labels[niche], *counts[:, niche], counts[:, niche].sum()] for niche in most],
    )
    return experiment.Outcome(
        settings=settings,
        table=(
            "Images that both classifiers give the digit they were evolved for with at least "
            "99 %.\n\nThe three digits of which there are most: "
            f"{', '.join(_S1_DIGITS)} in the paper, "
            f"{', '.join(labels[niche] for niche in most[:3])} here.\n\n{table}"
        ),
        files={
            "images.csv": _s1_images(studies, sure),
            **_s1_sheets(context, studies, counts.sum(axis=0)),
        },
    )


def _sure(scores: cross_scoring.CrossScores) -> np.ndarray:
    (other,) = scores.others
    return transfer.both_sure(
        scores.confidences[scores.original], scores.confidences[other], scores.champions.niches
    )


def _s1_sheets(
    context: experiment.Context, studies: Sequence[cross_scoring.CrossScores], counts: np.ndarray
) -> dict[str, bytes]:
    """The figure with the digits that transfer most here, and with the paper's.

    Args:
        context: The experiment's.
        studies: All images.
        counts: int [labels]; images that both are sure of. Of labels that have none, as in
            the smallest tries, there is no figure.
    """
    labels = studies[0].champions.labels
    title = context.title()
    paper = [labels.index(name) for name in _S1_DIGITS if name in labels]
    wanted = {
        "figure_s1.png": (None, title),
        "figure_s1_paper_digits.png": (paper, f"{title}: the paper's digits"),
    }
    sheets = {}
    for name, (niches, text) in wanted.items():
        if counts[slice(None) if niches is None else niches].any():
            choice, style = galleries.Choice(labels=niches), galleries.Style(text)
            sheet, _ = galleries.transferring(studies, choice, style, max_runs=_S1_COLUMNS)
            sheets[name] = sheet_drawing.png(sheet)
    return sheets


def _s1_images(studies: Sequence[cross_scoring.CrossScores], sure: Sequence[np.ndarray]) -> bytes:
    """A row per image that both are sure of, with both confidences for its digit."""
    header = ("folder", "file", "run", "evolved_for", "confidence_original", "confidence_other")
    rows = []
    for scores, chosen in zip(studies, sure, strict=True):
        images, names = scores.champions, (scores.original, *scores.others)
        for place in np.flatnonzero(chosen):
            niche = images.niches[place]
            both = [number(scores.confidences[name][place, niche]) for name in names]
            about = images.folder.name, images.files[place], images.runs[place]
            rows.append([*about, images.labels[niche], *both])
    return tables.as_csv(header, rows)


def _s4_plan(context: experiment.Context, subject: evolutions.Subject) -> list[evolutions.Evolve]:
    """The runs that Table S1 shares, and further ones."""
    shared = context.scaled(table_s1.RUNS, minimum=2)
    last = context.scaled(_S4_RUNS, minimum=shared + 1)
    return [
        evolutions.plan(context, subject, runs, context.seed)
        for runs in (range(shared), range(shared, last))
    ]


def _s4_steps(context: experiment.Context) -> list[evolutions.Train | evolutions.Evolve]:
    (subject,) = subjects = evolutions.subjects(context, 1)
    return [*evolutions.trainings(subjects), *_s4_plan(context, subject)]


def _s4_report(context: experiment.Context) -> experiment.Outcome:
    """Counts, and draws."""
    (subject,) = evolutions.subjects(context, 1)
    planned = _s4_plan(context, subject)
    folders = [evolve.folder for evolve in planned]
    images = [champions.read(folder) for folder in folders]
    style = galleries.Style(context.title(), side=56, blocks=2)
    return experiment.Outcome(
        settings=evolutions.recorded([subject.find()], planned),
        table=_s4_tables(images, folders, context.seed),
        files={
            "figure_s4.png": sheet_drawing.png(galleries.by_run(images, galleries.Choice(), style)),
            "mean_images.png": _mean_images(images, context),
            "images.csv": _s4_images(images),
        },
    )


def _s4_tables(
    images: Sequence[champions.Champions], folders: Sequence[pathlib.Path], seed: int
) -> str:
    """All figures, as Markdown."""
    labels = images[0].labels
    confidences = _by_run(images, "confidences")
    low, high = statistics.interval(confidences, statistics.median, seed)
    sure = confidences >= _SURE
    medians = np.median(confidences, axis=1)
    overall: list[Sequence[object]] = [
        ["runs", _S4_RUNS, len(confidences)],
        ["images", 10 * _S4_RUNS, confidences.size],
        [
            "median confidence of all images, %",
            _S4_MEDIAN,
            f"{_cut(np.median(confidences), 4)} ({_cut(low, 4)} to {_cut(high, 4)})",
        ],
        ["median of the medians of the runs, %", "-", _cut(np.median(medians), 4)],
        ["images of at least 99.99 %", "all", f"{sure.sum()} ({100 * sure.mean():.1f} %)"],
        ["lowest confidence, %", "-", _cut(confidences.min())],
        *_generations(folders),
    ]
    stripes = statistics.stripes(_by_run(images, "images"))
    headings = ["digit", "median, %", "lowest, %", "images of at least 99.99 %"]
    headings += ["vertical bars, %", "horizontal bars in the lower half, %"]
    by_digit = [
        [name, _cut(np.median(column)), _cut(column.min()), high.sum()]
        + [f"{100 * share:.0f}" for share in bars]
        for name, column, high, bars in zip(labels, confidences.T, sure.T, stripes, strict=True)
    ]
    alike = statistics.correlations(_by_run(images, "images"))
    pairs = statistics.most_alike(alike, labels, len(labels) ** 2)
    listed = [(place, *pair) for place, pair in enumerate(pairs, 1)]
    listed = [entry for entry in listed if entry[0] <= _PAIRS or entry[1] == _PAPER_PAIR]
    return "\n".join(
        [
            tables.markdown(["", "paper", "keras_fool"], overall),
            "In brackets the 95 % interval, bootstrap over runs "
            f"({statistics.RESAMPLES:,} resamples). Percentages are cut, not rounded.\n",
            tables.markdown(headings, by_digit),
            "Bars: how much of an image's variance is between its columns, and of its lower "
            "half's between its rows (the median over runs). The paper says that images for 1 "
            "tend to have vertical bars, and those for 2 a horizontal bar in the lower half.\n",
            "The digits whose images are most alike in one run, and the pair that the paper "
            f"finds alike (of {len(pairs)} pairs; correlation of the pixels, median over "
            "runs):\n",
            tables.markdown(
                ["digits", "place", "correlation"],
                [[pair, place, f"{value:.2f}"] for place, pair, value in listed],
            ),
        ]
    )


def _by_run(images: Sequence[champions.Champions], what: str) -> np.ndarray:
    """[runs, labels, ...] of an array of `Champions`, which are in this order."""
    values = np.concatenate([getattr(part, what) for part in images])
    return values.reshape(-1, len(images[0].labels), *values.shape[1:])


def _mean_images(images: Sequence[champions.Champions], context: experiment.Context) -> bytes:
    means = statistics.mean_images(_by_run(images, "images"))
    sheet = tile_sheets.sheet(
        [[tile_sheets.Tile(image) for image in means]],
        title=context.title("The mean of the images of each digit"),
        subtitle="over all runs of Figure S4",
        column_names=images[0].labels,
        side=112,
    )
    return sheet_drawing.png(sheet)


def _s4_images(images: Sequence[champions.Champions]) -> bytes:
    header = ("folder", "file", "run", "evolved_for", "confidence")
    rows = [
        (part.folder.name, file, run, part.labels[niche], number(confidence))
        for part in images
        for file, run, niche, confidence in zip(
            part.files, part.runs, part.niches, part.confidences, strict=True
        )
    ]
    return tables.as_csv(header, rows)


def _generations(folders: Sequence[pathlib.Path]) -> list[list[object]]:
    """After how many generations runs have images that the classifier is sure of."""
    firsts: dict[str, dict[tuple[pathlib.Path, str], float]] = {"max": {}, "median": {}}
    for folder in folders:
        for row in run_records.RunRecords(folder).metrics():
            for column, first in firsts.items():
                value = int(row["generation"]) if float(row[column]) >= _SURE else np.inf
                key = folder, row["run"]
                first[key] = min(first.get(key, np.inf), value)
    return [
        [f"first generation {what}", said, _spread(np.array(list(firsts[column].values())))]
        for what, said, column in (
            ("of a run's first image of at least 99.99 %", "a few", "max"),
            ("of a run's median of at least 99.99 %", "up to 200", "median"),
        )
    ]


def _spread(generations: np.ndarray) -> str:
    """Where the runs lie; infinite stands for never."""
    reached = np.sort(generations[np.isfinite(generations)]).astype(int)
    never = len(generations) - len(reached)
    if not len(reached):
        return "in no run"
    middle = np.median(generations)
    text = f"median {middle:g}, " if np.isfinite(middle) else ""
    text += f"{reached[0]} to {reached[-1]}"
    return f"{text}; never in {never} of {len(generations)} runs" if never else text


def _cut(confidence: float, digits: int = 2) -> str:
    return captions.percent(confidence, digits).removesuffix(" %")


EXPERIMENTS = (
    experiment.Experiment(
        name="figure_s1",
        title="Figure S1: images that both MNIST classifiers give at least 99 %",
        steps=table_s1.steps,
        report=_s1_report,
        takes_view=True,
    ),
    experiment.Experiment(
        name="figure_s4",
        title="Figure S4: images of independent runs that an MNIST classifier is sure of",
        steps=_s4_steps,
        report=_s4_report,
        takes_view=True,
    ),
)
