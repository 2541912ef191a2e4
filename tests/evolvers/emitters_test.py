import hashlib

import numpy as np
import pytest

from evolvers import breeding, neat_breeding, program, searches
from evolvers.canvas import Canvas
from evolvers.cppn import CppnBatch
from evolvers.direct import DirectBatch, DirectGenome
from evolvers.emitters import CppnEmitter, DirectEmitter, EfficientEmitter, Proposal
from evolvers.render.cpu import CpuRenderer
from tests.evolvers import samples
from tests.evolvers.chance import assert_distribution

# A hash of the networks' nodes and connections and of where the random stream stands at last, and
# the sum of all genes.
AS_EVER = {
    CppnEmitter: ("ea1bcb7c587ed53f", -284.36),
    DirectEmitter: ("1b50c9ebeaad3fe7", 22919.98),
    EfficientEmitter: {2: ("f7f13f5862434f85", -3015.07)}[searches.OPERATORS],
}


@pytest.fixture
def renderer():
    renderer = CpuRenderer(threads=2)
    yield renderer
    renderer.close()


@pytest.fixture(params=["cppn", "efficient", "direct"])
def emitter(request, renderer):
    kinds = {"cppn": CppnEmitter, "efficient": EfficientEmitter, "direct": DirectEmitter}
    return kinds[request.param](Canvas(9, 7, 3), renderer)


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def offspring(emitter, rng, elites: list, count: int, generation: int = 0) -> Proposal:
    confidences, ages = np.full(len(elites), 0.5, np.float32), np.ones(len(elites), int)
    return emitter.offspring(rng, elites, confidences, ages, count, generation)


def born(emitter, count: int = 10) -> list:
    genomes = emitter.initial(stream(), count).genomes
    return [genomes[place] for place in range(count)]


def genes(genome) -> np.ndarray:
    return genome.genes if isinstance(genome, DirectGenome) else genome.weights


class TestEveryEmitter:
    """What the loop relies on, whatever the encoding."""

    def test_initial_genomes_have_no_parents_and_are_all_drawn(self, emitter):
        proposal = emitter.initial(stream(), 20)
        assert len(proposal.genomes) == 20
        assert proposal.parents.tolist() == [-1] * 20
        assert not proposal.unchanged.any()
        assert emitter.draw([proposal]).shape == (20, 9, 7, 3)

    def test_draws_what_is_not_unchanged_one_proposal_after_another(self, emitter):
        elites = born(emitter)
        proposals = [offspring(emitter, stream(seed), elites, 30) for seed in range(3)]
        drawn = emitter.draw(proposals)
        kept = [~proposal.unchanged for proposal in proposals]
        assert len(drawn) == sum(np.count_nonzero(part) for part in kept)
        apart = [emitter.draw([proposal]) for proposal in proposals]
        np.testing.assert_array_equal(drawn, np.concatenate(apart))

    def test_champions_of_several_niches_are_drawn_more_often(self, emitter):
        genomes = born(emitter, 3)
        elites = [genomes[0], genomes[1], genomes[0], genomes[2], genomes[0]]
        proposal = offspring(emitter, stream(), elites, 5000)
        assert_distribution(np.bincount(proposal.parents, minlength=5), [1] * 5)

    def test_the_stream_decides(self, emitter):
        elites = born(emitter)
        images = [
            emitter.draw([offspring(emitter, stream(seed), elites, 20)]) for seed in (1, 1, 2)
        ]
        np.testing.assert_array_equal(images[0], images[1])
        assert images[0].shape != images[2].shape or (images[0] != images[2]).any()

    def test_stacks_genomes_again(self, emitter):
        genomes = born(emitter)
        batch = emitter.stack(genomes)
        assert [batch[place] for place in range(len(batch))] == genomes

    def test_a_seed_makes_the_same_children_as_ever(self, emitter):
        """Runs that an older version began go on: what is expected never changes.

        Except with the efficient search: raise `searches.OPERATORS` with a change to it, so that
        such runs are refused.
        """
        rng, elites, sum_of_genes = stream(), born(emitter, 6), 0.0
        digest = hashlib.sha256()
        for generation in range(990, 1010):
            confidences, ages = rng.random(6, np.float32), rng.integers(1, 20, 6)
            proposal = emitter.offspring(rng, elites, confidences, ages, 12, generation)
            children = [proposal.genomes[place] for place in range(12)]
            children.sort(key=lambda genome: -np.size(genes(genome)))  # so that networks grow
            elites = children[:6]
            sum_of_genes += sum(genes(genome).sum(dtype=float) for genome in children)
            if isinstance(proposal.genomes, CppnBatch):
                for array in proposal.genomes.arrays[:-1]:  # weights may differ by a last bit
                    digest.update(array.tobytes())
        digest.update(str(rng.bit_generator.state["state"]["state"]).encode())
        assert (digest.hexdigest()[:16], round(sum_of_genes, 2)) == AS_EVER[type(emitter)]


class TestCppn:
    @pytest.fixture
    def elites(self):
        genomes = samples.drift(1, steps=12)
        return [genomes[place] for place in range(10)]

    def offspring(self, renderer, elites, **arguments) -> Proposal:
        emitter = CppnEmitter(Canvas(9, 7, 1), renderer, **arguments)
        return offspring(emitter, stream(), elites, 400)

    def test_unchanged_children_are_left_out_and_draw_their_parents_images(self, renderer, elites):
        canvas = Canvas(9, 7, 1)
        proposal = self.offspring(renderer, elites)
        assert 0.05 < proposal.unchanged.mean() < 0.5
        images = renderer.render(program.pack(proposal.genomes), canvas)
        of_parents = renderer.render(program.pack(CppnBatch.stack(elites)), canvas)
        unchanged = np.flatnonzero(proposal.unchanged)
        np.testing.assert_array_equal(images[unchanged], of_parents[proposal.parents[unchanged]])
        drawn = renderer.render(proposal.drawings, canvas)
        np.testing.assert_array_equal(drawn, images[~proposal.unchanged])

    def test_or_drawn_all_the_same(self, renderer, elites):
        proposal = self.offspring(renderer, elites, skip_unchanged=False)
        assert not proposal.unchanged.any()
        assert len(proposal.drawings) == 400

    def test_neat_breeding_proposes_the_same(self, renderer, elites):
        proposals = [
            self.offspring(renderer, elites, operators=operators)
            for operators in (breeding, neat_breeding)
        ]
        for array, other in zip(*(p.genomes.arrays for p in proposals), strict=True):
            np.testing.assert_array_equal(array, other)
        np.testing.assert_array_equal(proposals[0].parents, proposals[1].parents)


class TestDirect:
    def test_mutates_less_in_later_generations(self, renderer):
        emitter = DirectEmitter(Canvas(28, 28, 1), renderer)
        elites = [DirectBatch(np.full((1, 1, 28, 28), 0.5, np.float32))[0]]
        shares = [
            np.mean(offspring(emitter, stream(), elites, 100, generation).drawings != 0.5)
            for generation in (0, 999, 1000, 2000)
        ]
        assert shares == pytest.approx([0.1, 0.1, 0.05, 0.025], rel=0.05)
