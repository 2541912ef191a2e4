"""Figure S1: images of independent runs that two classifiers are sure of.

It uses the run folders of Table S1; the paper shows the digits 9, 6 and 2, whose images
transferred most.
"""

from collections.abc import Sequence

import numpy as np

from keras_fool.runs import tables
from keras_fool.sheets import sheet_drawing
from keras_fool.studies import (
    cross_scoring,
    experiment,
    galleries,
    table_s1_mnist,
    transfer,
    transfer_tables,
)

_PAPER_LABELS = ("9", "6", "2")
_COLUMNS = 12


def run(context: experiment.Context) -> experiment.Outcome:
    """Evolves, unless Table S1 did, scores, and draws."""
    studies, settings = table_s1_mnist.evolve_and_score(context)
    labels = studies[0].champions.labels
    sure = [_sure(scores) for scores in studies]
    counts = np.stack(
        [
            np.bincount(scores.champions.niches[of], minlength=len(labels))
            for scores, of in zip(studies, sure, strict=True)
        ]
    )
    most = np.argsort(-counts.sum(axis=0), kind="stable")
    runs = len(set(studies[0].champions.runs))
    table = transfer_tables.markdown(
        ["evolved for", *(f"of {runs} images of {of.original}" for of in studies), "of all"],
        [[labels[niche], *counts[:, niche], counts[:, niche].sum()] for niche in most],
    )
    return experiment.Outcome(
        settings=settings,
        table=(
            "Images that both classifiers give the digit they were evolved for with at least "
            "99 %.\n\nThe three digits of which there are most: "
            f"{', '.join(_PAPER_LABELS)} in the paper, "
            f"{', '.join(labels[niche] for niche in most[:3])} here.\n\n{table}"
        ),
        files={
            "images.csv": _images_csv(studies, sure).encode(),
            **_sheets(context, studies, counts.sum(axis=0)),
        },
    )


def _sure(scores: cross_scoring.CrossScores) -> np.ndarray:
    (other,) = scores.others
    return transfer.both_sure(
        scores.confidences[scores.original], scores.confidences[other], scores.champions.niches
    )


def _sheets(
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
    title = context.title(EXPERIMENT.title)
    paper = [labels.index(name) for name in _PAPER_LABELS if name in labels]
    wanted = {
        "figure_s1.png": (None, title),
        "figure_s1_paper_digits.png": (paper, f"{title}: the paper's digits"),
    }
    sheets = {}
    for name, (niches, text) in wanted.items():
        if counts[slice(None) if niches is None else niches].any():
            choice, look = galleries.Choice(labels=niches), galleries.Look(text)
            sheet, _ = galleries.transferring(studies, choice, look, most_runs=_COLUMNS)
            sheets[name] = sheet_drawing.png(sheet)
    return sheets


def _images_csv(studies: Sequence[cross_scoring.CrossScores], sure: Sequence[np.ndarray]) -> str:
    """A row per image that both are sure of, with both confidences for its digit."""
    header = ("folder", "file", "run", "evolved_for", "confidence_original", "confidence_other")
    rows = []
    for scores, of in zip(studies, sure, strict=True):
        champions, names = scores.champions, (scores.original, *scores.others)
        for place in np.flatnonzero(of):
            niche = champions.niches[place]
            both = [tables.number(scores.confidences[name][place, niche]) for name in names]
            about = champions.folder.name, champions.files[place], champions.runs[place]
            rows.append([*about, champions.labels[niche], *both])
    return transfer_tables.as_csv(header, rows)


EXPERIMENT = experiment.Experiment(
    "figure_s1",
    "Figure S1: images that both MNIST classifiers give at least 99 %",
    "From the runs of Table S1, images of the digits that transfer most.",
    run,
    takes_view=True,
)
