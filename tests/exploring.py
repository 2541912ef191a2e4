"""How examples are drawn: always the same ones, or others each time; and which cases are rare.

    python -m pytest                                  # the same ones, in any order, anywhere
    HYPOTHESIS_PROFILE=explore python -m pytest ...   # others each time, and more of them

What an exploration finds is pinned with `@example` beside the test, and then fixed.
"""

import os
from collections.abc import Iterable, Set
from typing import Any

import hypothesis
import pytest

_VARIABLE = "HYPOTHESIS_PROFILE"
_EXPLORE = "explore"
_USUAL = 50
_TIMES_AS_MANY = 40


def load_profile() -> None:
    """Loads the profile that the environment names, before any test is imported.

    Raises:
        KeyError: There is no such profile.
    """
    # No deadlines: what a compiled function takes at first, or a busy machine, is no flaw.
    hypothesis.settings.register_profile(
        "same",
        deadline=None,
        derandomize=True,
        database=None,
        print_blob=False,
        max_examples=_USUAL,
    )
    hypothesis.settings.register_profile(
        _EXPLORE,
        deadline=None,
        derandomize=False,
        max_examples=_USUAL * _TIMES_AS_MANY,
        print_blob=True,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
    )
    name = os.environ.get(_VARIABLE, "same")
    if name not in ("same", _EXPLORE):
        raise KeyError(f"{_VARIABLE} must be same or {_EXPLORE}, got {name!r}.")
    hypothesis.settings.load_profile(name)


def most(cases: Iterable[Any], *, rare: Set[Any]) -> list[object]:
    """The cases of a test, of which the rare ones are left to the slow tests.

    Args:
        cases: What `parametrize` takes; with several arguments, tuples.
        rare: Some of them.
    """
    found = list(cases)
    assert rare <= set(found)
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow)
        if case in rare
        else case
        for case in found
    ]


def exploring() -> bool:
    """Whether other examples are drawn each time."""
    return os.environ.get(_VARIABLE) == _EXPLORE


def examples(number: int) -> int:
    """How many examples a test draws that needs another number than the usual 50."""
    return number * _TIMES_AS_MANY if exploring() else number
