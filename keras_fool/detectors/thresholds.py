"""From which score on an image is accepted, chosen on held-out real images alone."""

import dataclasses
import math

import numpy as np

RESAMPLES = 10_000
_SEED = 0
_INTERVAL = 0.95
_SLACK = 1e-9  # of the product of a share and a number of images


@dataclasses.dataclass(frozen=True)
class Threshold:
    """The score from which an image is accepted as real.

    Attributes:
        value: Images with this score or a higher one are accepted.
        level: The share of real images that it should accept, such as 0.95.
        accepted: The share of the held-out images that it accepts: `level`, or a little more.
        low: Lower end of the 95 % bootstrap interval of `value`.
        high: Its upper end.
        spread: The standard deviation of the held-out images' scores.
        num_images: How many of them there were.
    """

    value: float
    level: float
    accepted: float
    low: float
    high: float
    spread: float
    num_images: int

    def __float__(self) -> float:
        return self.value


def choose(scores: np.ndarray, level: float) -> Threshold:
    """The largest threshold that accepts the wanted share of real images.

    The interval is the bootstrap's, over resamples of the images (Efron, 1979; percentiles): the
    threshold is an order statistic, whose place in a resample follows a beta distribution, so
    that no resample has to be sorted. The same scores give the same interval.

    Args:
        scores: float [n], finite, of held-out real images; higher is more like real data.
        level: The share that is to be accepted, above 0 and at most 1.

    Raises:
        ValueError: `level` is out of range, there are no scores, or one is not finite.
    """
    if not 0 < level <= 1:
        raise ValueError(f"the share of real images to accept must be in (0, 1], got {level}.")
    if not len(scores):
        raise ValueError("a threshold is chosen on held-out real images, and there are none.")
    if lost := np.count_nonzero(~np.isfinite(scores)):
        raise ValueError(
            f"{lost} of {len(scores)} held-out images have no finite score: no threshold can be "
            "chosen on them."
        )
    ordered = np.sort(scores)
    number = len(ordered)
    place = number - max(1, math.ceil(level * number - _SLACK))  # counted from the lowest score
    value = float(ordered[place])
    drawn = np.random.default_rng(_SEED).beta(place + 1, number - place, RESAMPLES)
    resampled = ordered[np.minimum((drawn * number).astype(np.int64), number - 1)]
    tail = (1 - _INTERVAL) / 2
    # Of the sorted resamples themselves: between two scores there is no threshold.
    low, high = np.quantile(resampled, [tail, 1 - tail], method="nearest")
    accepted = float(np.mean(ordered >= value))
    spread = float(np.std(ordered, dtype=np.float64))
    return Threshold(value, float(level), accepted, float(low), float(high), spread, number)
