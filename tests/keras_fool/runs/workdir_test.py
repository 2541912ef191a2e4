"""What every run folder does alike: settings compared, versions noted, one process at a time."""

import json
import pathlib

import pytest

from keras_fool.runs import workdir

SETTINGS = {"seed": 5, "generations": 6, "scorer": {"sha256": "abc"}}


def opened(path: pathlib.Path, change: dict | None = None) -> list[str]:
    """Opens and closes a folder of SETTINGS, some of them changed; returns the notes."""
    notes = []
    workdir.opened(path, SETTINGS | (change or {}), {"labels": ["a"]}, notes.append).close()
    return notes


def contents(path: pathlib.Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in path.iterdir()}


def test_begun_with_its_settings(tmp_path):
    assert opened(tmp_path / "a" / "run") == []

    assert opened(tmp_path / "a" / "run") == []
    content = json.loads((tmp_path / "a" / "run" / "config.json").read_text())
    assert content["settings"] == workdir.recorded_settings(tmp_path / "a" / "run") == SETTINGS
    assert content["labels"] == ["a"]
    assert content["versions"] == workdir.versions()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 6}, "seed is 5 there and 6 here"),
        ({"generations": 9, "seed": 6}, "seed is 5 there and 6 here"),
        ({"scorer": {"sha256": "abd"}}, "scorer.sha256 is 'abc' there and 'abd' here"),
        ({"new": True}, "new is None there and True here"),
    ],
)
def test_other_settings_are_refused_by_name(tmp_path, change, message):
    opened(tmp_path)
    before = contents(tmp_path)

    with pytest.raises(ValueError, match=message):
        opened(tmp_path, change)

    assert contents(tmp_path) == before


def test_status(tmp_path):
    assert workdir.status(tmp_path / "run", SETTINGS) is workdir.Status.NEW
    opened(tmp_path / "run")
    assert workdir.status(tmp_path / "run", SETTINGS) is workdir.Status.BEGUN
    (tmp_path / "run" / workdir.CHAMPIONS).touch()
    assert workdir.status(tmp_path / "run", SETTINGS) is workdir.Status.COMPLETE


def test_foreign_folders_are_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("all my work")

    with pytest.raises(ValueError, match="holds other files and no run"):
        opened(tmp_path)

    assert contents(tmp_path) == {"thesis.txt": b"all my work"}


@pytest.mark.parametrize("content", ["", "[]", '{"settings": 3}', '{"settings": {}}'])
def test_damaged_config_is_refused(tmp_path, content):
    (tmp_path / "config.json").write_text(content)

    with pytest.raises(ValueError, match=r"config\.json is damaged"):
        opened(tmp_path)


def test_other_versions_are_noted(tmp_path):
    opened(tmp_path)
    config = tmp_path / "config.json"
    content = json.loads(config.read_text())
    content["versions"]["numpy"] = "1.0"
    config.write_text(json.dumps(content))

    (note,) = opened(tmp_path)
    assert "begun with numpy 1.0" in note


def test_folder_is_held_until_closed(tmp_path):
    lock = workdir.opened(tmp_path, SETTINGS, {}, print)
    with pytest.raises(ValueError, match="another process is writing"):
        opened(tmp_path)
    lock.close()
    opened(tmp_path)
