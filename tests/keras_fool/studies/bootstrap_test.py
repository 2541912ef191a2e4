import numpy as np
import pytest

from keras_fool.studies import bootstrap


def mean(drawn: np.ndarray) -> np.ndarray:
    return drawn.reshape(len(drawn), -1).mean(axis=1)


def test_runs_that_are_all_the_same_leave_no_doubt():
    assert bootstrap.interval(np.full((20, 10), 0.7), bootstrap.median, seed=1) == (0.7, 0.7)


def test_interval_of_a_mean_is_the_normal_one():
    values = np.random.default_rng(5).normal(size=400)

    low, high = bootstrap.interval(values, mean, seed=1)

    half = 1.96 * values.std() / np.sqrt(len(values))
    assert low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_runs_are_drawn_and_not_their_images():
    # Two kinds of runs, each of a hundred equal images: as many facts as runs, not images.
    by_run = np.repeat([[0.0], [1.0]], [10, 10], axis=0) * np.ones(100)

    low, high = bootstrap.interval(by_run, mean, seed=1)

    assert high - low == pytest.approx(2 * 1.96 * 0.5 / np.sqrt(20), rel=0.2)


def test_seed_decides():
    values = np.random.default_rng(5).normal(size=10)
    first = bootstrap.interval(values, mean, seed=1)

    assert bootstrap.interval(values, mean, seed=1) == first
    assert bootstrap.interval(values, mean, seed=2) != first


def test_resamples_without_a_value_are_left_out():
    def share(drawn: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return drawn[..., 0].sum(axis=1) / drawn[..., 1].sum(axis=1)

    counts = np.array([[0, 0], [1, 2]])

    assert bootstrap.interval(counts, share, seed=1) == (0.5, 0.5)
    assert np.isnan(bootstrap.interval(counts[:1], share, seed=1)).all()
