"""Evolutions against networks of ImageNet, which several experiments share.

Nguyen, Yosinski and Clune, 2015, https://arxiv.org/abs/1412.1897: one run over all labels,
400 offspring a generation, 5000 generations, images of 256x256 pixels, of which networks see
ten crops. The networks are the user's: --models names them and what they see.
"""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Sequence

import numpy as np

from evolvers import config as evolvers_config
from keras_fool.models import classifiers
from keras_fool.runs import run_records
from keras_fool.studies import cross_scoring, evolved_runs, experiment, transfer_tables

GENERATIONS = 5000
_OFFSPRING = 400
THRESHOLDS = (0.9, 0.99, 0.9999)


def classifiers_of(
    context: experiment.Context, count: int
) -> list[classifiers.Classifier | classifiers.Ensemble]:
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
    classifier: classifiers.Classifier | classifiers.Ensemble,
    generations: int = GENERATIONS,
) -> evolved_runs.Evolution:
    """One run of so many of the paper's generations, scaled."""
    config = evolvers_config.Config(
        generations=context.scaled(generations),
        initial=_OFFSPRING,
        batch=_OFFSPRING,
        seed=context.seed,
    )
    # Networks of one name may see other crops, or have other weights.
    identity = json.dumps(classifiers.comparable(classifier.identity), sort_keys=True)
    digest = hashlib.sha256(identity.encode()).hexdigest()[:8]
    name = classifier.name.replace(".keras", "").replace("/", "-")
    folder = f"{name}_{digest}_generations_{config.generations}_seed_{config.seed}"
    return evolved_runs.Evolution(classifier, config, context.workdir / folder)


def views(classifier: classifiers.Classifier | classifiers.Ensemble) -> str:
    """What it sees of an image, in words; all of it where its members differ."""
    return " or ".join(dict.fromkeys(_view(member.views) for member in classifier.members))


def _view(seen: classifiers.Views) -> str:
    if seen.image_size is None:
        return "the whole image"
    crops = "the centre crop" if seen.crops == 1 else f"{seen.crops} crops"
    return f"{crops} of {seen.image_size}x{seen.image_size}"


@dataclasses.dataclass(frozen=True)
class Summary:
    """What a run came to, over its champions.

    Attributes:
        images: How many there are.
        median: Of the confidences for the labels that they were evolved for, in percent.
        highest: Likewise.
        at_least: By threshold, how many.
        own_top: How many have their own label as top-1.
        evaluations: Images that the run bred.
    """

    images: int
    median: float
    highest: float
    at_least: dict[float, int]
    own_top: int
    evaluations: int


def summary(planned: evolved_runs.Evolution) -> Summary:
    """Reads it off the folder of a complete run."""
    rows = run_records.RunRecords(planned.path).rows
    confidences = np.array([float(row["confidence"]) for row in rows], np.float32)
    return Summary(
        images=len(rows),
        median=100 * float(np.median(confidences)),
        highest=100 * float(confidences.max()),
        at_least={least: int((confidences >= np.float32(least)).sum()) for least in THRESHOLDS},
        own_top=sum(row["label"] == row["top1_label"] for row in rows),
        evaluations=planned.evaluations,
    )


def summary_table(
    evolutions: Sequence[evolved_runs.Evolution], paper: Sequence[object] | None = None
) -> str:
    """The summaries of runs as Markdown, a column each.

    Args:
        evolutions: Complete ones.
        paper: The paper's figures, in the order of the rows; a column of them comes first.
    """
    found = [summary(planned) for planned in evolutions]
    rows = [
        ["generations", *(planned.config.generations for planned in evolutions)],
        ["images bred", *(f"{one.evaluations:,}" for one in found)],
        ["what it sees", *(views(planned.classifier) for planned in evolutions)],
        ["champions, one per label", *(one.images for one in found)],
        ["median confidence, %", *(f"{one.median:.2f}" for one in found)],
        ["highest, %", *(f"{one.highest:.2f}" for one in found)],
        *(
            [f"of at least {100 * least:g} %", *(one.at_least[least] for one in found)]
            for least in THRESHOLDS
        ),
        ["with their own label as top-1", *(one.own_top for one in found)],
    ]
    if paper is not None:
        rows = [[row[0], figure, *row[1:]] for row, figure in zip(rows, paper, strict=True)]
    headings = ["", *(["paper"] if paper is not None else [])]
    headings += [planned.classifier.name for planned in evolutions]
    return transfer_tables.markdown(headings, rows)


def curve(folder: pathlib.Path) -> dict[str, np.ndarray]:
    """metrics.csv of a run: by column, float64 [generations]."""
    rows = run_records.RunRecords(folder).metrics()
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
