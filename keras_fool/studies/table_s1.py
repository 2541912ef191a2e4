"""Table S1 on MNIST: images evolved on one classifier, given to another one.

30 runs of ten digits on each of two classifiers that differ in their seed alone: in their
initial weights and the order of their training images. Images of keras_fool transfer far more
often than those of the paper. So `table_s1_variants` tries the likely reasons one by one: how
long evolution goes on, what a network sees of a pixel's place, pixels instead of networks, and
the mean image that the published code subtracted.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_fool.models import image_views
from keras_fool.runs import champions
from keras_fool.sheets import sheet_drawing, tile_sheets
from keras_fool.studies import (
    cross_scoring,
    evolutions,
    experiment,
    plots,
    statistics,
    tables,
    transfer,
    transfer_tables,
)

RUNS = 30
# The paper's rows (a), (b), (c): of the second classifier on images of the first one, ...
PAPER = {"B on A": (48.7, 27.3, 95.9), "A on B": (43.3, 27.3, 88.5), "mean": (46.0, 27.3, 92.2)}
_VARIANT_RUNS = 10
_CHANGES: dict[str, dict[str, Any]] = {
    "1000 generations": {"generations": 1000},
    "x and y normalized to [-1, 1]": {"coords": "normalized"},
    "pixels evolved, not networks": {"encoding": "direct"},
}
_PLAIN, _FIRST = "as Table S1", "as Table S1, first generation"
_MEAN = "mean image subtracted by both"
_MEAN_ORIGINAL = "mean image subtracted by the original only"


def plan(
    context: experiment.Context,
    subjects: Sequence[evolutions.Subject],
    runs: int = RUNS,
    **settings: Any,
) -> list[evolutions.Evolve]:
    """An evolution on each classifier; `runs` are those of the paper, and are scaled."""
    numbers = range(context.scaled(runs, minimum=2))
    # Runs of different seeds have nothing in common but what they fool.
    return [
        evolutions.plan(context, subject, numbers, context.seed + place, **settings)
        for place, subject in enumerate(subjects)
    ]


def steps(context: experiment.Context) -> list[evolutions.Train | evolutions.Evolve]:
    """Two classifiers, if they are not there, and an evolution on each."""
    subjects = evolutions.subjects(context, 2)
    return [*evolutions.trainings(subjects), *plan(context, subjects)]


def scored(
    context: experiment.Context,
) -> tuple[list[cross_scoring.CrossScores], dict[str, object]]:
    """The scores of the images evolved on the first classifier, and on the second one.

    Returns:
        The scores of both, and what settings.json says of the classifiers and evolutions.
    """
    subjects = evolutions.subjects(context, 2)
    planned = plan(context, subjects)
    models = [subject.find() for subject in subjects]
    scorers = cross_scoring.Scorers()
    studies = [
        # The other one sees the images as they are, whatever the view.
        scorers.cross_score(champions.read(evolve.folder), [evolve.classifier, other])
        for evolve, other in zip(planned, reversed(models), strict=True)
    ]
    return studies, evolutions.recorded(models, planned)


def report(context: experiment.Context) -> experiment.Outcome:
    """Scores, and counts."""
    studies, settings = scored(context)
    percentages: Mapping[str, Sequence[float]] = context.experiment.paper
    rows, counts, maps, parts = [], [], [], []
    for name, scores in zip(("B on A", "A on B"), studies, strict=True):
        (other,) = scores.others
        counted = transfer_tables.count(scores, other)
        intervals = transfer_tables.intervals(scores, other, context.seed)
        heading = f"{other} on images of {scores.original}"
        found = list(zip(counted.percentages, intervals, strict=True))
        rows.append((heading, percentages[name], found))
        counts.append([heading, counted.images, counted.matches, counted.sure, counted.higher])
        given = transfer.given_labels(scores.confidences[other], scores.champions.niches)
        maps.append(plots.HeatMap(given, heading, f"label that {other} gives"))
        parts.append(f"## {heading}\n\n{transfer_tables.label_table(scores, other)}")
    pairs = [(scores, other) for scores in studies for other in scores.others]
    mean = transfer_tables.mean_row(pairs, context.seed)
    rows.append(("mean of both", percentages["mean"], mean))
    lines = [
        [f"{name}: {heading}", paper[line], tables.percent(found[line][0]), found[line][1]]
        for line, name in enumerate(transfer.ROWS)
        for heading, paper, found in rows
    ]
    columns = ("images", "top-1 matches", "of these both 99 %", "of these higher on the original")
    text = [
        tables.markdown(["%", "paper", "keras_fool", "95 % interval"], lines),
        f"Intervals: 95 %, bootstrap over the {len(set(studies[0].champions.runs))} runs "
        f"({statistics.RESAMPLES:,} resamples).\n",
        tables.markdown(["", *columns], counts),
        *parts,
    ]
    pictures = {"heat_map.png": plots.heat_maps(maps, studies[0].champions.labels, context.title())}
    if context.view != image_views.PLAIN:
        pictures["seen.png"] = seen_images(studies[0].champions, context)
    return experiment.Outcome(
        settings=settings,
        table="\n".join(text),
        files={"images.csv": transfer_tables.images_csv(studies), **pictures},
    )


def seen_images(found: champions.Champions, context: experiment.Context) -> bytes:
    """Images evolved through a view: each as it is stored, and as the network gets it.

    Args:
        found: Images that were evolved through another view than the plain one.
        context: The experiment's.

    Returns:
        A PNG file: a row of the stored champions of the first run, and one for each thing that
        the view does.
    """
    classifier = evolutions.single_network(champions.original(found, []))
    images = found.take(found.runs == found.runs.min()).images
    view, mean = classifier.views.view, None
    rows = {"the PNG": images}
    if image_views.places(view, *images.shape[1:3]) is not None:
        rows["the copies"] = image_views.seen(images, "published_no_mean", None)
    if classifier.mean_path is not None:
        mean = image_views.read_mean(classifier.mean_path, images.shape[1:])
        # From -255..255: the middle grey is 0.
        rows["minus the mean"] = (image_views.seen(images, view, mean) + 255) / 2
    sheet = tile_sheets.sheet(
        [
            [tile_sheets.Tile(np.rint(image).astype(np.uint8)) for image in row]
            for row in rows.values()
        ],
        title=context.title("What the network gets of an image"),
        subtitle=f"one run against {classifier.name}, its champion of each label; the "
        "last row is what the network gets" + (" (grey is 0)" if mean is not None else ""),
        row_names=list(rows),
        column_names=found.labels,
        side=84,
    )
    return sheet_drawing.png(sheet)


def _variants(
    context: experiment.Context, subjects: Sequence[evolutions.Subject]
) -> dict[str, list[evolutions.Evolve]]:
    """The evolutions of each variant."""
    subtracting = [subject.through("mean_subtracted") for subject in subjects]
    changed = {
        name: plan(context, subjects, _VARIANT_RUNS, purpose=f"{name}: ", **changes)
        for name, changes in _CHANGES.items()
    }
    return {
        _PLAIN: plan(context, subjects, purpose=f"{_PLAIN}: "),
        **changed,
        _MEAN: plan(context, subtracting, _VARIANT_RUNS, purpose=f"{_MEAN}: "),
    }


def _variants_steps(context: experiment.Context) -> list[evolutions.Train | evolutions.Evolve]:
    subjects = evolutions.subjects(context, 2)
    plans = _variants(context, subjects).values()
    return [*evolutions.trainings(subjects), *itertools.chain(*plans)]


def _variants_report(context: experiment.Context) -> experiment.Outcome:
    subjects = evolutions.subjects(context, 2)
    plans = _variants(context, subjects)
    models = [subject.find() for subject in subjects]
    subtracting = [subject.through("mean_subtracted").find() for subject in subjects]
    scorers = cross_scoring.Scorers()

    def scored(name: str, pairs: Sequence, when: str = "last") -> list[cross_scoring.CrossScores]:
        return [
            scorers.cross_score(champions.read(evolve.folder, when), pair)
            for evolve, pair in zip(plans[name], pairs, strict=True)
        ]

    found = {
        _PLAIN: scored(_PLAIN, [models] * 2),
        _FIRST: scored(_PLAIN, [models] * 2, "first"),
        **{name: scored(name, [models] * 2) for name in _CHANGES},
        _MEAN: scored(_MEAN, [subtracting] * 2),
        _MEAN_ORIGINAL: scored(_MEAN, [*zip(subtracting, reversed(models), strict=True)]),
    }
    studies = list(itertools.chain(*found.values()))
    return experiment.Outcome(
        settings=evolutions.recorded([*models, *subtracting], [*itertools.chain(*plans.values())]),
        table=_variants_table(found, context.seed),
        files={"images.csv": transfer_tables.images_csv(studies)},
    )


def _variants_table(found: Mapping[str, Sequence[cross_scoring.CrossScores]], seed: int) -> str:
    """A row per variant, as Markdown."""
    rows = [["paper", "30 + 30", *map(tables.percent, PAPER["mean"])]]
    for name, studies in found.items():
        pairs = [(scores, other) for scores in studies for other in scores.others]
        runs = " + ".join(str(len(set(scores.champions.runs))) for scores in studies)
        cells = [
            transfer_tables.with_interval(*cell) for cell in transfer_tables.mean_row(pairs, seed)
        ]
        rows.append([name, runs, *cells])
    table = tables.markdown(["%, mean of both directions", "runs", *transfer.ROWS], rows)
    return (
        f"{table}\nIn brackets the 95 % interval, bootstrap over runs "
        f"({statistics.RESAMPLES:,} resamples).\n"
    )


EXPERIMENTS = (
    experiment.Experiment(
        name="table_s1_mnist",
        title="Table S1, MNIST: images that fool one classifier, given to another",
        steps=steps,
        report=report,
        paper=PAPER,
        takes_view=True,
    ),
    experiment.Experiment(
        name="table_s1_variants",
        title="Table S1, MNIST, done in other ways",
        steps=_variants_steps,
        report=_variants_report,
    ),
)
