"""What the classifier sees if an ascent shall be robust: the image moved and scaled.

Images that fool in many views at once show larger shapes; Mordvintsev, Olah and Tyka,
2015, https://research.google/blog/inceptionism-going-deeper-into-neural-networks, and
Athalye et al., 2018, https://arxiv.org/abs/1707.07397. Not part of the paper's experiments.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from evolvers.ascent import config as config_module


def drawn(config: config_module.Config, targets: Sequence[tuple[int, int]]) -> np.ndarray:
    """The views of every image in every step, from a random stream per image.

    Args:
        config: `jitter`, `zoom` and `steps` of it are used.
        targets: (label, seed) of each image.

    Returns:
        [images, steps, 3] float32: how far the view is moved down and to the right, in pixels,
        and by which factor it is enlarged.
    """
    if not (config.jitter or config.zoom):
        return np.zeros((len(targets), 0, 3), np.float32)
    lows = [-config.jitter, -config.jitter, 1 - config.zoom]
    highs = [config.jitter, config.jitter, 1 + config.zoom]
    return np.stack(
        [
            # Another stream than that of the seed's noise.
            np.random.default_rng([seed, label, 1]).uniform(lows, highs, (config.steps, 3))
            for label, seed in targets
        ]
    ).astype(np.float32)


def seen(images: tf.Tensor, views: tf.Tensor) -> tf.Tensor:
    """The views of images, interpolated bilinearly; beyond an edge its pixels are repeated.

    Args:
        images: [batch, height, width, channels] float32.
        views: [batch, 3] float32; what `drawn` returned for one step.

    Returns:
        The same shape.
    """
    down, right, factor = tf.unstack(views, axis=1)
    rows = _interpolation(images.shape[1], down, factor)
    columns = _interpolation(images.shape[2], right, factor)
    return tf.einsum("nyr,nrsc,nxs->nyxc", rows, images, columns)


def _interpolation(size: int, moved: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """The weight of each pixel of a line in each pixel of the view: [batch, size, size]."""
    middle = (size - 1) / 2
    places = tf.range(size, dtype=tf.float32)
    sources = (places - middle - moved[:, None]) / factor[:, None] + middle
    sources = tf.clip_by_value(sources, 0.0, size - 1.0)
    return tf.maximum(0.0, 1 - tf.abs(sources[:, :, None] - places))
