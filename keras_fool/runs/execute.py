"""The life of all long work: evolving, ascending and training.

`execute` takes a `jobs.Job` and its `jobs.Record` from wherever their folder says they are to
the end. It restores the newest checkpoint, advances, has everything written on a thread of its
own, shows progress, saves when that is due, stops on a signal and says how to go on, and
finishes. A job that is killed at any moment and executed again ends with the same bytes.
"""

import dataclasses
import pathlib
import signal
import time
from collections.abc import Callable, Mapping
from typing import Generic

import numpy as np

from keras_fool import errors
from keras_fool.runs import background, jobs, progress, run_folder, stopping
from keras_fool.runs.jobs import Result

# Where writing a checkpoint takes long, checkpoints are rarer: at most this share of the time.
_CHECKPOINT_SHARE = 0.03


@dataclasses.dataclass(frozen=True)
class Due:
    """When a checkpoint is due. No result depends on it.

    Attributes:
        steps: Every so many steps; None for a time.
        seconds: That time, or more where writing takes long.
    """

    steps: int | None = None
    seconds: float = 10.0

    def until(self, step: int, total: int) -> int:
        """The step of the next checkpoint, or the last one."""
        return total if self.steps is None else min(total, step + self.steps - step % self.steps)

    def is_now(self, step: int, seconds: float, to_save: float) -> bool:
        """Whether to save after a step.

        Args:
            step: How many steps are done.
            seconds: Since the last checkpoint.
            to_save: How long collecting and writing that took, in seconds.
        """
        if self.steps is not None:
            return step % self.steps == 0
        return seconds >= max(self.seconds, to_save / _CHECKPOINT_SHARE)


def execute(
    folder: run_folder.RunFolder,
    job: jobs.Job[Result],
    record: jobs.Record[Result],
    due: Due,
    *,
    command: str,
    quiet: bool = False,
) -> None:
    """Executes a job in its folder to its end.

    Args:
        folder: The folder, opened.
        job: What is computed.
        record: What is written of it.
        due: When checkpoints are.
        command: What the user types to go on after a stop.
        quiet: Whether to show no progress.

    Raises:
        UserError: The folder is damaged, or the job cannot advance: all steps until then are
            saved.
        StoppedError: A signal asked for it; all steps until then are saved.
        OSError: Something could not be written; the newest checkpoint stays.
    """
    path = folder.path
    with errors.reported(ValueError, FileNotFoundError):
        state = folder.resume(record)
    begun = f"nothing is saved in {path} yet; to begin again: {command}"
    with stopping.saying(begun) as is_true:
        with errors.reported(ValueError):
            job.begin(state, folder.note)
        if state is not None:
            last = f"{job.unit} {job.last_step}"
            folder.note(f"{path} goes on after {last}.")
            is_true(f"{path} is saved until {last}; to go on: {command}")
        with _Writing(folder, job, record, due, is_new=state is None) as writing:
            with progress.Progress(job.step, job.total, job.unit, job.things, quiet=quiet) as shown:

                def on_advance(advance: jobs.Advance[Result]) -> None:
                    writing.add(advance)
                    shown.advance(job.step, job.last_step, advance.words, advance.count)

                _advance(job, due, path, command, on_advance, writing.save)
            is_true(f"all {job.unit}s are saved in {path}; to finish: {command}")
            writing.wait()
            record.finish()
            writing.finish()


def take_part(job: jobs.Job, due: Due, path: pathlib.Path, *, command: str) -> None:
    """Advances a job together with another process, which executes it in a folder.

    Args:
        job: The same as there.
        due: Likewise.
        path: That folder, for messages.
        command: As `execute` takes it.

    Raises:
        StoppedError: A signal asked one of the processes for it.
    """
    with stopping.saying(f"what is saved is in {path}; to go on: {command}"):
        job.begin(None, lambda _: None)
        _advance(job, due, path, command, lambda _: None, lambda: None)


