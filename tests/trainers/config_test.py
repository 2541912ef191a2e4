import json
import pathlib

import pytest

from trainers import config

ROOT = pathlib.Path(__file__).parent.parent.parent


def test_defaults_are_those_of_the_caffe_example():
    settings = config.Config()

    assert (settings.iterations, settings.batch, settings.evaluate_every) == (10_000, 64, 500)
    assert (settings.base_rate, settings.gamma, settings.power) == (0.01, 0.0001, 0.75)
    assert (settings.momentum, settings.decay, settings.bias_multiplier) == (0.9, 0.0005, 2.0)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"architecture": "vgg"}, "unknown architecture 'vgg'; known: lenet, "),
        ({"iterations": 0}, "iterations must be at least 1, got 0"),
        ({"batch": 0}, "batch must be at least 1, got 0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"evaluate_every": 0}, "evaluate_every must be at least 1, got 0"),
        ({"policy": "fixed"}, "unknown policy 'fixed'; known: inv, step, poly"),
        ({"policy": "step"}, "step_size must be at least 1, got 0"),
    ],
)
def test_impossible_settings_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        config.Config(**setting)


def test_what_is_recorded_of_lenet_is_what_shipped_classifiers_recorded():
    """Else a training that was begun before there were other networks could not go on."""
    card = json.loads((ROOT / "saved_models/mnist_a/1/card.json").read_text("utf-8"))
    training = {name: value for name, value in card["training"].items() if name != "devices"}

    assert config.Config().recorded() == training
    assert list(config.Config(seed=3).recorded()) == list(training)
    assert config.for_architecture("lenet") == config.Config()


def test_what_differs_from_lenet_is_recorded():
    recorded = config.for_architecture("caffenet", seed=4).recorded()

    assert recorded["seed"] == 4
    assert (recorded["policy"], recorded["step_size"]) == ("step", 100_000)
    assert recorded["decay_biases"] is False


@pytest.mark.parametrize("name", ["alexnet", "caffenet"])
def test_alexnets_have_caffes_solver(name):
    settings = config.for_architecture(name)

    assert (settings.architecture, settings.iterations, settings.batch) == (name, 450_000, 256)
    assert (settings.policy, settings.base_rate, settings.gamma) == ("step", 0.01, 0.1)
    assert (settings.step_size, settings.evaluate_every) == (100_000, 1000)
    assert (settings.momentum, settings.decay, settings.bias_multiplier) == (0.9, 0.0005, 2.0)
    assert not settings.decay_biases


def test_googlenet_has_caffes_quick_solver():
    settings = config.for_architecture("googlenet")

    assert (settings.iterations, settings.batch, settings.policy) == (2_400_000, 32, "poly")
    assert (settings.base_rate, settings.power, settings.decay) == (0.01, 0.5, 0.0002)
    assert (settings.momentum, settings.bias_multiplier) == (0.9, 2.0)
    assert not settings.decay_biases


def test_changes_are_made_and_none_is_no_change():
    settings = config.for_architecture("googlenet", batch=7, iterations=None, seed=0)

    assert (settings.batch, settings.iterations, settings.seed) == (7, 2_400_000, 0)


@pytest.mark.parametrize(
    ("changes", "step_size"),
    [
        ({"iterations": 4500}, 1000),
        ({"iterations": 1}, 1),
        ({"iterations": 4500, "step_size": 7}, 7),
        ({}, 100_000),
    ],
)
def test_a_shorter_training_falls_as_much_earlier(changes, step_size):
    assert config.for_architecture("alexnet", **changes).step_size == step_size


def test_every_architecture_has_settings_and_a_side():
    for name in config.ARCHITECTURES:
        assert config.for_architecture(name).architecture == name
    assert set(config.IMAGE_SIDES) == set(config.ARCHITECTURES)
    with pytest.raises(ValueError, match="unknown architecture 'vgg'"):
        config.for_architecture("vgg")
