"""Section C.2 on small photographs: how much a fooling class helps, by how many images it has.

Nguyen, Yosinski and Clune, 2015, supplement C.2, https://arxiv.org/abs/1412.1897, added 9000
and 2000 fooling images, seven times as many as ImageNet has of any other label, and say that
without this the retrained network did not learn the class. Here one round of retraining is done
with as many images as in the paper, and with as many as the data have of one label; each starts
from the same first network and the same evolved images. All of it is done with several seeds.
"""

import contextlib
import dataclasses
import math
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np

from keras_fool.runs.tables import number as exact
from keras_fool.studies import experiment, plots, tables
from keras_fool.studies.retraining import config as config_module
from keras_fool.studies.retraining import folder as folder_module
from keras_fool.studies.retraining import outcomes, report, section_c2
from keras_fool.studies.retraining import steps as retraining_steps

_SEEDS = 3  # this one and the next ones
_ARCHITECTURE = "cifar"
_NORMAL_95 = 1.959964  # the quantile of the normal distribution


@dataclasses.dataclass(frozen=True, eq=False)
class Variant:
    """One round of retraining, with one seed and one size of the fooling class.

    Attributes:
        name: The size, in words.
        study: Its steps and its folder.
    """

    name: str
    study: retraining_steps.Study

    @property
    def seed(self) -> int:
        """That of its study."""
        return self.study.config.seed

    @property
    def fooling(self) -> tuple[int, int]:
        """Fooling images that its DNN 2 is trained and validated on."""
        return self.study.config.drawn(1)


def variants(context: experiment.Context) -> list[Variant]:
    """All rounds, those of one seed after each other.

    Raises:
        ValueError: The context names models, or the data are not there or too few.
    """
    if context.models:
        raise ValueError("retraining trains its own classifiers: leave --models out.")
    if not context.dataset.startswith(experiment.FOLDER):
        raise ValueError(
            f"{context.experiment.name} is about photographs: give --dataset=folder:PATH, such as "
            f"CIFAR-10's, not {context.dataset}."
        )
    first = _paper_config(context, context.seed)
    data = first.load()
    found = []
    for seed in range(context.seed, context.seed + _SEEDS):
        paper = dataclasses.replace(first, seed=seed)
        own = _own_size(context, paper, data.num_train, data.num_test)
        home = folder_module.Folder(context.workdir / _folder_name(context, paper))
        other = folder_module.Folder(context.workdir / _folder_name(context, own), first=home)
        for name, config, folder in (("as in the paper", paper, home), ("as a label", own, other)):
            prefix = f"seed {seed}, {config.first_train} fooling images: "
            study = retraining_steps.Study(config, folder, data, prefix)
            found.append(Variant(name, study))
    return found


def _paper_config(context: experiment.Context, seed: int) -> config_module.Config:
    return config_module.Config.scaled(
        context.scale,
        dataset=context.dataset,
        num_labels=config_module.num_labels(context.dataset),
        architecture=_ARCHITECTURE,
        seed=seed,
    )


def _own_size(
    context: experiment.Context, paper: config_module.Config, num_train: int, num_test: int
) -> config_module.Config:
    """The same with as many fooling images as a label of the data has in the mean."""
    train, val = (
        max(1, round(context.scale * number / paper.num_labels)) for number in (num_train, num_test)
    )
    if train >= paper.first_train:
        raise ValueError(
            f"{context.dataset} has {train} training images of a label, and the paper's fooling "
            f"class has {paper.first_train}: there is nothing to compare."
        )
    return dataclasses.replace(paper, first_train=train, first_val=min(val, paper.first_val))


def _folder_name(context: experiment.Context, config: config_module.Config) -> str:
    data = experiment.short(config.dataset)
    return f"{context.experiment.name}_{data}_seed_{config.seed}_fooling_{config.first_train}"


def _steps(context: experiment.Context) -> list[retraining_steps.StudyStep]:
    return [step for variant in variants(context) for step in variant.study.steps()]


@contextlib.contextmanager
def _opened(
    context: experiment.Context, todo: Sequence[retraining_steps.StudyStep]
) -> Iterator[pathlib.Path]:
    """Holds the folders of all studies; times are in the first one's."""
    studies = dict.fromkeys(step.study for step in todo)
    with contextlib.ExitStack() as stack:
        times = [stack.enter_context(study.opened(context)) for study in studies]
        yield times[0]


@dataclasses.dataclass(frozen=True)
class _Result:
    """What came of a DNN: its variant, its number, and its row of the study's table."""

    variant: Variant
    dnn: int
    row: outcomes.Row

    @property
    def confidences(self) -> np.ndarray:
        """float32 [runs, labels] of the last champions evolved against it."""
        return self.variant.study.folder.confidences(self.dnn)

    @property
    def fooling(self) -> tuple[int, int]:
        """Fooling images that it was trained and validated on."""
        return self.variant.fooling if self.dnn > 1 else (0, 0)


