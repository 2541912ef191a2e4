"""One training in its folder, from wherever the folder says it is to its end.

    config.json              every setting that shapes the result, versions
    checkpoint/              the two newest states
    events.out.tfevents.*    loss, learning rate, steps per second, test error

The trained classifier goes elsewhere; then this folder may be removed. Of several processes
that train together only the chief has a folder, and shows its progress.
"""

import pathlib
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import tensorflow as tf

from keras_fool.runs import execute, jobs, run_folder
from trainers import classifier, config, sources, workers


class TrainingJob(jobs.Job[classifier.Progress]):
    """A training; steps count from 1."""

    things = "steps"
    first = 1

    def __init__(self, training: classifier.Training):
        self._training = training
        self._test_error = ""

    @property
    def step(self) -> int:
        """How many steps are done."""
        return self._training.step

    @property
    def total(self) -> int:
        """How many steps there are."""
        return self._training.settings.iterations

    def begin(self, state: Mapping[str, np.ndarray] | None, note: Callable[[str], None]) -> None:
        """Restores; every process goes on from the chief's state."""
        del note
        training = self._training
        state = training.workers.from_chief(state, training.state())
        if state is not None:
            training.restore(state)

    def advance(self, until: int) -> jobs.Advance[classifier.Progress]:
        """Takes the next steps, a hundred or so."""
        progress = self._training.advance(until)
        if progress.test_error_percent is not None:
            self._test_error = f", test error {progress.test_error_percent:.2f} %"
        words = f"loss {progress.loss:.4f}{self._test_error}"
        return jobs.Advance(progress, progress.num_new, words)

    def state(self) -> dict[str, np.ndarray]:
        """The weights and the solver's state."""
        return self._training.state()

    def agreed(self, stop: bool) -> bool:
        """Whether one of the processes is to stop."""
        return self._training.workers.any(stop)


class TrainingRecord(jobs.Record[classifier.Progress]):
    """What is written of a training: figures for TensorBoard."""

    def scalars(
        self, result: classifier.Progress, seconds: float
    ) -> Iterator[tuple[int, dict[str, float]]]:
        """The figures of the newest steps."""
        del seconds  # that of the test would be in it
        values = {
            "train/loss": result.loss,
            "train/learning_rate": result.learning_rate,
            "train/steps_per_second": result.num_new / result.seconds,
        }
        if result.test_error_percent is not None:
            values["test/error_percent"] = result.test_error_percent
        yield result.step, values


def train(
    path: pathlib.Path,
    settings: config.Config,
    data: sources.Source,
    strategy: tf.distribute.Strategy,
    *,
    recorded: Mapping[str, object],
    note: Callable[[str], None],
    command: str,
    checkpoint_every: int = 500,
) -> classifier.Training:
    """Trains in `path` until the last iteration; begins, or goes on.

    Args:
        path: The training's folder; made if it is not there.
        settings: What shapes the result.
        data: What is learned, and what it is tested on.
        strategy: The devices.
        recorded: What must be the same to go on, as JSON values.
        note: Told, in a sentence, what the user should know.
        command: What the user types to go on after a stop.
        checkpoint_every: Steps between checkpoints; no result depends on it.

    Raises:
        ValueError: The folder holds another training, or other processes were given other
            settings, or settings, data and devices do not go together.
        UserError: The folder is damaged.
        LostError: Another process is gone.
        DivergedError: The loss became NaN or infinite.
        StoppedError: A signal asked for it; the folder holds the state.
        OSError: Something could not be written; the newest checkpoint stays.
    """
    processes = workers.Workers(strategy)
    processes.check_settings(recorded)
    due = execute.Due(checkpoint_every)
    if not processes.is_chief:
        training = classifier.Training(settings, data, strategy)
        execute.take_part(TrainingJob(training), due, path, command=command)
        return training
    with run_folder.RunFolder(path, recorded, {}, note) as folder:
        training = classifier.Training(settings, data, strategy)
        execute.execute(folder, TrainingJob(training), TrainingRecord(), due, command=command)
    return training
