import numpy as np
import pytest
import scipy.stats

from keras_fool.audits import intervals


@pytest.mark.parametrize(("right", "count"), [(0, 7), (1, 40), (20, 40), (950, 1000), (9, 9)])
def test_a_share_of_images_has_wilsons_interval(right, count):
    found = intervals.of_share(np.arange(count) < right)

    expected = scipy.stats.binomtest(right, count).proportion_ci(0.95, method="wilson")
    assert found["value"] == pytest.approx(right / count)
    assert found["low"] == pytest.approx(expected.low, abs=1e-7)
    assert found["high"] == pytest.approx(expected.high, abs=1e-7)


def test_no_images_have_no_share():
    assert intervals.of_share(np.zeros(0, bool)) is None


def test_runs_are_what_is_resampled():
    values = np.repeat([[0.1], [0.5], [0.9]], 50, axis=1)  # all images of a run are alike

    found = intervals.of_runs(values, intervals.mean, 1000)

    assert found["value"] == pytest.approx(0.5)
    assert found["low"] < 0.3  # resampled images would give 0.5 +- 0.05
    assert found["high"] > 0.7


def test_thresholds_that_were_not_reached_have_no_count():
    never = np.full((3, 2), np.inf)
    some = np.array([[10.0, 20.0], [30.0, np.inf], [40.0, np.inf]])

    assert intervals.of_runs(never, intervals.median, 100)["value"] is None
    found = intervals.of_runs(some, intervals.median, 4000)
    assert found["value"] == 35
    assert found["low"] == 15
    assert found["high"] is None


def test_figures_give_a_float32_back():
    for value in np.random.default_rng(0).random(100, np.float32):
        assert np.float32(intervals.number(value)) == value
    assert intervals.number(np.nan) is intervals.number(-np.inf) is intervals.number(None) is None
