import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evolvers import breeding, cppn_genome, neat_breeding
from evolvers.cppn import CppnBatch
from evolvers.cppn_genome import load_config
from tests.evolvers import samples
from tests.evolvers.chance import assert_distribution
from tests.exploring import examples


def contents(batch: CppnBatch) -> tuple[bytes, ...]:
    return tuple(array.tobytes() for array in batch.arrays)


def state(rng: np.random.Generator) -> dict:
    return rng.bit_generator.state["state"]


@pytest.mark.parametrize("channels", [1, 3])
@settings(max_examples=examples(5))
@given(seed=st.integers(0, 2**64 - 1), generations=st.integers(1, 40))
@example(seed=1, generations=60)
def test_equals_neat_breeding_draw_for_draw(channels, seed, generations):
    config = load_config(channels)
    rng, other = np.random.default_rng(seed), np.random.default_rng(seed)
    elites = breeding.initial(rng, 6, config)
    assert contents(elites) == contents(neat_breeding.initial(other, 6, config))
    assert state(rng) == state(other)
    for _ in range(generations):
        children, places = breeding.offspring(rng, elites, 12, config)
        expected, expected_places = neat_breeding.offspring(other, elites, 12, config)
        assert contents(children) == contents(expected)
        np.testing.assert_array_equal(places, expected_places)
        assert state(rng) == state(other)
        # The six largest: what has many parallel connections and hidden nodes stays.
        sizes = np.diff(children.edge_offsets) + np.diff(children.node_offsets)
        elites = CppnBatch.stack([children[place] for place in np.argsort(-sizes)[:6]])


@pytest.mark.parametrize("channels", [1, 3])
def test_equals_neat_breeding_from_networks_without_connections(channels):
    config = load_config(channels)
    bare = samples.network("sine gaussian linear", [], channels)
    elites = CppnBatch.stack([bare])
    rng, other = np.random.default_rng(0), np.random.default_rng(0)
    children, _ = breeding.offspring(rng, elites, 300, config)
    expected, _ = neat_breeding.offspring(other, elites, 300, config)
    assert contents(children) == contents(expected)
    assert state(rng) == state(other)


def test_parents_are_unchanged():
    parents = samples.drift(3, steps=20)
    before = contents(parents)
    breeding.offspring(np.random.default_rng(0), parents, 500, load_config(3))
    assert contents(parents) == before


def test_parents_are_drawn_uniformly():
    parents = samples.drift(1, steps=5, count=7)
    _, places = breeding.offspring(np.random.default_rng(0), parents, 7000, load_config(1))
    assert places.dtype == np.int32
    assert_distribution(np.bincount(places, minlength=7), [1] * 7)


def test_the_first_children_do_not_depend_on_how_many_follow():
    parents = samples.drift(1, steps=20)
    few, _ = breeding.offspring(np.random.default_rng(0), parents, 3, load_config(1))
    many, _ = breeding.offspring(np.random.default_rng(0), parents, 300, load_config(1))
    assert [many[place] for place in range(3)] == [few[place] for place in range(3)]


@given(st.floats(0, 1, exclude_max=True))
def test_polynomial_delta_is_the_readable_one(r):
    assert breeding.polynomial_delta(r) == cppn_genome.polynomial_delta(r)
