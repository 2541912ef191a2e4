"""Figures S5 to S9, and further sheets of images, by regularised gradient ascent.

Nguyen, Yosinski and Clune, 2015, supplement E, https://arxiv.org/abs/1412.1897. An image per
class of ImageNet and seed; Figures S8 and S9 are S5 and S7 again from other noise, so they
begin with the images of those. Two experiments are not in the paper:

    ascent_mnist  every preset of the figures on an MNIST classifier
    ascent_decay  how much weight decay an ascent tolerates: Figure S5 with other settings

A step aims at a gain d = min(early, late (1 - p)) in the confidence p, by the gradient alone,
and decay takes a share of the image away again. Where the network bends within a step, less
than d comes of it, and p stays where gain and loss are equal. So the decay that a network
tolerates depends on the network and on what its steps aim at; `ascent_decay` varies both, on
the classes whose confidences are legible in the paper.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence

import numpy as np

from evolvers.ascent import config as config_module
from keras_fool.models import data_means
from keras_fool.runs import champions
from keras_fool.sheets import sheet_drawing, tile_sheets
from keras_fool.studies import ascent_tables, ascents, experiment, galleries, steps, tables

_COLUMNS = 5
_SIDE, _SMALL_SIDE, _DECAY_SIDE = 160, 112, 144  # of an image on the sheet, in pixels
_SMALL = 64  # an image that is enlarged
_S5 = config_module.PRESETS["s5"]
# What `ascent_decay` changes of Figure S5's settings, by the name of a row.
_CHANGES = {
    "as S5": {},
    "decay 0.003": {"decay": 0.003},
    "decay 0.001": {"decay": 0.001},
    "aims x 3": {"early": 3 * _S5.early, "late": 3 * _S5.late},
    "aims x 10": {"early": 10 * _S5.early, "late": 10 * _S5.late},
}


@dataclasses.dataclass(frozen=True)
class Figure:
    """One of the figures.

    Attributes:
        preset: The settings' name in `evolvers.ascent.config.PRESETS`.
        seeds: How many; from 0.
        few: Whether only the classes are shown whose confidences the paper's figures show.
        paper: The paper's confidences that are legible: by label those of seed 0 and on.
        average: The paper's average confidence in per cent, where it gives one.
    """

    preset: str
    seeds: int = 1
    few: bool = False
    paper: Mapping[int, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    average: float | None = None

    def shown(self, context: experiment.Context) -> tuple[int, ...]:
        """The labels of which there are images."""
        return ascents.shown_of(context) if self.few else ascents.labels_of(context)

    def plan(self, context: experiment.Context) -> list[ascents.Ascend]:
        """The ascents from the first seed, which other figures have, too, and from others."""
        fooled, labels = ascents.subject(context), ascents.labels_of(context)
        planned = [ascents.plan(context, fooled, self.preset, labels)]
        if self.seeds > 1:
            others = range(1, self.seeds)
            planned.append(ascents.plan(context, fooled, self.preset, self.shown(context), others))
        return planned

    def steps(self, context: experiment.Context) -> list[steps.Step]:
        """Ascends what no other figure has."""
        return ascents.with_trainings(self.plan(context))

    def report(self, context: experiment.Context) -> experiment.Outcome:
        """Counts, and draws."""
        planned, shown = self.plan(context), self.shown(context)
        rows = ascents.records(planned, shown)
        paper = self.paper if context.dataset == ascents.IMAGENET else {}
        draw = functools.partial(_sheet, planned, shown, context.title())
        return experiment.Outcome(
            settings=ascents.recorded(planned),
            table=ascent_tables.figure_table(rows, paper, self.average),
            files={
                f"{context.experiment.name}.png": draw(mean_subtracted=True),
                f"{context.experiment.name}_as_seen.png": draw(mean_subtracted=False),
                "images.csv": ascent_tables.images_csv(rows),
            },
        )


def _sheet(
    planned: Sequence[ascents.Ascend],
    shown: Sequence[int],
    title: str,
    *,
    mean_subtracted: bool,
) -> bytes:
    """The images with labels and confidences: a row per label if there are several seeds."""
    by_label: dict[int, list[tile_sheets.Tile]] = {label: [] for label in shown}
    for ascend in planned:
        images = champions.read(ascend.folder, unrounded=mean_subtracted)
        for place, label in enumerate(images.niches):
            if label in by_label:
                name = images.labels[label]
                by_label[label].append(_tile(images, place, name, mean_subtracted=mean_subtracted))
    rows = list(by_label.values())
    several = len(rows[0]) > 1
    if not several:
        tiles = [tile for row in rows for tile in row]
        rows = [tiles[start : start + _COLUMNS] for start in range(0, len(tiles), _COLUMNS)]
    sheet = tile_sheets.sheet(
        rows,
        title=title,
        subtitle="minus the data mean, 0 is the middle grey; images and confidences"
        f"{galleries.UNROUNDED}"
        if mean_subtracted
        else "as the network sees them, rounded to bytes, with the confidences of those",
        column_names=[f"seed {seed}" for seed in range(len(rows[0]))] if several else (),
        side=_SIDE if rows[0][0].image.shape[0] > _SMALL else _SMALL_SIDE,
    )
    return sheet_drawing.png(sheet)


def _tile(
    images: champions.Champions, place: int, *names: str, mean_subtracted: bool
) -> tile_sheets.Tile:
    image, confidence = images.images[place], images.confidences[place]
    if mean_subtracted:
        image = data_means.picture_of(images.minus_mean(place))
    return tile_sheets.Tile(image, names, float(confidence))


def _tiles(images: champions.Champions, *, mean_subtracted: bool) -> list[tile_sheets.Tile]:
    return [_tile(images, n, mean_subtracted=mean_subtracted) for n in range(len(images))]


def _mnist_plan(context: experiment.Context) -> list[ascents.Ascend]:
    fooled, labels = ascents.subject(context), ascents.labels_of(context)
    return [ascents.plan(context, fooled, preset, labels) for preset in config_module.PRESETS]


def _mnist_report(context: experiment.Context) -> experiment.Outcome:
    """Counts, and draws a row per preset."""
    planned = _mnist_plan(context)
    rows = ascents.records(planned, planned[0].labels)
    images = [champions.read(ascend.folder) for ascend in planned]
    sheet = tile_sheets.sheet(
        [_tiles(of_preset, mean_subtracted=False) for of_preset in images],
        title=context.title(),
        subtitle=f"{planned[0].subject.name}, as it sees them",
        row_names=[ascend.preset for ascend in planned],
        column_names=[images[0].labels[label] for label in planned[0].labels],
        side=_SMALL_SIDE,
    )
    return experiment.Outcome(
        settings=ascents.recorded(planned),
        table=ascent_tables.preset_table(rows),
        files={
            "ascent_mnist.png": sheet_drawing.png(sheet),
            "images.csv": ascent_tables.images_csv(rows),
        },
    )


def _decay_plan(context: experiment.Context) -> list[ascents.Ascend]:
    fooled, every = ascents.subject(context), ascents.labels_of(context)
    shown = ascents.shown_of(context)
    return [  # Figure S5 has its own for all classes
        ascents.plan(context, fooled, "s5", shown if changes else every, changes=changes)
        for changes in _CHANGES.values()
    ]


def _decay_report(context: experiment.Context) -> experiment.Outcome:
    """Counts, and draws a row for each of the settings."""
    planned, shown = _decay_plan(context), ascents.shown_of(context)
    images = [_shown(ascend, shown) for ascend in planned]
    sheet = tile_sheets.sheet(
        [_tiles(of_settings, mean_subtracted=True) for of_settings in images],
        title=context.title(),
        subtitle="minus the data mean, 0 is the middle grey; as they were before rounding",
        row_names=list(_CHANGES),
        column_names=[images[0].labels[label] for label in images[0].niches],
        side=_DECAY_SIDE if images[0].images.shape[1] >= _DECAY_SIDE else None,
    )
    return experiment.Outcome(
        settings=ascents.recorded(planned),
        table=_decay_table(planned, images),
        files={
            "ascent_decay.png": sheet_drawing.png(sheet),
            "images.csv": ascent_tables.images_csv(ascents.records(planned, shown)),
        },
    )


def _shown(ascend: ascents.Ascend, shown: Sequence[int]) -> champions.Champions:
    images = champions.read(ascend.folder, unrounded=True)
    return images.take(np.isin(images.niches, shown))


def _decay_table(planned: Sequence[ascents.Ascend], images: Sequence[champions.Champions]) -> str:
    lines = []
    for ascend, found in zip(planned, images, strict=True):
        rows = ascents.records([ascend], found.niches)
        rounded = np.mean([float(row["confidence"]) for row in rows])
        lines.append(
            [
                f"{ascend.config.decay:g}",
                f"{ascend.config.early:g}",
                f"{ascend.config.late:g}",
                f"{100 * found.confidences.mean():.3f}",
                ascent_tables.percent_of(str(found.confidences.min())),
                f"{100 * rounded:.3f}",
                f"{np.sqrt(np.mean(np.square(ascents.offsets(found)))):.2f}",
                f"{100 * ascents.share_of_losses(ascend, found.niches):.0f}",
            ]
        )
    headings = ["decay", "early", "late", "average, %", "lowest, %", "average once rounded, %"]
    headings += ["offsets, grey levels"]
    headings += [f"steps that lower it, %, of the last {ascents.LAST_STEPS}"]
    return (
        f"{len(images[0])} images each; the paper's average for the first line, over "
        f"{len(ascents.CLASSES)} classes and before rounding, is 98.591 %. Offsets "
        "are the root mean square of what an image differs from the data mean by.\n\n"
        f"{tables.markdown(headings, lines)}"
    )


def _experiment(name: str, title: str, figure: Figure) -> experiment.Experiment:
    return experiment.Experiment(
        name=name,
        title=title,
        steps=figure.steps,
        report=figure.report,
        dataset=ascents.IMAGENET,
        others=("mnist", "digits"),
    )


_S5_PAPER = {
    713: (0.999439,),
    782: (0.992874,),
    805: (0.988835,),
    826: (0.996818,),
    906: (0.998959,),
}
_S7_PAPER = {
    713: (0.997988,),
    782: (0.985134,),
    805: (0.987629,),
    826: (0.964308,),
    906: (0.986817,),
}
_S8_PAPER = {906: (0.998959, 0.999058, 0.999118, 0.998554)}
EXPERIMENTS = (
    _experiment(
        "ascent_plain",
        "Gradient ascent without regularisation",
        Figure("plain", average=99.99),
    ),
    _experiment(
        "figure_s5",
        "Figure S5: gradient ascent with weight decay",
        Figure("s5", paper=_S5_PAPER, average=98.591),
    ),
    _experiment(
        "figure_s6",
        "Figure S6: gradient ascent with weak decay, slight blur and pseudo-L1 clipping",
        Figure("s6"),
    ),
    _experiment(
        "figure_s7",
        "Figure S7: gradient ascent with weak decay and more blur",
        Figure("s7", paper=_S7_PAPER),
    ),
    _experiment(
        "figure_s8",
        "Figure S8: gradient ascent with weight decay, from several starts",
        Figure("s5", seeds=5, few=True, paper=_S8_PAPER),
    ),
    _experiment(
        "figure_s9",
        "Figure S9: gradient ascent with weak decay and more blur, from several starts",
        Figure("s7", seeds=5, few=True),
    ),
    experiment.Experiment(
        name="ascent_decay",
        title="Gradient ascent: weight decay and what the steps aim at",
        steps=lambda context: ascents.with_trainings(_decay_plan(context)),
        report=_decay_report,
        dataset=ascents.IMAGENET,
        others=("mnist", "digits"),
    ),
    experiment.Experiment(
        name="ascent_mnist",
        title="Gradient ascent on an MNIST classifier",
        steps=lambda context: ascents.with_trainings(_mnist_plan(context)),
        report=_mnist_report,
    ),
)
