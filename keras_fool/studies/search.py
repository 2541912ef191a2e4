"""Fewer images: the paper's search, the efficient one, and what each part of it is good for.

    search            on classifiers of digits: labels at 99.99 % against images
    search_imagenet   on a network of ImageNet: the median confidence against images

`search` also leaves out the parts one at a time, parents by doubt and by age together
(`evolvers.searches`). All searches have the same budget. Runs
are independent, each from a random stream of its own, so intervals are over them.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from evolvers import config as evolvers_config
from evolvers import searches
from keras_fool.models import model_formats
from keras_fool.runs import evolution_run, run_records
from keras_fool.studies import (
    evolutions,
    experiment,
    imagenet,
    plots,
    statistics,
    tables,
)

SURE = 0.9999
_RUNS = 8
_MARKS = (25, 50, 100, 200)  # generations at which the tables look
_IMAGENET_GENERATIONS = 1500
_IMAGENET_MARKS = (20, 40, 80, 150, 325, 650, 1000, 1500)
_PAPER_MEDIAN = 0.8811  # after 5000 generations, on CaffeNet
# What differs from the paper's settings, by what a reader calls it.
_IMAGENET_SEARCHES: Mapping[str, Mapping[str, str]] = {
    "paper": {},
    "paper, x and y normalized": {"coords": "normalized"},
    "efficient": {"coords": "normalized", "search": searches.EFFICIENT},
}
_SEARCHES = {
    **_IMAGENET_SEARCHES,
    **{
        name.replace("_", " "): {"coords": "normalized", "search": name}
        for name in searches.MIXTURES
        if name != searches.EFFICIENT
    },
}


def _subjects(context: experiment.Context) -> list[evolutions.Subject]:
    return evolutions.subjects(context, max(2, len(context.models)))


def _plans(
    context: experiment.Context, subject: evolutions.Subject
) -> dict[str, evolutions.Evolve]:
    """By the name of a search, its evolution on a classifier."""
    runs = range(context.scaled(_RUNS, minimum=2))
    return {
        name: evolutions.plan(
            context,
            subject,
            runs,
            context.seed,
            f"{name}: ",
            (SURE,),
            **changes,
        )
        for name, changes in _SEARCHES.items()
    }


def _steps(context: experiment.Context) -> list[evolutions.Train | evolutions.Evolve]:
    """All searches on all classifiers."""
    subjects = _subjects(context)
    plans = [plan for subject in subjects for plan in _plans(context, subject).values()]
    return [*evolutions.trainings(subjects), *plans]


def _report(context: experiment.Context) -> experiment.Outcome:
    """Counts labels, and draws their share against images."""
    parts, used, files = [], [], {}
    planned: list[evolutions.Evolve] = []
    for subject in _subjects(context):
        plans, rows, curves = _plans(context, subject), [], {}
        for name, plan in plans.items():
            generations = np.arange(plan.config.generations + 1)
            when = evolution_run.reached(plan.folder)[..., 0]
            done = (when >= 0) & (when <= generations[:, None, None])  # [generations, runs, labels]
            lowest = _by_run(plan, "min")
            curves[name] = _images(plan.config)[generations], done.mean(axis=(1, 2))
            for mark in _marks(plan.config, _MARKS):
                rows.append(
                    [
                        name,
                        f"{_images(plan.config)[mark]:,}",
                        f"{done[mark].all(axis=1).sum()} of {when.shape[0]}",
                        *_with_interval(done[mark].mean(axis=1), _mean, context.seed),
                        *_with_interval(lowest[:, mark], statistics.median, context.seed),
                    ]
                )
        headings = (
            "search",
            "images of a run",
            "runs with every label at 99.99 %",
            "labels at 99.99 %, %",
            "95 % interval",
            "lowest confidence of a run, median, %",
            "95 % interval",
        )
        parts.append(f"## {subject.name}\n\n{tables.markdown(headings, rows)}")
        title = context.title(f"Labels at 99.99 %: {subject.name}")
        files[f"{_file_name(subject)}.png"] = plots.against_images(
            curves, title, "labels of all runs at 99.99 % or more, %"
        )
        used.append(subject.find())
        planned += plans.values()
    return experiment.Outcome(evolutions.recorded(used, planned), "\n".join(parts), files)


def _imagenet_plans(context: experiment.Context) -> dict[str, evolutions.Evolve]:
    (network,) = imagenet.networks(context, 1)
    return {
        name: imagenet.plan(context, network, _IMAGENET_GENERATIONS, f"{name}: ", **changes)
        for name, changes in _IMAGENET_SEARCHES.items()
    }


def _imagenet_steps(context: experiment.Context) -> list[evolutions.Evolve]:
    """All searches on one network."""
    return list(_imagenet_plans(context).values())


def _imagenet_report(context: experiment.Context) -> experiment.Outcome:
    """The median confidences, as a table and drawn against images."""
    plans, rows, curves = _imagenet_plans(context), [], {}
    for name, plan in plans.items():
        medians = _by_run(plan, "median")
        curves[name] = _images(plan.config), np.median(medians, axis=0)
        for mark in _marks(plan.config, _IMAGENET_MARKS):
            found = _with_interval(medians[:, mark], statistics.median, context.seed)
            rows.append([name, f"{_images(plan.config)[mark]:,}", *found])
    headings = ["search", "images of a run", "median confidence, %", "95 % interval over runs"]
    if context.runs == 1:  # which has no interval
        rows, headings = [row[:-1] for row in rows], headings[:-1]
    used = [plan.classifier for plan in plans.values()][:1]
    return experiment.Outcome(
        settings=evolutions.recorded(used, list(plans.values())),
        table=tables.markdown(headings, rows),
        files={
            "medians.png": plots.against_images(
                curves,
                context.title(f"Median over all labels: {used[0].name}"),
                "median confidence of the champions, %",
                paper=context.experiment.paper,
            )
        },
    )


def _images(config: evolvers_config.Config) -> np.ndarray:
    """int64 [generations]: how many images a run has bred when each one is complete."""
    return config.initial + config.batch * np.arange(1, config.generations + 2)


def _marks(config: evolvers_config.Config, wanted: Sequence[int]) -> list[int]:
    last = config.generations
    return [mark for mark in wanted if mark < last] + [last]


def _by_run(plan: evolutions.Evolve, column: str) -> np.ndarray:
    """float64 [runs, generations]; a column of metrics.csv."""
    rows = run_records.RunRecords(plan.folder).metrics()
    return np.array([float(row[column]) for row in rows]).reshape(-1, plan.config.runs).T


def _with_interval(
    by_run: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray], seed: int
) -> tuple[str, str]:
    """A statistic of the runs, and its interval, in per cent."""
    low, high = statistics.interval(by_run, statistic, seed)
    value = float(statistic(by_run[np.newaxis])[0])
    return tables.percent(100 * value), f"{100 * low:.2f} to {100 * high:.2f}"


def _mean(values: np.ndarray) -> np.ndarray:
    return values.mean(axis=1)


def _file_name(subject: evolutions.Subject) -> str:
    return model_formats.without_suffix(subject.name).replace("/", "-")


EXPERIMENTS: tuple[experiment.Experiment, ...] = (
    experiment.Experiment(
        name="search",
        title="Images that the paper's search and the efficient one need",
        steps=_steps,
        report=_report,
    ),
    experiment.Experiment(
        name="search_imagenet",
        title="The paper's search and the efficient one on a network of ImageNet",
        steps=_imagenet_steps,
        report=_imagenet_report,
        paper=_PAPER_MEDIAN,
        dataset="imagenet",
        others=(experiment.FOLDER,),
        takes_runs=True,
    ),
)
