"""The operators of `efficient_genome`, compiled: a generation of children in one call.

Both versions draw the same numbers in the same order, and make the same children: change them
together.
"""

import numpy as np

from evolvers.activations import GAUSSIAN, LINEAR
from evolvers.breeding import copy_parent, draw, made, make_room, mutate, rates, uniform
from evolvers.compiling import compiled
from evolvers.cppn import CppnBatch
from evolvers.cppn_genome import NUM_INPUTS, CppnGenomeConfig
from evolvers.efficient_genome import (
    AMPLITUDES,
    FEW_WEIGHTS,
    KEEPS,
    MAX_WEIGHT,
    RADII,
    SMALLEST_AMPLITUDE,
    SMALLEST_RADIUS,
    STEEPNESS,
    chances,
    spot_shares,
)
from evolvers.searches import Mixture

_X, _Y, _BIAS = 0, 1, 3
_MAX_NEW_NODES = 6  # a spot's three, and one for each output, which takes over its function
_MAX_NEW_EDGES = 13


def offspring(
    rng: np.random.Generator,
    parents: CppnBatch,
    confidences: np.ndarray,
    waits: np.ndarray,
    count: int,
    config: CppnGenomeConfig,
    mixture: Mixture,
    extent: tuple[float, float, float, float],
) -> tuple[CppnBatch, np.ndarray]:
    """Changed copies of parents.

    Args:
        rng: The run's random stream.
        parents: The elites, one per niche; an elite that holds two niches appears twice.
        confidences: float32 [niches]; theirs, for their own labels.
        waits: float64 [niches]; see `efficient_genome.chances`.
        count: How many children.
        config: The paper's settings.
        mixture: How children are made.
        extent: The smallest and the largest x, the smallest and the largest y of the image.

    Returns:
        The children, and int32 [count]: the index of each one's parent in `parents`.
    """
    chosen, *arrays = _offspring(
        rng,
        parents.arrays,
        np.cumsum(chances(confidences, waits, mixture)),
        count,
        config.num_outputs,
        config.weight_min_value,
        config.weight_max_value,
        rates(config),
        spot_shares(confidences, mixture),
        mixture.few_weights,
        extent,
    )
    return CppnBatch(config.num_outputs, *arrays), chosen


@compiled()
def _offspring(
    rng, parents, sums, count, num_outputs, weight_min, weight_max, rates, spots, few, extent
):
    room = make_room(parents, count, _MAX_NEW_NODES, _MAX_NEW_EDGES)
    node_offsets, edge_offsets, chosen = room[0], room[2], room[-1]
    for child in range(count):
        parent = np.searchsorted(sums, draw(rng, sums[-1]), side="right")
        chosen[child] = parent
        kind, source, target, weight, n, m = copy_parent(parents, parent, room, child)
        if uniform(rng) < spots[parent]:
            n, m = _add_spot(rng, num_outputs, extent, n, m, kind, source, target, weight)
        else:
            share = FEW_WEIGHTS / max(rates[0] * m, FEW_WEIGHTS) if few else 1.0
            rarer = rates[0] * share, rates[1] * share, *rates[2:]
            n, m = mutate(
                rng, num_outputs, weight_min, weight_max, rarer, n, m, kind, source, target, weight
            )
        node_offsets[child + 1] = node_offsets[child] + n
        edge_offsets[child + 1] = edge_offsets[child] + m
    return made(room)


@compiled()
def _add_spot(rng, num_outputs, extent, n, m, kind, source, target, weight):
    for output in range(num_outputs):
        if kind[output] != LINEAR:
            for edge in range(m):
                if target[edge] == NUM_INPUTS + output:
                    target[edge] = NUM_INPUTS + n
            kind[n] = kind[output]
            kind[output] = LINEAR
            source[m], target[m], weight[m] = NUM_INPUTS + n, NUM_INPUTS + output, KEEPS
            n += 1
            m += 1
    radius = _octave(rng, SMALLEST_RADIUS, RADII)
    for axis in range(2):
        first, last = extent[2 * axis], extent[2 * axis + 1]
        centre = first + (last - first) * uniform(rng)
        steep = 1 / max(radius * (last - first) / 2, max(abs(centre), 1.0) / MAX_WEIGHT)
        kind[n + axis] = GAUSSIAN
        source[m], target[m] = _X if axis == 0 else _Y, NUM_INPUTS + n + axis
        source[m + 1], target[m + 1] = _BIAS, NUM_INPUTS + n + axis
        weight[m], weight[m + 1] = steep, -steep * centre
        m += 2
    spot = NUM_INPUTS + n + 2
    kind[n + 2] = GAUSSIAN
    source[m], target[m], weight[m] = spot - 2, spot, STEEPNESS
    source[m + 1], target[m + 1], weight[m + 1] = spot - 1, spot, STEEPNESS
    source[m + 2], target[m + 2], weight[m + 2] = _BIAS, spot, -2 * STEEPNESS
    m += 3
    for output in range(num_outputs):
        amplitude = _octave(rng, SMALLEST_AMPLITUDE, AMPLITUDES)
        if uniform(rng) >= 0.5:
            amplitude = -amplitude
        source[m], target[m], weight[m] = spot, NUM_INPUTS + output, amplitude
        m += 1
    return n + 3, m


@compiled()
def _octave(rng, lowest, count):
    octave = lowest + draw(rng, count)
    return np.float64(np.float32(np.ldexp(1 + uniform(rng), octave)))
