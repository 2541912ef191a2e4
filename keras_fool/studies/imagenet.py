"""Evolutions against networks of ImageNet: one run, two networks, the mean of three.

Nguyen, Yosinski and Clune, 2015, https://arxiv.org/abs/1412.1897: one run over all labels,
400 offspring a generation, 5000 generations, images of 256x256 pixels, of which networks see
ten crops. The networks are the user's: --models names them and what they see.

    imagenet_run            one run over all labels: a median confidence of 88.11 % in the paper
    table_s1_imagenet       images of two networks of one architecture, each given to the other
    transfer_architectures  the same for two architectures (supplement A.2)
    ensemble                images that fool the mean of three networks (supplement B)

Networks of few labels, such as CIFAR-10's, give few images in a run: --runs does several, and
gives intervals over them.
"""

import functools
import hashlib
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from evolvers import config as evolvers_config
from keras_fool.models import classifiers
from keras_fool.runs import champions, run_records
from keras_fool.sheets import sheet_drawing, surest, tile_sheets
from keras_fool.sheets.sheet_drawing import squarish
from keras_fool.studies import (
    cross_scoring,
    evolutions,
    experiment,
    plots,
    tables,
    transfer,
    transfer_tables,
)

GENERATIONS = 5000
_ENSEMBLE_GENERATIONS = 4000
_OFFSPRING = 400
_THRESHOLDS = (0.9, 0.99, 0.9999)
_SHOWN, _SIDE = 77, 128  # of the surest, seven full rows; pixels of an image
_SMALL_SIDE = 72  # of an image among all
_NUM_LABELS = 1000
_DOGS, _ANIMALS = range(151, 269), range(398)  # of ImageNet's labels; dogs are animals
_MILESTONES = (0, 50, 100, 200, 500, 1000, 2000, 3000, 4000, 5000)

# The paper's figures, in the order of the rows of `_summary_table`.
_RUN_PAPER = (5000, "2,000,800", "10 crops of 256x256", 1000, 88.11, *["-"] * 5)
_ENSEMBLE_PAPER = (4000, "1,600,800", "10 crops of 256x256", 1000, 65.2, 100, 231, *["-"] * 3)
_MEDIAN = 4  # the place of the median confidence among them
# Rows (a), (b), (c) of Table S1: of network B on the images of A, and so on.
_TRANSFER_PAPER = {
    "B on A": (65.9, 7.2, 98.0),
    "A on B": (62.8, 5.0, 95.1),
    "mean": (64.4, 6.1, 96.6),
}
# AlexNet (A) gives 20.7 % of the images of GoogLeNet (B) the label that GoogLeNet gives.
_ARCHITECTURES_PAPER = {
    "B on A": (17.3, None, None),
    "A on B": (20.7, None, None),
    "mean": (19.0, None, None),
}


def networks(context: experiment.Context, count: int) -> list[classifiers.AnyClassifier]:
    """The networks that --models names.

    Args:
        context: The experiment's.
        count: How many there must be.

    Raises:
        ValueError: There are fewer or more, or one is unknown.
    """
    if len(context.models) != count:
        raise ValueError(
            f"this experiment is about {count} network{'s' if count > 1 else ''}: name "
            f"{'them' if count > 1 else 'it'} in --models, such as "
            "--models=MobileNet:weights=imagenet (got "
            f"{', '.join(context.models) or 'none'})."
        )
    found = cross_scoring.find_models(context.models)
    if context.labels is None:
        return found
    return [classifier.with_labels(context.labels) for classifier in found]


def plan(
    context: experiment.Context,
    classifier: classifiers.AnyClassifier,
    generations: int = GENERATIONS,
    purpose: str = "",
    **changes: Any,
) -> evolutions.Evolve:
    """The evolution on a network.

    Args:
        context: The experiment's.
        classifier: What is fooled.
        generations: The paper's, which are scaled.
        purpose: What the step's name begins with.
        **changes: Settings of `evolvers.config.Config` that differ.
    """
    config = evolvers_config.Config(
        runs=context.runs,
        generations=context.scaled(generations),
        initial=_OFFSPRING,
        batch=_OFFSPRING,
        seed=context.seed,
        **changes,
    )
    folder = f"{file_name(classifier)}_generations_{config.generations}_seed_{config.seed}"
    folder += f"_runs_{config.runs}" if config.runs > 1 else ""
    folder += "".join(f"_{name}_{value}" for name, value in changes.items())
    return evolutions.Evolve(
        name=f"{purpose}evolve on {classifier.name}",
        work=evolutions.images_of(config),
        subject=evolutions.Subject.found(classifier),
        config=config,
        folder=context.workdir / folder,
    )


