"""Figures of merit against scikit-learn, and by hand where scores are equal."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from keras_fool.detectors import metrics

SCORES = st.lists(
    st.integers(-4, 4).map(float) | st.floats(-5, 5, width=32), min_size=1, max_size=40
).map(np.array)


def as_sklearn(real, fooling, positive):
    scores = np.concatenate([real, fooling])
    truth = np.concatenate([np.ones(len(real)), np.zeros(len(fooling))])
    return (truth, scores) if positive == "real" else (1 - truth, -scores)


@given(SCORES, SCORES)
def test_areas_are_those_of_scikit_learn(real, fooling):
    for positive in metrics.POSITIVES:
        expected = as_sklearn(real, fooling, positive)
        assert metrics.auroc(real, fooling) == pytest.approx(
            sklearn_metrics.roc_auc_score(*expected), abs=1e-12
        )
        assert metrics.aupr(real, fooling, positive) == pytest.approx(
            sklearn_metrics.average_precision_score(*expected), abs=1e-12
        )


@given(SCORES, SCORES, st.sampled_from([0.05, 0.5, 0.9, 0.95, 1.0]))
def test_fpr_is_that_of_scikit_learns_curve(real, fooling, recall):
    for positive in metrics.POSITIVES:
        false, true, _ = sklearn_metrics.roc_curve(
            *as_sklearn(real, fooling, positive), drop_intermediate=False
        )
        expected = false[np.flatnonzero(true >= recall - 1e-9)[0]]
        assert metrics.fpr_at(real, fooling, recall, positive) == pytest.approx(expected)


def test_by_hand():
    real, fooling = np.array([3.0, 2.0, 2.0, 0.0]), np.array([2.0, 1.0])

    # Of 8 pairs real is higher in 2 + 1.5 + 1.5 + 0, where a tie counts a half.
    assert metrics.auroc(real, fooling) == 5 / 8
    # At 3: 1 of 1; at 2 two more of 4 in all; at 0 the last of 6.
    assert metrics.aupr(real, fooling) == pytest.approx(1 / 4 + 3 / 4 / 2 + 4 / 6 / 4)
    # Fooling first: at 1, after a real 0: 1 of 2; at 2, with two more reals: 2 of 5.
    assert metrics.aupr(real, fooling, "fooling") == pytest.approx(1 / 2 / 2 + 2 / 5 / 2)
    assert metrics.fpr_at(real, fooling, 0.75) == 1 / 2  # from 2 up: one of the fooling ones
    assert metrics.fpr_at(real, fooling, 0.76) == 1
    assert metrics.fpr_at(real, fooling, 0.5, "fooling") == 1 / 4
    assert metrics.fpr_at(real, fooling, 1.0, "fooling") == 3 / 4


def test_all_equal_scores_tell_nothing_apart():
    same = np.zeros(10)
    assert metrics.auroc(same, same[:4]) == 0.5
    assert metrics.aupr(same, same[:4]) == pytest.approx(10 / 14)
    assert metrics.fpr_at(same, same[:4]) == 1


@pytest.mark.slow
def test_figures_are_the_functions_with_intervals_of_slow_resampling():
    rng = np.random.default_rng(1)
    real, fooling = np.round(rng.normal(1, 1, 150), 1), np.round(rng.normal(0, 1, 90), 1)

    found = metrics.figures(real, fooling, resamples=1500)

    slow = {
        "auroc": metrics.auroc,
        "aupr_real": metrics.aupr,
        "aupr_fooling": lambda real, fooling: metrics.aupr(real, fooling, "fooling"),
        "fpr95": metrics.fpr_at,
        "fpr95_fooling": lambda real, fooling: metrics.fpr_at(real, fooling, 0.95, "fooling"),
    }
    draws = [(rng.choice(real, 150), rng.choice(fooling, 90)) for _ in range(1500)]
    for name, function in slow.items():
        figure = getattr(found, name)
        assert figure.value == pytest.approx(function(real, fooling), abs=1e-12)
        low, high = np.quantile([function(*draw) for draw in draws], [0.025, 0.975])
        width = high - low
        assert figure.low == pytest.approx(low, abs=0.15 * width)
        assert figure.high == pytest.approx(high, abs=0.15 * width)
    assert (found.num_real, found.num_fooling) == (150, 90)
    assert metrics.figures(real, fooling, resamples=1500) == found


def test_intervals_of_runs_are_wider_than_those_of_their_images():
    rng = np.random.default_rng(2)
    runs = np.repeat(np.arange(6), 30)
    fooling = rng.normal(0, 1, 6)[runs] + 0.01 * rng.normal(size=180)
    real = rng.normal(0.5, 1, 500)

    images = metrics.figures(real, fooling, resamples=400).auroc
    by_run = metrics.figures(real, fooling, fooling_groups=runs, resamples=400).auroc

    assert by_run.value == images.value
    assert by_run.high - by_run.low > 1.5 * (images.high - images.low)
    each = metrics.figures(real, fooling, fooling_groups=np.arange(180), resamples=400).auroc
    assert each.high - each.low == pytest.approx(images.high - images.low, rel=0.25)


def test_what_are_no_scores_is_refused():
    fine = np.arange(4.0)
    for wrong in (np.array([]), np.zeros((2, 2)), np.array(["a"])):
        with pytest.raises(ValueError, match="must be scores"):
            metrics.auroc(fine, wrong)
    with pytest.raises(ValueError, match=r"real holds 1 of 2 scores that are not finite"):
        metrics.figures(np.array([0, np.inf]), fine)
    with pytest.raises(ValueError, match="real, fooling"):
        metrics.aupr(fine, fine, "outlier")
    with pytest.raises(ValueError, match="recall"):
        metrics.fpr_at(fine, fine, 0.0)
    with pytest.raises(ValueError, match="fooling_groups"):
        metrics.figures(fine, fine, fooling_groups=np.zeros(3, int))
