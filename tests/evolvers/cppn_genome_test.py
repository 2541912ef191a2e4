import copy
import graphlib
import importlib.resources
import random

import neat
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolvers import activations, cppn_genome
from evolvers.cppn import Cppn
from evolvers.cppn_genome import CppnGenome, load_config, polynomial_delta
from tests.evolvers import samples
from tests.evolvers.chance import assert_distribution, assert_share, assert_uniform

TRIALS = 4000
RATES = (
    "weight_mutate_rate",
    "activation_mutate_rate",
    "conn_add_prob",
    "conn_delete_prob",
    "node_add_prob",
    "node_delete_prob",
)
# neat-python's keys: inputs -1..-4, output 0, hidden nodes 1 and 2. Input x feeds node 1,
# which feeds node 2 by two parallel connections, and that one the output.
CHAIN = samples.network(
    "linear sine gaussian", [(0, 5, 1.0), (5, 6, 2.0), (5, 6, -3.0), (6, 4, 4.0)]
).to_neat()


def only(channels: int = 1, **rates: float | None):
    """The settings with all six rates 0 but those named; None is the paper's own."""
    paper = load_config(channels)
    config = copy.copy(paper)
    for name in RATES:
        setattr(config, name, 0.0)
    for name, rate in rates.items():
        setattr(config, name, getattr(paper, name) if rate is None else rate)
    return config


