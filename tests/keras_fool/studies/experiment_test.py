import json
import pathlib

import pytest

from keras_fool import reproduce
from keras_fool.studies import experiment, results_folder, steps

CHOSEN = experiment.Experiment(
    name="table", title="A table", steps=lambda _: [], report=lambda _: outcome()
)


def outcome(**changes) -> experiment.Outcome:
    values = {"settings": {"runs": 3}, "table": "| a |\n", "files": {"a.csv": b"1\n"}}
    return experiment.Outcome(**values | changes)


def context(**changes) -> experiment.Context:
    values = {
        "experiment": CHOSEN,
        "scale": 1.0,
        "dataset": "mnist",
        "seed": 1,
        "workdir": pathlib.Path("work"),
        "command": "again",
        "note": print,
    }
    return experiment.Context(**values | changes)


@pytest.mark.parametrize("name", experiment.NAMES)
def test_every_experiment_is_there(name):
    found = experiment.load(name)

    assert found.name == name
    assert found.title
    assert f"\n  {name} " in reproduce.__doc__


@pytest.mark.parametrize(
    "name", ["table_s1_mnist", "table_s1_variants", "published_view", "figure_s4", "ascent_mnist"]
)
def test_steps_have_names_and_folders_of_their_own(name, tmp_path):
    given = context(experiment=experiment.load(name), workdir=tmp_path)

    todo = given.experiment.steps(given)

    assert len({step.name for step in todo}) == len(todo) > 0
    assert len({step.folder for step in todo}) == len(todo)
    assert not any(step.is_done() or step.is_begun for step in todo)


def test_classifiers_that_are_not_there_are_trained_first(tmp_path):
    chosen = experiment.load("table_s1_variants")
    given = context(experiment=chosen, dataset="digits", scale=0.01, workdir=tmp_path)

    todo = chosen.steps(given)

    assert [step.name for step in todo[:2]] == ["train digits_a", "train digits_b"]
    assert {step.kind for step in todo[2:]} == {"evolve"}
    assert todo[2].folder == tmp_path / "digits_a-1_runs_000-001_seed_1"
    assert todo[-1].folder.name.startswith("digits_b-1-mean_subtracted_runs_000-001")


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


def test_results_are_written_and_only_timing_differs(tmp_path):
    written = []
    for start in range(2):
        results = results_folder.ResultsFolder(tmp_path / "r", overwrite=False)
        known = results.known(["evolve"])
        assert known == ({"evolve": 12.0} if start else {})
        seconds = 12.0 if start == 0 else 0.1
        record = steps.Record("evolve", "evolve", 1, seconds, resumed=False)
        results.on_step(record, reused=start == 1)
        results.write(context(scale=0.5), outcome())
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
    results_folder.ResultsFolder(path, overwrite=False).write(context(), outcome())
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    other = outcome(settings={"runs": 4})

    with pytest.raises(ValueError, match="other settings: runs is 3 there and 4 here"):
        results_folder.ResultsFolder(path, overwrite=False).write(context(), other)
    assert {file.name: file.read_bytes() for file in path.iterdir()} == before

    results_folder.ResultsFolder(path, overwrite=True).write(context(), other)
    assert '"runs": 4' in (path / "settings.json").read_text()


def test_settings_known_before_are_checked_before(tmp_path):
    results = results_folder.ResultsFolder(tmp_path / "r", overwrite=False)
    results.check({"seed": 2})
    results.write(context(seed=1), outcome())

    with pytest.raises(ValueError, match="seed is 1 there and 2 here"):
        results.check({"seed": 2})


def test_steps_of_other_names_are_forgotten(tmp_path):
    stages = {
        "gone": {"seconds": 9.0, "reused": False},
        "cut": {"seconds": 3.0, "reused": False, "resumed": True},
        "found": {"seconds": 0.0, "reused": True},
        "whole": {"seconds": 5.0, "reused": False},
    }
    (tmp_path / "timing.json").write_text(json.dumps({"stages": stages}))
    results = results_folder.ResultsFolder(tmp_path, overwrite=False)

    assert results.known(["cut", "found", "whole", "new"]) == {"whole": 5.0}
    results.on_step(steps.Record("new", "evolve", 1, 1.0, resumed=True), reused=False)

    timing = json.loads((tmp_path / "timing.json").read_text())
    assert timing["stages"].keys() == {"cut", "found", "whole", "new"}
    assert timing["stages"]["new"] == {"seconds": 1.0, "reused": False, "resumed": True}
    assert timing["seconds"] == 9.0


def test_the_report_is_the_last_step(tmp_path):
    results = results_folder.ResultsFolder(tmp_path / "r", overwrite=False)
    notes = []
    given = context(note=notes.append)

    steps.run([results_folder.Report(results=results)], given, on_step=results.on_step)

    assert notes == ["stage 1 of 1: score, count and draw"]
    assert (tmp_path / "r" / "table.md").read_text() == "# A table\n\n| a |\n"


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        '{"stages": []}',
        '{"stages": {"a": {"seconds": "1"}}}',
        '{"stages": {"a": 1}}',
        f'{{"stages": {{"a": {{"seconds": {10**400}}}}}}}',
    ],
)
def test_damaged_times_are_refused(tmp_path, text):
    (tmp_path / "timing.json").write_text(text)
    results = results_folder.ResultsFolder(tmp_path, overwrite=False)

    with pytest.raises(ValueError, match=r"timing\.json is damaged"):
        results.known(["b"])
