import shutil

import numpy as np
import pytest

from keras_fool.runs import champions
from keras_fool.studies import cross_scoring


def test_original_comes_first_and_is_what_was_recorded(run_folder, tiny_model, other_model):
    models = cross_scoring.find_models([str(other_model), str(tiny_model)])
    read = champions.read(run_folder)

    scores = cross_scoring.Scorers().cross_score(read, models)

    assert list(scores.confidences) == ["tiny.keras", "other.keras"]
    assert scores.original == "tiny.keras"
    assert scores.others == ["other.keras"]
    own = scores.confidences["tiny.keras"][range(6), read.niches]
    np.testing.assert_allclose(own, read.confidences, atol=1e-6)
    assert scores.confidences["other.keras"].shape == (6, 3)


def test_original_need_not_be_named(run_folder, other_model):
    models = cross_scoring.find_models([str(other_model)])

    scores = cross_scoring.Scorers().cross_score(champions.read(run_folder), models)

    assert scores.original == "tiny.keras"
    assert scores.others == ["other.keras"]


def test_each_classifier_is_loaded_once(other_model):
    (model,) = cross_scoring.find_models([str(other_model)])
    scorers = cross_scoring.Scorers()

    assert scorers.open(model) is scorers.open(model)


@pytest.mark.parametrize(
    ("suffix", "preprocess", "from_logits"),
    [
        ("", "none", False),
        (":unit", "unit", False),
        (":tf:logits", "tf", True),
        (":logits", "none", True),
    ],
)
def test_models_say_what_they_take_and_give(tiny_model, suffix, preprocess, from_logits):
    (model,) = cross_scoring.find_models([f"{tiny_model}{suffix}"])

    assert model.path == tiny_model
    assert (model.preprocess, model.from_logits) == (preprocess, from_logits)


def test_files_of_one_name_are_told_apart(tiny_model, other_model, tmp_path):
    copy = tmp_path / "tiny.keras"
    shutil.copy(other_model, copy)

    models = cross_scoring.find_models([str(tiny_model), str(copy)])

    assert [model.name for model in models] == [str(tiny_model), str(copy)]


def test_a_model_named_twice_is_refused(tiny_model):
    with pytest.raises(ValueError, match=r"names .*tiny\.keras twice"):
        cross_scoring.find_models([str(tiny_model), str(tiny_model)])


def test_unknown_preprocess_is_no_model(tiny_model):
    with pytest.raises(ValueError, match="unknown model"):
        cross_scoring.find_models([f"{tiny_model}:grey"])
