import dataclasses

import pytest

from evolvers import searches
from evolvers.config import Config


def test_defaults_are_the_papers_for_mnist():
    config = Config()
    assert (config.initial, config.batch, config.generations) == (200, 200, 200)
    assert (config.encoding, config.coords) == ("cppn", "raw")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"encoding": "hyperneat"}, "encoding must be one of cppn, direct, got 'hyperneat'"),
        ({"coords": "polar"}, "coords must be one of raw, normalized, got 'polar'"),
        ({"renderer": "gl"}, "renderer must be one of cpu, tf, got 'gl'"),
        ({"renderer": "tf", "encoding": "direct"}, "renderer must be cpu for the direct encoding"),
        ({"runs": 0}, "runs must be at least 1, got 0"),
        ({"first_run": -1}, "first_run must be at least 0, got -1"),
        ({"generations": -1}, "generations must be at least 0, got -1"),
        ({"initial": 0}, "initial must be at least 1, got 0"),
        ({"batch": 0}, "batch must be at least 1, got 0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"seed": 2**32}, r"seed must be below 2\^32, got 4294967296"),
    ],
)
def test_errors_name_argument_expected_and_actual(setting, message):
    with pytest.raises(ValueError, match=message):
        Config(**setting)


def test_settings_cannot_change_under_a_run():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().seed = 2


def test_only_the_papers_search_is_as_in_files_from_before_there_was_another():
    paper, efficient = Config().as_json(), Config(search="efficient").as_json()
    assert efficient == paper | {"search": "efficient", "operators": searches.OPERATORS}
