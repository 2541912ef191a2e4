import numpy as np
import pytest

from keras_fool.studies import statistics


def mean(drawn: np.ndarray) -> np.ndarray:
    return drawn.reshape(len(drawn), -1).mean(axis=1)


def test_runs_that_are_all_the_same_leave_no_doubt():
    assert statistics.interval(np.full((20, 10), 0.7), statistics.median, seed=1) == (0.7, 0.7)


def test_interval_of_a_mean_is_the_normal_one():
    values = np.random.default_rng(5).normal(size=400)

    low, high = statistics.interval(values, mean, seed=1)

    half = 1.96 * values.std() / np.sqrt(len(values))
    assert low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_runs_are_drawn_and_not_their_images():
    # Two kinds of runs, each of a hundred equal images: as many facts as runs, not images.
    by_run = np.repeat([[0.0], [1.0]], [10, 10], axis=0) * np.ones(100)

    low, high = statistics.interval(by_run, mean, seed=1)

    assert high - low == pytest.approx(2 * 1.96 * 0.5 / np.sqrt(20), rel=0.2)


@pytest.mark.parametrize("runs", [1, 3, 40])
def test_it_is_the_interval_of_all_that_is_drawn(runs):
    by_run = np.random.default_rng(2).normal(size=(runs, 7, 2))
    drawn = []

    def plain(resamples: np.ndarray) -> np.ndarray:
        drawn.append(len(resamples))
        return mean(resamples)

    found = statistics.interval(by_run, plain, seed=3, resamples=1200)

    rng = np.random.default_rng(3)
    picks = [rng.integers(0, runs, (size, runs)) for size in (500, 500, 200)]
    values = np.concatenate([mean(by_run[pick]) for pick in picks])
    ends = [(1 - statistics.LEVEL) / 2, (1 + statistics.LEVEL) / 2]
    assert found == tuple(np.quantile(values, ends))
    assert sum(drawn) <= 3 * runs**runs  # few runs, few different resamples


def test_seed_decides():
    values = np.random.default_rng(5).normal(size=10)
    first = statistics.interval(values, mean, seed=1)

    assert statistics.interval(values, mean, seed=1) == first
    assert statistics.interval(values, mean, seed=2) != first


def test_resamples_without_a_value_are_left_out():
    def share(drawn: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return drawn[..., 0].sum(axis=1) / drawn[..., 1].sum(axis=1)

    counts = np.array([[0, 0], [1, 2]])

    assert statistics.interval(counts, share, seed=1) == (0.5, 0.5)
    assert np.isnan(statistics.interval(counts[:1], share, seed=1)).all()


def test_mean_image_of_each_label():
    images = np.zeros((2, 3, 4, 5, 1), np.uint8)
    images[0, 1] = 10
    images[1, 1] = 21

    means = statistics.mean_images(images)

    assert means.shape == (3, 4, 5, 1)
    assert means.dtype == np.uint8
    assert (means[1] == 16).all()  # 15.5, to the even one
    assert not means[[0, 2]].any()


def test_correlations_are_those_of_numpy():
    images = np.random.default_rng(1).integers(0, 256, (5, 4, 6, 6, 1), np.uint8)

    matrix = statistics.correlations(images)

    each = [np.corrcoef(run.reshape(4, -1)) for run in images]
    np.testing.assert_allclose(matrix, np.median(each, axis=0), atol=1e-12)


def test_an_image_of_one_shade_is_like_no_other():
    images = np.random.default_rng(1).integers(0, 256, (1, 3, 6, 6, 1), np.uint8)
    images[0, 1] = 77

    matrix = statistics.correlations(images)

    assert (matrix[1] == 0).all()


def test_stripes_are_shares_of_the_variance():
    images = np.zeros((3, 4, 8, 8, 1), np.uint8)
    images[:, 0, :, ::2] = 200  # vertical bars
    images[:, 1, 5] = 200  # a horizontal bar in the lower half
    images[:, 2, 1] = 200  # in the upper half
    images[:, 3] = np.random.default_rng(1).integers(0, 256, (8, 8, 1))

    stripes = statistics.stripes(images)

    np.testing.assert_allclose(stripes[:3], [[1, 0], [0, 1], [0, 0]], atol=1e-9)
    assert (stripes[3] < 0.5).all()


def test_most_alike_pairs_come_first():
    matrix = np.array([[1, 0.2, 0.9], [0.2, 1, -0.5], [0.9, -0.5, 1]])

    assert statistics.most_alike(matrix, "abc", 2) == [
        ("a and c", pytest.approx(0.9)),
        ("a and b", pytest.approx(0.2)),
    ]