def _report(context: experiment.Context) -> experiment.Outcome:
    found = variants(context)
    results = []
    for variant in found:
        folder = variant.study.folder
        rows = outcomes.rows(folder, variant.study.config)
        own = rows if folder.first is None else rows[1:]  # its DNN 1 is another variant's
        results += [_Result(variant, row.number, row) for row in own]
    groups = {"DNN 1": [result for result in results if result.dnn == 1]}
    for variant in found[:2]:
        groups[f"DNN 2, {variant.fooling[0]} fooling images"] = [
            result for result in results if result.dnn == 2 and result.fooling == variant.fooling
        ]
    comparisons = [
        (variant, comparison)
        for variant in found
        for comparison in section_c2.compare(
            [variant.study.folder.confidences(number) for number in (1, 2)]
        )
    ]
    name = context.experiment.name
    return experiment.Outcome(
        settings={
            "studies": [
                report.settings(variant.study.folder, variant.study.config) for variant in found
            ],
        },
        table="\n".join(
            [_table(results, context.experiment.paper), _tests(comparisons), _means(groups)]
        ),
        files={
            f"{name}.csv": _as_csv(results),
            f"{name}.png": plots.distributions(
                {
                    f"{heading}, {_SEEDS} seeds": np.concatenate(
                        [result.confidences.ravel() for result in members]
                    )
                    for heading, members in groups.items()
                },
                context.title(),
            ),
            "mann_whitney.csv": _comparisons_csv(comparisons),
            "confidences.csv": _confidences_csv(results),
        },
    )


def wilson(wrong: int, number: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, 1927), in per cent.

    Args:
        wrong: How many.
        number: Of how many, at least 1.
    """
    share, z = wrong / number, _NORMAL_95
    middle = share + z**2 / (2 * number)
    half = z * math.sqrt(share * (1 - share) / number + z**2 / (4 * number**2))
    low, high = (middle - half, middle + half)
    scale = 100 / (1 + z**2 / number)
    return max(0.0, scale * low), min(100.0, scale * high)


def _error(percent: float, number: int) -> str:
    """An error and its interval, as in "21.50 (20.71 to 22.31)"."""
    if not number:
        return tables.NO_VALUE
    low, high = wilson(round(percent * number / 100), number)
    return f"{percent:.2f} ({low:.2f} to {high:.2f})"


def _table(results: Sequence[_Result], papers: Sequence[section_c2.PaperColumn]) -> str:
    headings = (
        *("seed", "network", "fooling images: training", "validation"),
        *("error on photographs, %", "error on fooling images, %"),
        *("median confidence of what was evolved against it, %", "of at least 99 %, %", "runs"),
    )
    rows = [
        [
            result.variant.seed,
            f"DNN {result.dnn}",
            *result.fooling,
            _error(result.row.original_error, result.row.val - result.fooling[1]),
            _error(result.row.fooling_error, result.fooling[1]),
            f"{tables.cut(result.row.score)} ({tables.cut(result.row.low)} to "
            f"{tables.cut(result.row.high)})",
            f"{result.row.share_99:.1f}",
            result.row.runs,
        ]
        for result in results
    ]
    for number, paper in enumerate(papers, 1):
        said = [paper.fooling_train, paper.fooling_val, paper.original_error, tables.NO_VALUE]
        rows.append(["paper", f"DNN {number}, ImageNet", *said, paper.score, *["-"] * 2])
    return (
        f"{tables.markdown(headings, rows)}\nIn brackets 95 % intervals: of errors over images "
        "(Wilson), of medians over runs (bootstrap).\n"
    )


def _tests(comparisons: Sequence[tuple[Variant, section_c2.Comparison]]) -> str:
    headings = ("seed", "fooling images", "of", "DNN 1", "DNN 2", "U", "p", "DNN 1 higher, %")
    rows = [
        [
            variant.seed,
            variant.fooling[0],
            found.of,
            found.num_first,
            found.num_later,
            f"{found.u:.10g}",
            "< 0.0001" if found.p < section_c2.SMALL_P else f"{found.p:.4f}",
            f"{found.share:.1f}",
        ]
        for variant, found in comparisons
    ]
    return (
        "Are images evolved against DNN 1 surer than those against DNN 2? Mann-Whitney U, "
        "two-sided (the paper, on ImageNet: p < 0.0001); the last column is the share of pairs in "
        f"which that of DNN 1 has the higher confidence.\n\n{tables.markdown(headings, rows)}"
    )


def _means(groups: dict[str, list[_Result]]) -> str:
    headings = ("mean of the seeds", "error on photographs, %", "median confidence, %")
    rows = [
        [
            heading,
            f"{np.mean([result.row.original_error for result in members]):.2f}",
            f"{np.mean([result.row.score for result in members]):.2f}",
        ]
        for heading, members in groups.items()
    ]
    return tables.markdown(headings, rows)


def _as_csv(results: Sequence[_Result]) -> bytes:
    fields = [field.name for field in dataclasses.fields(outcomes.Row)]
    rows = [
        [result.variant.seed, *result.fooling, *dataclasses.astuple(result.row)]
        for result in results
    ]
    return tables.as_csv(["seed", "fooling_train", "fooling_val", "i", *fields[1:]], rows)


def _comparisons_csv(comparisons: Sequence[tuple[Variant, section_c2.Comparison]]) -> bytes:
    names = [field.name for field in dataclasses.fields(section_c2.Comparison)]
    rows = [
        [variant.seed, variant.fooling[0], *dataclasses.astuple(found)]
        for variant, found in comparisons
    ]
    return tables.as_csv(["seed", "fooling_train", "i", *names[1:]], rows, digits=10)


def _confidences_csv(results: Sequence[_Result]) -> bytes:
    rows = [
        [result.variant.seed, result.fooling[0], result.dnn, run, label, exact(confidence)]
        for result in results
        for (run, label), confidence in np.ndenumerate(result.confidences)
    ]
    return tables.as_csv(["seed", "fooling_train", "i", "run", "label", "confidence"], rows)


EXPERIMENTS = (
    experiment.Experiment(
        name="retrain_photographs",
        title="Section C.2 on photographs: retraining once, by the size of the fooling class",
        steps=_steps,
        report=_report,
        opened=_opened,
        paper=section_c2.PAPER,
        dataset="imagenet2012",
        others=None,
    ),
)
