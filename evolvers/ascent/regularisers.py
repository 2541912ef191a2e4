"""What keeps an ascended image simple: each step ends with some of these, in this order.

A regulariser is a callable `(offsets, gradient, step) -> offsets`:

    offsets   [batch, height, width, channels] float32; the images minus their mean, moved
              along the gradient, and possibly regularised already
    gradient  the same shape; that of the objective, before the step
    step      int32 scalar, from 0

So they are combined by calling one after the other, and a new one is a new function.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from evolvers.ascent import config as config_module
from evolvers.ascent import percentiles

Regulariser = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]
# Standard deviations after which the kernel is cut off, as in SciPy.
_TRUNCATE = 4.0


def from_config(config: config_module.Config) -> Sequence[Regulariser]:
    """The regularisers of a configuration, in the order of the published code."""
    chosen: list[Regulariser] = []
    if config.decay:
        chosen.append(Decay(config.decay))
    if config.blur_sigma:
        chosen.append(Blur(config.blur_sigma, config.blur_every))
    if config.norm_percentile:
        chosen.append(Clip(norm, config.norm_percentile))
    if config.contribution_percentile:
        chosen.append(Clip(contribution, config.contribution_percentile))
    if config.absolute_percentile:
        chosen.append(Clip(absolute_contribution, config.absolute_percentile))
    return chosen


@dataclasses.dataclass(frozen=True)
class Decay:
    """Removes a share of every offset: L2 regularisation.

    Attributes:
        share: In [0, 1).
    """

    share: float

    def __call__(self, offsets: tf.Tensor, gradient: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """The offsets times one minus the share."""
        del gradient, step
        return offsets * tf.constant(1 - self.share, tf.float32)


@dataclasses.dataclass(frozen=True)
class Blur:
    """Blurs each channel with a Gaussian, as `scipy.ndimage.gaussian_filter` does.

    Beyond an edge, the image is mirrored ("reflect" in SciPy, "SYMMETRIC" in TensorFlow), so it
    keeps its brightness.

    Attributes:
        sigma: Standard deviation in pixels, at least 0.3.
        every: Number of steps from one blur to the next; the first step blurs.
    """

    sigma: float
    every: int = 1

    def __call__(self, offsets: tf.Tensor, gradient: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """The offsets, blurred if it is the step for it."""
        del gradient
        if self.every == 1:
            return self._blurred(offsets)
        return tf.cond(step % self.every == 0, lambda: self._blurred(offsets), lambda: offsets)

    def _blurred(self, offsets: tf.Tensor) -> tf.Tensor:
        weights = kernel(self.sigma)
        filters = np.repeat(weights[:, None], offsets.shape[3], axis=1)[:, :, None]
        for axis, turned in ((1, filters[:, None]), (2, filters[None])):
            offsets = _mirrored(offsets, axis, len(weights) // 2)
            offsets = tf.nn.depthwise_conv2d(offsets, turned, [1, 1, 1, 1], "VALID")
        return offsets


def _mirrored(images: tf.Tensor, axis: int, radius: int) -> tf.Tensor:
    """Images with `radius` mirrored pixels before and behind; more than once if they are small."""
    while radius > 0:
        edge = min(radius, images.shape[axis])
        edges = [[edge, edge] if place == axis else [0, 0] for place in range(4)]
        images = tf.pad(images, edges, "SYMMETRIC")
        radius -= edge
    return images


def kernel(sigma: float) -> np.ndarray:
    """The weights of a Gaussian at whole pixels: float32 [2 * radius + 1], adding up to 1."""
    radius = int(_TRUNCATE * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return (weights / weights.sum()).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Clip:
    """Sets the pixels that matter least to the mean: all their offsets to 0.

    Attributes:
        measure: How much each pixel matters: `(offsets, gradient) -> [batch, height, width]`.
        percentile: In [0, 100); pixels whose measure is below this percentile of their image
            are set to the mean.
    """

    measure: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    percentile: float

    def __call__(self, offsets: tf.Tensor, gradient: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """The offsets, with 0 for the pixels that matter least."""
        del step
        measured = self.measure(offsets, gradient)
        of_image = tf.reshape(measured, [-1, measured.shape[1] * measured.shape[2]])
        threshold = percentiles.percentile(of_image, self.percentile)[:, None]
        # This copies whole pixels; `tf.where` would broadcast, which takes twice as long.
        pixels = tf.reshape(offsets, [-1, offsets.shape[3]])
        matter = tf.reshape(of_image >= threshold, [-1])
        kept = tf.raw_ops.Select(condition=matter, x=pixels, y=tf.zeros_like(pixels))
        return tf.reshape(kept, tf.shape(offsets))


def norm(offsets: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """The Euclidean norm over the channels of each pixel."""
    del gradient
    return tf.sqrt(tf.reduce_sum(tf.square(offsets), axis=3))


def contribution(offsets: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """The predicted gain of the objective if a pixel is set to the mean."""
    return tf.reduce_sum(gradient * -offsets, axis=3)


def absolute_contribution(offsets: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """The predicted gain without its sign."""
    return tf.abs(contribution(offsets, gradient))
