"""What an experiment of the paper is, and where each one is registered.

An experiment is data: the steps that it needs, each of which is done or not, and what is
reported once they are done.

    Experiment(
        name="table_s1_mnist",
        title="Table S1, MNIST: images that fool one classifier, given to another",
        steps=steps,    # steps(context) -> [Train, Train, Evolve, Evolve]
        report=report,  # report(context) -> Outcome(settings, table, files)
    )

Neither writes results, times, or says anything: that is the frame's (`steps.run` and
`results_folder`), so that all experiments look alike and no result is half there.

`REGISTERED` names the module of each experiment, which has it in `EXPERIMENTS`. Modules are
imported once an experiment is chosen: they may import what they like, this one may not.
"""

import contextlib
import dataclasses
import importlib
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from keras_fool.models import image_views
from trainers import datasets, names

if TYPE_CHECKING:
    from keras_fool.runs import evolution_run
    from keras_fool.studies import steps

# By module, the experiments that it has, and what --help says of each.
REGISTERED = {
    "table_s1": {
        "table_s1_mnist": "images that fool one classifier, given to another (30 runs on each)",
        "table_s1_variants": "table_s1_mnist in ways in which it might come out otherwise",
    },
    "published_view": {
        "published_view": "table_s1_mnist as the published code shows images to a network",
    },
    "mnist_figures": {
        "figure_s1": "images that both give at least 99 %; uses the runs of table_s1_mnist",
        "figure_s4": "50 runs on one classifier; uses the runs of table_s1_mnist, too",
    },
    "retraining.experiments": {
        "table_s2": "15 rounds of retraining with a class of fooling images",
        "retrain_imagenet": "one such round on imagenet2012, --dataset=shapes or folder:PATH",
    },
    "retraining.photographs": {
        "retrain_photographs": "one such round on --dataset=folder:PATH, two sizes of the class",
    },
    "imagenet": {
        "imagenet_run": "one run over all labels of an ImageNet network, 5000 generations",
        "table_s1_imagenet": "images of two such networks of one architecture, exchanged",
        "transfer_architectures": "images of two such networks of two architectures, exchanged",
        "ensemble": "images that fool the mean of three networks, 4000 generations",
    },
    "search": {
        "search": "fewer images: evolve --search=efficient beside the paper's, and its parts",
        "search_imagenet": "the same on a network of ImageNet, 1500 generations",
    },
    "detection.experiments": {
        "detectors": "do detectors help: eight of them on images made without and against them",
    },
    "confidence": {
        "confidence": "how sure a network is of real images and of fooling images",
    },
    "ascent_figures": {
        "ascent_plain": "gradient ascent to 20 classes of ImageNet, 500 steps",
        "figure_s5": "ascent_plain with weight decay, 1500 steps",
        "figure_s6": "with weak decay, slight blur, and faint pixels set to the mean",
        "figure_s7": "with weak decay and more blur, 1000 steps",
        "figure_s8": "figure_s5 from five starts for five classes; uses its images",
        "figure_s9": "figure_s7 from five starts for five classes; uses its images",
        "ascent_decay": "figure_s5 with less decay and with higher aims, five classes",
        "ascent_mnist": "the settings of ascent_plain to figure_s7 on digits",
    },
    "ascent_steps": {
        "ascent_step": "the step after figure_s5's last one, in parts; uses its images",
        "ascent_losses": "300 steps as in figure_s5 to s7; what regularisers take of the next",
    },
    "ascent_first_step": {
        "ascent_first_step": "the first steps on all --models, compared with the published log",
    },
}
FOLDER = "folder:"  # what the names of data sets in folders begin with
_MODULES = {name: module for module, found in REGISTERED.items() for name in found}
NAMES = tuple(_MODULES)
Opened = contextlib.AbstractContextManager[pathlib.Path | None]
Step = TypeVar("Step", bound="steps.Step")
_TITLES = {"mnist": "MNIST", "imagenet": "ImageNet", "imagenet2012": "ImageNet"}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What an experiment found: only what the same command finds again, byte for byte.

    Attributes:
        settings: What shaped it, as JSON values: seeds, runs, generations, evaluations,
            crops, the classifiers' names and sha256. Times and paths do not belong here.
        table: Markdown below the title: keras_fool's figures and the paper's.
        files: Further files by name, such as "images.csv" and "heat_map.png".
    """

    settings: Mapping[str, object]
    table: str
    files: Mapping[str, bytes]


@dataclasses.dataclass(frozen=True)
class Context:
    """What an experiment is given.

    Attributes:
        experiment: The experiment itself.
        scale: In (0, 1]; 1 is the paper's size.
        dataset: `Experiment.dataset`, or another one that it takes.
        seed: Seed of all of it.
        workdir: Where steps have their folders, shared by the experiments of one scale
            and data set: a folder made there by one is found by another. An experiment that
            takes any data set has its name in those of its folders.
        command: What the user types to go on; for messages.
        note: Told, in a sentence, what the user should know.
        models: Names of the classifiers to begin with, as `classifiers.find` takes them;
            empty for the experiment's own choice.
        labels: The names of the classifiers' labels, for those without names.
        view: What reaches the classifiers that are fooled, one of `image_views.VIEWS`.
        runs: Runs on each network, of experiments that do one in the paper.
        elsewhere: What makes evolutions on other machines; None for this one.
        outliers: Names of further data sets, whose images are told from those of `dataset`.
    """

    experiment: "Experiment"
    scale: float
    dataset: str
    seed: int
    workdir: pathlib.Path
    command: str
    note: Callable[[str], None]
    models: tuple[str, ...] = ()
    labels: tuple[str, ...] | None = None
    view: str = image_views.PLAIN
    runs: int = 1
    elsewhere: "evolution_run.Elsewhere | None" = None
    outliers: tuple[str, ...] = ()

    def scaled(self, count: int, minimum: int = 1) -> int:
        """`count` of the paper at this scale, at least `minimum`."""
        return min(count, max(minimum, round(count * self.scale)))

    def title(self, text: str | None = None) -> str:
        """`text`, by default the experiment's title, marked where this is not the paper's."""
        text = self.experiment.title if text is None else text
        return titled(text, self.scale, self.dataset, self.experiment.dataset, self.view)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment(Generic[Step]):
    """One experiment of the paper.

    Attributes:
        name: Its name in `REGISTERED`, and that of its folder under results/.
        title: What its outputs are called, such as "Table S1 (MNIST)".
        steps: What has to be done, in order; looks at --models, and refuses wrong ones.
        report: What came of it, once all steps are done.
        paper: The paper's figures, as `report` takes them.
        dataset: What it is about in the paper; "imagenet" where only networks that know it
            are needed, and no data.
        others: Other data sets that it takes, `FOLDER` for any folder; None for any.
        takes_view: Whether the classifiers that it fools may be given another view of images.
        takes_runs: Whether it may do several runs on each network, where the paper does one.
        takes_outliers: Whether it may be given further data sets.
        opened: While its steps run, holds the folder of an experiment that has one of its own;
            gives the CSV file in it in which times are kept, None where there is no such folder.
    """

    name: str
    title: str
    steps: Callable[[Context], Sequence[Step]]
    report: Callable[[Context], Outcome]
    paper: Any = None
    dataset: str = "mnist"
    others: tuple[str, ...] | None = ("digits",)
    takes_view: bool = False
    takes_runs: bool = False
    takes_outliers: bool = False
    opened: Callable[[Context, Sequence[Step]], Opened] = (
        lambda context, todo: contextlib.nullcontext()  # noqa: ARG005
    )

    def check(
        self,
        dataset: str,
        view: str = image_views.PLAIN,
        runs: int = 1,
        outliers: Sequence[str] = (),
    ) -> None:
        """Checks that it is about such data, and takes such a view, so many runs and other data.

        Raises:
            ValueError: It is not.
        """
        if view != image_views.PLAIN and not self.takes_view:
            raise ValueError(f"{self.name} takes --view={image_views.PLAIN} only, not {view}.")
        if runs != 1 and not self.takes_runs:
            raise ValueError(f"{self.name} has a number of runs of its own: leave --runs out.")
        if outliers and not self.takes_outliers:
            raise ValueError(f"{self.name} is about no other data: leave --outliers out.")
        for name in outliers:
            datasets.check_name(name)
        kind = FOLDER if dataset.startswith(FOLDER) else dataset
        if self.others is not None and kind not in self._datasets:
            known = [f"{name}PATH" if name == FOLDER else name for name in self._datasets]
            hint = names.did_you_mean(dataset, known) or "."
            raise ValueError(f"{self.name} takes --dataset={', '.join(known)}, not {dataset}{hint}")

    @property
    def _datasets(self) -> tuple[str, ...]:
        return (self.dataset, *(self.others or ()))


def load(name: str) -> Experiment:
    """The experiment of a name out of `NAMES`."""
    module = importlib.import_module(f"keras_fool.studies.{_MODULES[name]}")
    return next(found for found in module.EXPERIMENTS if found.name == name)


def listed() -> str:
    """All experiments, a line each: what --help says."""
    lines = {name: said for of_module in REGISTERED.values() for name, said in of_module.items()}
    width = max(map(len, lines))
    return "\n".join(f"  {name:<{width}}  {said}" for name, said in lines.items())


def titled(
    text: str,
    scale: float,
    dataset: str,
    of_paper: str = "mnist",
    view: str = image_views.PLAIN,
) -> str:
    """`text` with what makes it differ from the paper's experiment."""
    differs = [f"a try at scale {scale:g}"] if scale != 1 else []
    differs += [f"on {short(dataset)}, not {_TITLES[of_paper]}"] if dataset != of_paper else []
    differs += [f"view {view}"] if view != image_views.PLAIN else []
    # In front, where no title is cut.
    return f"[{', '.join(differs)}] {text}" if differs else text


def folder_suffix(
    scale: float, dataset: str, of_paper: str = "mnist", view: str = image_views.PLAIN
) -> str:
    """What tells the folders of another scale, data set or view from the paper's."""
    parts = [short(dataset)] if dataset != of_paper else []
    parts += [f"scale{scale:g}"] if scale != 1 else []
    parts += [view] if view != image_views.PLAIN else []
    return "".join(f"_{part}" for part in parts)


def short(dataset: str) -> str:
    """A data set's name; of a path only the last part, as the rest is this machine's."""
    return datasets.short_name(dataset)
