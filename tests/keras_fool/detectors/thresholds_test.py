"""Thresholds: what they accept, with and without ties, and their intervals."""

import numpy as np
import pytest

from keras_fool import detectors
from keras_fool.detectors import thresholds


@pytest.mark.parametrize("level", [0.05, 0.5, 0.9, 0.95, 0.99, 1.0])
@pytest.mark.parametrize("number", [1, 2, 10, 19, 20, 100, 997])
@pytest.mark.parametrize("ties", [False, True])
def test_the_largest_threshold_that_accepts_enough(level, number, ties):
    rng = np.random.default_rng(number)
    scores = rng.normal(size=number).astype(np.float32)
    scores = np.round(scores, 0) if ties else scores

    found = thresholds.choose(scores, level)

    assert found.accepted == np.mean(scores >= found.value)
    assert found.accepted >= level - 1e-12
    higher = scores[scores > found.value]
    if len(higher):
        assert np.mean(scores >= higher.min()) < level - 1e-12
    assert found.low <= found.value <= found.high
    assert {found.low, found.high} <= set(scores.tolist())
    assert (found.level, found.num_images) == (level, number)


def test_the_interval_is_that_of_resampled_images():
    scores = np.random.default_rng(1).exponential(size=400)
    rng = np.random.default_rng(2)
    resampled = np.sort(scores[rng.integers(0, 400, (8000, 400))], axis=1)
    slow = resampled[:, 400 - 380]  # 95 % of 400 are at or above it

    found = thresholds.choose(scores, 0.95)

    ordered = np.sort(scores)
    for end, share in ((found.low, 0.025), (found.high, 0.975)):
        near = np.searchsorted(ordered, np.quantile(slow, share))
        assert abs(np.searchsorted(ordered, end) - near) <= 1


@pytest.mark.parametrize("level", [0, -0.1, 1.1, float("nan")])
def test_a_share_out_of_range_is_refused(level):
    with pytest.raises(ValueError, match=r"\(0, 1\]"):
        thresholds.choose(np.arange(10.0), level)


def test_scores_that_tell_nothing_are_refused():
    with pytest.raises(ValueError, match="none"):
        thresholds.choose(np.array([]), 0.95)
    with pytest.raises(ValueError, match=r"1 of 3 .* no finite score"):
        thresholds.choose(np.array([0.0, np.nan, 1.0]), 0.95)


def test_a_detector_accepts_what_its_threshold_says(digits):
    detector = detectors.fit("max_logit", digits.source)
    for refused in (lambda: detector.accepts(digits.test), lambda: detector.threshold(0.9)):
        with pytest.raises(ValueError, match="no threshold"):
            refused()

    chosen = detector.threshold(0.9, digits.train)

    assert detector.operating_point == chosen == detector.threshold(0.9)
    assert chosen.accepted == np.mean(detector.accepts(digits.train)) == 0.9
    np.testing.assert_array_equal(
        detector.accepts(digits.test), detector.score(digits.test) >= chosen.value
    )
    with pytest.raises(ValueError, match=r"no threshold for 0\.95"):
        detector.threshold(0.95)
