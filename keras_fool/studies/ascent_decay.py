"""How much weight decay an ascent bears: Figure S5 with other settings.

Not in the paper. A step aims at a gain d = min(early, late (1 - p)) in the confidence p, by
the gradient alone, and decay takes a share of the image away again. Where the network bends
within a step, less than d comes of it, and p stays where gain and loss are equal. So what
decay a network bears depends on the network and on what its steps aim at; both are varied
here, on the classes whose confidences are legible in the paper.
"""

from collections.abc import Sequence

import numpy as np

from evolvers.ascent import config as config_module
from keras_fool.models import data_means
from keras_fool.runs import champions
from keras_fool.sheets import sheet_drawing, tile_sheets
from keras_fool.sheets.sheet_drawing import HIGH_CONFIDENCE, percent
from keras_fool.studies import ascended_runs, ascent_report, experiment, transfer_tables

_PRESET = "s5"
_SETTINGS = config_module.PRESETS[_PRESET]
# What is changed of Figure S5's settings, by the name of a row.
_CHANGES = {
    "as S5": {},
    "decay 0.003": {"decay": 0.003},
    "decay 0.001": {"decay": 0.001},
    "aims x 3": {"early": 3 * _SETTINGS.early, "late": 3 * _SETTINGS.late},
    "aims x 10": {"early": 10 * _SETTINGS.early, "late": 10 * _SETTINGS.late},
}
_SIDE = 144


def run(context: experiment.Context) -> experiment.Outcome:
    """Ascends with each of the settings, counts, and draws a row for each."""
    classifier, numbers, of = ascended_runs.classifier_of(context, len(_CHANGES) + 1)
    every = ascended_runs.labels_of(context)
    shown = every
    if context.dataset == ascended_runs.IMAGENET:
        shown = tuple(label for label in ascended_runs.LEGIBLE if label in every)
    ascents = [  # Figure S5 has its own for all classes
        ascended_runs.plan(context, classifier, _PRESET, shown if of_it else every, [0], of_it)
        for of_it in _CHANGES.values()
    ]
    for planned in ascents:
        with context.stage(planned.title, next(numbers), of) as stage:
            ascended_runs.ascend(context, planned, stage)
    with context.stage("count and draw", next(numbers), of):
        images = [_shown(planned, shown) for planned in ascents]
        sheet = tile_sheets.sheet(
            [_tiles(of_settings) for of_settings in images],
            title=context.title(EXPERIMENT.title),
            subtitle="minus the data mean, 0 is the middle grey; as they were before rounding",
            row_names=list(_CHANGES),
            column_names=[images[0].labels[label] for label in images[0].niches],
            side=_SIDE if images[0].images.shape[1] >= _SIDE else None,
        )
        rows = ascent_report.records(ascents, shown)
        return experiment.Outcome(
            settings=ascended_runs.recorded(ascents),
            table=_table(ascents, images),
            files={
                "ascent_decay.png": sheet_drawing.png(sheet),
                "images.csv": ascent_report.images_csv(rows).encode(),
            },
        )


def _shown(planned: ascended_runs.Ascent, shown: Sequence[int]) -> champions.Champions:
    images = champions.read(planned.path, unrounded=True)
    return images.take(np.isin(images.niches, shown))


def _tiles(images: champions.Champions) -> list[tile_sheets.Tile]:
    return [
        tile_sheets.Tile(
            data_means.picture_of(images.less_mean(place)),
            (percent(confidence),),
            bool(confidence < HIGH_CONFIDENCE),
        )
        for place, confidence in enumerate(images.confidences)
    ]


def _table(ascents: Sequence[ascended_runs.Ascent], images: Sequence[champions.Champions]) -> str:
    lines = []
    for planned, found in zip(ascents, images, strict=True):
        config = planned.config
        rows = ascent_report.records([planned], found.niches)
        rounded = np.mean([float(row["confidence"]) for row in rows])
        lines.append(
            [
                f"{config.decay:g}",
                f"{config.early:g}",
                f"{config.late:g}",
                f"{100 * found.confidences.mean():.3f}",
                ascent_report.percent_of(str(found.confidences.min())),
                f"{100 * rounded:.3f}",
                f"{np.sqrt(np.mean(np.square(found.offsets))):.2f}",
                f"{100 * ascent_report.share_of_losses(planned, found.niches):.0f}",
            ]
        )
    headings = [
        "decay",
        "early",
        "late",
        "average, %",
        "lowest, %",
        "average once rounded, %",
        "offsets, grey levels",
        f"steps that lower it, %, of the last {ascent_report.LAST_STEPS}",
    ]
    return "\n".join(
        [
            f"{len(images[0])} images each; the paper's average for the first line, over "
            f"{len(ascended_runs.CLASSES)} classes and before rounding, is 98.591 %. Offsets "
            "are the root mean square of what an image differs from the data mean by.\n",
            transfer_tables.markdown(headings, lines),
        ]
    )


EXPERIMENT = experiment.Experiment(
    "ascent_decay",
    "Gradient ascent: weight decay and what the steps aim at",
    f"Figure S5 with {len(_CHANGES) - 1} other settings, {len(ascended_runs.LEGIBLE)} classes.",
    run,
    dataset=ascended_runs.IMAGENET,
    others=("mnist", "digits"),
)
