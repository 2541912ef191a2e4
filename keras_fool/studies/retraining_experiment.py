"""A retraining study as an experiment that `reproduce` runs."""

import numpy as np

from keras_fool.models import classifiers, image_views, scoring
from keras_fool.studies import (
    experiment,
    retraining,
    retraining_folder,
    retraining_report,
    retraining_run,
    stages,
    transfer_tables,
)

_FOLDERS = {"C.1": "retraining", "C.2": "retraining_once"}  # one --workdir may hold both


def run(context: experiment.Context, config: retraining.Config, title: str) -> experiment.Outcome:
    """Trains, evolves and draws, or goes on with that, and counts.

    Args:
        context: The experiment's.
        config: The study's settings.
        title: The experiment's.

    Raises:
        ValueError: The context names models, or the study's data are not there.
    """
    if context.models:
        raise ValueError("retraining trains its own classifiers: leave --models out.")
    name = f"{_FOLDERS[config.section]}_seed_{context.seed}{experiment.view_suffix(config.view)}"
    folder = retraining_folder.Folder(context.workdir / name)
    study = retraining_run.Study(
        config, folder, config.load(), command=context.command, note=context.note
    )
    done_now = study.run(on_fooled=lambda: retraining_report.write(folder, config))
    names = {record.stage for record in done_now}
    for record in stages.read(folder.times):
        context.on_stage(record.stage, record.seconds, record.stage not in names)
    table, files = retraining_report.make(folder, config, context.title(title))
    if config.view != image_views.PLAIN:
        table += f"\n{_missed_table(folder, config)}"
    settings = retraining_report.settings(folder, config)
    return experiment.Outcome(settings=settings, table=table, files=files)


def _missed_table(folder: retraining_folder.Folder, config: retraining.Config) -> str:
    """How many images of the fooling class each DNN misses, as PNGs and through the view."""
    rows = []
    for number in range(2, config.iterations + 1):
        images = folder.drawn(range(1, number)).val
        plain = folder.find_classifier(number)
        shares = [
            100 * _missed(classifiers.with_view(plain, view), images, config.num_labels)
            for view in (image_views.PLAIN, config.view)
        ]
        rows.append([number, len(images), *map(transfer_tables.percent, shares)])
    table = transfer_tables.markdown(["DNN", "images", "as PNGs", f"through {config.view}"], rows)
    return (
        "The fooling class is learned from PNGs. Of its validation images, this many per cent are "
        f"not taken for the fooling class as PNGs, and as evolution shows them:\n\n{table}"
    )


def _missed(classifier: classifiers.Classifier, images: np.ndarray, fooling: int) -> float:
    """The share of images whose surest label is not the fooling class."""
    confidences = scoring.LocalScorer(classifier).score(images)
    return float((confidences.argmax(axis=1) != fooling).mean())
