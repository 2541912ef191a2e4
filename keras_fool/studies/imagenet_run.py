"""One run over all labels of a network of ImageNet: how many of them are fooled, how well.

Nguyen, Yosinski and Clune, 2015, https://arxiv.org/abs/1412.1897: 1000 labels, 5000
generations of 400 offspring, a median confidence of 88.11 %.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from keras_fool.runs import champions
from keras_fool.sheets import sheet_drawing, tile_sheets
from keras_fool.sheets.sheet_drawing import HIGH_CONFIDENCE, percent, squarish
from keras_fool.studies import curves, evolved_runs, experiment, imagenet_runs, transfer_tables

_PAPER_MEDIAN = 88.11
_PAPER = (5000, "2,000,800", "10 crops of 256x256", 1000, _PAPER_MEDIAN, *["-"] * 5)
_SHOWN, _SIDE = 77, 128  # of the surest, seven full rows; pixels of an image
_SMALL_SIDE = 72  # of an image among all
_NUM_LABELS = 1000
_DOGS, _ANIMALS = range(151, 269), range(398)  # of ImageNet's labels; dogs are animals
_MILESTONES = (0, 50, 100, 200, 500, 1000, 2000, 3000, 4000, 5000)


def run(context: experiment.Context) -> experiment.Outcome:
    """Evolves, counts, and draws."""
    (classifier,) = imagenet_runs.classifiers_of(context, 1)
    planned = imagenet_runs.plan(context, classifier)
    with context.stage(f"evolve on {classifier.name}", 1, of=2) as stage:
        evolved_runs.evolve(context, planned, stage)
    with context.stage("count and draw", 2, of=2):
        images = champions.read(planned.path)
        curve = imagenet_runs.curve(planned.path)
        title = context.title(EXPERIMENT.title)
        return experiment.Outcome(
            settings=evolved_runs.recorded([classifier], [planned]),
            table="\n".join(
                [
                    imagenet_runs.summary_table([planned], _PAPER),
                    *([by_kind(images.confidences)] if len(images) == _NUM_LABELS else []),
                    _milestones(curve),
                ]
            ),
            files={
                "best.jpg": best(images, f"{title}: {classifier.name}"),
                "every.jpg": _every(images, f"{title}: {classifier.name}"),
                "curve.png": curves.over_generations(
                    {classifier.name: curve}, title, _PAPER_MEDIAN / 100
                ),
                "champions.csv": (planned.path / "champions.csv").read_bytes(),
            },
        )


def best(images: champions.Champions, title: str, count: int = _SHOWN) -> bytes:
    """The champions with the highest confidences, one per image, as a JPEG file.

    Args:
        images: The champions of one run.
        title: The first line.
        count: How many are shown. A genome that holds several niches is shown once, for
            the label that it fools best.
    """
    order = np.argsort(-images.confidences, kind="stable")
    seen, places = set(), []
    for place in order:
        if images.genomes[place] not in seen:
            seen.add(images.genomes[place])
            places.append(place)
    shown = places[:count]
    subtitle = f"the {len(shown)} surest of {len(images)} champions, a genome once"
    return sheet_drawing.jpeg(_sheet(images, shown, title, subtitle, _SIDE))


def _every(images: champions.Champions, title: str) -> bytes:
    # In ImageNet's order, where related labels stand side by side.
    subtitle = f"the champions of all {len(images)} labels, in the order of the labels"
    sheet = _sheet(images, range(len(images)), title, subtitle, _SMALL_SIDE)
    return sheet_drawing.jpeg(sheet, quality=75)


def _sheet(
    images: champions.Champions, places: Sequence[int], title: str, subtitle: str, side: int
) -> Image.Image:
    tiles = [
        tile_sheets.Tile(
            images.images[place],
            (images.labels[images.niches[place]], percent(images.confidences[place])),
            weak=bool(images.confidences[place] < HIGH_CONFIDENCE),
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
    return transfer_tables.markdown(["labels", "", "median, %"], rows)


def _milestones(curve: dict[str, np.ndarray]) -> str:
    last = int(curve["generation"][-1])
    wanted = [number for number in _MILESTONES if number < last] + [last]
    rows = [
        [number, *(f"{100 * curve[name][number]:.2f}" for name in ("median", "mean", "max"))]
        for number in wanted
    ]
    return transfer_tables.markdown(["generation", "median, %", "mean, %", "highest, %"], rows)


EXPERIMENT = experiment.Experiment(
    "imagenet_run",
    "One run over all labels of an ImageNet network",
    "5000 generations of 400 images for all labels of one network at once.",
    run,
    dataset="imagenet",
    others=(),
)
