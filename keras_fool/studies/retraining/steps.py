"""The steps of a retraining study: train, evolve, draw, train afresh, and so on.

Killed at any moment and started again, a study goes on and ends with the same images,
classifiers and draws as one that was never interrupted; only times, TensorBoard events, and
what TensorFlow and cards say of when they were written differ.
"""

import contextlib
import dataclasses
import functools
import itertools
import pathlib
from collections.abc import Iterator

import keras
import numpy as np

from keras_fool import errors
from keras_fool.models import classifier_folder, classifiers
from keras_fool.runs import workdir
from keras_fool.studies import evolutions, experiment, steps
from keras_fool.studies.retraining import config as config_module
from keras_fool.studies.retraining import draw, report
from keras_fool.studies.retraining import folder as folder_module
from trainers import export, fooling_class, sources

# Seconds per step, image and drawn image until they are measured, on two cores.
_GUESSES = {
    "lenet": {**evolutions.GUESSES, "draw": 1 / 1_000},
    "small": {"train": 1 / 20, "evolve": 1 / 3_000, "draw": 1 / 300},
    "cifar": {"train": 1 / 25, "evolve": 1 / 8_000, "draw": 1 / 1_000},
}
_OTHER_GUESSES = {"train": 10.0, "evolve": 1 / 5, "draw": 1 / 100}
_NUM_COMPARED = 100  # images on which an export is tried
_TEST_BATCH = 500


