"""Classifiers that an experiment trains or is given, and evolutions against them.

In the folder that an experiment works in, where another experiment finds them:

    classifiers/<name>/1/          a classifier that was not there and had to be trained
    trainings/<name>/              where it was trained
    <name>-<version>_runs_<first>-<last>_seed_<seed>*/   a run folder
"""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evolvers import config as evolvers_config
from keras_fool import errors, foreign_files
from keras_fool.models import classifier_folder, classifiers, image_views, model_formats
from keras_fool.runs import evolution_run, run_folder, training_run
from keras_fool.studies import cross_scoring, experiment, steps
from trainers import classifier as trainers_classifier
from trainers import config as trainers_config
from trainers import datasets, export, sources, strategies

GENERATIONS = 200
DIGITS = ("mnist", "digits")
# Seconds per step and image on two cores, until they are measured.
GUESSES = {"train": 1 / 70, "evolve": 1 / 18_000}
_ITERATIONS = 10_000
_NUM_COMPARED = 100  # images on which an export is tried
_TEST_ERROR = "test_error_percent"


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """A classifier that an experiment is about.

    Attributes:
        name: Its name.
        find: Finds it, once it is trained.
        training: The step that trains it; None where it is there.
    """

    name: str
    find: Callable[[], classifiers.AnyClassifier]
    training: "Train | None" = None

    @classmethod
    def found(cls, classifier: classifiers.AnyClassifier) -> "Subject":
        """A classifier that is there."""
        return cls(classifier.name, lambda: classifier)

    def through(self, view: str) -> "Subject":
        """The same, given another view of images.

        Raises:
            ValueError: As `single_network` and `classifiers.with_view` do.
        """
        if view == image_views.PLAIN:
            return self
        if self.training is None:
            return Subject.found(classifiers.with_view(single_network(self.find()), view))
        return dataclasses.replace(
            self,
            name=f"{self.name}-{view}",
            find=lambda: classifiers.with_view(single_network(self.find()), view),
        )


def single_network(found: classifiers.AnyClassifier) -> classifiers.Classifier:
    """A classifier that may be given another view of images, and be a member of an ensemble.

    Raises:
        ValueError: It is none.
    """
    if not found.takes_view:
        raise ValueError(
            f"{found.name} is an endpoint or an ensemble, and this takes single networks: name "
            "models that run on this machine in --models."
        )
    return found


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Train(steps.Step):
    """Trains a classifier on digits, and exports it.

    Attributes:
        trained: The classifier's name.
        dataset: What it is trained on.
        settings: How.
        folder: The training's folder.
        exported: The classifier's folder.
    """

    kind = "train"
    trained: str
    dataset: str
    settings: trainers_config.Config
    folder: pathlib.Path
    exported: pathlib.Path

    def is_done(self) -> bool:
        """Whether the classifier is there."""
        return (self.exported / classifiers.MODEL_FILE).is_file()

    def run(self, context: experiment.Context) -> None:
        """Trains and exports it."""
        data = datasets.load(self.dataset)
        devices = {"devices": strategies.create("auto").num_replicas_in_sync}
        about = {"name": self.trained, "dataset": data.name, "dataset_digest": data.digest}
        recorded = {**about, **self.settings.recorded(), **devices}
        training = train(context, self, data, self.settings, recorded)
        card = classifier_folder.card(
            self.trained,
            1,
            data,
            self.settings,
            num_test=data.num_test,
            test_errors={_TEST_ERROR: round(training.test_error_percent(), 4)},
            training={**self.settings.recorded(), **devices},
        )
        with errors.reported(export.ExportError):
            images, _ = next(data.test_batches(_NUM_COMPARED))
            export.save(self.exported, training.model(), card, images, data.mean_image)


def train(
    context: experiment.Context,
    step: steps.Step,
    data: sources.Source,
    settings: trainers_config.Config,
    recorded: Mapping[str, object],
) -> trainers_classifier.Training:
    """Trains in the folder of a step on all devices; the arguments as `training_run.train`'s."""
    with errors.reported(trainers_classifier.DivergedError):
        return training_run.train(
            step.folder,
            settings,
            data,
            strategies.create("auto"),
            recorded=recorded,
            note=context.note,
            command=context.command,
        )


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Evolve(steps.Step):
    """Evolves images against a classifier.

    Attributes:
        subject: What is fooled.
        config: The settings.
        folder: The run folder.
        niches: The numbers of the labels to fool; None for all.
        thresholds: Confidences of which `evolution_run.reached` tells when labels reached them.
    """

    kind = "evolve"
    is_handed_out = True
    subject: Subject
    config: evolvers_config.Config
    folder: pathlib.Path
    niches: Sequence[int] | None = None
    thresholds: Sequence[float] = ()

    @property
    def classifier(self) -> classifiers.AnyClassifier:
        """What is fooled, once it is trained."""
        return self.subject.find()

    def is_done(self) -> bool:
        """Whether the run folder is complete."""
        settings = evolution_run.settings(self.config, self.classifier, self.niches)
        return run_folder.is_complete(self.folder, settings)

    def run(self, context: experiment.Context) -> None:
        """Evolves, or goes on with it."""
        evolution_run.evolve(
            self.folder,
            self.config,
            self.classifier,
            command=context.command,
            note=context.note,
            dataset=context.dataset,
            niches=self.niches,
            thresholds=self.thresholds,
            elsewhere=context.elsewhere,
        )


