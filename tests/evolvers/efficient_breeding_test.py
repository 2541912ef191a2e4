import copy

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evolvers import breeding, efficient_breeding, efficient_genome, neat_breeding
from evolvers import program as programs
from evolvers.canvas import Canvas
from evolvers.config import Config
from evolvers.cppn import Cppn, CppnBatch
from evolvers.cppn_genome import load_config
from evolvers.emitters import EfficientEmitter
from evolvers.map_elites import Evolution
from evolvers.render.cpu import CpuRenderer
from evolvers.searches import Mixture
from tests.evolvers import samples
from tests.evolvers.chance import assert_distribution
from tests.evolvers.scorers import LinearScorer
from tests.exploring import examples, most

NORMALIZED = (-1.0, 1.0, -1.0, 1.0)
RAW = (0.0, 255.0, 0.0, 191.0)
ALL_EQUAL = np.full(6, 0.5, np.float32)
NEW = np.zeros(6)


@pytest.fixture
def renderer():
    renderer = CpuRenderer(threads=1)
    yield renderer
    renderer.close()


def contents(batch: CppnBatch) -> tuple[bytes, ...]:
    return tuple(array.tobytes() for array in batch.arrays)


def position(rng: np.random.Generator) -> dict:
    return rng.bit_generator.state["state"]


def changed(change, genome: Cppn, seed: int, *arguments) -> Cppn:
    """What one operator makes of a genome, by neat-python's genes."""
    genes = genome.to_neat()
    change(genes, load_config(genome.num_outputs), *arguments, np.random.default_rng(seed))
    found = Cppn.from_neat(genes, genome.num_outputs)
    found.check_network()
    return found


def draw(renderer: CpuRenderer, genome: Cppn, canvas: Canvas) -> np.ndarray:
    return renderer.render(programs.pack(CppnBatch.stack([genome])), canvas)[0]


class TestCompiled:
    @pytest.mark.parametrize(
        ("channels", "extent"), most([(1, NORMALIZED), (3, RAW)], rare={(3, RAW)})
    )
    @settings(max_examples=examples(5))
    @given(seed=st.integers(0, 2**64 - 1), generations=st.integers(1, 40))
    @example(seed=1, generations=60)
    def test_equals_the_readable_one_draw_for_draw(self, channels, extent, seed, generations):
        config, mixture = load_config(channels), Mixture()
        rng, other = np.random.default_rng(seed), np.random.default_rng(seed)
        elites = breeding.initial(rng, 6, config)
        breeding.initial(other, 6, config)
        for _ in range(generations):
            confidences, waits = rng.random(6, np.float32), 20 * rng.random(6)
            other.random(6, np.float32)
            other.random(6)
            arguments = (confidences, waits, 12, config, mixture, extent)
            children, places = efficient_breeding.offspring(rng, elites, *arguments)
            expected, expected_places = neat_breeding.efficient_offspring(other, elites, *arguments)
            assert contents(children) == contents(expected)
            np.testing.assert_array_equal(places, expected_places)
            assert position(rng) == position(other)
            sizes = np.diff(children.edge_offsets) + np.diff(children.node_offsets)
            elites = CppnBatch.stack([children[place] for place in np.argsort(-sizes)[:6]])

    def test_equals_it_from_networks_without_connections(self):
        bare = CppnBatch.stack([samples.network("sine gaussian linear", [], 3)])
        rng, other = np.random.default_rng(0), np.random.default_rng(0)
        arguments = (ALL_EQUAL[:1], NEW[:1], 300, load_config(3), Mixture(), NORMALIZED)
        children, _ = efficient_breeding.offspring(rng, bare, *arguments)
        expected, _ = neat_breeding.efficient_offspring(other, bare, *arguments)
        assert contents(children) == contents(expected)
        assert position(rng) == position(other)

    def test_parents_are_unchanged(self):
        parents = samples.drift(3, steps=20, count=6)
        before = contents(parents)
        efficient_breeding.offspring(
            np.random.default_rng(0), parents, ALL_EQUAL, NEW, 500, load_config(3), Mixture(), RAW
        )
        assert contents(parents) == before


