"""Confidences in words: per cent, and doubts where per cent tell nothing apart any more.

A doubt is one minus a confidence. Of 99.99 % and 99.9994 % the doubts are 1 in 10,000 and 1 in
160,000.
"""

import decimal
from collections.abc import Callable, Sequence

import numpy as np

HIGH_CONFIDENCE = 0.99  # what is below is printed in another colour
SURE = 0.999  # from here on doubts are shown
_LEAST_DOUBT = 2.0**-24  # between 1 and the float32 below it
# From here on, seven digits of a confidence have two of its doubt.
_LEAST_OF_DECIMALS = 1e-5
_MILLION = 10**6


def percent(confidence: float, digits: int = 2) -> str:
    """A confidence as per cent, cut and not rounded: 100 % is said of 1 only."""
    if confidence >= 1:
        return "100 %"
    exact = _decimal(confidence) * 100
    return f"{exact.quantize(decimal.Decimal(1).scaleb(-digits), decimal.ROUND_DOWN)} %"


def doubt(confidence: float) -> str:
    """One minus a confidence of at least `SURE`, such as "1 in 160,000"; empty below.

    Cut to two digits, so that nothing seems surer than it is. A confidence that is 1 in float32
    leaves a doubt that float32 does not show: "under 1 in 16 million".

    Args:
        confidence: In [0, 1].
    """
    if np.float32(confidence) < np.float32(SURE):
        return ""
    left = 1 - float(np.float32(confidence))
    if left <= 0:
        return f"under 1 in {_count(1 / _LEAST_DOUBT)}"
    if left >= _LEAST_OF_DECIMALS:
        left = float(1 - _decimal(confidence))
    return f"1 in {_count(1 / left)}"


def is_low(confidence: float) -> bool:
    """Whether a confidence is printed in another colour."""
    return bool(np.float32(confidence) < np.float32(HIGH_CONFIDENCE))


def both(confidence: float) -> str:
    """A confidence as per cent and, where there is one, its doubt: "99.99 %, 1 in 160,000"."""
    return ", ".join(filter(None, (percent(confidence), doubt(confidence))))


def below_images(confidences: Sequence[float], fits: Callable[[str], bool]) -> list[str]:
    """What stands below images: per cent and doubt, or one of them where both take too much.

    Args:
        confidences: In [0, 1], one per image.
        fits: Whether there is enough room for a text.
    """
    full = [both(confidence) for confidence in confidences]
    if all(map(fits, full)):
        return full
    return [_short(confidence, fits) for confidence in confidences]


def _short(confidence: float, fits: Callable[[str], bool]) -> str:
    text = doubt(confidence).replace("under", "<")
    for candidate in (text, text.replace(" million", "M").replace(",000", "k")):
        if candidate and fits(candidate):
            return candidate
    return percent(confidence)


def legend(confidences: Sequence[float]) -> tuple[str, str]:
    """What explains `below_images`, and in the colour of low confidences what explains that.

    Each is empty where nothing is to be explained.
    """
    doubts, low = [], ""
    if max(confidences) >= SURE:
        doubts.append(f"1 in N: doubt = 1 - confidence, shown from {100 * SURE:g} % on")
    if max(confidences) >= 1:
        doubts.append(f"{doubt(1)}: a confidence of 1 in float32")
    if is_low(min(confidences)):
        low = f"orange: below {100 * HIGH_CONFIDENCE:g} %"
    return "; ".join(doubts), low


def _decimal(confidence: float) -> decimal.Decimal:
    """The decimal that a float32 stands for: 0.9999 is 0.99989998 and yet not 99.98 %."""
    return decimal.Decimal(f"{confidence:.7g}")


def _count(number: float) -> str:
    """A number from 100 on, cut to two digits."""
    # 1 / 0.0001 is a bit less than 10,000 in binary digits.
    whole = int(number * (1 + 1e-9))
    step = 10 ** (len(str(whole)) - 2)
    whole -= whole % step
    return f"{whole / _MILLION:g} million" if whole >= _MILLION else f"{whole:,}"
