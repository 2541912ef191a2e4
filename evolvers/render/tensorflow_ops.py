"""The renderer for accelerators: programs -> images with TensorFlow operations.

It is meant to be part of the `tf.function` that scores, so that images are drawn and scored
without a copy to the host. Topologies are data (`levels`), not part of the graph: a new one needs
no new trace. It sums in the same order as the compiled renderer and agrees with it up to float32
rounding, which raw coordinates amplify. The two draw the same pictures, but a few bytes differ, so
an evolution uses one of them from beginning to end.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from evolvers import activations
from evolvers.canvas import Canvas
from evolvers.cppn_genome import NUM_INPUTS
from evolvers.program import Program
from evolvers.render import coordinates
from evolvers.render.levels import Levels, levels

_BYTES = 2**28  # of values at a time, about
_TILE = 256  # programs at a time, at most


def argument_specs(channels: int, batch: int | None = None) -> list[tf.TensorSpec]:
    """The signature of a `tf.function` with the arguments of `images`.

    Args:
        channels: 1 or 3.
        batch: The batch size; None for any.
    """
    return [
        tf.TensorSpec((NUM_INPUTS, None, None), tf.float32),
        tf.TensorSpec((None, batch, None, None), tf.float32),
        tf.TensorSpec((None, batch, None), tf.int32),
        tf.TensorSpec((batch, channels), tf.int32),
    ]


def images(
    inputs: tf.Tensor, weights: tf.Tensor, kinds: tf.Tensor, outputs: tf.Tensor
) -> tf.Tensor:
    """Draws a batch inside a `tf.function`.

    Args:
        inputs: float32 [4, height, width], see `coordinates.Grid.inputs`.
        weights: As in `Levels`, like the two after it.
        kinds: See `Levels.activations`.
        outputs: See `Levels`; its static second dimension is the number of channels, 1 or 3.

    Returns:
        uint8 [batch, height, width, channels].
    """
    shape = tf.shape(inputs)
    batch = tf.shape(kinds)[1]
    flat = tf.reshape(inputs, [1, NUM_INPUTS, shape[1] * shape[2]])

    def level(number: tf.Tensor, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        total = tf.matmul(weights[number, :, :, : tf.shape(values)[1]], values)
        return number + 1, tf.concat([values, _activate(kinds[number], total)], axis=1)

    _, values = tf.while_loop(
        lambda number, _: number < tf.shape(weights)[0],
        level,
        (0, tf.tile(flat, [batch, 1, 1])),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, None, None])),
    )
    drawn = tf.gather(values, outputs, batch_dims=1)
    drawn = tf.reshape(drawn, [batch, -1, shape[1], shape[2]])
    drawn = tf.cast(tf.cast(tf.abs(drawn * 255.0), tf.int32), tf.float32)
    drawn = tf.transpose(drawn, [0, 2, 3, 1])
    if outputs.shape[1] == 3:
        drawn = _hls_to_rgb(drawn)
    return tf.ensure_shape(tf.cast(drawn, tf.uint8), [None, None, None, outputs.shape[1]])


def _activate(kinds: tf.Tensor, total: tf.Tensor) -> tf.Tensor:
    kinds = kinds[..., tf.newaxis]
    result = tf.clip_by_value(total, -3.0, 3.0) * np.float32(1 / 3)
    # tf.where computes every branch; the arguments are finite in all of them.
    result = tf.where(kinds == activations.GAUSSIAN, tf.exp(-total * total), result)
    result = tf.where(kinds == activations.SIGMOID, tf.tanh(total / 2), result)
    return tf.where(kinds == activations.SINE, tf.sin(total), result)


def _hls_to_rgb(hls: tf.Tensor) -> tf.Tensor:
    """Bytes as float32 [..., 3] to whole numbers as float32; see `cpu` for the formula."""
    hue, lightness, saturation = tf.split(hls * tf.constant([1 / 15, 1 / 255, 1 / 255]), 3, -1)
    k = tf.math.floormod(hue + tf.constant([0.0, 8.0, 4.0]), 12.0)
    share = tf.maximum(tf.minimum(tf.minimum(k - 3, 9 - k), 1.0), -1.0)
    reach = saturation * tf.minimum(lightness, 1 - lightness)
    return tf.floor((lightness - reach * share) * 255 + 0.5)


class TensorFlowRenderer:
    """Draws batches of programs with TensorFlow, in tiles of bounded memory.

    Attributes:
        traces: How many graphs were built: one per number of channels.
    """

    def __init__(self):
        self.traces = 0
        self._functions = {}

    def render(
        self, program: Program, canvas: Canvas, height: int | None = None, width: int | None = None
    ) -> np.ndarray:
        """Draws every program of a batch; see `cpu.CpuRenderer.render`."""
        height, width = height or canvas.height, width or canvas.width
        grid = coordinates.grid(canvas, height, width).inputs()
        drawn = np.empty((len(program), height, width, canvas.channels), np.uint8)
        function = self._function(canvas.channels)
        rows = max(1, min(height, _BYTES // (256 * width)))
        for places, tables in tiles(program, rows * width):
            for row in range(0, height, rows):
                part = function(grid[:, row : row + rows], *tables.arrays)
                drawn[places, row : row + rows] = part.numpy()
        return drawn

    def _function(self, channels: int) -> tf.types.experimental.ConcreteFunction:
        if channels not in self._functions:
            self._functions[channels] = tf.function(
                self._traced, autograph=False
            ).get_concrete_function(*argument_specs(channels))
        return self._functions[channels]

    def _traced(self, *arguments: tf.Tensor) -> tf.Tensor:
        self.traces += 1  # runs while tracing, not while drawing
        return images(*arguments)


def tiles(
    program: Program, pixels: int, padded: Callable[[int], int] = lambda size: size
) -> list[tuple[np.ndarray, Levels]]:
    """Divides a batch into tiles whose values take some hundred megabytes at most.

    Programs of similar size go together, because a tile is padded to its largest program.

    Args:
        program: The batch.
        pixels: How many pixels are drawn at a time.
        padded: Returns the batch size of the tables for a number of programs: that number or
            more.

    Returns:
        (int64 indices of programs, tables) of every tile; each program is in one tile. A tile has
        at least one program and at most `_TILE`.
    """
    order = np.argsort(np.diff(program.step_offsets), kind="stable")
    result, start = [], 0
    while start < len(program):
        size = min(_TILE, len(program) - start)
        while True:
            places = order[start : start + size]
            tables = levels(program.take(places), padded(size))
            depth, batch, width, slots = tables.weights.shape
            # While a level is concatenated, its values are in memory twice.
            needed = 4 * batch * slots * (2 * pixels + depth * width)
            if needed <= _BYTES or size == 1:
                break
            size = max(1, min(size - 1, size * _BYTES // needed))
        result.append((places, tables))
        start += size
    return result