def images_of(config: evolvers_config.Config) -> int:
    """How many images all runs of an evolution breed and draw."""
    return config.runs * (config.initial + (config.generations + 1) * config.batch)


def subjects(context: experiment.Context, count: int) -> list[Subject]:
    """The first `count` classifiers that an experiment on digits is about.

    Args:
        context: The experiment's; its models, or else <dataset>_a, <dataset>_b and so on.
        count: How many.

    Raises:
        ValueError: --models names an unknown one or too few.
    """
    if not context.models:
        return [_subject(context, number) for number in range(count)]
    if len(context.models) < count:
        raise ValueError(
            f"this experiment is about {count} classifiers, --models names "
            f"{', '.join(context.models)}."
        )
    return [Subject.found(each) for each in cross_scoring.find_models(context.models[:count])]


def _subject(context: experiment.Context, number: int) -> Subject:
    name = f"{context.dataset}_{'abcdefgh'[number]}"
    iterations = context.scaled(_ITERATIONS, minimum=100)
    settings = trainers_config.Config(iterations=iterations, seed=number + 1)
    training = Train(
        name=f"train {name}",
        work=iterations,
        guess=GUESSES["train"],
        trained=name,
        dataset=context.dataset,
        settings=settings,
        folder=context.workdir / "trainings" / name,
        exported=context.workdir / "classifiers" / name / "1",
    )
    if not training.is_done() and name in classifiers.known():
        return Subject.found(classifiers.find(name))
    return Subject(f"{name}/1", lambda: classifiers.find(str(training.exported)), training)


def trainings(subjects: Sequence[Subject]) -> list[Train]:
    """The steps that train what is not there."""
    return [subject.training for subject in subjects if subject.training is not None]


def plan(
    context: experiment.Context,
    subject: Subject,
    runs: range,
    seed: int,
    purpose: str = "",
    thresholds: Sequence[float] = (),
    **changes: Any,
) -> Evolve:
    """An evolution of CPPN images, 200 generations at scale 1 as in the paper.

    Args:
        context: The experiment's.
        subject: What is fooled, through the context's view.
        runs: Numbers of the runs, one after the other; at least one.
        seed: Of the runs.
        purpose: What the step's name begins with.
        thresholds: As `Evolve` has them.
        **changes: Settings of `evolvers.config.Config` that differ; generations are scaled,
            too.
    """
    subject = subject.through(context.view)
    generations = changes.get("generations", GENERATIONS)
    settings = {**changes, "generations": context.scaled(generations), "seed": seed}
    config = evolvers_config.Config(runs=len(runs), first_run=runs[0], **settings)
    name = model_formats.without_suffix(subject.name).replace("/", "-")
    parts = [f"{name}_runs_{runs[0]:03d}-{runs[-1]:03d}_seed_{seed}"]
    parts += [f"{changed}_{settings[changed]}" for changed in changes]
    said = f"runs {runs[0]} to {runs[-1]}" if len(runs) > 1 else f"run {runs[0]}"
    return Evolve(
        name=f"{purpose}evolve {said} on {subject.name}",
        work=images_of(config),
        guess=GUESSES["evolve"] if context.dataset in DIGITS else None,
        subject=subject,
        config=config,
        folder=context.workdir / "_".join(parts),
        thresholds=thresholds,
    )


def recorded(
    used: Sequence[classifiers.AnyClassifier], evolutions: Sequence[Evolve]
) -> dict[str, object]:
    """What settings.json says of the classifiers and evolutions of an experiment."""
    entries = [
        {
            "against": planned.subject.name,
            **planned.config.as_json(),
            "evaluations": planned.work,
            "crops": _crops(planned.classifier),
        }
        for planned in evolutions
    ]
    return {
        "classifiers": [_identity(classifier) for classifier in used],
        "evolutions": entries,
        "evaluations": sum(planned.work for planned in evolutions),
    }


def _crops(classifier: classifiers.AnyClassifier) -> int | list[int] | None:
    """How many its members see; several numbers where they differ, None of an endpoint."""
    seen = [member.views for member in classifier.members if not member.is_remote]
    crops = sorted({views.crops for views in seen})
    return crops[0] if len(crops) == 1 else crops or None


def _identity(classifier: classifiers.AnyClassifier) -> dict[str, object]:
    identity = classifiers.comparable(classifier.identity)
    paths = [member.path for member in classifier.members if not member.is_remote]
    card = paths[0].with_name(classifiers.CARD_FILE) if len(paths) == 1 and paths[0] else None
    if card and card.is_file():
        identity[_TEST_ERROR] = foreign_files.json_object(card).get(_TEST_ERROR)
    return {"name": classifier.name, **identity}
