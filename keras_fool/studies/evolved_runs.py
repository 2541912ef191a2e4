"""The classifiers and run folders that several experiments share.

In the folder that an experiment works in, and that another one finds them in:

    classifiers/<name>/1/          a classifier that was not there and had to be trained
    trainings/<name>/              where it was trained
    <name>-<version>_runs_<first>-<last>_seed_<seed>*/   a run folder
"""

import dataclasses
import itertools
import pathlib
from collections.abc import Iterator, Sequence

from evolvers import config as evolvers_config
from keras_fool import foreign_files
from keras_fool.models import classifiers
from keras_fool.runs import evolution_run, training_run
from keras_fool.studies import cross_scoring, experiment
from trainers import config as trainers_config
from trainers import datasets, export, strategies

GENERATIONS = 200
_ITERATIONS = 10_000
_NUM_COMPARED = 100  # images on which an export is tried
_TEST_ERROR = "test_error_percent"


@dataclasses.dataclass(frozen=True)
class Evolution:
    """One evolution that an experiment needs.

    Attributes:
        classifier: What is fooled.
        config: The settings.
        path: The run folder.
    """

    classifier: classifiers.Classifier
    config: evolvers_config.Config
    path: pathlib.Path

    @property
    def evaluations(self) -> int:
        """Images of all runs."""
        config = self.config
        return config.runs * (config.initial + (config.generations + 1) * config.batch)


def classifiers_of(
    context: experiment.Context, count: int, further_stages: int
) -> tuple[list[classifiers.Classifier], Iterator[int], int]:
    """The first `count` classifiers that the experiment is about; trains what is missing.

    Args:
        context: The experiment's; its models, or else <dataset>_a, <dataset>_b and so on.
        count: How many.
        further_stages: How many stages the experiment has besides.

    Returns:
        The classifiers, the numbers of the further stages, and of all stages how many
        there are.

    Raises:
        ValueError: --models names an unknown one or too few, or one cannot be trained.
        StoppedError: A signal asked for it; the state is saved.
    """
    if context.models:
        if len(context.models) < count:
            raise ValueError(
                f"this experiment is about {count} classifiers, --models names "
                f"{', '.join(context.models)}."
            )
        found = cross_scoring.find_models(context.models[:count])
        return found, itertools.count(1), further_stages
    found = [_find(context, number) for number in range(count)]
    numbers, of = itertools.count(1), further_stages + found.count(None)
    for number, classifier in enumerate(found):
        if classifier is None:
            with context.stage(f"train {_name(context, number)}", next(numbers), of):
                found[number] = _train(context, number)
    return found, numbers, of


def plan(
    context: experiment.Context,
    classifier: classifiers.Classifier,
    runs: range,
    seed: int,
    **changes: object,
) -> Evolution:
    """An evolution of CPPN images, 200 generations of the paper's at scale 1.

    Args:
        context: The experiment's.
        classifier: What is fooled, through the context's view.
        runs: Numbers of the runs, one after the other; at least one.
        seed: Of the runs.
        **changes: What is otherwise, settings of `evolvers.config.Config`; generations
            are scaled, too.
    """
    classifier = classifiers.with_view(classifier, context.view)
    generations = changes.get("generations", GENERATIONS)
    settings = {**changes, "generations": context.scaled(generations), "seed": seed}
    config = evolvers_config.Config(runs=len(runs), first_run=runs[0], **settings)
    name = classifier.name.removesuffix(".keras").replace("/", "-")
    parts = [f"{name}_runs_{runs[0]:03d}-{runs[-1]:03d}_seed_{seed}"]
    parts += [f"{changed}_{settings[changed]}" for changed in changes]
    return Evolution(classifier, config, context.workdir / "_".join(parts))


def evolve(context: experiment.Context, planned: Evolution, stage: experiment.Stage) -> None:
    """Evolves what is planned, or goes on with it, or finds it complete and tells `stage`.

    Raises:
        UserError: The folder holds a run of other settings, or the model is of no use.
        StoppedError: A signal asked for it; all generations until then are saved.
    """
    stage.reused = evolution_run.evolve(
        planned.path,
        planned.config,
        planned.classifier,
        command=context.command,
        note=context.note,
        dataset=context.dataset,
    )


def recorded(
    used: Sequence[classifiers.Classifier], evolutions: Sequence[Evolution]
) -> dict[str, object]:
    """What settings.json says of the classifiers and evolutions of an experiment."""
    entries = [
        {
            "against": planned.classifier.name,
            **dataclasses.asdict(planned.config),
            "evaluations": planned.evaluations,
            "crops": _crops(planned.classifier),
        }
        for planned in evolutions
    ]
    return {
        "classifiers": [_identity(classifier) for classifier in used],
        "evolutions": entries,
        "evaluations": sum(planned.evaluations for planned in evolutions),
    }


def _find(context: experiment.Context, number: int) -> classifiers.Classifier | None:
    trained = _trained(context, number)
    if (trained / classifiers.MODEL_FILE).is_file():
        return classifiers.find(str(trained))
    name = _name(context, number)
    return classifiers.find(name) if name in classifiers.known() else None


def _train(context: experiment.Context, number: int) -> classifiers.Classifier:
    """Trains the classifier number `number`, its seed `number` + 1."""
    name, target = _name(context, number), _trained(context, number)
    data = datasets.load(context.dataset)
    settings = trainers_config.Config(
        iterations=context.scaled(_ITERATIONS, minimum=100), seed=number + 1
    )
    strategy = strategies.create("auto")
    recorded = {
        "name": name,
        "dataset": data.name,
        "dataset_digest": data.digest,
        **settings.recorded(),
        "devices": strategy.num_replicas_in_sync,
    }
    training = training_run.train(
        context.workdir / "trainings" / name,
        settings,
        data,
        strategy,
        recorded=recorded,
        note=context.note,
        command=context.command,
    )
    card = {
        "name": name,
        "version": 1,
        "dataset": data.name,
        "labels": list(data.labels),
        "image_shape": list(data.image_shape),
        "num_train": len(data.train_images),
        "num_test": len(data.test_images),
        _TEST_ERROR: round(training.test_error_percent(), 4),
        "seed": settings.seed,
        "training": {**settings.recorded(), "devices": recorded["devices"]},
    }
    images = data.test_images[:_NUM_COMPARED]
    export.save(target, training.model(), card, images, data.mean_image)
    return classifiers.find(str(target))


def _crops(classifier: classifiers.AnyClassifier) -> int | list[int] | None:
    """How many its members see; several numbers where they differ, None of an endpoint."""
    seen = [member.views for member in classifier.members if hasattr(member, "views")]
    crops = sorted({views.crops for views in seen})
    return crops[0] if len(crops) == 1 else crops or None


def _identity(classifier: classifiers.Classifier) -> dict[str, object]:
    identity = classifiers.comparable(classifier.identity)
    path = getattr(classifier, "path", None)  # ensembles and endpoints have none
    card = path and path.with_name(classifiers.CARD_FILE)
    if card and card.is_file():
        error = foreign_files.json_object(card).get(_TEST_ERROR)
        identity[_TEST_ERROR] = error
    return {"name": classifier.name, **identity}


def _name(context: experiment.Context, number: int) -> str:
    return f"{context.dataset}_{'abcdefgh'[number]}"


def _trained(context: experiment.Context, number: int) -> pathlib.Path:
    return context.workdir / "classifiers" / _name(context, number) / "1"
