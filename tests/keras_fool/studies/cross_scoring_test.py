import dataclasses
import shutil

import numpy as np
import pytest

from evolvers.config import Config
from keras_fool.models import classifiers, scoring
from keras_fool.runs import champions, evolution_run
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


def test_labels_are_compared_by_name_whatever_their_order(twins, tmp_path):
    path = tmp_path / "run"
    config = Config(generations=2, initial=20, batch=20)
    classifier = classifiers.find(str(twins["one"]))
    evolution_run.evolve(path, config, classifier, command="again", note=print)
    models = cross_scoring.find_models([str(twins["two"])])

    scores = cross_scoring.Scorers().cross_score(champions.read(path), models)

    one, two = scores.confidences.values()
    np.testing.assert_allclose(one, two, atol=1e-6)
    assert np.ptp(one, axis=1).min() > 0.1
    assert scores.taken == {}


def test_an_order_that_is_taken_is_said(run_folder, other_model):
    models = cross_scoring.find_models([str(other_model)])

    scores = cross_scoring.Scorers().cross_score(champions.read(run_folder), models)

    (line,) = scores.taken_lines
    assert "other.keras" in line
    assert "0 = 0, 1 = 1, 2 = 2" in line


def test_labels_of_other_names_are_refused(twins, run_folder):
    images = champions.read(run_folder)
    named = dataclasses.replace(images, labels=("circle", "crosss", "heart"))
    models = cross_scoring.find_models([str(twins["two"])])

    with pytest.raises(ValueError, match=r"two/1 has no crosss .did you mean cross"):
        cross_scoring.Scorers().cross_score(named, models)


def test_an_ensemble_averages_labels_of_the_same_name(twins):
    (ensemble,) = cross_scoring.find_models([f"{twins['one']}+{twins['two']}"])
    images = np.random.default_rng(0).integers(0, 256, (20, 12, 10, 1), np.uint8)

    found = scoring.LocalScorer(ensemble).score(images)

    alone = scoring.LocalScorer(ensemble.members[0]).score(images)
    np.testing.assert_allclose(found, alone, atol=1e-6)
    assert ensemble.labels == ("circle", "cross", "heart")
    assert ensemble.identity["orders"] == [None, [1, 2, 0]]
    named = ensemble.with_labels(("a", "b", "c"))
    assert [member.labels for member in named.members] == [("a", "b", "c"), ("c", "a", "b")]
    np.testing.assert_array_equal(scoring.LocalScorer(named).score(images), found)


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


@pytest.mark.parametrize("name", ["we,ird.keras", "a:tf.keras", "a+b.keras", "tiny:tf", "a,b:c+d"])
def test_files_of_any_name_are_found(tiny_model, other_model, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in,side").mkdir()
    for folder in (tmp_path, tmp_path / "in,side"):
        path = folder / name
        if path.suffix != ".keras":
            path /= "1"
            path.mkdir(parents=True)
            path /= "classifier.keras"
        shutil.copy(tiny_model, path)
    texts = [f"{name}:unit:logits", str(other_model), f"in,side/{name}:tf+{other_model}:unit"]

    models = cross_scoring.find_models(classifiers.listed(",".join(texts)))

    assert [len(model.members) for model in models] == [1, 1, 2]
    assert models[0].preprocess == "unit"
    assert models[0].from_logits
    for model in models:
        assert classifiers.find_all(model.spec).identity == model.identity
    (alone,) = cross_scoring.find_models(classifiers.listed(name))
    assert alone == classifiers.find_all(name)


def test_weights_of_any_name_are_found(tmp_path):
    weights = tmp_path / "we,i:r+d.h5"
    weights.write_bytes(b"weights")
    text = f"MobileNet:alpha=0.25:weights={weights}:size=128"

    models = cross_scoring.find_models(classifiers.listed(f"{text},{text}:unit"))

    assert [model.path for model in models] == [weights, weights]
    for model in models:
        assert classifiers.find_all(model.spec).identity == model.identity


def test_unknown_preprocess_is_no_option(tiny_model):
    with pytest.raises(ValueError, match=r"unknown option of .*tiny\.keras 'grey'"):
        cross_scoring.find_models([f"{tiny_model}:grey"])
