"""A retraining study as an experiment that `reproduce` runs."""

from keras_fool.studies import (
    experiment,
    retraining,
    retraining_folder,
    retraining_report,
    retraining_run,
    stages,
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
    settings = retraining_report.settings(folder, config)
    return experiment.Outcome(settings=settings, table=table, files=files)
