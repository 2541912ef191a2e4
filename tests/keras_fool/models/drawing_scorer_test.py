import numpy as np
import pytest

from evolvers import program
from evolvers.canvas import Canvas
from evolvers.config import Config
from evolvers.map_elites import Evolution
from evolvers.render.tensorflow_ops import TensorFlowRenderer
from keras_fool.models import drawing_scorer
from tests.evolvers import samples


@pytest.fixture(scope="module")
def scorer(shipped) -> drawing_scorer.DrawingScorer:
    return drawing_scorer.DrawingScorer(shipped)


def test_images_and_confidences_are_those_of_drawing_then_scoring(scorer):
    packed = program.pack(samples.drift(1, 25, count=300))
    canvas = Canvas(*scorer.image_shape)

    confidences, drawn = scorer.score_programs(packed, canvas)

    images = TensorFlowRenderer().render(packed, canvas)
    assert len(drawn) == 300
    for place in range(0, 300, 7):
        np.testing.assert_array_equal(drawn[place], images[place])
    np.testing.assert_array_equal(confidences, scorer.score(images))


@pytest.mark.slow
def test_an_evolution_draws_where_it_scores(scorer):
    config = Config(runs=2, initial=60, batch=60, generations=15, renderer="tf")
    evolution = Evolution(config, scorer)
    first = evolution.advance().median
    traces = []
    while evolution.generation < config.generations:
        last = evolution.advance()
        traces.append(scorer.traces)
    evolution.close()

    assert (last.median > first).all()
    assert traces[-1] == traces[len(traces) // 2]  # topologies grow, graphs do not
    for archive in evolution.archives:
        images = np.stack([elite.image for elite in archive.elites])
        confidences = np.stack([elite.confidences for elite in archive.elites])
        np.testing.assert_allclose(scorer.score(images), confidences, atol=1e-6)


def test_unchanged_children_are_not_drawn_and_change_nothing(scorer):
    from evolvers.emitters import CppnEmitter
    from evolvers.render.cpu import CpuRenderer

    config = Config(initial=40, batch=40, generations=8, renderer="tf")
    canvas = Canvas(*scorer.image_shape)
    diligent = CppnEmitter(canvas, CpuRenderer(), skip_unchanged=False)
    both = [Evolution(config, scorer), Evolution(config, scorer, emitter=diligent)]
    skipped = [0, 0]
    for _ in range(9):
        for index, evolution in enumerate(both):
            skipped[index] += evolution.advance().unchanged.sum()

    assert skipped[0] > 0
    assert skipped[1] == 0
    for one, other in zip(both[0].archives[0].elites, both[1].archives[0].elites, strict=True):
        assert one.identity == other.identity
        np.testing.assert_array_equal(one.image, other.image)
