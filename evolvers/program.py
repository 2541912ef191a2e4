"""Packs genomes into programs, which renderers run.

A program is the part of a CPPN that contributes to an output, in an order in which every node
comes after its inputs. Two genomes that differ only in parts that contribute to no output, or in
the numbers of their nodes, have the same program.
"""

import dataclasses

import numpy as np

from evolvers.compiling import compiled
from evolvers.cppn import CppnBatch, offsets
from evolvers.cppn_genome import NUM_INPUTS


@dataclasses.dataclass(frozen=True, eq=False)
class Program:
    """Programs, one after another.

    The values of a program lie in slots: 0..3 are the inputs, slot 4 + j is its j-th step.
    A step sums weight times slot over its terms and applies its activation.

    Attributes:
        step_offsets: int64 [batch + 1]; the steps of program i are those from offset i up to
            offset i + 1.
        activations: uint8 [all steps].
        term_offsets: int64 [all steps + 1]; the terms of a step are those from its offset up to
            the next one.
        sources: int32 [all terms]; the slot that the term reads.
        weights: float32 [all terms]; parallel connections are added up.
        outputs: int32 [batch, channels]; the slot of each output.
    """

    step_offsets: np.ndarray
    activations: np.ndarray
    term_offsets: np.ndarray
    sources: np.ndarray
    weights: np.ndarray
    outputs: np.ndarray

    def __len__(self) -> int:
        return len(self.outputs)

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """The six arrays in the order in which compiled code takes them."""
        return (
            self.step_offsets,
            self.activations,
            self.term_offsets,
            self.sources,
            self.weights,
            self.outputs,
        )

    def __getitem__(self, places: slice) -> "Program":
        return self.take(np.arange(len(self))[places])

    def take(self, places: np.ndarray) -> "Program":
        """The programs with the indices `places`, int64 [n], in their order."""
        return Program(*_take(self.arrays, places))


def pack(genomes: CppnBatch) -> Program:
    """The programs of a batch of genomes."""
    return Program(*_pack(genomes.arrays, genomes.num_outputs))


def concatenate(programs: list[Program]) -> Program:
    """Several batches of programs as one; at least one."""
    if len(programs) == 1:
        return programs[0]
    steps = offsets([len(program.activations) for program in programs])
    terms = offsets([len(program.weights) for program in programs])
    return Program(
        np.concatenate(
            [[0], *(p.step_offsets[1:] + at for p, at in zip(programs, steps, strict=False))]
        ),
        np.concatenate([p.activations for p in programs]),
        np.concatenate(
            [[0], *(p.term_offsets[1:] + at for p, at in zip(programs, terms, strict=False))]
        ),
        np.concatenate([p.sources for p in programs]),
        np.concatenate([p.weights for p in programs]),
        np.concatenate([p.outputs for p in programs]),
    )


def equal(programs: Program, others: Program, places: np.ndarray) -> np.ndarray:
    """Which programs equal another one, and so draw the same image.

    Args:
        programs: A batch.
        others: Another batch.
        places: int32 [batch]; program i is compared with `others[places[i]]`.

    Returns:
        bool [batch].
    """
    return _equal(programs.arrays, others.arrays, places)