@dataclasses.dataclass(frozen=True, eq=False)
class Study:
    """A retraining study.

    Attributes:
        config: What shapes the result.
        folder: Where everything is, or will be.
        data: The data set that `config` names.
        prefix: What the names of its steps begin with, where it is one of several studies.
    """

    config: config_module.Config
    folder: folder_module.Folder
    data: sources.Source
    prefix: str = ""

    def steps(self) -> "list[StudyStep]":
        """All steps in order; nothing is drawn from what fooled the last classifier.

        Those that another study does, as `folder` says, are left out.
        """
        config, folder = self.config, self.folder
        guesses = _GUESSES.get(config.architecture, _OTHER_GUESSES)
        found: list[StudyStep] = []
        for number in range(1, config.iterations + 1):
            evolution = config.evolution(number)
            subject = evolutions.Subject(
                folder_module.name(number), functools.partial(self._fooled, number)
            )
            found += [
                Train(
                    name=f"{self.prefix}train DNN {number}",
                    work=config.steps,
                    guess=guesses["train"],
                    folder=folder.training(number),
                    study=self,
                    number=number,
                ),
                Evolve(
                    name=f"{self.prefix}evolve {evolution.runs} runs against DNN {number}",
                    work=evolutions.images_of(evolution),
                    guess=guesses["evolve"],
                    subject=subject,
                    config=evolution,
                    folder=folder.evolution(number),
                    niches=range(config.num_niches),  # the fooling class is not one
                    study=self,
                ),
                Draw(
                    name=f"{self.prefix}draw from the images that fooled DNN {number}",
                    work=evolution.runs * config.images_of_run,
                    guess=guesses["draw"],
                    folder=folder.path / "draws",
                    study=self,
                    number=number,
                ),
            ]
        return found[2 if folder.first else 0 : -1]

    @contextlib.contextmanager
    def opened(self, context: experiment.Context) -> Iterator[pathlib.Path]:
        """Holds the study's folder while its steps run.

        Yields:
            The file of times in it.

        Raises:
            ValueError: The folder holds another study, or another process is writing it.
        """
        settings = {**self.config.recorded(), "dataset_digest": self.data.digest}
        with workdir.opened(self.folder.path, settings, {}, context.note):
            yield self.folder.times

    def _fooled(self, number: int) -> classifiers.Classifier:
        return self.folder.find_classifier(number, self.config.views)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Train(steps.Step):
    """Trains a DNN afresh on the data and all images drawn so far.

    Attributes:
        study: Of which it is a step.
        number: Of the DNN, from 1.
        folder: The training's folder.
    """

    kind = "train"
    study: Study
    number: int
    folder: pathlib.Path

    def is_done(self) -> bool:
        """Whether the DNN is there.

        Raises:
            ValueError: It is damaged: nothing that was made with it may change.
        """
        folder = self.study.folder
        if not folder.is_trained(self.number):
            return False
        if damaged := folder.damaged_classifier(self.number):
            raise ValueError(
                f"{damaged[0]} is missing or damaged; put a copy in place, or remove "
                f"{folder.classifier(self.number).parent}: then the same command makes it again."
            )
        return True

    def run(self, context: experiment.Context) -> None:
        """Trains, tests and exports it."""
        config, folder, data = self.study.config, self.study.folder, self.study.data
        if self.number > 1:
            fooling = folder.drawn(range(1, self.number))
            data = fooling_class.add(data, fooling.train, fooling.val)
        settings = config.training(self.number)
        recorded = {"dataset_digest": data.digest, **settings.recorded()}
        training = evolutions.train(context, self, data, settings, recorded)
        model = training.model()
        wrong, labels = _tested(model, data)
        card = classifier_folder.card(
            folder_module.name(self.number),
            1,
            data,
            settings,
            num_test=len(wrong),
            test_errors={
                "test_error_percent": _percent(wrong),
                folder_module.ORIGINAL_ERROR: _percent(wrong[labels < config.num_labels]),
            },
            training=settings.recorded(),
        )
        images, _ = next(data.test_batches(_NUM_COMPARED))
        # The mean of the data alone, as in the published code: not of the fooling class.
        mean = self.study.data.mean_image
        with errors.reported(export.ExportError):
            export.save(folder.classifier(self.number), model, card, images, mean)
        folder.save_classifier_sums(self.number)
        if data.unreadable:
            name, reason = min(data.unreadable.items())
            context.note(
                f"{len(data.unreadable)} pictures cannot be read and are left out; one of them "
                f"is {name} ({reason})."
            )
        keras.backend.clear_session()  # what Keras keeps of it, which would add up


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Evolve(evolutions.Evolve):
    """Evolves images against a DNN, and writes what came of the study so far.

    Attributes:
        study: Of which it is a step.
    """

    study: Study

    def run(self, context: experiment.Context) -> None:
        """Evolves, or goes on with it."""
        super().run(context)
        report.write(self.study.folder, self.study.config)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Draw(steps.Step):
    """Draws from the champions of the first and the last generation of all runs.

    Attributes:
        study: Of which it is a step.
        number: Of the DNN that the images fooled.
        folder: That of all draws.
    """

    kind = "draw"
    study: Study
    number: int
    folder: pathlib.Path

    @property
    def is_begun(self) -> bool:
        """Whether this draw has written something there."""
        return self.study.folder.is_draw_begun(self.number)

    def is_done(self) -> bool:
        """Whether the images are there."""
        folder = self.study.folder
        return folder.is_drawn(self.number) and not folder.damaged_draw(self.number)

    def run(self, context: experiment.Context) -> None:
        """Draws; once more where files were damaged."""
        config, folder = self.study.config, self.study.folder
        if folder.is_drawn(self.number) and (damaged := folder.damaged_draw(self.number)):
            context.note(f"{damaged[0]} is missing or damaged: drawn again.")
        pool = draw.Pool(folder.evolution(self.number))
        earlier = [folder.drawn([before]) for before in range(1, self.number)]
        drawn = draw.draw(
            pool,
            *config.drawn(self.number),
            config.draw_stream(self.number),
            itertools.chain(*(each.train for each in earlier)),
            itertools.chain(*(each.val for each in earlier)),
        )
        parts = dataclasses.asdict(drawn)
        rows = [
            {"part": part, **pool.row(place)} for part, places in parts.items() for place in places
        ]
        folder.save_drawn(self.number, pool, parts, rows)


StudyStep = Train | Evolve | Draw


def _tested(model: keras.Model, data: sources.Source) -> tuple[np.ndarray, np.ndarray]:
    """Of every test image whether the surest label is a wrong one, and the right one.

    Returns:
        bool [tested], int64 [tested]; images that cannot be read are left out.
    """
    wrong, right = [], []
    for images, labels in data.test_batches(_TEST_BATCH):
        wrong.append(model(images, training=False).numpy().argmax(axis=1) != labels)
        right.append(labels)
    return np.concatenate(wrong), np.concatenate(right)


def _percent(wrong: np.ndarray) -> float:
    return round(100 * float(wrong.mean()), 4)
