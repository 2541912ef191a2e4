"""Where marks of diagrams are, in a box of 1000 by 1000 that a page stretches to its room.

Words and dots keep their sizes in the page, whatever its width: only places are computed here.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

SIDE = 1000
# Between which confidences are counted: doubts of 1, 1/2, 1/5, 1/10, 1/20 and so on to 1 in ten
# million, and 0. What happens where attacks succeed happens within a hundredth of 1.
CONFIDENCE_EDGES = (
    *(float(f"{1 - part / 10**decade:.9g}") for decade in range(7) for part in (1, 0.5, 0.2)),
    *(0.9999999, 1.0),
)
_MAX_DECADES = 7.6  # of doubts; a confidence of 1 in float32 is at 7.2
_LEAST_DOUBT = 2.0**-24  # between 1 and the float32 below it


@dataclasses.dataclass(frozen=True)
class Tick:
    """A place on an axis.

    Attributes:
        at: In per cent of the axis.
        text: What is written there, if anything.
        edge: "start", "middle" or "end": which part of the text is there.
    """

    at: float
    text: str
    edge: str = "middle"


@dataclasses.dataclass(frozen=True)
class Curve:
    """A line.

    Attributes:
        key: What it is of.
        path: For the attribute `d` of an SVG path.
    """

    key: str
    path: str


def doubt_place(confidence: float) -> float:
    """Where a confidence is on an axis of doubts, in [0, 1]: every factor of ten is as wide."""
    left = max(1 - min(max(confidence, 0.0), 1.0), _LEAST_DOUBT)
    return min(abs(math.log10(left)) / _MAX_DECADES, 1.0)


DOUBT_TICKS = tuple(
    Tick(round(100 * decades / _MAX_DECADES, 2), text, "middle" if decades else "start")
    for decades, text in enumerate(["0 %", "", "99 %", "", "99.99 %", "", "1 in 1M", ""])
)
SURE_TICKS = tuple(
    dataclasses.replace(tick, text=text)
    for tick, text in zip(
        DOUBT_TICKS, ("0 %", "90 %", "99 %", "99.9 %", "99.99 %", "", "99.9999 %", ""), strict=True
    )
)
SHARE_TICKS = (
    Tick(0, "0 %", "start"),
    Tick(25, ""),
    Tick(50, "50 %"),
    Tick(75, ""),
    Tick(100, "100 %", "end"),
)


def dots(places: Sequence[float], height: float = SIDE / 2) -> str:
    """A path of points without length, which round line ends make dots.

    Args:
        places: In [0, 1] across.
        height: In 0..1000 from the top.
    """
    return "".join(f"M{_round(SIDE * place)} {_round(height)}h0" for place in places)


def span(low: float, high: float, height: float = SIDE / 2) -> str:
    """A path from one place to another, both in [0, 1]."""
    return f"M{_round(SIDE * low)} {_round(height)}H{_round(SIDE * high)}"


def reached(images: Sequence[float | None], places: "LogAxis") -> str:
    """The share of runs that have reached a threshold, over the images that they needed.

    Args:
        images: One per run: when it reached the threshold; None where it never did.
        places: Of numbers of images.

    Returns:
        A path of steps; it ends at the right border.
    """
    path = f"M0 {SIDE}"
    known = sorted(number for number in images if number is not None)
    for rank, needed in enumerate(known, 1):
        path += f"H{_round(SIDE * places(needed))}V{_round(SIDE * (1 - rank / len(images)))}"
    return f"{path}H{SIDE}"


class LogAxis:
    """Places of numbers of images, from `low` to `high`, both at least 1."""

    def __init__(self, low: float, high: float):
        self._low = math.log10(max(low, 1.0))
        self._high = max(math.log10(max(high, 1.0)), self._low + 1)

    def __call__(self, number: float) -> float:
        """In [0, 1]."""
        place = (math.log10(max(number, 1.0)) - self._low) / (self._high - self._low)
        return min(max(place, 0.0), 1.0)

    @property
    def ticks(self) -> list[Tick]:
        """At powers of ten; every second has no text where there are many."""
        powers = range(math.ceil(self._low - 1e-9), math.floor(self._high + 1e-9) + 1)
        found = []
        for rank, power in enumerate(powers):
            at = 100 * self(10.0**power)
            edge = "start" if at < 4 else "end" if at > 96 else "middle"
            text = "" if len(powers) > 5 and rank % 2 else _short(10**power)
            found.append(Tick(round(at, 2), text, edge))
        return found


def histogram(edges: Sequence[float], counts: Sequence[float], within: tuple[float, float]) -> str:
    """An area of bars that touch each other, the highest of which fills the height.

    Args:
        edges: [bins + 1], rising.
        counts: [bins].
        within: What the left and the right border stand for.

    Returns:
        A closed path; empty where nothing was counted.
    """
    low, high = within
    tallest = max(counts, default=0)
    if not tallest or high <= low:
        return ""
    path = ""
    for left, right, amount in zip(edges, edges[1:], counts, strict=False):
        if amount:
            start, end = (SIDE * (edge - low) / (high - low) for edge in (left, right))
            up = SIDE * amount / tallest
            path += f"M{_round(start)} {SIDE}v{_round(-up)}H{_round(end)}V{SIDE}z"
    return path


def confidence_histogram(edges: Sequence[float], counts: Sequence[float]) -> str:
    """The same on an axis of doubts; edges are confidences."""
    return histogram([doubt_place(edge) for edge in edges], counts, (0.0, 1.0))


def binned(
    confidences: Sequence[float] | np.ndarray, edges: Sequence[float] = CONFIDENCE_EDGES
) -> list[int]:
    """How many confidences are in each bin; the last one has its right edge, too.

    Args:
        confidences: In [0, 1]; compared as float32, of which 0.9 is at least 0.9.
        edges: [bins + 1], rising, from 0 to 1.
    """
    known = np.asarray(confidences, np.float32)
    places = np.searchsorted(np.asarray(edges, np.float32), known, side="right") - 1
    last = len(edges) - 2
    return np.bincount(np.clip(places, 0, last), minlength=last + 1).tolist()


def share_at_least(confidences: Sequence[float], level: float) -> float:
    """The share of confidences of at least a level, compared as float32."""
    return float(np.mean(np.asarray(confidences, np.float32) >= np.float32(level)))


def outer(histograms: Mapping) -> tuple[float, float]:
    """The first and the last edge of histograms that share edges."""
    edges = histograms["edges"]
    return (float(edges[0]), float(edges[-1]))


def _short(number: int) -> str:
    """1, 100, 10k, 1M."""
    for size, letter in ((10**6, "M"), (10**4, "k")):
        if number >= size:
            return f"{number // (10**6 if letter == 'M' else 10**3):,}{letter}"
    return f"{number:,}"


def _round(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
