"""Figure S4: 50 independent runs against one MNIST classifier, the last champions of all.

The first runs are those of Table S1, if it has been made; a run makes the same images
whatever runs beside it.
"""

import pathlib
from collections.abc import Sequence

import numpy as np

from keras_fool.runs import champions, run_records, tables
from keras_fool.sheets import sheet_drawing, tile_sheets
from keras_fool.studies import (
    bootstrap,
    evolved_runs,
    experiment,
    galleries,
    likeness,
    table_s1_mnist,
    transfer_tables,
)

RUNS = 50
_PAPER_MEDIAN = 99.99
_SURE = np.float32(0.9999)
_PAIRS = 5
_PAPER_PAIR = "3 and 8"


def run(context: experiment.Context) -> experiment.Outcome:
    """Evolves what Table S1 did not, counts, and draws."""
    (model,), numbers, of = evolved_runs.classifiers_of(context, 1, further_stages=3)
    shared = context.scaled(table_s1_mnist.RUNS, minimum=2)
    last = context.scaled(RUNS, minimum=shared + 1)
    evolutions = [
        evolved_runs.plan(context, model, runs, context.seed)
        for runs in (range(shared), range(shared, last))
    ]
    for planned in evolutions:
        begin, runs = planned.config.first_run, planned.config.runs
        name = f"evolve runs {begin} to {begin + runs - 1} on {model.name}"
        with context.stage(name, next(numbers), of) as stage:
            evolved_runs.evolve(context, planned, stage)
    folders = [planned.path for planned in evolutions]
    with context.stage("count and draw", next(numbers), of):
        images = [champions.read(folder) for folder in folders]
        title = context.title(EXPERIMENT.title)
        look = galleries.Look(title, side=56, blocks=2)
        return experiment.Outcome(
            settings=evolved_runs.recorded([model], evolutions),
            table=_tables(images, folders, context.seed),
            files={
                "figure_s4.png": sheet_drawing.png(
                    galleries.by_run(images, galleries.Choice(), look)
                ),
                "mean_images.png": _mean_images(images, context),
                "images.csv": _images_csv(images).encode(),
            },
        )


def _tables(
    images: Sequence[champions.Champions], folders: Sequence[pathlib.Path], seed: int
) -> str:
    """All figures, as Markdown."""
    labels = images[0].labels
    confidences = _by_run(images, "confidences")
    low, high = bootstrap.interval(confidences, bootstrap.median, seed)
    sure = confidences >= _SURE
    medians = np.median(confidences, axis=1)
    overall = [
        ["runs", RUNS, len(confidences)],
        ["images", 10 * RUNS, confidences.size],
        [
            "median confidence of all images, %",
            _PAPER_MEDIAN,
            f"{_cut(np.median(confidences), 4)} ({_cut(low, 4)} to {_cut(high, 4)})",
        ],
        ["median of the medians of the runs, %", "-", _cut(np.median(medians), 4)],
        ["images of at least 99.99 %", "all", f"{sure.sum()} ({100 * sure.mean():.1f} %)"],
        ["lowest confidence, %", "-", _cut(confidences.min())],
        *_generations(folders),
    ]
    by_digit = [
        [name, _cut(np.median(column)), _cut(column.min()), of.sum()]
        for name, column, of in zip(labels, confidences.T, sure.T, strict=True)
    ]
    stripes = likeness.stripes(_by_run(images, "images"))
    by_digit = [
        [*row, *(f"{100 * share:.0f}" for share in of)]
        for row, of in zip(by_digit, stripes, strict=True)
    ]
    alike = likeness.correlations(_by_run(images, "images"))
    pairs = likeness.most_alike(alike, labels, len(labels) ** 2)
    listed = [(place, *pair) for place, pair in enumerate(pairs, 1)]
    listed = [entry for entry in listed if entry[0] <= _PAIRS or entry[1] == _PAPER_PAIR]
    return "\n".join(
        [
            transfer_tables.markdown(["", "paper", "ours"], overall),
            "In brackets the 95 % interval, bootstrap over runs "
            f"({bootstrap.RESAMPLES:,} resamples). Percentages are cut, not rounded.\n",
            transfer_tables.markdown(
                [
                    "digit",
                    "median, %",
                    "lowest, %",
                    "images of at least 99.99 %",
                    "vertical bars, %",
                    "horizontal bars in the lower half, %",
                ],
                by_digit,
            ),
            "Bars: how much of an image's variance is between its columns, and of its lower "
            "half's between its rows (the median over runs). The paper says that images for 1 "
            "tend to have vertical bars, and those for 2 a horizontal bar in the lower half.\n",
            "The digits whose images are most alike in one run, and the pair that the paper "
            f"finds alike (of {len(pairs)} pairs; correlation of the pixels, median over "
            "runs):\n",
            transfer_tables.markdown(
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
    means = likeness.mean_images(_by_run(images, "images"))
    sheet = tile_sheets.sheet(
        [[tile_sheets.Tile(image) for image in means]],
        title=context.title("The mean of the images of each digit"),
        subtitle="over all runs of Figure S4",
        column_names=images[0].labels,
        side=112,
    )
    return sheet_drawing.png(sheet)


def _images_csv(images: Sequence[champions.Champions]) -> str:
    header = ("folder", "file", "run", "evolved_for", "confidence")
    rows = [
        (part.folder.name, file, run, part.labels[niche], tables.number(confidence))
        for part in images
        for file, run, niche, confidence in zip(
            part.files, part.runs, part.niches, part.confidences, strict=True
        )
    ]
    return transfer_tables.as_csv(header, rows)


def _generations(folders: Sequence[pathlib.Path]) -> list[list[object]]:
    """After how many generations runs have images that the classifier is sure of."""
    firsts = {"max": {}, "median": {}}
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
    return sheet_drawing.percent(confidence, digits).removesuffix(" %")


EXPERIMENT = experiment.Experiment(
    "figure_s4",
    "Figure S4: images of independent runs that an MNIST classifier is sure of",
    "50 runs on one classifier; the last champion of each run and digit.",
    run,
    takes_view=True,
)
