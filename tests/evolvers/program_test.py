import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from neat.graphs import required_for_output

from evolvers import program
from evolvers.canvas import Canvas
from evolvers.cppn import Cppn, CppnBatch
from evolvers.cppn_genome import NUM_INPUTS
from evolvers.program import Program
from evolvers.render.cpu import CpuRenderer
from tests.evolvers import samples
from tests.exploring import examples


def pack(*genomes: Cppn) -> Program:
    return program.pack(CppnBatch.stack(list(genomes)))


def assert_same(programs: Program, others: Program) -> None:
    for array, other in zip(programs.arrays, others.arrays, strict=True):
        assert array.dtype == other.dtype
        np.testing.assert_array_equal(array, other)


def same(genome: Cppn, other: Cppn) -> bool:
    return bool(program.equal(pack(genome), pack(other), np.zeros(1, np.int32))[0])


def renumbered(genome: Cppn, order: list[int]) -> Cppn:
    """The same network, with hidden node `order[i]` as the i-th."""
    first = NUM_INPUTS + genome.num_outputs
    number = np.arange(NUM_INPUTS + genome.num_nodes)
    for place, hidden in enumerate(order):
        number[first + hidden] = first + place
    kinds = genome.activations.copy()
    kinds[genome.num_outputs :] = genome.activations[genome.num_outputs :][order]
    return Cppn(
        genome.num_outputs,
        kinds,
        number[genome.sources].astype(np.int32),
        number[genome.targets].astype(np.int32),
        genome.weights,
    )


@pytest.fixture(scope="module", params=[1, 3])
def batch(request) -> CppnBatch:
    """Networks of all sizes."""
    drifts = [samples.drift(request.param, steps) for steps in (0, 3, 15, 60)]
    return CppnBatch.stack([genomes[place] for genomes in drifts for place in range(40)])


def test_every_step_comes_after_what_it_reads(batch):
    packed = program.pack(batch)
    for first, last in itertools.pairwise(packed.step_offsets):
        for step in range(first, last):
            terms = slice(packed.term_offsets[step], packed.term_offsets[step + 1])
            assert (packed.sources[terms] >= 0).all()
            assert (packed.sources[terms] < NUM_INPUTS + step - first).all()


def test_holds_the_nodes_that_reach_an_output_and_no_others(batch):
    packed = program.pack(batch)
    dropped = 0
    for index in range(len(batch)):
        genes = batch[index].to_neat()
        outputs = list(range(batch.num_outputs))
        alive = required_for_output([-1, -2, -3, -4], outputs, list(genes.connections))
        steps = slice(packed.step_offsets[index], packed.step_offsets[index + 1])
        names = ["sine", "sigmoid", "gaussian", "linear"]
        kinds = [names.index(genes.nodes[key].activation) for key in alive]
        assert sorted(packed.activations[steps]) == sorted(kinds)
        terms = packed.term_offsets[steps.stop] - packed.term_offsets[steps.start]
        assert terms == sum(target in alive for _, target in genes.connections)
        dropped += len(genes.nodes) - len(alive)
    assert dropped > 100


def test_a_node_that_leads_nowhere_changes_nothing():
    small = samples.network("linear sine", [(0, 5, 1.0), (5, 4, 2.0)])
    large = samples.network(
        "linear sine gaussian sigmoid", [(0, 5, 1.0), (5, 6, 9.0), (6, 7, 9.0), (5, 4, 2.0)]
    )
    assert_same(pack(small), pack(large))


@given(st.data())
@settings(max_examples=examples(30))
def test_the_numbering_of_hidden_nodes_does_not_matter(data):
    channels = data.draw(st.sampled_from([1, 3]))
    genomes = samples.drift(channels, steps=30, seed=data.draw(st.integers(0, 50)))
    genome = genomes[data.draw(st.integers(0, len(genomes) - 1))]
    order = data.draw(st.permutations(range(genome.num_nodes - channels)))
    assert_same(pack(genome), pack(renumbered(genome, order)))


