"""The operators of `cppn_genome`, compiled: a generation of children in one call.

neat-python's genes are Python objects, and breeding with them takes 150 microseconds for
a child of 30 nodes, several times as long as drawing and scoring it. Here the same
operators work on flat arrays, without the interpreter and its lock, so that the next
runs can be bred while the last ones are scored. Both versions draw the same numbers in the same
order from the same stream, and make the same children: change them together.
"""

import numpy as np

from evolvers.compiling import compiled
from evolvers.cppn import CppnBatch
from evolvers.cppn_genome import NUM_INPUTS, CppnGenomeConfig

_NUM_ACTIVATIONS = 4
_MAX_NEW_NODES = 1
_MAX_NEW_EDGES = 2  # one from "add connection", one more from "add neuron"


def initial(rng: np.random.Generator, count: int, config: CppnGenomeConfig) -> CppnBatch:
    """Random genomes: no hidden node, every input connected to every output.

    Args:
        rng: The run's random stream.
        count: How many genomes.
        config: The paper's settings, see `cppn_genome.load_config`.
    """
    arrays = _initial(
        rng, count, config.num_outputs, config.weight_min_value, config.weight_max_value
    )
    return CppnBatch(config.num_outputs, *arrays)


def offspring(
    rng: np.random.Generator, parents: CppnBatch, count: int, config: CppnGenomeConfig
) -> tuple[CppnBatch, np.ndarray]:
    """Mutated copies of parents drawn uniformly, with replacement.

    Args:
        rng: The run's random stream.
        parents: The elites, one per niche; an elite that holds two niches appears twice.
        count: How many children.
        config: The rates.

    Returns:
        The children, and int32 [count]: the index of each one's parent in `parents`.
    """
    chosen, *arrays = _offspring(
        rng,
        parents.arrays,
        count,
        config.num_outputs,
        config.weight_min_value,
        config.weight_max_value,
        rates(config),
    )
    return CppnBatch(config.num_outputs, *arrays), chosen


def rates(config: CppnGenomeConfig) -> tuple[float, ...]:
    """How likely the paper's six operators are, in the order in which `mutate` takes them."""
    return (
        config.weight_mutate_rate,
        config.activation_mutate_rate,
        config.conn_add_prob,
        config.conn_delete_prob,
        config.node_add_prob,
        config.node_delete_prob,
    )


@compiled()
def uniform(rng):
    """A number in [0, 1)."""
    # The only function that calls the generator: Numba compiles each such call again, slowly.
    return rng.random()


@compiled()
def draw(rng, count):
    """A whole number in 0..count - 1."""
    return int(uniform(rng) * count)


@compiled()
def polynomial_delta(r):
    """`cppn_genome.polynomial_delta`, compiled."""
    if r < 0.5:
        return np.sqrt(np.sqrt(np.sqrt(np.sqrt(2 * r)))) - 1
    return 1 - np.sqrt(np.sqrt(np.sqrt(np.sqrt(2 * (1 - r)))))


@compiled()
def _initial(rng, count, num_outputs, weight_min, weight_max):
    num_edges = NUM_INPUTS * num_outputs
    kinds = np.empty(count * num_outputs, np.uint8)
    sources = np.empty(count * num_edges, np.int32)
    targets = np.empty(count * num_edges, np.int32)
    weights = np.empty(count * num_edges, np.float32)
    for child in range(count):
        for node in range(num_outputs):
            kinds[child * num_outputs + node] = draw(rng, _NUM_ACTIVATIONS)
        edge = child * num_edges
        for source in range(NUM_INPUTS):
            for node in range(num_outputs):
                sources[edge] = source
                targets[edge] = NUM_INPUTS + node
                weights[edge] = weight_min + (weight_max - weight_min) * uniform(rng)
                edge += 1
    node_offsets = np.arange(count + 1) * num_outputs
    edge_offsets = np.arange(count + 1) * num_edges
    return node_offsets, kinds, edge_offsets, sources, targets, weights


@compiled()
def _offspring(rng, parents, count, num_outputs, weight_min, weight_max, rates):
    num_parents = len(parents[0]) - 1
    room = make_room(parents, count, _MAX_NEW_NODES, _MAX_NEW_EDGES)
    node_offsets, edge_offsets, chosen = room[0], room[2], room[-1]
    for child in range(count):
        parent = draw(rng, num_parents)
        chosen[child] = parent
        kind, source, target, weight, n, m = copy_parent(parents, parent, room, child)
        n, m = mutate(
            rng, num_outputs, weight_min, weight_max, rates, n, m, kind, source, target, weight
        )
        node_offsets[child + 1] = node_offsets[child] + n
        edge_offsets[child + 1] = edge_offsets[child] + m
    return made(room)


@compiled()
def make_room(parents, count, new_nodes, new_edges):
    """Buffers for children that have at most so many nodes and connections more than a parent.

    Returns:
        Node offsets, activations, edge offsets, sources, targets, weights, parents.
    """
    nodes, edges = parents[0], parents[2]
    max_nodes, max_edges = 0, 0
    for parent in range(len(nodes) - 1):
        max_nodes = max(max_nodes, nodes[parent + 1] - nodes[parent])
        max_edges = max(max_edges, edges[parent + 1] - edges[parent])
    max_nodes += new_nodes
    max_edges += new_edges
    return (
        np.zeros(count + 1, np.int64),
        np.empty(count * max_nodes, np.uint8),
        np.zeros(count + 1, np.int64),
        np.empty(count * max_edges, np.int32),
        np.empty(count * max_edges, np.int32),
        np.empty(count * max_edges, np.float32),
        np.empty(count, np.int32),
    )


