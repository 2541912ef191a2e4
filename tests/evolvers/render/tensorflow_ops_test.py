"""The accelerator's renderer against the compiled one, which is tested against the oracle."""

import numpy as np
import pytest

from evolvers import program
from evolvers.canvas import Canvas
from evolvers.cppn import CppnBatch
from evolvers.render import tensorflow_ops
from evolvers.render.cpu import CpuRenderer
from evolvers.render.tensorflow_ops import TensorFlowRenderer
from tests.evolvers import samples


@pytest.fixture(scope="module")
def renderer() -> TensorFlowRenderer:
    return TensorFlowRenderer()


@pytest.fixture(scope="module")
def compiled():
    renderer = CpuRenderer()
    yield renderer
    renderer.close()


@pytest.mark.parametrize("steps", [1, 20, 80])
@pytest.mark.parametrize(
    "canvas", [Canvas(28, 28, 1), Canvas(28, 20, 1, "normalized"), Canvas(40, 30, 3)], ids=str
)
def test_it_draws_what_the_compiled_renderer_draws(renderer, compiled, canvas, steps):
    packed = program.pack(samples.drift(canvas.channels, steps, count=60))

    difference = np.abs(
        renderer.render(packed, canvas).astype(int) - compiled.render(packed, canvas)
    )

    # Both sum in float32 in their own order; 255 v then falls to one side of a whole
    # number or the other. In colour a byte of hue becomes up to some bytes of RGB.
    assert difference.max() <= (1 if canvas.channels == 1 else 9)
    assert (difference > 0).mean() < 0.02


def test_new_topologies_need_no_new_trace():
    renderer = TensorFlowRenderer()
    for steps in (1, 5, 30, 90):
        renderer.render(program.pack(samples.drift(1, steps, count=7 + steps)), Canvas(9, 8, 1))
    assert renderer.traces == 1
    renderer.render(program.pack(samples.drift(3, 5)), Canvas(9, 8, 3))
    assert renderer.traces == 2


@pytest.mark.slow
def test_memory_is_bounded_by_tiles(renderer, monkeypatch):
    canvas = Canvas(28, 28, 1)
    packed = program.pack(samples.drift(1, 40, count=50))
    whole = renderer.render(packed, canvas, 70, 60)
    monkeypatch.setattr(tensorflow_ops, "_BYTES", 2**19)

    parts = tensorflow_ops.tiles(packed, 700)
    tiled = renderer.render(packed, canvas, 70, 60)

    assert len(parts) > 5
    assert sorted(np.concatenate([places for places, _ in parts])) == list(range(50))
    for places, tables in parts:
        slots = tables.weights.shape[3]
        assert len(places) == 1 or len(places) * slots * 700 * 4 * 2 <= 2**19
    assert_same_but_for_rounding(tiled, whole)


def test_padding_draws_nothing_else(renderer):
    packed = program.pack(samples.drift(1, 30, count=10))
    canvas = Canvas(10, 10, 1)
    alone = [renderer.render(packed.take(np.array([place])), canvas)[0] for place in range(10)]
    assert_same_but_for_rounding(renderer.render(packed, canvas), np.stack(alone))


def assert_same_but_for_rounding(images, others):
    """On some processors TensorFlow's sums round otherwise in a batch of another size."""
    assert np.abs(images.astype(int) - others).max() <= 1
    assert (images != others).mean() < 1e-3


def test_a_node_without_input_is_its_activation_of_zero(renderer):
    # A linear output that reads 1.5 times a gaussian that reads nothing: 1.5 / 3.
    cut_off = samples.network("linear gaussian", [(5, 4, 1.5)])
    packed = program.pack(CppnBatch.stack([cut_off]))
    np.testing.assert_array_equal(renderer.render(packed, Canvas(3, 4, 1)), 127)
