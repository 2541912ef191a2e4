"""Numbers, spans of time and names, as they are written in pages.

Names come from models and data that anyone may have made: they are data, whatever they contain.
"""

import datetime
import math
from collections.abc import Mapping

from keras_fool.sheets import captions
from trainers import names

NONE = "\u2013"  # where there is no number
_PERCENT = "\u00a0%"  # no line ends before it
_MINUS = "\u2212"
_MAX_NAME = 80  # characters
_MINUTE, _HOUR = 60, 3600


def name(text: object) -> str:
    """A name in which control and direction characters are visible, and shortened.

    Templates put it into an element of its own direction, so that it cannot turn others around.
    """
    shown = " ".join(names.shown(text).split()) or "(no name)"
    return shown if len(shown) <= _MAX_NAME else f"{shown[: _MAX_NAME - 1].rstrip()}…"


def begun(text: object) -> str:
    """A title at the start of a cell: "uniform noise" becomes "Uniform noise"."""
    found = prose(text)
    return found[:1].upper() + found[1:]


def prose(text: object) -> str:
    """A sentence, with spaces before per cent signs at which no line ends."""
    return _unbroken(names.shown(str(text).replace(_PERCENT, " %")))


def confidence(value: float | None) -> str:
    """A confidence as per cent, cut, and from 99.9 % on its doubt: "99.99 %, 1 in 170,000"."""
    return NONE if value is None else _unbroken(captions.both(value))


def brief(value: float | None) -> str:
    """The doubt of a confidence, where it has one, else per cent: "1 in 170,000"."""
    if value is None:
        return NONE
    return captions.doubt(value).replace("under", "<") or percent(value)


def percent(value: float | None) -> str:
    """A share of many, such as a confidence or an AUROC, with two decimals, cut: "99.96 %"."""
    if value is None:
        return NONE
    return _unbroken(captions.percent(value)) if value > 0 else f"0{_PERCENT}"


def share(value: float | None) -> str:
    """A share of few, with at most one decimal; "0 %" and "100 %" are said of none and all only."""
    if value is None:
        return NONE
    in_percent = 100 * value
    if in_percent in (0, 100):
        return f"{in_percent:.0f}{_PERCENT}"
    if in_percent < 0.1:
        return f"under 0.1{_PERCENT}"
    if in_percent > 99.9:
        return f"over 99.9{_PERCENT}"
    return f"{in_percent:.1f}".removesuffix(".0") + _PERCENT


def count(value: float | None) -> str:
    """A number of images or the like, with commas."""
    return NONE if value is None else f"{round(value):,}"


def number(value: float | None) -> str:
    """Any other number, such as a score, to five digits."""
    return NONE if value is None else f"{value:.5g}".replace("-", _MINUS)


def threshold(key: str) -> str:
    """A threshold of confidence as it is named in a table: "0.9999" is 99.99 %."""
    return f"{100 * float(key):.10g}{_PERCENT}"


def duration(seconds: float | None) -> str:
    """A span of time: "4 min 12 s"."""
    if seconds is None:
        return NONE
    if seconds < _MINUTE:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"


def day(text: object) -> str:
    """The day of a time in ISO 8601, "26 November 2026"; another text stays what it is."""
    try:
        found = datetime.datetime.fromisoformat(str(text))
    except ValueError:
        return name(text)
    return f"{found.day} {found:%B %Y}"


def value(interval: Mapping | float | None) -> float | None:
    """The number of what may be an interval, a number, or nothing."""
    found = interval.get("value") if isinstance(interval, Mapping) else interval
    return None if found is None or not math.isfinite(found) else float(found)


def bounds(interval: Mapping | float | None) -> tuple[float, float] | None:
    """The ends of an interval, where it has both."""
    if not isinstance(interval, Mapping):
        return None
    low, high = interval.get("low"), interval.get("high")
    return None if low is None or high is None else (float(low), float(high))


def _unbroken(text: str) -> str:
    return text.replace(" %", _PERCENT)
