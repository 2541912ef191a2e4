"""The life of a job that adds up numbers: the real frame, folder and signals, nothing to learn."""

import contextlib
import os
import pathlib
import signal

import numpy as np
import pytest

from keras_fool import errors
from keras_fool.runs import checkpoints, execute, jobs, run_folder
from tests.keras_fool import folders

TOTAL = 8
SETTINGS = {"total": TOTAL}


class Died(Exception):  # noqa: N818, it stands for a killed process
    """The process ends here."""


class Sum(jobs.Job):
    """Adds the number of each step, two steps at a time where it may."""

    def __init__(self, at_step=lambda _: None):
        self._step, self._sum, self._at_step = 0, 0, at_step

    @property
    def step(self):
        return self._step

    @property
    def total(self):
        return TOTAL

    def begin(self, state, note):
        del note
        if state is not None:
            self._step, self._sum = int(state["step"]), int(state["sum"])

    def advance(self, until):
        assert self._step < until <= TOTAL
        self._at_step(self._step)
        new = range(self._step, min(self._step + 2, until))
        self._sum += sum(new)
        self._step = new.stop
        return jobs.Advance((list(new), self._sum), len(new), f"sum {self._sum}")

    def state(self):
        return {"step": np.array(self._step), "sum": np.array(self._sum)}


class Rows(jobs.Record):
    """A row per step, and the sum at the end."""

    headers = {"rows.csv": "step\n"}  # noqa: RUF012, as records have them
    table_keys = ("bytes", "sha256")

    def __init__(self, folder, at_end=lambda: None):
        self._folder, self._at_end, self._written = folder, at_end, 0

    def restore(self, state):
        self._written = int(state.pop("written"))

    def write(self, result):
        steps, _ = result
        self._folder.append("rows.csv", "".join(f"{step}\n" for step in steps))
        self._written += len(steps)

    def scalars(self, result, seconds):
        del seconds
        steps, total = result
        yield steps[-1], {"sum": total}

    def state(self):
        return {"written": np.array(self._written)}

    def finish(self):
        self._at_end()
        self._folder.complete([{"written": self._written}], {"gallery.png": b"a gallery"})


def run(path, at_step=lambda _: None, at_end=lambda: None, every=3) -> list[str]:
    """Executes the job in a folder, from wherever it is; returns the notes."""
    notes = []
    with run_folder.RunFolder(path, SETTINGS, {}, notes.append) as folder:
        job, record = Sum(at_step), Rows(folder, at_end)
        execute.execute(folder, job, record, execute.Due(every), command="again")
    return notes


def newest(path: pathlib.Path) -> int:
    state, _ = checkpoints.CheckpointFolder(path / "checkpoint").newest()
    return int(state["step"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("runs") / "whole"
    assert run(path) == []
    return path


def test_all_steps_are_recorded_in_order(whole):
    assert (whole / "rows.csv").read_text() == "step\n" + "".join(f"{n}\n" for n in range(TOTAL))
    assert (whole / "champions.csv").read_text() == "written\n8\n"
    assert newest(whole) == TOTAL


@pytest.mark.parametrize("dies_at", [0, 2, 3, 6, "end"])
@pytest.mark.parametrize("every", [1, 3, None])
def test_where_it_dies_it_goes_on_to_the_same_bytes(whole, tmp_path, dies_at, every):
    path = tmp_path / "run"

    def die(step="end"):
        # Steps between checkpoints are not the same ones for every interval.
        if step == dies_at or (dies_at != "end" and step != "end" and step > dies_at):
            raise Died

    with pytest.raises(Died):
        run(path, die, die, every)
    assert not (path / "champions.csv").exists()
    with open(path / "rows.csv", "a", encoding="utf-8") as file:
        file.write("7")  # half a row

    run(path)

    assert folders.contents(path) == folders.contents(whole)


def test_checkpoints_come_when_they_are_due(tmp_path, monkeypatch):
    saved, checkpoint = [], run_folder.RunFolder.checkpoint

    def noted(folder, state, of_record):
        saved.append(int(state["step"]))
        checkpoint(folder, state, of_record)

    monkeypatch.setattr(run_folder.RunFolder, "checkpoint", noted)
    run(tmp_path / "three", every=3)
    assert saved == [3, 6, 8]

    saved.clear()
    run(tmp_path / "time", every=None)  # it takes no time
    assert saved == [8]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_after_the_step(whole, tmp_path, number):
    path = tmp_path / "run"

    with pytest.raises(errors.StoppedError) as stopped:
        run(path, lambda step: os.kill(os.getpid(), number) if step == 3 else None)

    assert stopped.value.exit_code == 128 + number
    assert "stopped after step 4" in str(stopped.value)
    assert f"saved in {path}; to go on: again" in str(stopped.value)
    assert newest(path) == 5
    assert run(path) == [f"{path} goes on after step 4."]
    assert folders.contents(path) == folders.contents(whole)


@pytest.mark.parametrize(
    ("at", "may_pass", "facts"),
    [
        (5, True, ("it hurts.", "after step 4, which is saved in", "to go on: again")),
        (5, False, ("it hurts.", "after step 4, which is saved in", "stops there again")),
        (0, True, ("it hurts.", "in the first step, with nothing to save", "to go on: again")),
    ],
)
def test_a_job_that_cannot_advance_loses_nothing(whole, tmp_path, at, may_pass, facts):
    path = tmp_path / "run"

    def hurt(step):
        if step == at:
            raise jobs.JobError("it hurts.", may_pass=may_pass)

    with pytest.raises(errors.UserError) as caught:
        run(path, hurt, every=5)

    assert not isinstance(caught.value, errors.StoppedError)
    for fact in facts:
        assert fact in str(caught.value)
    run(path)
    assert folders.contents(path) == folders.contents(whole)


def test_an_error_after_a_signal_is_a_stop(tmp_path):
    def hurt(step):
        if step == 3:
            os.kill(os.getpid(), signal.SIGINT)
            raise jobs.JobError("told not to wait any more.")

    with pytest.raises(errors.StoppedError, match="after step 2"):
        run(tmp_path / "run", hurt)


def test_what_cannot_be_written_ends_it_with_the_checkpoints_before(whole, tmp_path, monkeypatch):
    path, write = tmp_path / "run", Rows.write

    def full(record, result):
        if 4 in result[0]:
            raise OSError(28, "No space left on device")
        write(record, result)

    with monkeypatch.context() as patch:
        patch.setattr(Rows, "write", full)
        with pytest.raises(OSError, match="No space left"):
            run(path)

    assert newest(path) == 3
    run(path)
    assert folders.contents(path) == folders.contents(whole)


def test_a_state_of_something_else_is_refused(tmp_path):
    path = tmp_path / "run"
    with contextlib.suppress(Died):
        run(path, lambda step: (_ for _ in ()).throw(Died) if step == 3 else None)
    state, _ = checkpoints.CheckpointFolder(path / "checkpoint").newest()
    for file in (path / "checkpoint").iterdir():
        file.unlink()
    checkpoints.CheckpointFolder(path / "checkpoint").save({"step": state["step"]})

    with pytest.raises(errors.UserError, match="not one of this run"):
        run(path)


def test_processes_stop_together(tmp_path):
    class Shared(Sum):
        def agreed(self, stop):
            return stop or self.step >= 4  # another process was told to stop

    job = Shared()
    with pytest.raises(errors.StoppedError, match="after step 4") as stopped:
        execute.take_part(job, execute.Due(3), tmp_path / "run", command="again")

    assert stopped.value.exit_code == 128 + signal.SIGTERM
    assert job.step == 5
    assert not (tmp_path / "run").exists()
