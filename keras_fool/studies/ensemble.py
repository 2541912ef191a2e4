"""Supplement B: images that fool the mean of three networks."""

import numpy as np

from keras_fool.models import classifiers
from keras_fool.runs import champions
from keras_fool.studies import (
    cross_scoring,
    curves,
    evolved_runs,
    experiment,
    imagenet_run,
    imagenet_runs,
    transfer,
    transfer_tables,
)

_GENERATIONS = 4000
_PAPER_MEDIAN = 65.2
_PAPER = (
    _GENERATIONS,
    "1,600,800",
    "10 crops of 256x256",
    1000,
    _PAPER_MEDIAN,
    100,
    231,
    "-",
    "-",
    "-",
)


def run(context: experiment.Context) -> experiment.Outcome:
    """Evolves on the mean, and asks each member."""
    ensemble = classifiers.Ensemble(tuple(imagenet_runs.classifiers_of(context, 3)))
    planned = imagenet_runs.plan(context, ensemble, _GENERATIONS)
    with context.stage(f"evolve on {ensemble.name}", 1, of=2) as stage:
        evolved_runs.evolve(context, planned, stage)
    with context.stage("count and draw", 2, of=2):
        images = champions.read(planned.path)
        scores = cross_scoring.Scorers().cross_score(images, [ensemble, *ensemble.members])
        title = context.title(EXPERIMENT.title)
        curve = imagenet_runs.curve(planned.path)
        return experiment.Outcome(
            settings=evolved_runs.recorded(ensemble.members, [planned]),
            table="\n".join(
                [
                    imagenet_runs.summary_table([planned], _PAPER),
                    "What each member says of them:\n",
                    _members(scores),
                ]
            ),
            files={
                "best.jpg": imagenet_run.best(images, title),
                "curve.png": curves.over_generations(
                    {"mean of three": curve}, title, _PAPER_MEDIAN / 100
                ),
                "images.csv": transfer_tables.images_csv([scores]).encode(),
            },
        )


def _members(scores: cross_scoring.CrossScores) -> str:
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
    return transfer_tables.markdown(headings, rows)


EXPERIMENT = experiment.Experiment(
    "ensemble",
    "Images that fool the mean of three networks (supplement B)",
    "4000 generations of 400 images for all labels of three networks at once.",
    run,
    dataset="imagenet",
    others=(),
)
