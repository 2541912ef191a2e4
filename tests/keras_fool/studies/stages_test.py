import contextlib

import pytest

from keras_fool.studies import stages

PLAN = [
    stages.Stage("train 1", "train", 1, 100),
    stages.Stage("evolve 1", "evolve", 1, 1000),
    stages.Stage("train 2", "train", 2, 300),
]
GUESSES = {"train": 1.0, "evolve": 0.01}


@pytest.fixture
def now(monkeypatch):
    """A clock that the test turns."""
    time = {"now": 50.0}
    monkeypatch.setattr(stages.time, "monotonic", lambda: time["now"])

    def wait(seconds: float) -> None:
        time["now"] += seconds

    return wait


def test_time_left_follows_from_what_was_measured(tmp_path, now):
    notes = []
    clock = stages.Clock(PLAN, GUESSES, tmp_path / "times.csv", notes.append)
    assert clock.seconds_left() == 100 + 10 + 300

    with clock.stage(resumed=False):
        now(50)
    assert clock.seconds_left() == pytest.approx(10 + 150)
    with clock.stage(resumed=False):
        now(40)
    with clock.stage(resumed=False):
        now(1)

    assert clock.seconds_left() == 0
    assert notes == [
        "stage 1 of 3: train 1; 06:50 left in all",
        "stage 2 of 3: evolve 1; 02:40 left in all",
        "stage 3 of 3: train 2; 02:30 left in all",
    ]


def test_another_start_knows_the_times_of_this_one(tmp_path, now):
    path = tmp_path / "times.csv"
    with stages.Clock(PLAN, GUESSES, path, lambda _: None).stage(resumed=False):
        now(50)

    clock = stages.Clock(PLAN, GUESSES, path, lambda _: None)
    assert clock.seconds_left() == pytest.approx(50 + 10 + 150)
    clock.skip()
    with clock.stage(resumed=True):  # began earlier, so nothing follows from its time
        now(0.001)
    assert clock.seconds_left() == pytest.approx(150)

    assert [record.stage for record in clock.done_now] == ["evolve 1"]
    assert stages.read(path) == [
        stages.Record("train 1", "train", 100, 50.0, resumed=False),
        stages.Record("evolve 1", "evolve", 1000, 0.0, resumed=True),
    ]


def test_a_stage_that_failed_is_not_done(tmp_path, now):
    clock = stages.Clock(PLAN, GUESSES, tmp_path / "times.csv", lambda _: None)
    with contextlib.suppress(OSError), clock.stage(resumed=False):
        now(5)
        raise OSError("the disk is full")

    assert clock.done_now == []
    assert not (tmp_path / "times.csv").exists()
    assert clock.seconds_left() == 410


@pytest.mark.parametrize(
    ("old", "new"),
    [("50.0", "nan"), ("50.0", "-1"), ("100", "1e3"), ("False", ""), (",False", ""), ("kind", "")],
)
def test_a_damaged_file_of_times_is_refused(tmp_path, now, old, new):
    path = tmp_path / "times.csv"
    with stages.Clock(PLAN, GUESSES, path, lambda _: None).stage(resumed=False):
        now(50)
    path.write_text(path.read_text().replace(old, new))

    with pytest.raises(ValueError, match=r"times\.csv is damaged"):
        stages.Clock(PLAN, GUESSES, path, lambda _: None)
