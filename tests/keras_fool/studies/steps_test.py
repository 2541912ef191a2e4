import dataclasses
import pathlib
import types
from collections.abc import Callable

import pytest

from keras_fool.studies import steps


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Part(steps.Step):
    """A step that takes some time, or fails."""

    folder: pathlib.Path
    wait: Callable[[float], None]
    plan: dict = dataclasses.field(default_factory=dict)  # seconds, error

    @property
    def kind(self) -> str:
        return self.name.split()[0]

    def is_done(self) -> bool:
        return (self.folder / "done").exists()

    def run(self, context) -> None:  # noqa: ARG002
        self.folder.mkdir(exist_ok=True)
        self.wait(self.plan.get("seconds", 0.0))
        if self.plan.get("error"):
            raise self.plan["error"]
        (self.folder / "done").touch()


@pytest.fixture
def now(monkeypatch):
    """A clock that the test turns."""
    time = {"now": 50.0}
    monkeypatch.setattr(steps.time, "monotonic", lambda: time["now"])

    def wait(seconds: float) -> None:
        time["now"] += seconds

    return wait


@pytest.fixture
def todo(tmp_path, now) -> list[Part]:
    works = {"train 1": (100, 1.0), "evolve 1": (1000, 0.01), "train 2": (300, 1.0)}
    return [
        Part(name=name, work=work, guess=guess, folder=tmp_path / name, wait=now)
        for name, (work, guess) in works.items()
    ]


def run(todo, *arguments, **further) -> list[str]:
    """Runs steps; returns what was said."""
    notes = []
    steps.run(todo, types.SimpleNamespace(note=notes.append), *arguments, **further)
    return notes


def test_time_left_follows_from_what_was_measured(tmp_path, todo):
    for step, seconds in zip(todo, (50, 40, 1), strict=True):
        step.plan["seconds"] = seconds

    notes = run(todo, tmp_path / "times.csv")

    assert notes == [
        "stage 1 of 3: train 1; 06:50 left in all",
        "stage 2 of 3: evolve 1; 02:40 left in all",
        "stage 3 of 3: train 2; 02:30 left in all",
    ]
    assert run(todo, tmp_path / "times.csv") == []


def test_nothing_is_said_of_the_time_that_nobody_knows(todo):
    todo[1] = dataclasses.replace(todo[1], guess=None)

    notes = run(todo, known={"train 1": 25.0})

    assert notes[:2] == ["stage 1 of 3: train 1", "stage 2 of 3: evolve 1"]


def test_another_start_knows_the_times_of_this_one(tmp_path, todo):
    path = tmp_path / "times.csv"
    todo[0].plan["seconds"] = 50
    todo[1].plan["error"] = OSError("the disk is full")
    with pytest.raises(OSError, match="full"):
        run(todo, path)
    todo[1].plan.clear()
    done = []

    # What began earlier says nothing of how long its kind takes.
    notes = run(todo, path, on_step=lambda *step: done.append(step))

    assert notes == [
        "stage 2 of 3: evolve 1; 02:40 left in all",
        "stage 3 of 3: train 2; 02:30 left in all",
    ]
    assert [(record.stage, record.seconds, reused) for record, reused in done] == [
        ("train 1", 50, True),
        ("evolve 1", 0, False),
        ("train 2", 0, False),
    ]
    assert steps.read(path)[:2] == [
        steps.Record("train 1", "train", 100, 50.0, resumed=False),
        steps.Record("evolve 1", "evolve", 1000, 0.0, resumed=True),
    ]


def test_a_step_that_failed_is_not_done(tmp_path, todo):
    todo[0].plan.update({"seconds": 5, "error": OSError("the disk is full")})
    done = []

    with pytest.raises(OSError, match="full"):
        run(todo, tmp_path / "times.csv", on_step=lambda *step: done.append(step))

    assert done == []
    assert not (tmp_path / "times.csv").exists()


def test_without_a_file_times_are_what_is_known(todo):
    assert run(todo, known={"train 1": 25.0})[0] == "stage 1 of 3: train 1; 01:50 left in all"


@pytest.mark.parametrize(
    ("old", "new"),
    [("50.0", "nan"), ("50.0", "-1"), ("100", "1e3"), ("False", ""), (",False", ""), ("kind", "")],
)
def test_a_damaged_file_of_times_is_refused(tmp_path, todo, old, new):
    path = tmp_path / "times.csv"
    todo[0].plan["seconds"] = 50
    run(todo[:1], path)
    path.write_text(path.read_text().replace(old, new))

    with pytest.raises(ValueError, match=r"times\.csv is damaged"):
        run(todo, path)
