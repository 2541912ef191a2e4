"""Arranges programs for a device that computes many of them in parallel.

A level holds the steps that can run at the same time, because everything that they read lies in
earlier levels. Padded to the same shape, level k of all programs of a batch becomes a few array
operations, whatever the topologies of the networks.
"""

import dataclasses

import numpy as np

from evolvers.compiling import compiled
from evolvers.cppn_genome import NUM_INPUTS
from evolvers.program import Program


@dataclasses.dataclass(frozen=True, eq=False)
class Levels:
    """A batch of programs as padded tables.

    Level k has `width` steps for every program; step i of level k writes to slot
    4 + k * width + i and reads slots below 4 + k * width. Padding adds nothing.

    Attributes:
        weights: float32 [levels, batch, width, slots]; the weight of every slot in the sum of a
            step, 0 for slots that it does not read.
        activations: int32 [levels, batch, width].
        outputs: int32 [batch, channels]; the slot of each output.
    """

    weights: np.ndarray
    activations: np.ndarray
    outputs: np.ndarray

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """The three tables in the order of the attributes."""
        return self.weights, self.activations, self.outputs


def levels(programs: Program, batch: int | None = None) -> Levels:
    """The tables of a batch of programs, at least one.

    Args:
        programs: The batch.
        batch: The batch size of the tables; empty programs are added at the end. By default
            there are none.
    """
    level, place, (depth, width) = _place(programs.arrays)
    batch = batch or len(programs)
    tables = Levels(
        np.zeros((depth, batch, width, NUM_INPUTS + depth * width), np.float32),
        np.zeros((depth, batch, width), np.int32),
        np.zeros((batch, programs.outputs.shape[1]), np.int32),
    )
    _fill(programs.arrays, level, place, *tables.arrays)
    return tables


@compiled()
def _place(programs):
    """Each step's level and its index there; then the number of levels and their width."""
    steps, _, terms, sources, _, outputs = programs
    level = np.zeros(steps[-1], np.int32)
    place = np.zeros(steps[-1], np.int32)
    depth, width = 1, 1
    taken = np.zeros(steps[-1] + 1, np.int32)
    for index in range(len(outputs)):
        first = steps[index]
        taken[: steps[index + 1] - first] = 0
        for step in range(first, steps[index + 1]):
            for term in range(terms[step], terms[step + 1]):
                if sources[term] >= NUM_INPUTS:
                    feeder = first + sources[term] - NUM_INPUTS
                    level[step] = max(level[step], level[feeder] + 1)
            place[step] = taken[level[step]]
            taken[level[step]] += 1
            depth = max(depth, level[step] + 1)
            width = max(width, taken[level[step]])
    return level, place, (depth, width)


@compiled()
def _fill(programs, level, place, out_weights, out_kinds, out_outputs):
    steps, kinds, terms, sources, weights, outputs = programs
    width = out_kinds.shape[2]
    for index in range(len(outputs)):
        first = steps[index]
        for step in range(first, steps[index + 1]):
            at = level[step], place[step]
            out_kinds[at[0], index, at[1]] = kinds[step]
            for term in range(terms[step], terms[step + 1]):
                source = sources[term]
                if source >= NUM_INPUTS:
                    feeder = first + source - NUM_INPUTS
                    source = NUM_INPUTS + level[feeder] * width + place[feeder]
                out_weights[at[0], index, at[1], source] += weights[term]
        for output in range(outputs.shape[1]):
            step = first + outputs[index, output] - NUM_INPUTS
            out_outputs[index, output] = NUM_INPUTS + level[step] * width + place[step]