def file_name(classifier: classifiers.AnyClassifier) -> str:
    """A classifier's name and digest, for folders.

    Networks of one name may see other crops, or have other weights.
    """
    identity = json.dumps(classifiers.comparable(classifier.identity), sort_keys=True)
    digest = hashlib.sha256(identity.encode()).hexdigest()[:8]
    return f"{classifier.name.replace('.keras', '').replace('/', '-')}_{digest}"


def views(classifier: classifiers.AnyClassifier) -> str:
    """What it sees of an image, in words; all of it where its members differ.

    An endpoint is sent the whole image, and crops by itself if at all.
    """
    seen = [
        classifiers.Views() if member.is_remote else member.views for member in classifier.members
    ]
    return " or ".join(dict.fromkeys(map(_view, seen)))


def _view(seen: classifiers.Views) -> str:
    if seen.image_size is None:
        return "the whole image"
    crops = "the centre crop" if seen.crops == 1 else f"{seen.crops} crops"
    return f"{crops} of {seen.image_size}x{seen.image_size}"


def run_steps(context: experiment.Context) -> list[evolutions.Evolve]:
    """One evolution on one network."""
    (classifier,) = networks(context, 1)
    return [plan(context, classifier)]


def _run_report(context: experiment.Context) -> experiment.Outcome:
    """Counts, and draws."""
    (planned,), paper = run_steps(context), context.experiment.paper
    name = planned.subject.name
    images, curve = champions.read(planned.folder), _curve(planned.folder)
    parts = [_summary_table([planned], paper)]
    parts += [by_kind(images.confidences)] if len(images) == _NUM_LABELS else []
    parts += [_milestones(curve)]
    title = context.title()
    return experiment.Outcome(
        settings=evolutions.recorded([planned.classifier], [planned]),
        table="\n".join(parts),
        files={
            "best.jpg": _best(images, f"{title}: {name}"),
            "every.jpg": _every(images, f"{title}: {name}"),
            "curve.png": plots.over_generations({name: curve}, title, paper[_MEDIAN] / 100),
            "champions.csv": (planned.folder / "champions.csv").read_bytes(),
        },
    )


def _transfer_steps(context: experiment.Context) -> list[evolutions.Evolve]:
    return [plan(context, network) for network in networks(context, 2)]


def _transfer_report(context: experiment.Context) -> experiment.Outcome:
    """Scores the images of both on both, and counts."""
    planned = _transfer_steps(context)
    models = [evolve.classifier for evolve in planned]
    scorers = cross_scoring.Scorers()
    studies = [scorers.cross_score(champions.read(evolve.folder), models) for evolve in planned]
    columns: dict[str, tuple[str, Sequence[float], Sequence[str]]] = {}
    counts: list[Sequence[object]] = []
    for name, scores in zip(("B on A", "A on B"), studies, strict=True):
        (other,) = scores.others
        counted = transfer_tables.count(scores, other)
        heading = f"{other} on images of {scores.original}"
        intervals = transfer_tables.intervals(scores, other, context.seed)
        columns[heading] = name, counted.percentages, intervals
        counts.append([heading, counted.images, counted.matches, counted.sure, counted.higher])
    pairs = [(scores, other) for scores in studies for other in scores.others]
    mean = transfer_tables.mean_row(pairs, context.seed)
    columns["mean of both"] = "mean", [value for value, _ in mean], [said for _, said in mean]
    paper = context.experiment.paper
    rows = [
        [
            f"{row}: {heading}",
            tables.NO_VALUE if paper[name][line] is None else paper[name][line],
            tables.percent(found[line]),
            intervals[line],
        ]
        for line, row in enumerate(transfer.ROWS)
        for heading, (name, found, intervals) in columns.items()
    ]
    columns_of_rows = ["%", "paper", "keras_fool", "95 % interval over runs"]
    if planned[0].config.runs == 1:  # which has no interval
        rows, columns_of_rows = [row[:-1] for row in rows], columns_of_rows[:-1]
    headings = ("", "images", "top-1 matches", "of these both 99 %", "higher on the original")
    parts = [
        tables.markdown(columns_of_rows, rows),
        tables.markdown(headings, counts),
        "What the images are:\n",
        _summary_table(planned),
    ]
    sure = {
        f"images of {scores.original}, scored by {name}": confidences.max(axis=1)
        for scores in studies
        for name, confidences in scores.confidences.items()
    }
    return experiment.Outcome(
        settings=evolutions.recorded(models, planned),
        table="\n".join(parts),
        files={
            "images.csv": transfer_tables.images_csv(studies),
            "confidences.png": plots.distributions(sure, context.title()),
        },
    )


