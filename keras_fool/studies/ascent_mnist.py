"""Gradient ascent on digits: every preset of Figures S5 to S9 on an MNIST classifier.

Not in the paper, whose ascents are on ImageNet.
"""

from evolvers.ascent import config as config_module
from keras_fool.runs import champions
from keras_fool.sheets import sheet_drawing, tile_sheets
from keras_fool.sheets.sheet_drawing import HIGH_CONFIDENCE, percent
from keras_fool.studies import ascended_runs, ascent_report, experiment

_SIDE = 112


def run(context: experiment.Context) -> experiment.Outcome:
    """Ascends with each preset, counts, and draws a row per preset."""
    presets = list(config_module.PRESETS)
    classifier, numbers, of = ascended_runs.classifier_of(context, len(presets) + 1)
    labels = ascended_runs.labels_of(context)
    ascents = [ascended_runs.plan(context, classifier, preset, labels, [0]) for preset in presets]
    for planned in ascents:
        with context.stage(planned.title, next(numbers), of) as stage:
            ascended_runs.ascend(context, planned, stage)
    with context.stage("count and draw", next(numbers), of):
        rows = ascent_report.records(ascents, labels)
        images = [champions.read(planned.path) for planned in ascents]
        sheet = tile_sheets.sheet(
            [_tiles(of_preset) for of_preset in images],
            title=context.title(EXPERIMENT.title),
            subtitle=f"{classifier.name}, as it sees them",
            row_names=presets,
            column_names=[images[0].labels[label] for label in labels],
            side=_SIDE,
        )
        return experiment.Outcome(
            settings=ascended_runs.recorded(ascents),
            table=ascent_report.preset_table(rows),
            files={
                "ascent_mnist.png": sheet_drawing.png(sheet),
                "images.csv": ascent_report.images_csv(rows).encode(),
            },
        )


def _tiles(images: champions.Champions) -> list[tile_sheets.Tile]:
    return [
        tile_sheets.Tile(image, (percent(confidence),), bool(confidence < HIGH_CONFIDENCE))
        for image, confidence in zip(images.images, images.confidences, strict=True)
    ]


EXPERIMENT = experiment.Experiment(
    "ascent_mnist",
    "Gradient ascent on an MNIST classifier",
    "The presets of Figures S5 to S9 on ten digits.",
    run,
)