def mutants(genome: CppnGenome, config, count: int = TRIALS, seed: int = 0):
    """Yields mutated copies."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        child = genome.copy()
        child.mutate(config, rng)
        yield child


def described(genome: CppnGenome) -> tuple[list, list]:
    """Nodes and connections in order, as plain values."""
    return [(key, gene.activation) for key, gene in genome.nodes.items()], list(genome.strands())


def weights(genome: CppnGenome) -> list[float]:
    return [weight for _, weight in genome.strands()]


def born(channels: int, seed: int) -> CppnGenome:
    genome = CppnGenome(0)
    genome.configure_new(load_config(channels), np.random.default_rng(seed))
    return genome


class TestInitial:
    @pytest.mark.parametrize("channels", [1, 3])
    def test_every_input_feeds_every_output(self, channels):
        genome = born(channels, seed=0)
        assert list(genome.nodes) == list(range(channels))
        assert sorted(genome.connections) == [
            (source, target) for source in (-4, -3, -2, -1) for target in range(channels)
        ]
        assert genome.num_strands == 4 * channels

    def test_weights_and_activations_are_uniform(self):
        genomes = [born(3, seed) for seed in range(500)]
        assert_uniform([w for genome in genomes for w in weights(genome)], -10, 10)
        kinds = [gene.activation for genome in genomes for gene in genome.nodes.values()]
        assert_distribution([kinds.count(name) for name in activations.NAMES], [1, 1, 1, 1])


class TestWeights:
    def test_a_tenth_of_the_connections_move_each_on_its_own(self):
        moved = [
            [new != old for new, old in zip(weights(child), weights(CHAIN), strict=True)]
            for child in mutants(CHAIN, only(weight_mutate_rate=None))
        ]
        for hits in np.sum(moved, axis=0):
            assert_share(hits, TRIALS, 0.1)
        assert_share(np.sum(np.sum(moved, axis=1) == 2), TRIALS, 6 * 0.1**2 * 0.9**2)

    def test_moves_are_polynomial_in_units_of_the_range(self):
        genome = samples.network("linear", [(0, 4, 0.0), (1, 4, 0.0), (2, 4, 0.0)]).to_neat()
        moves = [
            w / 20
            for child in mutants(genome, only(weight_mutate_rate=1.0))
            for w in weights(child)
        ]
        deviation = 0.0808 / len(moves) ** 0.5
        assert np.mean(np.abs(moves)) == pytest.approx(1 / 17, abs=4 * deviation)
        assert np.mean(moves) == pytest.approx(0, abs=4 * deviation)
        assert np.std(moves) == pytest.approx(0.0808, rel=0.03)

    def test_stay_in_range(self):
        genome = samples.network("linear", [(0, 4, 10.0), (1, 4, -10.0)]).to_neat()
        children = [weights(c) for c in mutants(genome, only(weight_mutate_rate=1.0), 500)]
        high, low = np.transpose(children)
        # Half of all moves point outwards and end at the bound.
        assert_share(np.sum(high == 10), 500, 0.5)
        assert_share(np.sum(low == -10), 500, 0.5)
        assert np.abs(children).max() == 10


class TestActivations:
    def test_a_tenth_of_the_nodes_are_redrawn_uniformly(self):
        children = list(mutants(CHAIN, only(activation_mutate_rate=None)))
        for key, gene in CHAIN.nodes.items():
            kinds = [child.nodes[key].activation for child in children]
            counts = [kinds.count(name) for name in activations.NAMES]
            stay = activations.NAMES.index(gene.activation)
            assert_distribution(counts, [0.925 if i == stay else 0.025 for i in range(4)])
        assert all(weights(child) == weights(CHAIN) for child in children)


class TestAddConnection:
    def test_ends_are_uniform_among_those_that_make_no_cycle(self):
        # Six sources: four inputs, which may feed any of three nodes, node 1, which may
        # feed node 2 and the output, and node 2, which may feed the output only.
        expected = {(-source, target): 1 / 18 for source in (1, 2, 3, 4) for target in (0, 1, 2)}
        expected |= {(1, 0): 1 / 12, (1, 2): 1 / 12, (2, 0): 1 / 6}
        counts, new = dict.fromkeys(expected, 0), []
        for child in mutants(CHAIN, only(conn_add_prob=None)):
            added = list(child.strands())
            for strand in CHAIN.strands():
                added.remove(strand)
            for key, weight in added:
                counts[key] += 1
                new.append(weight)
        assert_share(len(new), TRIALS, 0.5)
        assert_distribution(list(counts.values()), list(expected.values()))
        assert_uniform(new, -10, 10)

    def test_stands_behind_its_likes_or_at_the_end(self):
        for child in mutants(CHAIN, only(conn_add_prob=1.0), 200):
            keys = [key for key, _ in child.strands()]
            runs = [key for place, key in enumerate(keys) if place == 0 or keys[place - 1] != key]
            assert runs == list(child.connections)
            for key, gene in CHAIN.connections.items():
                assert child.connections[key].strands[: len(gene.strands)] == gene.strands


class TestDeleteConnection:
    def test_parallel_connections_go_singly(self):
        places = [0] * CHAIN.num_strands
        old = list(CHAIN.strands())
        for child in mutants(CHAIN, only(conn_delete_prob=None)):
            left = list(child.strands())
            if len(left) < len(old):
                place = next((i for i, s in enumerate(left) if s != old[i]), len(left))
                assert left == old[:place] + old[place + 1 :]
                places[place] += 1
            assert list(child.nodes) == list(CHAIN.nodes)
        assert_share(sum(places), TRIALS, 0.3)
        assert_distribution(places, [1] * len(old))


class TestAddNode:
    def test_a_split_connection_goes_and_both_halves_have_its_weight(self):
        old = list(CHAIN.strands())
        split, kinds = dict.fromkeys(old, 0), []
        for child in mutants(CHAIN, only(node_add_prob=None)):
            if len(child.nodes) == len(CHAIN.nodes):
                assert described(child) == described(CHAIN)
                continue
            *kept, (into, weight), (out_of, same) = child.strands()
            node = into[1]
            assert list(child.nodes) == [*CHAIN.nodes, node]
            assert out_of[0] == node
            assert weight == same
            gone = (into[0], out_of[1]), weight
            place = old.index(gone)
            assert kept == old[:place] + old[place + 1 :]
            split[gone] += 1
            kinds.append(child.nodes[node].activation)
        assert_share(len(kinds), TRIALS, 0.5)
        assert_distribution(list(split.values()), [1] * len(old))
        assert_distribution([kinds.count(name) for name in activations.NAMES], [1, 1, 1, 1])


class TestDeleteNode:
    def test_hidden_nodes_go_with_their_connections(self):
        gone = {1: 0, 2: 0}
        for child in mutants(CHAIN, only(node_delete_prob=None)):
            for key in CHAIN.nodes.keys() - child.nodes.keys():
                gone[key] += 1
                kept = [strand for strand in CHAIN.strands() if key not in strand[0]]
                assert list(child.strands()) == kept
        assert_share(sum(gone.values()), TRIALS, 0.2)
        assert_distribution(list(gone.values()), [1, 1])

    def test_outputs_stay(self):
        for child in mutants(born(3, seed=0), only(3, node_delete_prob=1.0), 20):
            assert list(child.nodes) == [0, 1, 2]


class TestOrder:
    def test_a_new_connection_can_be_deleted_at_once(self):
        bare = samples.network("linear", []).to_neat()
        config = only(conn_add_prob=1.0, conn_delete_prob=1.0)
        assert all(described(c) == described(bare) for c in mutants(bare, config, 50))

    def test_a_deleted_connection_is_not_split(self):
        single = samples.network("linear", [(0, 4, 1.0)]).to_neat()
        for child in mutants(single, only(conn_delete_prob=1.0, node_add_prob=1.0), 50):
            assert described(child) == ([(0, "linear")], [])

    def test_a_new_node_can_be_deleted_at_once(self):
        single = samples.network("linear", [(0, 4, 1.0)]).to_neat()
        for child in mutants(single, only(node_add_prob=1.0, node_delete_prob=1.0), 50):
            assert described(child) == ([(0, "linear")], [])

    def test_a_new_connection_keeps_its_weight_and_a_new_node_its_activation(self):
        # With all weights moved and all activations redrawn first, a split still gives
        # two equal halves: weights come before structure.
        config = only(weight_mutate_rate=1.0, activation_mutate_rate=1.0, node_add_prob=1.0)
        for child in mutants(CHAIN, config, 50):
            (_, weight), (_, same) = list(child.strands())[-2:]
            assert weight == same

    def test_nothing_to_delete_or_split_changes_nothing(self):
        bare = samples.network("linear", []).to_neat()
        config = only(
            weight_mutate_rate=1.0, conn_delete_prob=1.0, node_add_prob=1.0, node_delete_prob=1.0
        )
        assert all(described(c) == described(bare) for c in mutants(bare, config, 20))


class TestPolynomialDelta:
    @pytest.mark.parametrize(
        ("r", "delta"),
        [
            (0.0, -1.0),
            (0.01, -0.216905),
            (0.25, -0.042397),
            (0.5, 0.0),
            (0.75, 0.042397),
            (0.99, 0.216905),
        ],
    )
    def test_check_values(self, r, delta):
        assert polynomial_delta(r) == pytest.approx(delta, abs=5e-7)

    def test_moments(self):
        moves = [polynomial_delta((k + 0.5) / 20000) for k in range(20000)]
        assert np.mean(np.abs(moves)) == pytest.approx(1 / 17, rel=1e-3)
        assert np.std(moves) == pytest.approx(0.0808, abs=5e-5)
        assert np.mean(moves) == pytest.approx(0, abs=1e-12)

    @given(st.integers(0, 2**20 - 1))
    def test_is_in_range_and_symmetric(self, numerator):
        r = numerator / 2**20  # 1 - r is exact
        assert -1 <= polynomial_delta(r) <= 1
        assert polynomial_delta(1 - r) == -polynomial_delta(r)


def check(genome: CppnGenome, channels: int) -> None:
    """What holds for every genome: acyclic, all ends exist, weights are float32 in range."""
    nodes = set(genome.nodes)
    assert list(genome.nodes)[:channels] == list(range(channels))
    graph = graphlib.TopologicalSorter()
    for (source, target), gene in genome.connections.items():
        assert gene.key == (source, target)
        assert source in {-1, -2, -3, -4} | nodes - set(range(channels))
        assert target in nodes
        assert len(gene.strands) >= 1
        assert gene.weight == sum(gene.strands)
        assert all(-10 <= w <= 10 and w == np.float32(w) for w in gene.strands)
        graph.add(target, source)
    graph.prepare()  # raises CycleError


@given(st.integers(0, 2**32), st.integers(1, 60), st.sampled_from([1, 3]))
def test_chains_of_mutations_stay_valid_and_leave_parents_alone(seed, steps, channels):
    rng, config = np.random.default_rng(seed), load_config(channels)
    parent = CppnGenome(0)
    parent.configure_new(config, rng)
    for _ in range(steps):
        before = described(parent)
        child = parent.copy()
        child.mutate(config, rng)
        assert described(parent) == before
        check(child, channels)
        parent = child


class TestNeatPython:
    """Genomes are neat-python's: its own code reads, draws and even breeds them."""

    @pytest.fixture(params=["cppn_gray.cfg", "cppn_color.cfg"])
    def config(self, request):
        config = neat.Config(
            CppnGenome,
            neat.DefaultReproduction,
            neat.DefaultSpeciesSet,
            neat.DefaultStagnation,
            str(importlib.resources.files("evolvers") / request.param),
        )
        config.genome_config.rng = np.random.default_rng(0)
        return config

    def test_settings_are_the_papers(self, config):
        settings = config.genome_config
        assert [getattr(settings, name) for name in RATES] == [0.1, 0.1, 0.5, 0.3, 0.5, 0.2]
        assert (settings.weight_min_value, settings.weight_max_value) == (-10, 10)
        assert settings.input_keys == [-1, -2, -3, -4]
        assert settings.output_keys == list(range(settings.num_outputs))

    @pytest.mark.parametrize(("channels", "outputs"), [(1, 1), (3, 3)])
    def test_load_config_by_channels(self, channels, outputs):
        assert load_config(channels).num_outputs == outputs

    def test_load_config_refuses_other_channels(self):
        with pytest.raises(ValueError, match=r"1 \(grey\) or 3 \(colour\), got 4"):
            load_config(4)

    def test_a_stream_is_needed(self, config):
        config.genome_config.rng = None
        with pytest.raises(ValueError, match="pass rng or set config"):
            CppnGenome(0).configure_new(config.genome_config)

    def test_activates(self, config):
        genome = samples.network(
            "linear sine gaussian", [(0, 5, 0.5), (5, 6, 2.0), (5, 6, -3.0), (6, 4, 4.0), (3, 4, 1)]
        ).to_neat()
        config.genome_config = load_config(1)
        net = neat.nn.FeedForwardNetwork.create(genome, config)
        hidden = np.exp(-(np.sin(0.5 * 7.0) ** 2))
        assert net.activate([7.0, 8.0, 0.3, 1.0]) == pytest.approx([min(4 * hidden + 1, 3) / 3])

    def test_copy_distance_size_and_text(self, config):
        genome = config.genome_type(7)
        genome.configure_new(config.genome_config)
        twin = genome.copy()
        assert (twin.key, described(twin)) == (7, described(genome))
        assert genome.distance(twin, config.genome_config) == 0
        for _ in range(10):
            twin.mutate(config.genome_config)
        distance = genome.distance(twin, config.genome_config)
        assert distance > 0
        assert twin.distance(genome, config.genome_config) == pytest.approx(distance)
        assert twin.size() == (len(twin.nodes), len(twin.connections))
        assert all(str(gene) in str(twin) for gene in twin.connections.values())
        assert "strands" not in str(twin)
        assert f"weight={weights(genome)[0]}" in str(genome)

    def test_copies_of_connection_genes_keep_parallel_connections(self):
        gene = CHAIN.connections[1, 2]
        assert gene.copy().strands == (2.0, -3.0)
        assert gene.copy().weight == -1.0
        assert gene.distance(CHAIN.connections[2, 0], load_config(1)) == pytest.approx(0.5 * 5)

    def test_weights_written_by_other_code_leave_one_connection(self):
        gene = CHAIN.connections[1, 2].copy()
        gene.weight = 7
        assert gene.strands == (7.0,)

    def test_innovation_numbers_tell_ends_apart(self):
        ends = [(a, b) for a in range(-4, 40) for b in range(40)]
        assert len({cppn_genome.CppnConnectionGene(key).innovation for key in ends}) == len(ends)

    def test_a_neat_population_evolves_them(self, config):
        config.pop_size = 20
        population = neat.Population(config)

        def evaluate(genomes, config):
            for _, genome in genomes:
                net = neat.nn.FeedForwardNetwork.create(genome, config)
                genome.fitness = net.activate([3.0, 4.0, 0.5, 1.0])[0]

        best = population.run(evaluate, 6)
        check(best, config.genome_config.num_outputs)
        flat = Cppn.from_neat(best, config.genome_config.num_outputs)
        assert flat.num_nodes == len(best.nodes)


def test_draws_only_from_the_stream_it_is_given():
    states = random.getstate(), np.random.get_state()
    parent = born(3, seed=0)
    for child in mutants(parent, load_config(3), 200):
        child.mutate(load_config(3), np.random.default_rng(1))
    assert random.getstate() == states[0]
    np.testing.assert_equal(np.random.get_state(), states[1])
