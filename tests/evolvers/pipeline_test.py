"""Drawing and scoring at the same time gives what one after the other gives."""

import contextlib
import dataclasses
import threading

import numpy as np
import pytest

from evolvers import breeding, duplicates
from evolvers.canvas import Canvas
from evolvers.config import Config
from evolvers.emitters import CppnEmitter, Proposal
from evolvers.pipeline import Pipeline
from evolvers.render.cpu import CpuRenderer
from tests.evolvers.scorers import LinearScorer

CHILDREN = 15


class Drawn(CppnEmitter):
    """Tells when it has drawn."""

    def __init__(self, canvas: Canvas, renderer: CpuRenderer, **options):
        super().__init__(canvas, renderer, breeding, **options)
        self.times = threading.Semaphore(0)

    def draw(self, proposals, into=None):
        images = super().draw(proposals, into)
        self.times.release()
        return images


@pytest.fixture
def emitter(scorer):
    with contextlib.closing(CpuRenderer()) as renderer:
        yield Drawn(Canvas(*scorer.image_shape), renderer, skip_unchanged=False)


def children(emitter: CppnEmitter, run: int) -> Proposal:
    """The same whenever they are asked for, some of them twice."""
    rng = np.random.default_rng(run)
    parents = emitter.initial(rng, 4).genomes
    elites = [parents[place] for place in range(4)]
    return emitter.offspring(rng, elites, np.zeros(4, np.float32), np.ones(4, int), CHILDREN, 0)


def no_elites(run: int) -> list:
    del run
    return []


@pytest.mark.parametrize("group_images", [1, 2 * CHILDREN, 10**6])
@pytest.mark.parametrize("part", [0, 1, 4, 10**6])
def test_is_what_one_run_after_the_other_gives(scorer, emitter, group_images, part):
    scorer.part_images = part
    config = Config(runs=5, batch=CHILDREN)
    asked, runs, known = [], [], 0
    with contextlib.closing(
        Pipeline(config, emitter.canvas, emitter, True, group_images)
    ) as pipeline:
        for _ in range(2):  # the second time into the memory of the first
            for group, scores in pipeline.scored(
                scorer, lambda run: asked.append(run) or children(emitter, run), no_elites
            ):
                at = 0
                for run, places in zip(group.runs, group.places, strict=True):
                    runs.append(run)
                    images = emitter.draw([children(emitter, run)])
                    fresh = np.flatnonzero(duplicates.fresh(images, []))
                    np.testing.assert_array_equal(places, fresh)
                    known += CHILDREN - len(places)
                    end = at + len(places)
                    np.testing.assert_array_equal(
                        scores.confidences[at:end], scorer.score(images[fresh])
                    )
                    np.testing.assert_array_equal(np.stack(scores.images[at:end]), images[fresh])
                    at = end
                assert at == len(scores.confidences)
    assert asked == runs == 2 * list(range(5))
    assert known  # else nothing is shown of them


def test_the_next_part_is_drawn_while_one_is_scored(emitter):
    class Waiting(LinearScorer):
        part_images = 5
        calls = 0

        def score(self, images):
            self.calls += 1
            if self.calls % 3:  # of the 15 children, drawn in three parts
                assert emitter.times.acquire(timeout=60)  # this part
                assert emitter.times.acquire(timeout=60)  # the next one
                emitter.times.release()
            else:
                assert emitter.times.acquire(timeout=60)
            return super().score(images)

    scorer = Waiting()
    config = Config(batch=CHILDREN)
    with contextlib.closing(Pipeline(config, emitter.canvas, emitter, False, 1)) as pipeline:
        for _ in range(2):
            ((group, scores),) = pipeline.scored(
                scorer, lambda run: children(emitter, run), no_elites
            )
            assert len(group.parts) == 3
            assert len(scores.confidences) == CHILDREN
    assert scorer.calls == 6


def test_one_thread_at_a_time_scores_and_never_nothing(emitter):
    class Exclusive(LinearScorer):
        lock = threading.Lock()

        def score(self, images):
            assert len(images)
            assert self.lock.acquire(blocking=False)
            try:
                return super().score(images)
            finally:
                self.lock.release()

    config = Config(runs=6, batch=CHILDREN)
    all_of_them = children(emitter, 0)
    unchanged = np.ones(CHILDREN, bool)
    nothing = dataclasses.replace(all_of_them.cut(slice(0, 0)), unchanged=unchanged)
    with contextlib.closing(Pipeline(config, emitter.canvas, emitter, True, 1)) as pipeline:
        found = pipeline.scored(
            Exclusive(),
            lambda run: children(emitter, run) if run % 2 else nothing,
            no_elites,
        )
        assert [len(scores.confidences) > 0 for _, scores in found] == [False, True] * 3
