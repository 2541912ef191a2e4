"""What an experiment of the paper is, and the frame that it runs in.

An experiment is a module of this package, named in `NAMES`, with

    EXPERIMENT = experiment.Experiment(name, title, summary, run)

`run(context)` does all that the experiment needs, stage by stage, each one resumable in
`context.workdir`, and returns an `Outcome`. It writes no result itself: the frame writes
what it returns, so every experiment's folder looks alike and no result is half there.

    def run(context):
        runs = context.scaled(30)
        with context.stage("evolve on mnist_a", 1, of=2) as stage:
            stage.reused = ...  # True where all of it was there
        ...
        return experiment.Outcome(settings={"runs": runs, ...}, table=..., files={...})

A stage that evolves calls `evolution_run.evolve`, which goes on where it was stopped.

The modules that `NAMES` lists are imported once an experiment is chosen, and not before:
they may import what they like, this one may not.
"""

import contextlib
import dataclasses
import importlib
import pathlib
import time
from collections.abc import Callable, Iterator, Mapping

from keras_fool.models import image_views
from trainers import datasets, names

NAMES = (
    "table_s1_mnist",
    "figure_s1",
    "figure_s4",
    "table_s1_variants",
    "published_view",
    "table_s2",
    "retrain_imagenet",
    "imagenet_run",
    "table_s1_imagenet",
    "transfer_architectures",
    "ensemble",
    "confidence",
    "ascent_plain",
    "figure_s5",
    "figure_s6",
    "figure_s7",
    "figure_s8",
    "figure_s9",
    "ascent_decay",
    "ascent_step",
    "ascent_losses",
    "ascent_first_step",
    "ascent_mnist",
)


_TITLES = {"mnist": "MNIST", "imagenet": "ImageNet", "imagenet2012": "ImageNet"}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What an experiment found; only what the same command finds again to the byte.

    Attributes:
        settings: What shaped it, as JSON values: seeds, runs, generations, evaluations,
            crops, the classifiers' names and sha256. Times and paths do not belong here.
        table: Markdown below the title: ours beside the paper's.
        files: Further files by name, such as "images.csv" and "heat_map.png".
    """

    settings: Mapping[str, object]
    table: str
    files: Mapping[str, bytes]


@dataclasses.dataclass
class Stage:
    """One stage while it runs.

    Attributes:
        reused: Set by the experiment where all of it was done before.
    """

    reused: bool = False


@dataclasses.dataclass(frozen=True)
class Context:
    """What an experiment is given.

    Attributes:
        scale: In (0, 1]; 1 is the paper's size.
        dataset: What `Experiment.dataset` says, or another that it takes.
        models: Names of the classifiers to begin with, as `classifiers.find` takes them;
            empty for the experiment's own choice.
        seed: Seed of all of it.
        workdir: Where stages keep what they do, shared by the experiments of one scale
            and data set: a folder made there by one is found by another. An experiment that
            takes any data set has its name in those of its folders.
        command: What the user types to go on; for messages.
        note: Told, in a sentence, what the user should know.
        on_stage: Told the name, seconds and `reused` of each finished stage.
        of_paper: What `Experiment.dataset` says.
        labels: The names of the classifiers' labels, for those that bring none.
        view: What reaches the classifiers that are fooled, one of `image_views.VIEWS`.
    """

    scale: float
    dataset: str
    models: tuple[str, ...]
    seed: int
    workdir: pathlib.Path
    command: str
    note: Callable[[str], None]
    on_stage: Callable[[str, float, bool], None]
    of_paper: str = "mnist"
    labels: tuple[str, ...] | None = None
    view: str = image_views.PLAIN

    def scaled(self, count: int, minimum: int = 1) -> int:
        """`count` of the paper at this scale, at least `minimum`."""
        return min(count, max(minimum, round(count * self.scale)))

    def title(self, text: str) -> str:
        """`text`, which says so where this is not the paper's experiment in full."""
        return titled(text, self.scale, self.dataset, self.of_paper, self.view)

    @contextlib.contextmanager
    def stage(self, name: str, number: int, of: int) -> Iterator[Stage]:
        """Says which of `of` stages begins, and how long it took when it is done."""
        self.note(f"stage {number} of {of}: {name}")
        stage, begun = Stage(), time.monotonic()
        yield stage
        self.on_stage(name, time.monotonic() - begun, stage.reused)


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One experiment of the paper.

    Attributes:
        name: The name of its module and of its folder under results/.
        title: What its outputs are called, such as "Table S1 (MNIST)".
        summary: One line: what it does.
        run: Does it.
        dataset: What it is about in the paper; "imagenet" where only networks that know it
            are needed, and no data.
        others: Other data sets that it takes; None for any.
        takes_view: Whether the classifiers that it fools may be given another view of images.
    """

    name: str
    title: str
    summary: str
    run: Callable[[Context], Outcome]
    dataset: str = "mnist"
    others: tuple[str, ...] | None = ("digits",)
    takes_view: bool = False

    def check(self, dataset: str, view: str = image_views.PLAIN) -> None:
        """Looks whether it is about such data, and takes such a view.

        Raises:
            ValueError: It is not.
        """
        if view != image_views.PLAIN and not self.takes_view:
            raise ValueError(f"{self.name} takes --view={image_views.PLAIN} only, not {view}.")
        if self.others is not None and dataset not in (self.dataset, *self.others):
            known = ", ".join((self.dataset, *self.others))
            hint = names.did_you_mean(dataset, (self.dataset, *self.others)) or "."
            raise ValueError(f"{self.name} takes --dataset={known}, not {dataset}{hint}")


def load(name: str) -> Experiment:
    """The experiment of a name out of `NAMES`."""
    return importlib.import_module(f"keras_fool.studies.{name}").EXPERIMENT


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
    """What sets the folders of another scale, data set or view apart from the paper's."""
    parts = [short(dataset)] if dataset != of_paper else []
    parts += [f"scale{scale:g}"] if scale != 1 else []
    return "".join(f"_{part}" for part in parts) + view_suffix(view)


def view_suffix(view: str) -> str:
    """The same for the view alone."""
    return f"_{view}" if view != image_views.PLAIN else ""


def short(dataset: str) -> str:
    """A data set's name; of a path only the last part, as the rest is this machine's."""
    return datasets.short_name(dataset)
