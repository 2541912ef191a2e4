import shutil

import numpy as np
import pytest

from keras_fool.serving.server import model_versions, status
from keras_fool.serving.server.model_versions import AVAILABLE, END, LOADING

X = {"x": np.ones((1, 2), np.float32)}


@pytest.fixture
def base_path(zoo, tmp_path):
    """A base path with the small version 1 in it."""
    shutil.copytree(zoo / "1", tmp_path / "m" / "1")
    return tmp_path / "m"


def watched(base_path, **changes):
    notes = []
    settings = {"labels": {}, "retries": 1, "retry_seconds": 0.0, "note": notes.append, **changes}
    versions = model_versions.ModelVersions(base_path, "m", **settings)
    versions.notes = notes
    versions.poll()
    return versions


def states(versions) -> dict[int, int]:
    return {number: state for number, state, _ in versions.states("m")}


def publish(base_path, number: int) -> None:
    shutil.copytree(base_path / "1", base_path / str(number))


def test_the_old_version_is_closed_when_its_last_request_is_answered(base_path):
    versions = watched(base_path)
    with versions.use("m") as old:
        publish(base_path, 2)
        versions.poll()
        with versions.use("m") as new:
            assert new.number == 2
        assert states(versions) == {1: model_versions.UNLOADING, 2: AVAILABLE}
        assert old.call("serving_default", X)["y"].shape == (1, 2)  # still there
    assert states(versions) == {1: END, 2: AVAILABLE}
    with pytest.raises(status.ServingError, match=r"Specific\(m, 1\)"), versions.use("m", 1):
        pass


def test_a_version_that_is_taken_away_gives_way_to_the_one_before(base_path):
    publish(base_path, 2)
    versions = watched(base_path)
    assert versions.available == [2]
    shutil.rmtree(base_path / "2")
    versions.poll()
    assert versions.available == [1]

    publish(base_path, 2)
    versions.poll()
    assert versions.available == [2]


def test_without_any_version_none_is_served(base_path):
    versions = watched(base_path)
    shutil.rmtree(base_path / "1")
    versions.poll()

    assert states(versions) == {1: END}
    with pytest.raises(status.ServingError, match=r"Latest\(m\)"), versions.use("m"):
        pass


def test_labelled_versions_are_served_beside_the_newest(base_path):
    publish(base_path, 2)
    publish(base_path, 3)
    versions = watched(base_path, labels={"old": 1, "none": 9})

    assert versions.available == [1, 3]
    with versions.use("m", label="old") as loaded:
        assert loaded.number == 1
    for name, label in (("m", "none"), ("m", "unknown"), ("other", "old")):
        with (
            pytest.raises(status.ServingError, match="Unrecognized servable version label"),
            versions.use(name, label=label),
        ):
            pass


def test_a_failed_load_is_tried_again_so_often(base_path):
    versions = watched(base_path)
    (base_path / "2").mkdir()
    versions.poll()
    assert states(versions) == {1: AVAILABLE, 2: LOADING}
    versions.poll()
    assert states(versions) == {1: AVAILABLE, 2: END}
    tried = [note for note in versions.notes if "does not load" in note]
    versions.poll()
    assert len(tried) == 2
    assert [note for note in versions.notes if "does not load" in note] == tried

    shutil.rmtree(base_path / "2")  # and then published again, whole
    versions.poll()
    publish(base_path, 2)
    versions.poll()
    assert states(versions) == {1: END, 2: AVAILABLE}


def test_a_load_that_failed_waits_before_the_next_trial(base_path):
    versions = watched(base_path, retry_seconds=1000.0)
    (base_path / "2").mkdir()
    for _ in range(3):
        versions.poll()

    assert len([note for note in versions.notes if "does not load" in note]) == 1


@pytest.mark.parametrize("name", ["2.5", "-2", "+2", "v2", "٢", "2 ", "", ".2", str(2**63)])
def test_only_whole_numbers_are_versions(base_path, name):
    if name:
        shutil.copytree(base_path / "1", base_path / name)

    assert watched(base_path).available == [1]


def test_a_version_folder_that_leads_elsewhere_is_not_served(base_path, tmp_path):
    shutil.copytree(base_path / "1", tmp_path / "elsewhere")
    (base_path / "2").symlink_to(tmp_path / "elsewhere")
    (base_path / "3").symlink_to("/etc")
    versions = watched(base_path)

    assert versions.available == [1]
    assert any("leads out of the model's folder" in note for note in versions.notes)


@pytest.mark.parametrize("file", ["saved_model.pb", "variables", "assets/secret.txt"])
def test_a_file_that_leads_elsewhere_is_not_loaded(base_path, tmp_path, file):
    publish(base_path, 2)
    secret = tmp_path / "secret"
    path = base_path / "2" / file
    path.parent.mkdir(exist_ok=True)
    if path.exists():
        path.rename(secret)
    else:
        secret.write_text("secret")
    path.symlink_to(secret)
    versions = watched(base_path, retries=0)

    assert states(versions) == {2: END}
    assert "leads out of the model's folder" in versions.states("m", 2)[0][2]


def test_links_inside_the_models_folder_are_fine(base_path):
    (base_path / "2").symlink_to(base_path / "1")

    assert watched(base_path).available == [2]


def test_a_folder_that_cannot_be_read_for_a_moment_changes_nothing(base_path):
    versions = watched(base_path, poll_seconds=0.02)
    versions.start()
    base_path.rename(base_path.with_name("away"))
    for _ in range(500):
        if any("cannot read" in note for note in versions.notes):
            break
        versions._stop.wait(0.02)
    else:
        pytest.fail("nobody noticed")

    assert versions.available == [1]
    versions.stop()
    assert states(versions) == {1: END}
