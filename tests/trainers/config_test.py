import pytest

from trainers import config


def test_defaults_are_those_of_the_caffe_example():
    settings = config.Config()

    assert (settings.iterations, settings.batch, settings.evaluate_every) == (10_000, 64, 500)
    assert (settings.base_rate, settings.gamma, settings.power) == (0.01, 0.0001, 0.75)
    assert (settings.momentum, settings.decay, settings.bias_multiplier) == (0.9, 0.0005, 2.0)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"architecture": "vgg"}, "unknown architecture 'vgg'; known: lenet"),
        ({"iterations": 0}, "iterations must be at least 1, got 0"),
        ({"batch": 0}, "batch must be at least 1, got 0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"evaluate_every": 0}, "evaluate_every must be at least 1, got 0"),
    ],
)
def test_impossible_settings_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        config.Config(**setting)
