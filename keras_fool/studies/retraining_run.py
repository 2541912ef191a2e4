"""Retrains and fools classifiers in a folder, from wherever the folder says it is.

Killed at any moment and started again, the study goes on and ends with the same images,
classifiers and draws as one never interrupted; only times, TensorBoard events, and what
TensorFlow and cards say of when they were written differ.
"""

import dataclasses
import itertools
from collections.abc import Callable

import keras
import numpy as np

from keras_fool import errors
from keras_fool.runs import evolution_run, training_run, workdir
from keras_fool.studies import fooling_draw, fooling_pool, retraining, retraining_folder, stages
from trainers import classifier, export, fooling_class, sources, strategies

# Seconds per step, image and drawn image until they are measured, on two cores.
_OF_LENET = {"train": 1 / 70, "evolve": 1 / 18_000, "draw": 1 / 1_000}
_OF_SMALL = {"train": 1 / 20, "evolve": 1 / 3_000, "draw": 1 / 300}
_OF_OTHERS = {"train": 10.0, "evolve": 1 / 5, "draw": 1 / 100}
_GUESSES = {"lenet": _OF_LENET, "small": _OF_SMALL}
_NUM_COMPARED = 100
_TEST_BATCH = 500


class Study:
    """The whole study, stage by stage.

    Attributes:
        config: Its settings.
        folder: Where everything is.
    """

    def __init__(
        self,
        config: retraining.Config,
        folder: retraining_folder.Folder,
        data: sources.Source,
        *,
        command: str,
        note: Callable[[str], None],
    ):
        """Prepares; nothing is read or written yet.

        Args:
            config: What shapes the result.
            folder: Where everything is, or will be.
            data: The data set that `config` names.
            command: What the user types to go on after a stop.
            note: Told, in a sentence, what the user should know.
        """
        self.config = config
        self.folder = folder
        self._data = data
        self._command = command
        self._note = note
        self._strategy = strategies.create("auto")
        self._do = {"train": self._train, "evolve": self._evolve, "draw": self._draw}

    def run(self, on_fooled: Callable[[], None] = lambda: None) -> list[stages.Record]:
        """Does every stage that is not done yet.

        Args:
            on_fooled: Called when the evolution against a further DNN is complete.

        Returns:
            The stages that were done now.

        Raises:
            ValueError: The folder holds another study, or a part of it is damaged.
            UserError: An evolution or a training failed.
            StoppedError: A signal asked for it; everything until then is saved.
            OSError: Something could not be written; what was whole stays.
        """
        settings = {**self.config.recorded(), "dataset_digest": self._data.digest}
        with workdir.opened(self.folder.path, settings, {}, self._note):
            plan = retraining.plan(self.config)
            guesses = _GUESSES.get(self.config.architecture, _OF_OTHERS)
            clock = stages.Clock(plan, guesses, self.folder.times, self._note)
            for stage in plan:
                if self._is_done(stage):
                    clock.skip()
                    continue
                with clock.stage(resumed=self.folder.is_begun(stage.kind, stage.number)):
                    self._do[stage.kind](stage.number)
                if stage.kind == "evolve":
                    on_fooled()
        return clock.done_now

    def _is_done(self, stage: stages.Stage) -> bool:
        """Whether a stage is done and what it left is whole.

        Raises:
            ValueError: A classifier is not: nothing that was made with it may change.
        """
        kind, number = stage.kind, stage.number
        if not self.folder.is_done(kind, number):
            return False
        damaged = self.folder.damaged(kind, number)
        if not damaged:
            return True
        if kind == "train":
            raise ValueError(
                f"{damaged[0]} is missing or damaged; put a copy in place, or remove "
                f"{self.folder.classifier(number).parent}: then the same command makes it again."
            )
        if kind == "draw":
            self._note(f"{damaged[0]} is missing or damaged: drawn again.")
        return False

    def _train(self, number: int) -> None:
        """Trains DNN `number` afresh on the data and all images drawn so far."""
        data = self._data
        if number > 1:
            fooling = self.folder.drawn(range(1, number))
            data = fooling_class.add(data, fooling.train, fooling.val)
        settings = self.config.training(number)
        recorded = {"dataset_digest": data.digest, **settings.recorded()}
        with errors.reported(classifier.DivergedError, export.ExportError):
            training = training_run.train(
                self.folder.training(number),
                settings,
                data,
                self._strategy,
                recorded=recorded,
                note=self._note,
                command=self._command,
            )
            model = training.model()
            wrong, labels = _tested(model, data)
            card = {
                "name": retraining_folder.name(number),
                "version": 1,
                "dataset": data.name,
                "labels": list(data.labels),
                "image_shape": list(data.image_shape),
                "num_train": data.num_train,
                "num_test": len(wrong),
                "test_error_percent": _percent(wrong),
                retraining_folder.ORIGINAL_ERROR: _percent(wrong[labels < self.config.num_labels]),
                "seed": settings.seed,
                "training": settings.recorded(),
            }
            images, _ = next(data.test_batches(_NUM_COMPARED))
            # The mean of the data alone, as in the published code: not of the fooling class.
            mean = self._data.mean_image
            export.save(self.folder.classifier(number), model, card, images, mean)
            self.folder.save_classifier_sums(number)
        self._name_unreadable(data)
        keras.backend.clear_session()  # what Keras keeps of it, which would add up

    def _evolve(self, number: int) -> None:
        """Evolves images against DNN `number`; the fooling class is no niche."""
        evolution_run.evolve(
            self.folder.evolution(number),
            self.config.evolution(number),
            self.folder.find_classifier(number, self.config.views),
            command=self._command,
            note=self._note,
            dataset=self.config.dataset,
            num_niches=self.config.num_niches,
        )

    def _draw(self, number: int) -> None:
        """Draws from the champions of the first and the last generation of all runs."""
        pool = fooling_pool.Pool(self.folder.evolution(number))
        earlier = [self.folder.drawn([before]) for before in range(1, number)]
        draw = fooling_draw.draw(
            pool,
            *self.config.drawn(number),
            self.config.draw_stream(number),
            itertools.chain(*(drawn.train for drawn in earlier)),
            itertools.chain(*(drawn.val for drawn in earlier)),
        )
        parts = dataclasses.asdict(draw)
        rows = [
            {"part": part, **pool.row(place)} for part, places in parts.items() for place in places
        ]
        self.folder.save_drawn(number, pool, parts, rows)

    def _name_unreadable(self, data: sources.Source) -> None:
        """Says what was left out of a training and its test, if anything."""
        if data.unreadable:
            name, reason = min(data.unreadable.items())
            self._note(
                f"{len(data.unreadable)} pictures cannot be read and are left out; one of them "
                f"is {name} ({reason})."
            )


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