class TestMixture:
    def spots(self, mixture: Mixture) -> int:
        """How many of 3000 children of an elite of confidence 0.5 get a spot."""
        parent = samples.network(
            "linear gaussian sine", [(0, 4, 1.5), (1, 5, 2), (5, 4, -1), (2, 6, 1), (6, 4, 3)]
        )
        children, _ = efficient_breeding.offspring(
            np.random.default_rng(1),
            CppnBatch.stack([parent]),
            ALL_EQUAL[:1],
            NEW[:1],
            3000,
            load_config(1),
            mixture,
            NORMALIZED,
        )
        # The paper's mutation adds one node at most.
        return np.count_nonzero(np.diff(children.node_offsets) == parent.num_nodes + 3)

    def test_shares(self):
        found = self.spots(Mixture(spots=0.3, by_confidence=False))
        assert_distribution([found, 3000 - found], [3, 7])
        assert self.spots(Mixture(spots=1, by_confidence=False)) == 3000

    def test_an_elite_in_doubt_has_fewer_children_with_a_spot(self):
        confidences = np.array([0, 0.5, 1], np.float32)
        shares = efficient_genome.spot_shares
        assert shares(confidences, Mixture(spots=0.8)) == pytest.approx([0, 0.4, 0.8])
        fixed = Mixture(spots=0.8, by_confidence=False)
        assert shares(confidences, fixed) == pytest.approx([0.8, 0.8, 0.8])
        found = self.spots(Mixture(spots=1))
        assert_distribution([found, 3000 - found], [1, 1])

    @pytest.mark.parametrize("few", [False, True])
    def test_the_others_mutate_as_in_the_paper(self, few):
        # A genome of fewer than 31 connections does so in either way.
        parents = samples.drift(1, steps=10, count=1)
        assert len(parents.weights) < 31
        children, _ = efficient_breeding.offspring(
            np.random.default_rng(3),
            parents,
            ALL_EQUAL[:1],
            NEW[:1],
            1,
            load_config(1),
            Mixture(spots=0, few_weights=few),
            NORMALIZED,
        )
        rng = np.random.default_rng(3)
        rng.random(2)  # the parent and the way
        genes = parents[0].to_neat()
        genes.mutate(load_config(1), rng)
        assert children[0] == Cppn.from_neat(genes, 1)

    @pytest.mark.parametrize(("few", "expected"), [(True, 3.0), (False, 30.0)])
    def test_of_a_large_genome_few_weights_change(self, few, expected):
        edges = [(0, 4, 1 + place / 300) for place in range(300)]
        parent = CppnBatch.stack([samples.network("linear", edges)])
        config = copy.copy(load_config(1))
        for operator in ("conn_add", "conn_delete", "node_add", "node_delete"):
            setattr(config, f"{operator}_prob", 0.0)
        children, _ = efficient_breeding.offspring(
            np.random.default_rng(0),
            parent,
            ALL_EQUAL[:1],
            NEW[:1],
            1000,
            config,
            Mixture(spots=0, few_weights=few),
            NORMALIZED,
        )
        changed = children.weights.reshape(1000, 300) != parent.weights
        # Six standard deviations of the mean of 1000 children.
        assert abs(changed.sum(axis=1).mean() - expected) < 6 * np.sqrt(expected / 1000)

    @pytest.mark.parametrize("mixture", [Mixture(), Mixture(few_weights=False)])
    @pytest.mark.parametrize("count", [0, 1, 30, 31, 300])
    def test_the_share_of_the_rates(self, count, mixture):
        found = efficient_genome.weight_share(count, 0.1, mixture)
        assert 0 < found <= 1
        if mixture.few_weights and count > 30:
            assert found * 0.1 * count == pytest.approx(3)
        else:
            assert found == 1


