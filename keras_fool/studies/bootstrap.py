"""Confidence intervals by resampling runs.

The images of one run have ancestors in common; runs are independent. So runs are what is
drawn with replacement, each with all of its images (Efron, 1979; the percentile method).
"""

from collections.abc import Callable

import numpy as np

RESAMPLES = 10_000
LEVEL = 0.95
_AT_ONCE = 500  # resamples that are in memory together


def interval(
    by_run: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    seed: int,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> tuple[float, float]:
    """The percentile interval of a statistic of several runs; the same seed, the same interval.

    Args:
        by_run: [runs, ...]; what each run contributes.
        statistic: Takes [resamples, runs, ...] and gives float [resamples]; a NaN, where
            a resample has no value, is left out.
        seed: Of the resampling.
        resamples: How many.
        level: The share of resamples inside.

    Returns:
        Lower and upper end; NaN where no resample has a value.
    """
    rng = np.random.default_rng(seed)
    values = []
    for start in range(0, resamples, _AT_ONCE):
        size = min(_AT_ONCE, resamples - start), len(by_run)
        values.append(statistic(by_run[rng.integers(0, len(by_run), size)]))
    values = np.concatenate(values)
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def median(values: np.ndarray) -> np.ndarray:
    """The median of all that each resample holds: a `statistic` for `interval`."""
    return np.median(values.reshape(len(values), -1), axis=1)
