"""Whether counts agree with probabilities. Streams are seeded, so that no test is by luck."""

import math

import numpy as np
import pytest
from scipy import stats


def assert_share(hits: int, trials: int, probability: float) -> None:
    """`hits` of `trials` lies within four standard deviations of what is expected."""
    deviation = math.sqrt(probability * (1 - probability) / trials)
    assert hits / trials == pytest.approx(probability, abs=4 * deviation, rel=0)


def assert_distribution(counts, probabilities) -> None:
    """`counts` could be draws of that distribution (chi-squared test, level 1e-4)."""
    counts, probabilities = np.asarray(counts), np.asarray(probabilities, float)
    expected = counts.sum() * probabilities / probabilities.sum()
    assert stats.chisquare(counts, expected).pvalue > 1e-4, f"{counts} instead of {expected}"


def assert_uniform(values, low: float, high: float) -> None:
    """`values` could be draws uniform in [low, high) (Kolmogorov-Smirnov, level 1e-4)."""
    values = np.asarray(values, float)
    assert values.min() >= low
    assert values.max() <= high
    assert stats.kstest(values, stats.uniform(low, high - low).cdf).pvalue > 1e-4
