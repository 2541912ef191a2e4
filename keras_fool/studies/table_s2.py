"""Table S2: fifteen classifiers, each trained on the images that fooled those before it."""

from keras_fool.studies import (
    experiment,
    retraining,
    retraining_folder,
    retraining_report,
    retraining_run,
    stages,
)
from trainers import datasets

_ITERATIONS = 15


def run(context: experiment.Context) -> experiment.Outcome:
    """Trains, evolves and draws, or goes on with that, and counts."""
    if context.models:
        raise ValueError("table_s2 trains its own classifiers: leave --models out.")
    config = retraining.Config.scaled(
        context.scale,
        dataset=context.dataset,
        iterations=context.scaled(_ITERATIONS, minimum=3),
        seed=context.seed,
    )
    folder = retraining_folder.Folder(context.workdir / f"retraining_seed_{context.seed}")
    study = retraining_run.Study(
        config,
        folder,
        datasets.load(config.dataset),
        command=context.command,
        note=context.note,
    )
    done_now = study.run(on_fooled=lambda: retraining_report.write(folder, config))
    names = {record.stage for record in done_now}
    for record in stages.read(folder.times):
        context.on_stage(record.stage, record.seconds, record.stage not in names)
    table, files = retraining_report.make(folder, config, context.title(EXPERIMENT.title))
    settings = retraining_report.settings(folder, config)
    return experiment.Outcome(settings=settings, table=table, files=files)


EXPERIMENT = experiment.Experiment(
    "table_s2",
    "Table S2: retraining with a fooling class",
    "15 rounds of training, fooling, and adding what fooled as one more class.",
    run,
)
