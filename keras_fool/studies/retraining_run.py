"""Retrains and fools classifiers in a folder, from wherever the folder says it is.

Killed at any moment and started again, the study goes on and ends with the same images,
classifiers and draws as one never interrupted; only times, TensorBoard events, and what
TensorFlow and cards say of when they were written differ.
"""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np

from keras_fool import champions, errors, evolution_run, training_run, workdir
from keras_fool.studies import fooling_draw, retraining, retraining_folder, stages
from trainers import classifier, datasets, export, fooling_class, strategies

# Until they are measured: 70 steps and 18,000 images a second, on two cores.
_GUESSES = {"train": 1 / 70, "evolve": 1 / 18_000, "draw": 1 / 1_000}
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
        data: datasets.Dataset,
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
        settings = {**dataclasses.asdict(self.config), "dataset_digest": self._data.digest}
        with workdir.opened(self.folder.path, settings, {}, self._note):
            plan = retraining.plan(self.config)
            clock = stages.Clock(plan, _GUESSES, self.folder.times, self._note)
            for stage in plan:
                if self.folder.is_done(stage.kind, stage.number):
                    clock.skip()
                    continue
                with clock.stage(resumed=self.folder.is_begun(stage.kind, stage.number)):
                    self._do[stage.kind](stage.number)
                if stage.kind == "evolve":
                    on_fooled()
        return clock.done_now

    def _train(self, number: int) -> None:
        """Trains DNN `number` afresh on the data and all images drawn so far."""
        data = self._data
        if number > 1:
            fooling = self.folder.drawn(range(1, number))
            data = fooling_class.add(data, fooling.train, fooling.val)
        settings = self.config.training(number)
        recorded = {"dataset_digest": data.digest, **dataclasses.asdict(settings)}
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
            wrong = _wrong(model, data)
            card = {
                "name": retraining_folder.name(number),
                "version": 1,
                "dataset": data.name,
                "labels": list(data.labels),
                "image_shape": list(data.image_shape),
                "num_train": len(data.train_images),
                "num_test": len(data.test_images),
                "test_error_percent": _percent(wrong),
                retraining_folder.ORIGINAL_ERROR: _percent(wrong[: len(self._data.test_images)]),
                "seed": settings.seed,
                "training": dataclasses.asdict(settings),
            }
            export.save(
                self.folder.classifier(number), model, card, data.test_images[:_NUM_COMPARED]
            )
        keras.backend.clear_session()  # what Keras keeps of it, which would add up

    def _evolve(self, number: int) -> None:
        """Evolves images against DNN `number`; the fooling class is no niche."""
        evolution_run.evolve(
            self.folder.evolution(number),
            self.config.evolution(number),
            self.folder.find_classifier(number),
            command=self._command,
            note=self._note,
            dataset=self.config.dataset,
            num_niches=self.config.num_niches,
        )

    def _draw(self, number: int) -> None:
        """Draws from the champions of the first and the last generation of all runs."""
        path = self.folder.evolution(number)
        pools = {when: champions.read(path, when) for when in champions.WHENS}
        images = np.concatenate([pool.images for pool in pools.values()])
        rows = [
            {
                "file": pool.files[place],
                "when": when,
                "run": pool.runs[place],
                "label": pool.niches[place],
                "confidence": f"{pool.confidences[place]:.9g}",
            }
            for when, pool in pools.items()
            for place in range(len(pool))
        ]
        earlier = self._earlier(number)
        draw = fooling_draw.draw(
            images,
            *self.config.drawn(number),
            self.config.draw_stream(number),
            earlier.train,
            earlier.val,
        )
        self.folder.save_drawn(
            number,
            retraining_folder.Drawn(images[draw.train], images[draw.val]),
            [{"part": "train", **rows[place]} for place in draw.train]
            + [{"part": "val", **rows[place]} for place in draw.val],
        )

    def _earlier(self, number: int) -> retraining_folder.Drawn:
        """What was drawn before, from the images evolved against DNNs below `number`."""
        if number == 1:
            none = np.empty((0, *self._data.image_shape), np.uint8)
            return retraining_folder.Drawn(none, none)
        return self.folder.drawn(range(1, number))


def _wrong(model: keras.Model, data: datasets.Dataset) -> np.ndarray:
    """Whether the surest label, of all of them, is not the right one: bool [num_test]."""
    labels = [
        model(data.test_images[start : start + _TEST_BATCH], training=False).numpy().argmax(axis=1)
        for start in range(0, len(data.test_images), _TEST_BATCH)
    ]
    return np.concatenate(labels) != data.test_labels


def _percent(wrong: np.ndarray) -> float:
    return round(100 * float(wrong.mean()), 4)
