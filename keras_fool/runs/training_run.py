"""One training in its folder, from wherever the folder says it is to its end.

Of several processes that train together only the chief has a folder, and shows a bar.
"""

import contextlib
import pathlib
import signal
import sys
from collections.abc import Callable, Mapping

import tensorflow as tf
import tqdm

from keras_fool import errors
from keras_fool.runs import stopping, training_folder
from trainers import classifier, config, sources, workers

_SECONDS_BETWEEN_LINES = 10  # where stderr is no terminal


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
        ValueError: The folder holds another training, or is damaged; or other processes
            were given other settings.
        LostError: Another process is gone.
        DivergedError: The loss became NaN or infinite.
        StoppedError: A signal asked for it; the folder holds the state.
        OSError: Something could not be written; the newest checkpoint stays.
    """
    with contextlib.ExitStack() as stack:
        processes = workers.Workers(strategy)
        processes.check_settings(recorded)
        folder = state = None
        if processes.is_chief:
            folder = training_folder.TrainingFolder(path, recorded, note)
            stack.callback(folder.close)
            state = folder.resume()
        done = 0 if state is None else int(state.get("step", 0))
        begun = f"{path} is saved until step {done}; to go on: {command}"
        stack.enter_context(
            stopping.saying(begun if done else f"nothing is trained yet; to begin again: {command}")
        )
        if done:
            note(f"{path} goes on after step {done}.")
        bar = stack.enter_context(_bar(settings.iterations, done, hidden=folder is None))
        request = stack.enter_context(stopping.StopRequest())
        error = ""

        def on_progress(progress: classifier.Progress) -> None:
            nonlocal error
            if folder is not None:
                folder.on_progress(progress)
            if progress.test_error_percent is not None:
                error = f", test error {progress.test_error_percent:.2f} %"
            bar.set_postfix_str(f"loss {progress.loss:.4f}{error}", refresh=False)
            bar.update(progress.num_new)

        training = classifier.train(
            settings,
            data,
            strategy,
            state=state,
            checkpoints=folder and folder.checkpoints,
            checkpoint_every=checkpoint_every,
            on_progress=on_progress,
            should_stop=lambda: request.signal_number is not None,
        )
        if training.step < settings.iterations:
            raise errors.StoppedError(
                f"stopped after step {training.step}, which is saved in {path}; "
                f"to go on: {command}",
                request.signal_number or signal.SIGTERM,  # another process got the signal
            )
    return training


def _bar(total: int, done: int, *, hidden: bool) -> tqdm.tqdm:
    """A bar on a terminal, else a line now and then."""
    interval = 0.1 if sys.stderr.isatty() else _SECONDS_BETWEEN_LINES
    return tqdm.tqdm(
        total=total,
        initial=done,
        unit="step",
        dynamic_ncols=True,
        mininterval=interval,
        disable=hidden,
    )