def test_parallel_connections_are_one_term():
    parallel = samples.network("linear", [(0, 4, 1.0), (0, 4, 2.5), (1, 4, 4.0)])
    assert_same(pack(parallel), pack(samples.network("linear", [(0, 4, 3.5), (1, 4, 4.0)])))


def test_outputs_are_told_apart():
    edges = [(0, 4, 1.0), (1, 5, 1.0), (2, 6, 1.0)]
    swapped = [(0, 5, 1.0), (1, 4, 1.0), (2, 6, 1.0)]
    assert not same(
        samples.network("sine sine sine", edges, 3), samples.network("sine sine sine", swapped, 3)
    )


def test_a_node_cut_off_from_all_inputs_is_its_activation_of_zero():
    # A gaussian without inputs gives 1, so a linear output gets 1.5 and gives 0.5.
    genomes = [
        samples.network("linear gaussian", [(5, 4, 1.5)]),
        # Two in a row: the second gets exp(0) * 0.
        samples.network("linear gaussian gaussian", [(5, 6, 0.0), (6, 4, 1.5)]),
        samples.network("gaussian", []),
        samples.network("sine", []),
        samples.network("sigmoid", []),
        samples.network("linear", []),
    ]
    renderer = CpuRenderer(threads=1)
    images = renderer.render(pack(*genomes), Canvas(5, 4, 1))
    renderer.close()
    assert [np.unique(image).tolist() for image in images] == [[127], [127], [255], [0], [0], [0]]


class TestEqual:
    @pytest.mark.parametrize(
        "other",
        [
            samples.network("linear sine", [(0, 5, 1.0), (5, 4, 2.5)]),
            samples.network("linear sine", [(1, 5, 1.0), (5, 4, 2.0)]),
            samples.network("linear gaussian", [(0, 5, 1.0), (5, 4, 2.0)]),
            samples.network("sine sine", [(0, 5, 1.0), (5, 4, 2.0)]),
            samples.network("linear sine", [(0, 5, 1.0), (5, 4, 2.0), (3, 4, 0.0)]),
            samples.network("linear sine", [(0, 5, 1.0), (3, 5, 1.0), (5, 4, 2.0)]),
            samples.network("linear sine", [(0, 4, 1.0)]),
            samples.network("linear", []),
        ],
    )
    def test_any_difference_counts(self, other):
        genome = samples.network("linear sine", [(0, 5, 1.0), (5, 4, 2.0)])
        assert same(genome, genome)
        assert not same(genome, other)
        assert not same(other, genome)

    def test_compares_with_the_place_named(self, batch):
        packed = program.pack(batch)
        places = np.random.default_rng(0).permutation(len(batch)).astype(np.int32)
        texts = [str(batch[index].to_json()) for index in range(len(batch))]
        result = program.equal(packed, packed, places)
        assert result[places == np.arange(len(batch))].all()
        assert all(result[[texts[i] == texts[places[i]] for i in range(len(batch))]])
        shuffled = program.pack(CppnBatch.stack([batch[int(place)] for place in places]))
        assert program.equal(shuffled, packed, places).all()


def test_takes_programs_in_any_order(batch):
    packed = program.pack(batch)
    for places in ([3], [5, 2, 2, 100], [], range(len(batch))):
        taken = packed.take(np.array(places, np.int64))
        assert len(taken) == len(places)
        if len(places):
            assert_same(taken, pack(*[batch[place] for place in places]))


def test_concatenates_to_what_packing_together_gives(batch):
    parts = [[batch[place] for place in range(*ends)] for ends in ((0, 40), (40, 41), (41, 160))]
    joined = program.concatenate([pack(*part) for part in parts])
    assert_same(joined, program.pack(batch))
    assert_same(program.concatenate([joined]), joined)


def test_an_empty_batch_can_be_concatenated(batch):
    packed = program.pack(batch)
    nothing = packed.take(np.zeros(0, np.int64))
    assert len(nothing) == 0
    assert_same(program.concatenate([nothing, packed, nothing]), packed)
