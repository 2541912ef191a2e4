"""Figures S5 to S9: classes of ImageNet by regularised gradient ascent.

Nguyen, Yosinski and Clune, 2015, supplement E, https://arxiv.org/abs/1412.1897. An image per
class and seed; Figures S8 and S9 are S5 and S7 again from other noise, so they begin with
the images of those.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from evolvers.ascent import config as config_module
from keras_fool.models import data_means
from keras_fool.runs import champions
from keras_fool.sheets import sheet_drawing, tile_sheets
from keras_fool.sheets.sheet_drawing import HIGH_CONFIDENCE, percent
from keras_fool.studies import ascended_runs, ascent_report, experiment, galleries

_COLUMNS = 5
_SIDE, _SMALL_SIDE = 160, 112  # of an image on the sheet, in pixels
_SMALL = 64  # an image that is enlarged


@dataclasses.dataclass(frozen=True)
class Figure:
    """One of the figures.

    Attributes:
        name: Its experiment's.
        title: Likewise.
        preset: The settings' name in `evolvers.ascent.config.PRESETS`.
        seeds: How many; from 0.
        labels: What is shown of ImageNet; None for all of the paper's classes.
        paper: The paper's confidences that are legible: by label those of seed 0 and on.
        average: The paper's average confidence in per cent, where it gives one.
    """

    name: str
    title: str
    preset: str
    seeds: int = 1
    labels: tuple[int, ...] | None = None
    paper: Mapping[int, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    average: float | None = None

    def as_experiment(self) -> experiment.Experiment:
        """The experiment that makes it."""
        steps = config_module.PRESETS[self.preset].steps
        return experiment.Experiment(
            self.name,
            self.title,
            f"{len(self.labels or ascended_runs.CLASSES)} classes from {self.seeds} "
            f"start{'s' if self.seeds > 1 else ''}, {steps} steps of gradient ascent.",
            self.run,
            dataset=ascended_runs.IMAGENET,
            others=("mnist", "digits"),
        )

    def run(self, context: experiment.Context) -> experiment.Outcome:
        """Ascends what no other figure has, counts, and draws."""
        of_imagenet = context.dataset == ascended_runs.IMAGENET
        classifier, numbers, of = ascended_runs.classifier_of(context, 2 + (self.seeds > 1))
        every = ascended_runs.labels_of(context)
        shown = every
        if self.labels is not None and of_imagenet:
            shown = tuple(label for label in self.labels if label in every)
        ascents = [ascended_runs.plan(context, classifier, self.preset, every, [0])]
        if self.seeds > 1:
            others = range(1, self.seeds)
            ascents.append(ascended_runs.plan(context, classifier, self.preset, shown, others))
        for planned in ascents:
            with context.stage(planned.title, next(numbers), of) as stage:
                ascended_runs.ascend(context, planned, stage)
        with context.stage("count and draw", next(numbers), of):
            rows = ascent_report.records(ascents, shown)
            title = context.title(self.title)
            known = self.paper if of_imagenet else {}
            return experiment.Outcome(
                settings=ascended_runs.recorded(ascents),
                table=ascent_report.figure_table(rows, known, self.average),
                files={
                    f"{self.name}.png": _sheet(ascents, shown, title, mean_subtracted=True),
                    f"{self.name}_as_seen.png": _sheet(
                        ascents, shown, title, mean_subtracted=False
                    ),
                    "images.csv": ascent_report.images_csv(rows).encode(),
                },
            )


def _sheet(
    ascents: Sequence[ascended_runs.Ascent],
    shown: Sequence[int],
    title: str,
    *,
    mean_subtracted: bool,
) -> bytes:
    """The images with labels and confidences: a row per label if there are several seeds."""
    by_label = {label: [] for label in shown}
    for planned in ascents:
        images = champions.read(planned.path, unrounded=mean_subtracted)
        for place, label in enumerate(images.niches):
            if label in by_label:
                by_label[label].append(_tile(images, place, mean_subtracted))
    rows = list(by_label.values())
    several = len(rows[0]) > 1
    if not several:
        tiles = [tile for row in rows for tile in row]
        rows = [tiles[start : start + _COLUMNS] for start in range(0, len(tiles), _COLUMNS)]
    shape = rows[0][0].image.shape
    return sheet_drawing.png(
        tile_sheets.sheet(
            rows,
            title=title,
            subtitle="minus the data mean, 0 is the middle grey; images and confidences"
            f"{galleries.UNROUNDED}"
            if mean_subtracted
            else "as the network sees them, rounded to bytes, with the confidences of those",
            column_names=[f"seed {seed}" for seed in range(len(rows[0]))] if several else (),
            side=_SIDE if shape[0] > _SMALL else _SMALL_SIDE,
        )
    )


def _tile(images: champions.Champions, place: int, mean_subtracted: bool) -> tile_sheets.Tile:
    image, confidence = images.images[place], images.confidences[place]
    if mean_subtracted:
        image = data_means.picture_of(images.less_mean(place))
    caption = (images.labels[images.niches[place]], percent(confidence))
    return tile_sheets.Tile(image, caption, bool(confidence < HIGH_CONFIDENCE))
