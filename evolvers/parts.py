"""An evolution of many runs in parts: some runs here, others there, the same as all in one place.

Runs depend on nothing but their own random streams, so each part of them can be advanced by
itself, wherever and as far ahead of the others as suits:

    parts = [evolution.part(runs) for runs in split(evolution.config.runs, 4)]
    made = [(part.advance(), part.streams) for part in parts]      # in any order, on any machine
    evolution.take(*joined(made, evolution.config.initial))
"""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evolvers.generations import Generation

# A generation of some runs, and where their random streams stand after it.
Made = tuple[Generation, Sequence[Mapping[str, object]]]
# What a generation counts or sums up of each run, in arrays.
_BY_RUN = (
    "median",
    "mean",
    "minimum",
    "maximum",
    "takeovers",
    "unchanged",
    "duplicates",
    "not_finite",
)


def split(runs: int, count: int) -> list[range]:
    """The indices of runs in parts of about equal size, in order; none is empty.

    Args:
        runs: How many runs there are.
        count: How many parts are wanted.
    """
    ends = np.linspace(0, runs, min(runs, count) + 1).round().astype(int).tolist()
    return [range(start, end) for start, end in itertools.pairwise(ends)]


def joined(made: Sequence[Made], initial: int) -> Made:
    """The same generation of all parts as one, with everything in the order of a single place.

    Args:
        made: Of each part, in the order of its runs.
        initial: How many random genomes begin a run.

    Raises:
        ValueError: They are not of the same generation.
    """
    generations = [generation for generation, _ in made]
    first = generations[0]
    if any(generation.number != first.number for generation in generations):
        numbers = ", ".join(str(generation.number) for generation in generations)
        raise ValueError(f"expected one generation of all parts, got generations {numbers}.")
    starts = np.cumsum([0, *(len(generation.median) for generation in generations)]).tolist()
    accepted = [
        (start + run, elite, labels)
        for start, generation in zip(starts, generations, strict=False)
        for run, elite, labels in generation.accepted
    ]
    # In one place, all runs begin before any has offspring: only generation 0 has both.
    accepted.sort(key=lambda found: found[1].identity >= initial)
    by_run: dict[str, Any] = {
        name: np.concatenate([getattr(generation, name) for generation in generations])
        for name in _BY_RUN
    }
    whole = dataclasses.replace(
        first,
        births=sum(generation.births for generation in generations),
        accepted=accepted,
        score_seconds=sum(generation.score_seconds for generation in generations),
        **by_run,
    )
    return whole, [stream for _, streams in made for stream in streams]
