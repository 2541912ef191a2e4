import dataclasses

import pytest

from evolvers.ascent.config import PRESETS, Config


def test_presets_are_those_of_the_figures():
    columns = ("decay", "steps", "early", "late", "blur_sigma", "blur_every", "norm_percentile")
    figures = {
        "plain": (0, 500, 0.02, 0.1, 0, 1, 0),
        "s5": (0.01, 1500, 0.03, 0.02, 0, 1, 0),
        "s6": (0.001, 1500, 0.03, 0.05, 0.3, 1, 20),
        "s7": (0.001, 1000, 0.03, 0.05, 0.4, 2, 0),
    }

    assert {
        name: tuple(getattr(config, column) for column in columns)
        for name, config in PRESETS.items()
    } == figures
    for config in PRESETS.values():
        assert config.max_learning_rate == 1e7
        assert config.learning_rate == 1
        assert config.objective == "probability"
        for unused in ("contribution_percentile", "absolute_percentile", "jitter", "zoom"):
            assert getattr(config, unused) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"blur_sigma": 0.2}, "blur_sigma must be 0 .* or at least 0.3 pixels, got 0.2"),
        ({"blur_sigma": -1.0}, "blur_sigma must be 0"),
        ({"norm_percentile": 100.0}, "norm_percentile must be from 0 .* below 100 .*, got 100"),
        ({"contribution_percentile": -1.0}, "contribution_percentile must be from 0"),
        ({"absolute_percentile": 101.0}, "absolute_percentile must be from 0"),
        ({"decay": 1.0}, "decay must be from 0 to below 1, got 1"),
        ({"decay": -0.1}, "decay must be from 0 to below 1"),
        ({"zoom": 1.0}, "zoom must be from 0 to below 1"),
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"blur_every": 0}, "blur_every must be at least 1, got 0"),
        ({"early": -0.1}, "early must be at least 0, got -0.1"),
        ({"jitter": -1.0}, "jitter must be at least 0, got -1"),
        ({"late": float("nan")}, "late must be a finite number, got nan"),
        ({"learning_rate": float("inf")}, "learning_rate must be a finite number"),
        ({"objective": "loss"}, "objective must be one of probability, logit, log_probability"),
    ],
)
def test_what_no_ascent_can_do_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(Config(), **change)