@compiled()
def copy_parent(parents, parent, room, child):
    """Begins a child as a copy: the last one in the buffers, so that it may grow.

    Returns:
        Its activations, sources, targets and weights, and how many nodes and connections.
    """
    parent_nodes, parent_kinds, parent_edges, parent_sources, parent_targets, parent_weights = (
        parents
    )
    node_offsets, kinds, edge_offsets, sources, targets, weights, _ = room
    kind = kinds[node_offsets[child] :]
    source = sources[edge_offsets[child] :]
    target = targets[edge_offsets[child] :]
    weight = weights[edge_offsets[child] :]
    start = parent_nodes[parent]
    n = parent_nodes[parent + 1] - start
    for node in range(n):
        kind[node] = parent_kinds[start + node]
    start = parent_edges[parent]
    m = parent_edges[parent + 1] - start
    for edge in range(m):
        source[edge] = parent_sources[start + edge]
        target[edge] = parent_targets[start + edge]
        weight[edge] = parent_weights[start + edge]
    return kind, source, target, weight, n, m


@compiled()
def made(room):
    """(parents, and the six arrays of a `CppnBatch`), as long as the children need."""
    node_offsets, kinds, edge_offsets, sources, targets, weights, chosen = room
    nodes, edges = node_offsets[-1], edge_offsets[-1]
    return (
        chosen,
        node_offsets,
        kinds[:nodes].copy(),
        edge_offsets,
        sources[:edges].copy(),
        targets[:edges].copy(),
        weights[:edges].copy(),
    )


@compiled()
def mutate(rng, num_outputs, weight_min, weight_max, rates, n, m, kind, source, target, weight):
    """The paper's six operators, see `CppnGenome.mutate`; returns the new `n` and `m`."""
    weight_rate, activation_rate, conn_add, conn_delete, node_add, node_delete = rates
    for edge in range(m):
        if uniform(rng) < weight_rate:
            delta = polynomial_delta(uniform(rng))
            moved = np.float64(weight[edge]) + (weight_max - weight_min) * delta
            weight[edge] = min(max(moved, weight_min), weight_max)
    for node in range(n):
        if uniform(rng) < activation_rate:
            kind[node] = draw(rng, _NUM_ACTIVATIONS)
    if uniform(rng) < conn_add:
        m = _add_connection(rng, num_outputs, weight_min, weight_max, n, m, source, target, weight)
    if uniform(rng) < conn_delete and m > 0:
        m = _delete_edge(draw(rng, m), m, source, target, weight)
    if uniform(rng) < node_add and m > 0:
        edge = draw(rng, m)
        ends = source[edge], target[edge], weight[edge]
        m = _delete_edge(edge, m, source, target, weight)
        kind[n] = draw(rng, _NUM_ACTIVATIONS)
        source[m], target[m], weight[m] = ends[0], NUM_INPUTS + n, ends[2]
        source[m + 1], target[m + 1], weight[m + 1] = NUM_INPUTS + n, ends[1], ends[2]
        n += 1
        m += 2
    if uniform(rng) < node_delete and n > num_outputs:
        node = num_outputs + draw(rng, n - num_outputs)
        m = _delete_node(node, n, m, kind, source, target, weight)
        n -= 1
    return n, m


@compiled()
def _add_connection(rng, num_outputs, weight_min, weight_max, n, m, source, target, weight):
    # Sources are inputs and hidden nodes: the outputs between them are skipped.
    start = draw(rng, NUM_INPUTS + n - num_outputs)
    if start >= NUM_INPUTS:
        start += num_outputs
    # The source and its ancestors are barred. Ancestors mostly have lower numbers, so a
    # few passes over the connections find them all.
    barred = np.empty(NUM_INPUTS + n, np.bool_)
    for node in range(NUM_INPUTS + n):
        barred[node] = node == start
    grown = start >= NUM_INPUTS
    while grown:
        grown = False
        for edge in range(m - 1, -1, -1):
            if barred[target[edge]] and not barred[source[edge]]:
                barred[source[edge]] = True
                grown = True
    free = 0
    for node in range(NUM_INPUTS, NUM_INPUTS + n):
        free += not barred[node]
    place = draw(rng, free)
    end = NUM_INPUTS
    while True:
        if not barred[end]:
            if place == 0:
                break
            place -= 1
        end += 1
    # A parallel connection stands behind its likes, any other at the end.
    at = m
    for edge in range(m):
        if source[edge] == start and target[edge] == end:
            at = edge + 1
    for edge in range(m, at, -1):
        source[edge], target[edge], weight[edge] = (
            source[edge - 1],
            target[edge - 1],
            weight[edge - 1],
        )
    source[at], target[at] = start, end
    weight[at] = weight_min + (weight_max - weight_min) * uniform(rng)
    return m + 1


@compiled()
def _delete_edge(place, m, source, target, weight):
    for edge in range(place, m - 1):
        source[edge], target[edge], weight[edge] = (
            source[edge + 1],
            target[edge + 1],
            weight[edge + 1],
        )
    return m - 1


@compiled()
def _delete_node(node, n, m, kind, source, target, weight):
    number = NUM_INPUTS + node
    for later in range(node, n - 1):
        kind[later] = kind[later + 1]
    kept = 0
    for edge in range(m):
        if source[edge] != number and target[edge] != number:
            source[kept] = source[edge] - (source[edge] > number)
            target[kept] = target[edge] - (target[edge] > number)
            weight[kept] = weight[edge]
            kept += 1
    return kept
