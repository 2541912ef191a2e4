"""The folder a training works in: its settings, states to go on from, TensorBoard events.

    config.json              every setting that shapes the result, versions
    checkpoint/              the two newest states
    events.out.tfevents.*    loss, learning rate, steps per second, test error

The trained classifier goes elsewhere; then this folder may be removed.
"""

import pathlib
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from keras_fool.runs import checkpoints, workdir
from trainers import classifier


class TrainingFolder:
    """One training's folder, held by this process alone.

    Attributes:
        checkpoints: Where its states go.
    """

    def __init__(
        self, path: pathlib.Path, settings: Mapping[str, object], note: Callable[[str], None]
    ):
        """Creates the folder, or opens one of the same settings.

        Args:
            path: The folder; its parents are made.
            settings: What shapes the result, as JSON values.
            note: Told, in a sentence, what the user should know.

        Raises:
            ValueError: The folder holds something else, a training of other settings
                (the first that differs is named), or another process writes it.
            OSError: It cannot be made or written.
        """
        self._path = path
        self._note = note
        self.checkpoints = checkpoints.CheckpointFolder(path / "checkpoint")
        self._lock = workdir.opened(path, settings, {}, note)
        self._events = tf.summary.create_file_writer(str(path))
        table = [f"| {name} | {value} |" for name, value in settings.items()]
        with self._events.as_default(step=0):
            tf.summary.text("settings", "\n".join(["| setting | value |", "|---|---|", *table]))

    def resume(self) -> dict[str, np.ndarray] | None:
        """The newest whole state, or None where the training begins.

        Raises:
            ValueError: There are checkpoints, and none is whole.
        """
        return self.checkpoints.resume(self._note)

    def on_progress(self, progress: classifier.Progress) -> None:
        """Writes the newest figures for TensorBoard."""
        with self._events.as_default(step=progress.step):
            tf.summary.scalar("train/loss", progress.loss)
            tf.summary.scalar("train/learning_rate", progress.learning_rate)
            tf.summary.scalar("train/steps_per_second", progress.num_new / progress.seconds)
            if progress.test_error_percent is not None:
                tf.summary.scalar("test/error_percent", progress.test_error_percent)
                self._events.flush()

    def close(self) -> None:
        """Ends the events and lets other processes in."""
        self._events.close()
        self._lock.close()