def _ensemble_steps(context: experiment.Context) -> list[evolutions.Evolve]:
    ensemble = classifiers.Ensemble(tuple(map(evolutions.single_network, networks(context, 3))))
    return [plan(context, ensemble, _ENSEMBLE_GENERATIONS)]


def _ensemble_report(context: experiment.Context) -> experiment.Outcome:
    """Counts, asks each member, and draws."""
    (planned,), paper = _ensemble_steps(context), context.experiment.paper
    ensemble, images = planned.classifier, champions.read(planned.folder)
    scores = cross_scoring.Scorers().cross_score(images, [ensemble, *ensemble.members])
    curves = {"mean of three": _curve(planned.folder)}
    parts = [
        _summary_table([planned], paper),
        "What each member says of them:\n",
        _members_table(scores),
    ]
    return experiment.Outcome(
        settings=evolutions.recorded(ensemble.members, [planned]),
        table="\n".join(parts),
        files={
            "best.jpg": _best(images, context.title()),
            "curve.png": plots.over_generations(curves, context.title(), paper[_MEDIAN] / 100),
            "images.csv": transfer_tables.images_csv([scores]),
        },
    )


def _summary_table(
    planned: Sequence[evolutions.Evolve], paper: Sequence[object] | None = None
) -> str:
    """What runs came to over their champions, as Markdown, a column each.

    Args:
        planned: Complete runs.
        paper: The paper's figures, in the order of the rows; a column of them comes first.
    """
    columns: list[Sequence[object]] = [_summary(evolve) for evolve in planned]
    columns = columns if paper is None else [paper, *columns]
    names = [
        "generations",
        "images bred",
        "what it sees",
        "champions, one per label",
        "median confidence, %",
        "highest, %",
        *(f"of at least {100 * threshold:g} %" for threshold in _THRESHOLDS),
        "with their own label as top-1",
    ]
    headings = ["", *(["paper"] if paper is not None else [])]
    headings += [evolve.subject.name for evolve in planned]
    return tables.markdown(headings, zip(names, *columns, strict=True))


def _summary(evolve: evolutions.Evolve) -> list[object]:
    """A column of `_summary_table`."""
    rows = run_records.RunRecords(evolve.folder).rows
    confidences = np.array([float(row["confidence"]) for row in rows], np.float32)
    return [
        evolve.config.generations,
        f"{evolve.work:,}",
        views(evolve.classifier),
        len(rows),
        f"{100 * float(np.median(confidences)):.2f}",
        f"{100 * float(confidences.max()):.2f}",
        *(int((confidences >= np.float32(threshold)).sum()) for threshold in _THRESHOLDS),
        sum(row["label"] == row["top1_label"] for row in rows),
    ]


def _curve(folder: pathlib.Path) -> dict[str, np.ndarray]:
    """metrics.csv of a run folder: by column, float64 [generations], medians over runs."""
    rows = run_records.RunRecords(folder).metrics()
    runs = len({row["run"] for row in rows})
    return {
        name: np.median(np.array([float(row[name]) for row in rows]).reshape(-1, runs), axis=1)
        for name in rows[0]
    }


def _members_table(scores: cross_scoring.CrossScores) -> str:
    places = np.arange(len(scores.champions)), scores.champions.niches
    rows = [
        [
            name,
            f"{100 * transfer.median(confidences[places]):.2f}",
            int((confidences[places] >= np.float32(0.9)).sum()),
            int((transfer.top1(confidences) == scores.champions.niches).sum()),
        ]
        for name, confidences in scores.confidences.items()
    ]
    headings = ("", "median confidence, %", "of at least 90 %", "given that label as top-1")
    return tables.markdown(headings, rows)


