import pathlib

import pytest

from keras_fool import reproduce
from keras_fool.studies import experiment, results_folder


def context(**changes) -> experiment.Context:
    values = {
        "scale": 1.0,
        "dataset": "mnist",
        "models": (),
        "seed": 1,
        "workdir": pathlib.Path("work"),
        "command": "again",
        "note": print,
        "on_stage": print,
    }
    return experiment.Context(**values | changes)


@pytest.mark.parametrize("name", experiment.NAMES)
def test_every_experiment_is_there(name):
    found = experiment.load(name)

    assert found.name == name
    assert found.title
    assert found.summary.endswith(".")
    assert f"\n  {name} " in reproduce.__doc__


def test_paper_size_is_scaled():
    assert context().scaled(30) == 30
    assert context(scale=0.1).scaled(30) == 3
    assert context(scale=0.01).scaled(30) == 1
    assert context(scale=0.01).scaled(30, minimum=2) == 2
    assert context(scale=0.5).scaled(1, minimum=2) == 1


@pytest.mark.parametrize(
    ("changes", "title", "suffix"),
    [
        ({}, "T", ""),
        ({"scale": 0.1}, "[a try at scale 0.1] T", "_scale0.1"),
        ({"dataset": "digits"}, "[on digits, not MNIST] T", "_digits"),
        (
            {"dataset": "digits", "scale": 0.05},
            "[a try at scale 0.05, on digits, not MNIST] T",
            "_digits_scale0.05",
        ),
    ],
)
def test_what_is_not_the_paper_says_so(changes, title, suffix):
    given = context(**changes)

    assert given.title("T") == title
    assert experiment.folder_suffix(given.scale, given.dataset) == suffix


def test_stages_are_announced_and_timed():
    notes, done = [], []
    given = context(note=notes.append, on_stage=lambda *stage: done.append(stage))

    with given.stage("evolve", 1, of=2) as stage:
        stage.reused = True
        assert done == []

    assert notes == ["stage 1 of 2: evolve"]
    ((name, seconds, reused),) = done
    assert (name, reused) == ("evolve", True)
    assert 0 <= seconds < 1


CHOSEN = experiment.Experiment("table", "A table", "A summary.", print)


def outcome(**changes) -> experiment.Outcome:
    values = {"settings": {"runs": 3}, "table": "| a |\n", "files": {"a.csv": b"1\n"}}
    return experiment.Outcome(**values | changes)


def test_results_are_written_and_only_timing_differs(tmp_path):
    written = []
    for start in range(2):
        results = results_folder.ResultsFolder(tmp_path / "r", overwrite=False)
        results.on_stage("evolve", 12.0 if start == 0 else 0.1, reused=start == 1)
        results.write(CHOSEN, context(scale=0.5), outcome())
        written.append({path.name: path.read_bytes() for path in (tmp_path / "r").iterdir()})

    first, second = written
    assert first.keys() == {"table.md", "a.csv", "settings.json", "timing.json"}
    assert first["table.md"] == b"# [a try at scale 0.5] A table\n\n| a |\n"
    assert b'"runs": 3' in first["settings.json"]
    timings = [first.pop("timing.json"), second.pop("timing.json")]
    assert first == second
    assert all(b'"seconds": 12.0' in timing for timing in timings), "the time it took then"


def test_results_of_other_settings_stay_unless_asked(tmp_path):
    path = tmp_path / "r"
    results_folder.ResultsFolder(path, overwrite=False).write(CHOSEN, context(), outcome())
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    other = outcome(settings={"runs": 4})

    with pytest.raises(ValueError, match="other settings: runs is 3 there and 4 here"):
        results_folder.ResultsFolder(path, overwrite=False).write(CHOSEN, context(), other)
    assert {file.name: file.read_bytes() for file in path.iterdir()} == before

    results_folder.ResultsFolder(path, overwrite=True).write(CHOSEN, context(), other)
    assert '"runs": 4' in (path / "settings.json").read_text()


def test_settings_known_before_are_checked_before(tmp_path):
    results = results_folder.ResultsFolder(tmp_path / "r", overwrite=False)
    results.check({"seed": 2})
    results.write(CHOSEN, context(seed=1), outcome())

    with pytest.raises(ValueError, match="seed is 1 there and 2 here"):
        results.check({"seed": 2})


@pytest.mark.parametrize(
    "text",
    ["[]", "{", '{"stages": []}', '{"stages": {"a": {"seconds": "1"}}}', '{"stages": {"a": 1}}'],
)
def test_damaged_times_are_refused(tmp_path, text):
    (tmp_path / "timing.json").write_text(text)
    results = results_folder.ResultsFolder(tmp_path, overwrite=False)

    with pytest.raises(ValueError, match=r"timing\.json is damaged"):
        results.on_stage("b", 1.0, reused=False)
