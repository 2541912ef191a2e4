"""What every run folder does alike: settings compared, versions noted, one process at a time."""

import ast
import json
import os
import pathlib
import subprocess
import sys

import pytest

from evolvers.config import Config
from keras_fool.runs import environment, workdir

SETTINGS = {"seed": 5, "generations": 6, "scorer": {"sha256": "abc"}}


def opened(path: pathlib.Path, change: dict | None = None, about: dict | None = None) -> list[str]:
    """Opens and closes a folder of SETTINGS, some of them changed; returns the notes."""
    notes, settings = [], SETTINGS | (change or {})
    workdir.opened(path, settings, about or {"labels": ["a"]}, notes.append).close()
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
        ({"generations": 9}, "generations is 6 there and 9 here"),
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


def test_operators_of_another_version_do_not_go_on(tmp_path):
    """Nobody can set them, so that it would not help to be told to."""
    for begun in (SETTINGS | {"search": "efficient"}, Config(search="efficient").as_json()):
        path = tmp_path / str(len(begun))
        workdir.opened(path, begun, {"labels": ["a"]}, print).close()
        before = contents(path)
        later = begun | {"generations": 1000, "operators": 10**6}
        with pytest.raises(ValueError, match=r"another version of keras_fool.*another --workdir"):
            workdir.status(path, later, may_grow=True)
        assert contents(path) == before
        with pytest.raises(ValueError, match="other settings: seed"):
            workdir.status(path, later | {"seed": 8}, may_grow=True)


def test_status(tmp_path):
    assert workdir.status(tmp_path / "run", SETTINGS) is workdir.Status.NEW
    opened(tmp_path / "run")
    assert workdir.status(tmp_path / "run", SETTINGS) is workdir.Status.BEGUN
    (tmp_path / "run" / workdir.CHAMPIONS).touch()
    assert workdir.status(tmp_path / "run", SETTINGS) is workdir.Status.COMPLETE


def test_run_may_grow_and_not_shrink(tmp_path):
    opened(tmp_path)
    (tmp_path / workdir.CHAMPIONS).touch()
    longer, shorter = SETTINGS | {"generations": 9}, SETTINGS | {"generations": 2}

    assert workdir.status(tmp_path, longer, may_grow=True) is workdir.Status.BEGUN
    assert workdir.status(tmp_path, SETTINGS, may_grow=True) is workdir.Status.COMPLETE
    with pytest.raises(ValueError, match=r"6 generations, more than 2.*--generations.*raised"):
        workdir.status(tmp_path, shorter, may_grow=True)
    for other in ({"generations": "9"}, {"generations": None}, {"generations": 9, "seed": 6}):
        with pytest.raises(ValueError, match="other settings"):
            workdir.status(tmp_path, SETTINGS | other, may_grow=True)

    workdir.lengthen(tmp_path, longer)
    assert workdir.status(tmp_path, longer) is workdir.Status.BEGUN
    begun, lengthened = tmp_path, tmp_path.with_name(f"{tmp_path.name}-longer")
    workdir.opened(lengthened, longer, {"labels": ["a"]}, print).close()
    assert (begun / "config.json").read_bytes() == (lengthened / "config.json").read_bytes()


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
    del content["sha256"], content["environment"]  # as in folders from before they were there
    config.write_text(json.dumps(content))

    (note,) = opened(tmp_path)
    assert "begun with numpy 1.0" in note


ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
THREADS = "TF_NUM_INTRAOP_THREADS"


@pytest.fixture
def now(monkeypatch) -> dict[str, str]:
    """The environment that is seen, to be changed; what TensorFlow sees is fixed in a process."""
    seen = {ONEDNN: "0"}
    monkeypatch.setattr(environment, "recorded", lambda: dict(seen))
    return seen


