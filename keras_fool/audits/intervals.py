"""Figures with 95 % intervals, as an audit's report has them.

Runs are independent, images of one run are not: they have ancestors in common. So where images
were evolved, runs are resampled (Efron, 1979). Real images and noise are independent, and a share
of them has the interval of Wilson, 1927, https://doi.org/10.1080/01621459.1927.10502953.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_fool.detectors import metrics
from keras_fool.studies import statistics

Interval = dict[str, Any]  # JSON
LEVEL = 0.95
_Z = 1.959963984540054  # the standard normal distribution's 97.5 % quantile


def number(value: float | np.floating | None) -> float | None:
    """A figure as JSON: nine significant digits, which give a float32 back; else None."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.9g}")


def interval(value: float, low: float, high: float) -> Interval:
    """The JSON of an interval; what is not finite is null."""
    return {"value": number(value), "low": number(low), "high": number(high), "level": LEVEL}


def of_figure(figure: metrics.Figure) -> Interval:
    """A detector's figure of merit."""
    return interval(figure.value, figure.low, figure.high)


def of_share(flags: np.ndarray) -> Interval | None:
    """The share of independent images that something holds for; None of no images.

    Args:
        flags: bool [images].
    """
    count = len(flags)
    if not count:
        return None
    share = float(np.mean(flags))
    middle = (share + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    half = _Z / (1 + _Z**2 / count) * math.sqrt(share * (1 - share) / count + (_Z / count) ** 2 / 4)
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return interval(share, min(low, share), max(high, share))


def of_runs(
    values: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    resamples: int,
) -> Interval:
    """A statistic of runs.

    Args:
        values: [runs, ...]; what each run contributes.
        statistic: As `statistics.interval` takes it.
        resamples: How many.
    """
    with np.errstate(invalid="ignore"):  # infinite counts: never reached
        value = float(statistic(values[np.newaxis])[0])
        low, high = statistics.interval(values, statistic, seed=0, resamples=resamples)
    return interval(value, low, high)


def mean(values: np.ndarray) -> np.ndarray:
    """The mean of all that each resample holds: a statistic for `of_runs`."""
    return values.reshape(len(values), -1).mean(axis=1)


def median(values: np.ndarray) -> np.ndarray:
    """The median likewise."""
    return statistics.median(values)