def _advance(
    job: jobs.Job[Result],
    due: Due,
    path: pathlib.Path,
    command: str,
    on_advance: Callable[[jobs.Advance[Result]], None],
    save: Callable[[], None],
) -> None:
    """The loop; `save` saves the last complete step."""

    def stopped() -> str:
        if job.step == 0:
            return f"stopped in the first {job.unit}, with nothing to save in {path} yet"
        save()
        return f"stopped after {job.unit} {job.last_step}, which is saved in {path}"

    with stopping.StopRequest(job.interrupt) as request:
        while job.step < job.total and not job.agreed(request.signal_number is not None):
            try:
                advance = job.advance(due.until(job.step, job.total))
            except jobs.JobError as error:
                if request.signal_number is not None:
                    break  # it was told not to wait any more
                again = "started again, it stops there again."
                again = f"to go on: {command}" if error.may_pass else again
                raise errors.UserError(f"{error} The run {stopped()}; {again}") from error
            on_advance(advance)
        if job.step < job.total:
            # Where no signal came here, another process got it.
            number = request.signal_number or signal.SIGTERM
            raise errors.StoppedError(f"{stopped()}; to go on: {command}", number)


class _Writing(Generic[Result]):
    """Has results and checkpoints written, in order, on a thread of their own."""

    def __init__(
        self,
        folder: run_folder.RunFolder,
        job: jobs.Job[Result],
        record: jobs.Record[Result],
        due: Due,
        *,
        is_new: bool,
    ):
        from keras_fool.runs import summaries  # TensorFlow

        self._folder, self._job, self._record, self._due = folder, job, record, due
        self._events = summaries.Summaries(folder.path, job.last_step + 1)
        if is_new:
            self._events.settings(folder.settings, folder.about.get("classifier"))
        self._writer = background.BackgroundWriter()
        self._saved = job.step
        self._saved_at = self._added_at = time.monotonic()
        self._seconds_to_save = 0.0

    def __enter__(self) -> "_Writing[Result]":
        return self

    def __exit__(self, *_) -> None:
        self._writer.finish()
        self._events.close()

    def add(self, advance: jobs.Advance[Result]) -> None:
        """Hands over a result, and the state where a checkpoint is due.

        Raises:
            OSError: Something handed over earlier could not be written.
        """
        now, job = time.monotonic(), self._job
        self._writer.submit(self._write, advance.result, job.last_step, now - self._added_at)
        self._added_at = now
        since = now - self._saved_at
        if job.step == job.total or self._due.is_now(job.step, since, self._seconds_to_save):
            self._checkpoint()

    def save(self) -> None:
        """Has the last step saved, if that has not been done, and waits for it.

        Raises:
            OSError: Something could not be written; the checkpoints before it stay.
        """
        if self._job.step != self._saved:
            self._checkpoint()
        self.wait()

    def wait(self) -> None:
        """Waits until all that was handed over is on disk; raises as `save` does."""
        self._writer.wait()

    def finish(self) -> None:
        """Writes for TensorBoard what came of the complete run."""
        self._events.finish(self._job.last_step, self._folder.champions)

    def _checkpoint(self) -> None:
        self._saved, self._saved_at = self._job.step, time.monotonic()
        pictures, state = self._record.overview(), self._job.state()
        collected = time.monotonic() - self._saved_at
        self._writer.submit(self._save, self._job.last_step, state, pictures, collected)

    def _write(self, result: Result, number: int, seconds: float) -> None:
        self._record.write(result)
        for step, values in self._record.scalars(result, seconds):
            self._events.values(step, values)
        self._show(self._record.pictures(result), number)

    def _save(
        self,
        number: int,
        state: Mapping[str, np.ndarray],
        pictures: jobs.Images | None,
        collected: float,
    ) -> None:
        begun = time.monotonic()
        self._folder.checkpoint(state, self._record.state())
        self._seconds_to_save = collected + time.monotonic() - begun
        self._show(pictures, number)
        self._events.flush()

    def _show(self, pictures: jobs.Images | None, number: int) -> None:
        if pictures is not None:
            self._events.images(number, pictures)