def test_another_environment_is_refused_by_both_values(tmp_path, now):
    opened(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["environment"] == now
    opened(tmp_path)

    now[ONEDNN] = "1"
    with pytest.raises(ValueError, match=f"{ONEDNN}=0.*{ONEDNN}=1") as caught:
        opened(tmp_path)
    assert "\n" not in str(caught.value)

    now |= {ONEDNN: "0", "TF_XLA_FLAGS": "--tf_xla_auto_jit=2"}
    with pytest.raises(ValueError, match=r"TF_XLA_FLAGS unset.*TF_XLA_FLAGS=--tf_xla_auto_jit=2"):
        opened(tmp_path)


def test_folders_from_before_it_was_recorded_go_on_in_any(tmp_path, now):
    opened(tmp_path)
    content = json.loads((tmp_path / "config.json").read_text())
    del content["sha256"], content["environment"]
    (tmp_path / "config.json").write_text(json.dumps(content))

    now[ONEDNN] = "1"
    assert opened(tmp_path) == []


@pytest.mark.parametrize("there", [None, "2"])
def test_the_number_of_threads_is_compared_where_both_have_one(tmp_path, now, there):
    now |= {} if there is None else {THREADS: there}
    opened(tmp_path)

    now[THREADS] = "8"
    if there is None:  # from before it was recorded, or made by a GPU
        assert opened(tmp_path) == []
    else:
        with pytest.raises(ValueError, match=f"{THREADS}=2.*{THREADS}=8"):
            opened(tmp_path)
    del now[THREADS]
    assert opened(tmp_path) == []


def test_endpoints_compute_elsewhere(tmp_path, now):
    of_endpoint = {"scorer": {"endpoint": "mnist"}}
    opened(tmp_path, of_endpoint)
    now[ONEDNN] = "1"
    assert opened(tmp_path, of_endpoint) == []


def test_effective_value_is_recorded(monkeypatch):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    monkeypatch.setenv("TF_XLA_FLAGS", "")
    found = environment.recorded()
    assert found.pop(ONEDNN) in ("0", "1")
    assert int(found.pop(THREADS)) >= 1
    assert found.pop("ONEDNN_MAX_CPU_ISA") == "AVX2"
    assert "TF_XLA_FLAGS" not in found


@pytest.mark.slow
def test_unset_is_what_it_stands_for():
    """In processes of their own: TensorFlow looks once."""
    program = "from keras_fool.runs import environment; print(environment.recorded())"
    found = {}
    for value in (None, "0", "1", "true", "false"):
        variables = {name: text for name, text in os.environ.items() if name != ONEDNN}
        variables |= {} if value is None else {ONEDNN: value}
        done = subprocess.run(
            [sys.executable, "-c", program], env=variables, capture_output=True, text=True
        )
        found[value] = ast.literal_eval(done.stdout)[ONEDNN]

    assert (found["0"], found["1"]) == (found["false"], found["true"]) == ("0", "1")
    assert found[None] in ("0", "1")


def test_changed_config_is_refused(tmp_path):
    opened(tmp_path, about={"labels": ["a"], "classifier": "mine", "classifier_spec": "here"})
    config = tmp_path / "config.json"
    text = config.read_text()
    for old, new in (("mine", "mina"), ('"a"', '"b"'), ("environment", "environmant")):
        assert old in text
        config.write_text(text.replace(old, new))
        with pytest.raises(ValueError, match=r"config\.json is damaged.*sha256"):
            opened(tmp_path)


def test_classifier_that_moved_is_recorded_where_it_is(tmp_path):
    opened(tmp_path, about={"labels": ["a"], "classifier_spec": "here"})
    opened(tmp_path, about={"labels": ["a"], "classifier_spec": "there"})
    assert workdir.config(tmp_path)["classifier_spec"] == "there"


def test_other_labels_are_refused(tmp_path):
    opened(tmp_path)
    with pytest.raises(ValueError, match=r"begun with other labels: \['a'\] there and \['b'\]"):
        opened(tmp_path, about={"labels": ["b"]})


def test_folder_is_held_until_closed(tmp_path):
    lock = workdir.opened(tmp_path, SETTINGS, {}, print)
    with pytest.raises(ValueError, match="another process is writing"):
        opened(tmp_path)
    lock.close()
    opened(tmp_path)
