"""Draws CPPNs where it scores them: for accelerators, whose images never visit the host."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from evolvers.canvas import Canvas
from evolvers.program import Program
from evolvers.render import coordinates, tensorflow_ops
from keras_fool.models import batch_shapes, scoring


class DrawingScorer(scoring.LocalScorer):
    """A local scorer that takes programs as well as images.

    One `tf.function` draws a tile of programs and scores it. Topologies are data to it, and
    tiles are padded to few batch shapes, so it is traced as often as there are shapes.
    """

    def __init__(self, *arguments, **options):
        """Takes what `scoring.LocalScorer` takes."""
        self._drawing = {}
        self._renderer = tensorflow_ops.TensorFlowRenderer()
        super().__init__(*arguments, **options)

    def score_programs(
        self, programs: Program, canvas: Canvas
    ) -> tuple[np.ndarray, Sequence[np.ndarray]]:
        """Draws and scores programs.

        Args:
            programs: A batch, at least one.
            canvas: What they draw on: the shape of this scorer's images.

        Returns:
            Confidences, float32 [batch, num_labels], and the images, each of which is
            fetched from the accelerator when it is asked for.

        Raises:
            ScorerError: As `score` does.
        """
        if self._one_shape:  # whatever fits into a tile; so drawn first, and then scored in it
            images = self._renderer.render(programs, canvas)
            return self.score(images), list(images)
        grid = coordinates.grid(canvas, canvas.height, canvas.width).inputs()
        rows = np.empty((len(programs), self.row_length), np.float32)
        drawn = DrawnImages(len(programs))
        for places, tables in tensorflow_ops.tiles(
            programs, canvas.height * canvas.width, self._batch
        ):
            batch = len(tables.outputs)
            if batch not in self._drawing:
                self._drawing[batch] = tf.function(
                    self._draw_and_score, autograph=False
                ).get_concrete_function(*tensorflow_ops.argument_specs(canvas.channels, batch))
            images, found = self._drawing[batch](grid, *tables.arrays)
            rows[places] = found.numpy()[: len(places)]
            drawn.add(places, images)
        return self._checked(rows), drawn

    def _batch(self, num_images: int) -> int:
        whole = batch_shapes.largest(num_images, 0, num_images)
        return batch_shapes.fixed(num_images, max(self.score_batch, whole))

    def _draw_and_score(self, inputs: tf.Tensor, *tables: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        images = tensorflow_ops.images(inputs, *tables)
        images = tf.ensure_shape(images, [tables[-1].shape[0], *self.image_shape])
        return images, self._traced(images)


class DrawnImages(Sequence[np.ndarray]):
    """Images of a batch that stay on the accelerator until one is asked for."""

    def __init__(self, batch: int):
        self._where: list[Any] = [None] * batch

    def add(self, places: np.ndarray, images: tf.Tensor) -> None:
        """Adds the tile that holds the images of `places`, in order."""
        for row, place in enumerate(places):
            self._where[place] = images, row

    def __len__(self) -> int:
        return len(self._where)

    def __getitem__(self, place: int) -> np.ndarray:  # type: ignore[override]
        images, row = self._where[place]
        return images[row].numpy()
