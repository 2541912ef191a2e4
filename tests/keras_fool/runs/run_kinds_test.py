"""The config.json of a run folder, which may come from anyone."""

import json
import pathlib

import pytest

from keras_fool.runs import run_kinds


def written(folder: pathlib.Path, mean: list) -> pathlib.Path:
    settings = {
        "ascent": {"steps": 3},
        "mean": mean,
        "targets": {"labels": [0, 1], "seeds": [1]},
        "scorer": {"sha256": "abc"},
    }
    config = {
        "settings": settings,
        "classifier": "tiny",
        "classifier_spec": "tiny.keras",
        "labels": ["a", "b"],
        "image_shape": [4, 4, 3],
        "versions": {},
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("value", [0, 255, 127.5])
def test_takes_a_mean_of_pixels(tmp_path, value):
    config, kind = run_kinds.read_config(written(tmp_path, [value, 1, 2]))
    assert config["settings"]["mean"] == [value, 1, 2]
    assert (list(kind.runs), list(kind.niches)) == ([1], [0, 1])


@pytest.mark.parametrize("value", [-1, 255.5, 10**400, -(10**400), True, "3", None, [1]])
def test_refuses_what_is_no_mean(tmp_path, value):
    with pytest.raises(ValueError, match=r"config\.json is damaged: .*mean"):
        run_kinds.read_config(written(tmp_path, [value, 1, 2]))