@compiled()
def _pack(genomes, num_outputs):
    node_offsets, kinds, edge_offsets, sources, targets, weights = genomes
    batch = len(node_offsets) - 1
    max_nodes, max_edges = 0, 0
    for index in range(batch):
        max_nodes = max(max_nodes, node_offsets[index + 1] - node_offsets[index])
        max_edges = max(max_edges, edge_offsets[index + 1] - edge_offsets[index])
    step_offsets = np.zeros(batch + 1, np.int64)
    step_kinds = np.empty(len(kinds), np.uint8)
    term_offsets = np.zeros(len(kinds) + 1, np.int64)
    term_sources = np.empty(len(weights), np.int32)
    term_weights = np.empty(len(weights), np.float32)
    outputs = np.empty((batch, num_outputs), np.int32)
    first_in = np.empty(max_nodes + 1, np.int32)
    next_in = np.empty(max_nodes, np.int32)
    incoming = np.empty(max_edges, np.int32)
    slot = np.empty(NUM_INPUTS + max_nodes, np.int32)
    stack = np.empty(max_nodes, np.int32)
    for number in range(NUM_INPUTS):
        slot[number] = number
    steps, terms = 0, 0
    for index in range(batch):
        node0, n = node_offsets[index], node_offsets[index + 1] - node_offsets[index]
        edge0, m = edge_offsets[index], edge_offsets[index + 1] - edge_offsets[index]
        # Connections by target, in the genome's order: a counting sort.
        for node in range(n + 1):
            first_in[node] = 0
        for edge in range(edge0, edge0 + m):
            first_in[targets[edge] - NUM_INPUTS + 1] += 1
        for node in range(n):
            first_in[node + 1] += first_in[node]
            next_in[node] = first_in[node]
        for edge in range(edge0, edge0 + m):
            node = targets[edge] - NUM_INPUTS
            incoming[next_in[node]] = edge
            next_in[node] += 1
        # Depth first from the outputs, against the connections: a node becomes a step after
        # all its inputs. The order depends on the connections, not on the node numbers.
        for node in range(n):
            slot[NUM_INPUTS + node] = -1
            next_in[node] = first_in[node]
        step0 = steps
        for output in range(num_outputs):
            stack[0] = output  # never a step yet: no node has an output as its input
            depth = 1
            while depth > 0:
                node = stack[depth - 1]
                deeper = False
                while next_in[node] < first_in[node + 1]:
                    feeder = sources[incoming[next_in[node]]]
                    next_in[node] += 1
                    if slot[feeder] < 0:
                        stack[depth] = feeder - NUM_INPUTS
                        depth += 1
                        deeper = True
                        break
                if deeper:
                    continue
                depth -= 1
                slot[NUM_INPUTS + node] = NUM_INPUTS + steps - step0
                step_kinds[steps] = kinds[node0 + node]
                for place in range(first_in[node], first_in[node + 1]):
                    edge = incoming[place]
                    source = slot[sources[edge]]
                    if place > first_in[node] and sources[edge] == sources[incoming[place - 1]]:
                        term_weights[terms - 1] += weights[edge]
                    else:
                        term_sources[terms] = source
                        term_weights[terms] = weights[edge]
                        terms += 1
                steps += 1
                term_offsets[steps] = terms
            outputs[index, output] = slot[NUM_INPUTS + output]
        step_offsets[index + 1] = steps
    return (
        step_offsets,
        step_kinds[:steps].copy(),
        term_offsets[: steps + 1].copy(),
        term_sources[:terms].copy(),
        term_weights[:terms].copy(),
        outputs,
    )


@compiled()
def _equal(programs, others, places):
    steps_a, kinds_a, terms_a, sources_a, weights_a, outputs_a = programs
    steps_b, kinds_b, terms_b, sources_b, weights_b, outputs_b = others
    result = np.zeros(len(outputs_a), np.bool_)
    for a in range(len(outputs_a)):
        b = places[a]
        step_a, step_b = steps_a[a], steps_b[b]
        steps = steps_a[a + 1] - step_a
        term_a, term_b = terms_a[step_a], terms_b[step_b]
        terms = terms_a[step_a + steps] - term_a
        if steps != steps_b[b + 1] - step_b or terms != terms_b[step_b + steps] - term_b:
            continue
        same = True
        for output in range(outputs_a.shape[1]):
            same &= outputs_a[a, output] == outputs_b[b, output]
        for step in range(steps):
            same &= kinds_a[step_a + step] == kinds_b[step_b + step]
            same &= terms_a[step_a + step] - term_a == terms_b[step_b + step] - term_b
        for term in range(terms):
            same &= sources_a[term_a + term] == sources_b[term_b + term]
            same &= weights_a[term_a + term] == weights_b[term_b + term]
        result[a] = same
    return result


@compiled()
def _take(programs, places):
    steps, kinds, terms, sources, weights, outputs = programs
    batch = len(places)
    num_steps, num_terms = 0, 0
    for index in places:
        num_steps += steps[index + 1] - steps[index]
        num_terms += terms[steps[index + 1]] - terms[steps[index]]
    new_steps = np.zeros(batch + 1, np.int64)
    new_kinds = np.empty(num_steps, np.uint8)
    new_terms = np.zeros(num_steps + 1, np.int64)
    new_sources = np.empty(num_terms, np.int32)
    new_weights = np.empty(num_terms, np.float32)
    new_outputs = np.empty((batch, outputs.shape[1]), np.int32)
    step_at, term_at = 0, 0
    for place in range(batch):
        index = places[place]
        for step in range(steps[index], steps[index + 1]):
            new_kinds[step_at] = kinds[step]
            for term in range(terms[step], terms[step + 1]):
                new_sources[term_at] = sources[term]
                new_weights[term_at] = weights[term]
                term_at += 1
            step_at += 1
            new_terms[step_at] = term_at
        new_outputs[place] = outputs[index]
        new_steps[place + 1] = step_at
    return new_steps, new_kinds, new_terms, new_sources, new_weights, new_outputs