class TestSpot:
    canvas = Canvas(40, 40, 1, "normalized")

    def test_changes_one_place_alone(self, renderer):
        parents, seen = samples.drift(1, steps=15, count=8), 0
        for seed in range(8):
            before = draw(renderer, parents[seed], self.canvas).astype(int)
            child = changed(efficient_genome.add_spot, parents[seed], seed, NORMALIZED)
            moved = np.abs(draw(renderer, child, self.canvas).astype(int) - before)[..., 0]
            # The largest radius is 10 pixels. Where one Gaussian is below 0.15, at 1.4 radii, the
            # spot is below exp(-6.5), and the strongest one is 8 / 3 of white.
            rows, columns = np.nonzero(moved > 1)
            seen += len(rows) > 0
            for places in (rows, columns):
                assert not len(places) or np.ptp(places) <= 28
        assert seen >= 6  # of eight: a spot may lie where the image is as light as can be

    def test_of_amplitude_zero_leaves_every_pixel_as_it_is(self, renderer, monkeypatch):
        # Also where it must move an output's function to a hidden node.
        def octave(rng, lowest, count):
            del rng, lowest
            return 0.25 if count == efficient_genome.RADII else 0.0

        monkeypatch.setattr(efficient_genome, "_octave", octave)
        for channels in (1, 3):
            canvas = Canvas(17, 23, channels, "normalized")
            parents = samples.drift(channels, steps=10)
            for place in range(len(parents)):
                child = changed(efficient_genome.add_spot, parents[place], place, NORMALIZED)
                np.testing.assert_allclose(
                    draw(renderer, child, canvas).astype(int),
                    draw(renderer, parents[place], canvas).astype(int),
                    atol=1,
                )

    def test_lies_anywhere_in_the_image(self, renderer):
        black = samples.network("linear", [])
        total = np.zeros((40, 40))
        for seed in range(1200):
            child = changed(efficient_genome.add_spot, black, seed, NORMALIZED)
            total += draw(renderer, child, self.canvas)[..., 0] > 10
        quarters = total[:20, :20], total[:20, 20:], total[20:, :20], total[20:, 20:]
        assert min(q.sum() for q in quarters) > 0.7 * max(q.sum() for q in quarters)
        assert 0.01 < total.mean() / 1200 < 0.3  # each is a small part

    def test_weights_stay_in_their_range_with_raw_coordinates(self):
        for seed in range(100):
            child = changed(efficient_genome.add_spot, samples.network("sine", []), seed, RAW)
            assert np.abs(child.weights).max() <= 10


class TestChances:
    def test_fall_with_the_fourth_root_of_doubt(self):
        confidences = np.array([0, 15 / 16, 1 - 2**-12, 1 - 2**-24, 1], np.float32)
        found = efficient_genome.chances(confidences, np.zeros(5), Mixture())
        assert found.tolist() == [4096, 2048, 512, 64, 64]
        assert efficient_genome.chances(confidences, np.full(5, 1e12), Mixture()).min() == 16

    def test_fall_with_the_children_since_a_niche_changed_hands(self):
        waits = np.array([0, 4, 12, 1e9])
        for mixture in (Mixture(), Mixture(by_doubt=False)):
            found = efficient_genome.chances(np.full(4, 0.75, np.float32), waits, mixture)
            np.testing.assert_allclose(found / found[0], [1, 5 / 8, 7 / 16, 1 / 4], rtol=0.01)

    def test_are_the_same_without_doubt_and_age(self):
        confidences, waits = np.array([0, 0.9, 1], np.float32), np.array([0.0, 3, 90])
        found = efficient_genome.chances(confidences, waits, Mixture(by_doubt=False, by_age=False))
        assert len(set(found.tolist())) == 1
        assert found[0] > 0

    def test_decide_who_is_a_parent(self):
        parents = samples.drift(1, steps=5, count=4)
        confidences = np.array([0, 0.75, 1, 1 - 2**-13], np.float32)
        waits = np.array([0.0, 50, 5, 0])
        _, places = efficient_breeding.offspring(
            np.random.default_rng(0),
            parents,
            confidences,
            waits,
            6000,
            load_config(1),
            Mixture(),
            NORMALIZED,
        )
        assert_distribution(
            np.bincount(places, minlength=4),
            efficient_genome.chances(confidences, waits, Mixture()),
        )


class TestInTheLoop:
    config = Config(
        coords="normalized", search="efficient", runs=2, initial=20, batch=20, generations=8, seed=3
    )

    def images(self, emitter=None) -> list[bytes]:
        scorer = LinearScorer((9, 7, 1))
        evolution = Evolution(self.config, scorer, emitter=emitter and emitter(scorer))
        try:
            while evolution.generation < self.config.generations:
                evolution.advance()
            return [e.image.tobytes() for a in evolution.archives for e in a.filled()]
        finally:
            evolution.close()

    def test_readable_operators_make_the_same_images(self, renderer):
        def slow(scorer):
            return EfficientEmitter(
                Canvas(*scorer.image_shape, "normalized"),
                renderer,
                offspring=neat_breeding.efficient_offspring,
            )

        assert self.images() == self.images(slow)

    def test_is_refused_for_pixels(self):
        with pytest.raises(ValueError, match="search"):
            Config(encoding="direct", search="efficient")
        with pytest.raises(ValueError, match="search"):
            Config(search="fast")
