import base64
import json
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evolvers import direct
from evolvers.direct import DirectBatch, DirectGenome
from tests.evolvers.chance import assert_distribution, assert_share, assert_uniform


def grey(value: float, count: int = 1) -> DirectBatch:
    return DirectBatch(np.full((count, 1, 40, 50), value, np.float32))


def text(raw: bytes) -> dict:
    return {"genes": base64.b64encode(zlib.compress(raw)).decode("ascii")}


class TestInitial:
    def test_genes_are_uniform(self):
        batch = direct.initial(np.random.default_rng(0), 20, (3, 10, 12))
        assert batch.genes.shape == (20, 3, 10, 12)
        assert batch.genes.dtype == np.float32
        assert_uniform(batch.genes.ravel(), 0, 1)


class TestRate:
    @pytest.mark.parametrize(
        ("generation", "rate"),
        [
            (0, 0.1),
            (999, 0.1),
            (1000, 0.05),
            (1999, 0.05),
            (2000, 0.025),
            (5010, 0.1 / 32),
            (20000, 0.1 / 2**20),
        ],
    )
    def test_halves_every_thousand_generations(self, generation, rate):
        assert direct.mutation_rate(generation) == pytest.approx(rate, rel=1e-12)

    @pytest.mark.parametrize(("generation", "rate"), [(0, 0.1), (1500, 0.05), (3000, 0.0125)])
    def test_is_the_share_of_genes_that_change(self, generation, rate):
        parents = grey(0.5)
        children, _ = direct.offspring(np.random.default_rng(0), parents, 200, generation)
        changed = children.genes != 0.5
        assert_share(np.count_nonzero(changed), changed.size, rate)
        # Each on its own: how many of a child's genes change is binomial.
        counts = changed.sum(axis=(1, 2, 3))
        assert counts.var() == pytest.approx(2000 * rate * (1 - rate), rel=0.4)

    def test_every_gene_has_the_same_chance(self):
        children, _ = direct.offspring(np.random.default_rng(0), grey(0.5), 1000, 0)
        by_gene = (children.genes != 0.5).sum(axis=0).ravel()
        assert by_gene[0] > 0
        assert by_gene[-1] > 0
        assert_distribution(by_gene.reshape(40, 50).sum(axis=1), [1] * 40)

    def test_very_late_generations_change_almost_nothing(self):
        children, _ = direct.offspring(np.random.default_rng(0), grey(0.5), 50, 30_000)
        assert np.count_nonzero(children.genes != 0.5) == 0


class TestMutation:
    def test_moves_are_polynomial(self):
        children, _ = direct.offspring(np.random.default_rng(0), grey(0.5), 200, 0)
        moves = children.genes[children.genes != 0.5].astype(float) - 0.5
        assert np.mean(np.abs(moves)) == pytest.approx(1 / 17, rel=0.02)
        assert np.std(moves) == pytest.approx(0.0808, rel=0.02)
        assert np.mean(moves) == pytest.approx(0, abs=4 * 0.0808 / len(moves) ** 0.5)

    @pytest.mark.parametrize("bound", [0.0, 1.0])
    def test_stays_in_range(self, bound):
        children, _ = direct.offspring(np.random.default_rng(0), grey(bound), 200, 0)
        genes = children.genes
        assert genes.min() >= 0
        assert genes.max() <= 1
        # Half of the tenth that moves points outwards, and stays at the bound.
        assert_share(np.count_nonzero(genes != bound), genes.size, 0.05)

    @given(st.integers(0, 2**32), st.integers(1, 5))
    def test_chains_stay_in_range_and_leave_parents_alone(self, seed, steps):
        rng = np.random.default_rng(seed)
        parents = direct.initial(rng, 3, (3, 4, 5))
        for generation in range(steps):
            before = parents.genes.tobytes()
            children, places = direct.offspring(rng, parents, 3, generation)
            assert parents.genes.tobytes() == before
            assert children.genes.shape == (3, 3, 4, 5)
            assert children.genes.dtype == np.float32
            assert ((children.genes >= 0) & (children.genes <= 1)).all()
            assert ((places >= 0) & (places < 3)).all()
            parents = children

    def test_children_are_like_the_parents_they_name(self):
        parents = DirectBatch.stack([grey(value)[0] for value in (0.1, 0.5, 0.9)])
        children, places = direct.offspring(np.random.default_rng(0), parents, 300, 0)
        medians = np.median(children.genes.reshape(300, -1), axis=1)
        np.testing.assert_array_equal(medians, np.float32([0.1, 0.5, 0.9])[places])
        assert_distribution(np.bincount(places), [1, 1, 1])


class TestBatch:
    def test_gives_back_what_was_stacked(self):
        genomes = [DirectGenome(np.full((1, 2, 3), value, np.float32)) for value in (0, 0.5, 1)]
        batch = DirectBatch.stack(genomes)
        assert len(batch) == 3
        assert [batch[place] for place in range(3)] == genomes
        genome = batch[1]
        batch.genes[:] = 0
        assert genome == genomes[1]


class TestJson:
    @given(arrays(np.float32, (3, 2, 4), elements=st.floats(0, 1, width=32)))
    def test_round_trip_is_lossless(self, genes):
        value = json.loads(json.dumps(DirectGenome(genes).to_json()))
        again = DirectGenome.from_json(value, (3, 2, 4))
        assert again.genes.tobytes() == genes.tobytes()
        assert again.genes.dtype == np.float32

    @pytest.mark.parametrize(
        "value",
        [
            pytest.param({}, id="no genes"),
            pytest.param(None, id="nothing"),
            pytest.param([], id="a list"),
            pytest.param({"genes": 3}, id="a number"),
            pytest.param({"genes": None}, id="none"),
            pytest.param({"genes": "é"}, id="not ASCII"),
            pytest.param({"genes": "abc"}, id="no base 64"),
            pytest.param({"genes": "aGVsbG8="}, id="not deflated"),
        ],
    )
    def test_refuses_what_is_no_genome(self, value):
        with pytest.raises(ValueError, match=r"no direct genome: \w*[eE]rror: "):
            DirectGenome.from_json(value, (1, 2, 3))

    @pytest.mark.parametrize("count", [0, 5, 7, 1000])
    def test_refuses_another_number_of_genes(self, count):
        with pytest.raises(ValueError, match=r"expected 6 genes for \(1, 2, 3\)"):
            DirectGenome.from_json(text(bytes(4 * count)), (1, 2, 3))

    @pytest.mark.parametrize("gene", [np.nan, np.inf, -np.inf, -1e-6, 1.0001])
    def test_refuses_genes_out_of_range(self, gene):
        genes = np.array([0, 1, 0.5, 0.5, 0.5, gene], "<f4")
        with pytest.raises(ValueError, match=r"genes in \[0, 1\]"):
            DirectGenome.from_json(text(genes.tobytes()), (1, 2, 3))

    def test_a_zip_bomb_is_not_unpacked(self):
        bomb = text(bytes(50_000_000))
        tracemalloc.start()
        with pytest.raises(ValueError, match="expected 784 genes"):
            DirectGenome.from_json(bomb, (1, 28, 28))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2_000_000

    @pytest.mark.parametrize("side", [2**31, 10**10, 10**30])
    def test_refuses_images_beyond_all_memory(self, side):
        with pytest.raises(ValueError, match=r"no direct genome|expected \d+ genes"):
            DirectGenome.from_json(text(b""), (1, side, side))