def _best(images: champions.Champions, title: str, count: int = _SHOWN) -> bytes:
    """The champions with the highest confidences, one per image, as a JPEG file.

    Args:
        images: The champions of a run folder.
        title: The first line.
        count: How many are shown. A genome that holds several niches is shown once, for
            the label that it fools best.
    """
    genomes = list(zip(images.runs.tolist(), images.genomes, strict=True))
    shown = surest.places(images.confidences, genomes, count)
    subtitle = f"the {len(shown)} surest of {len(images)} champions, a genome once"
    return sheet_drawing.jpeg(_sheet(images, shown, title, subtitle, _SIDE))


def _every(images: champions.Champions, title: str) -> bytes:
    # In ImageNet's order, where related labels stand side by side.
    runs = len(set(images.runs))
    subtitle = f"the champions of all {len(images) // runs} labels, in the order of the labels"
    subtitle += f", of {runs} runs" if runs > 1 else ""
    sheet = _sheet(images, range(len(images)), title, subtitle, _SMALL_SIDE)
    return sheet_drawing.jpeg(sheet, quality=75)


def _sheet(
    images: champions.Champions, places: Sequence[int], title: str, subtitle: str, side: int
) -> Image.Image:
    tiles = [
        tile_sheets.Tile(
            images.images[place],
            (images.labels[images.niches[place]],),
            float(images.confidences[place]),
        )
        for place in places
    ]
    columns = squarish(len(tiles))
    rows = [tiles[start : start + columns] for start in range(0, len(tiles), columns)]
    return tile_sheets.sheet(rows, title=title, subtitle=subtitle, side=side)


def by_kind(confidences: np.ndarray) -> str:
    """The confidences of dogs, of other animals, and of things, as Markdown.

    Dogs are what ImageNet tells apart most finely: to be sure of one breed a network has to
    rule out a hundred others.

    Args:
        confidences: float32 [1000], by ImageNet's labels.
    """
    labels = np.arange(len(confidences))
    dogs, animals = (np.isin(labels, kind) for kind in (_DOGS, _ANIMALS))
    rows = [
        [name, int(chosen.sum()), f"{100 * np.median(confidences[chosen]):.2f}"]
        for name, chosen in (
            ("breeds of dogs", dogs),
            ("other animals", animals & ~dogs),
            ("everything else", ~animals),
        )
    ]
    return tables.markdown(["labels", "", "median, %"], rows)


def _milestones(curve: dict[str, np.ndarray]) -> str:
    last = int(curve["generation"][-1])
    wanted = [number for number in _MILESTONES if number < last] + [last]
    rows = [
        [number, *(f"{100 * curve[name][number]:.2f}" for name in ("median", "mean", "max"))]
        for number in wanted
    ]
    return tables.markdown(["generation", "median, %", "mean, %", "highest, %"], rows)


# Of networks that know other photographs, --dataset=folder:PATH says which; none are read.
_experiment = functools.partial(
    experiment.Experiment, dataset="imagenet", others=(experiment.FOLDER,), takes_runs=True
)
EXPERIMENTS = (
    _experiment(
        name="imagenet_run",
        title="One run over all labels of an ImageNet network",
        steps=run_steps,
        report=_run_report,
        paper=_RUN_PAPER,
    ),
    _experiment(
        name="table_s1_imagenet",
        title="Table S1, ImageNet: "
        "images that fool one network, given to another of its architecture",
        steps=_transfer_steps,
        report=_transfer_report,
        paper=_TRANSFER_PAPER,
    ),
    _experiment(
        name="transfer_architectures",
        title="Images that fool one architecture, given to another (supplement A.2)",
        steps=_transfer_steps,
        report=_transfer_report,
        paper=_ARCHITECTURES_PAPER,
    ),
    _experiment(
        name="ensemble",
        title="Images that fool the mean of three networks (supplement B)",
        steps=_ensemble_steps,
        report=_ensemble_report,
        paper=_ENSEMBLE_PAPER,
    ),
)
