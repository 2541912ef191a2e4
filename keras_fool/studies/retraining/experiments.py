"""Table S2 and section C.2 as experiments that `reproduce` runs."""

import contextlib
import pathlib
from collections.abc import Sequence

from keras_fool.models import image_views
from keras_fool.runs import workdir
from keras_fool.studies import experiment
from keras_fool.studies.retraining import config as config_module
from keras_fool.studies.retraining import folder as folder_module
from keras_fool.studies.retraining import report
from keras_fool.studies.retraining import steps as retraining_steps

_ITERATIONS = 15
_FOLDERS = {"C.1": "retraining", "C.2": "retraining_once"}  # one --workdir may hold both


def _config(context: experiment.Context) -> config_module.Config:
    """The settings of either study.

    Raises:
        ValueError: The context names models, or data that the experiment is not about.
    """
    if context.models:
        raise ValueError("retraining trains its own classifiers: leave --models out.")
    if context.experiment.name == "table_s2":
        return config_module.Config.scaled(
            context.scale,
            dataset=context.dataset,
            iterations=context.scaled(_ITERATIONS, minimum=3),
            seed=context.seed,
            view=context.view,
        )
    config = config_module.Config.scaled(
        context.scale,
        dataset=context.dataset,
        num_labels=config_module.num_labels(context.dataset),
        seed=context.seed,
    )
    if config.section != "C.2":
        raise ValueError(
            "retrain_imagenet takes --dataset=imagenet2012, shapes or folder:PATH, not "
            f"{context.dataset}, which table_s2 is for."
        )
    return config


def _folder(context: experiment.Context, config: config_module.Config) -> folder_module.Folder:
    """The study's folder; of section C.2, where --workdir is the same for all data, one for each.

    Folders had no data's name in theirs before: one of the same data is gone on with.

    Raises:
        ValueError: The config.json of such a folder is damaged.
    """
    name = f"{_FOLDERS[config.section]}_seed_{context.seed}"
    suffix = experiment.folder_suffix(1, context.dataset, context.dataset, config.view)
    path = context.workdir / f"{name}{suffix}"
    if context.experiment.others is None and context.dataset != context.experiment.dataset:
        begun = workdir.recorded_settings(path)
        data = experiment.short(context.dataset)
        if begun is None or experiment.short(str(begun.get("dataset"))) != data:
            path = context.workdir / f"{name}_{data}{suffix}"
    return folder_module.Folder(path)


def _steps(context: experiment.Context) -> list[retraining_steps.StudyStep]:
    """Trains, evolves and draws, again and again."""
    config = _config(context)
    return retraining_steps.Study(config, _folder(context, config), config.load()).steps()


def _opened(
    context: experiment.Context, todo: Sequence[retraining_steps.StudyStep]
) -> contextlib.AbstractContextManager[pathlib.Path]:
    return todo[0].study.opened(context)


def _report(context: experiment.Context) -> experiment.Outcome:
    """Counts, and draws."""
    config = _config(context)
    folder = _folder(context, config)
    table, files = report.make(folder, config, context.title())
    if config.view != image_views.PLAIN:
        table += f"\n{report.missed_table(folder, config)}"
    return experiment.Outcome(report.settings(folder, config), table, files)


def _experiment(
    section: report.Section, others: tuple[str, ...] | None, *, takes_view: bool
) -> experiment.Experiment[retraining_steps.StudyStep]:
    return experiment.Experiment(
        name=section.name,
        title=section.title,
        steps=_steps,
        report=_report,
        opened=_opened,
        dataset=section.dataset,
        others=others,
        takes_view=takes_view,
    )


EXPERIMENTS = (
    _experiment(report.SECTIONS["C.1"], ("digits",), takes_view=True),
    _experiment(report.SECTIONS["C.2"], None, takes_view=False),
)
