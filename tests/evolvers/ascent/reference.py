"""The slow clear version of an ascent: one image, float64, plain NumPy and SciPy."""

import dataclasses

import numpy as np
from scipy import ndimage

from evolvers.ascent.config import Config


class SmallNetwork:
    """A smooth network whose gradient can be written down, in TensorFlow and in NumPy.

    softmax(b + A tanh(B (x - 127) / 64)), with x the pixels of an image 0..255.
    """

    def __init__(self, image_shape=(12, 10, 3), num_labels=5, hidden=16, seed=0, sharpness=1.0):
        rng = np.random.default_rng(seed)
        count = int(np.prod(image_shape))
        self.image_shape = image_shape
        self.inner = rng.normal(size=(count, hidden)) / np.sqrt(count)
        self.outer = sharpness * rng.normal(size=(hidden, num_labels))
        self.bias = rng.normal(size=num_labels)

    def __call__(self, images):
        """The TensorFlow function."""
        import tensorflow as tf

        inner, outer = (tf.constant(part, tf.float32) for part in (self.inner, self.outer))
        pixels = (tf.reshape(images, [images.shape[0], -1]) - 127.0) / 64.0
        return tf.nn.softmax(tf.tanh(pixels @ inner) @ outer + self.bias.astype(np.float32))

    def confidences(self, image):
        """float64 [num_labels] of one image."""
        logits = np.tanh((image.ravel() - 127) / 64 @ self.inner) @ self.outer + self.bias
        powers = np.exp(logits - logits.max())
        return powers / powers.sum()

    def gradient(self, image, label):
        """float64, the image's shape: that of the confidence of `label`."""
        hidden = np.tanh((image.ravel() - 127) / 64 @ self.inner)
        p = self.confidences(image)
        of_logits = p[label] * ((np.arange(len(p)) == label) - p)
        of_hidden = (self.outer @ of_logits) * (1 - hidden**2)
        return (self.inner @ of_hidden / 64).reshape(image.shape)


@dataclasses.dataclass
class Step:
    image: np.ndarray
    confidence: float
    gradient_norm: float
    learning_rate: float


def ascend(network: SmallNetwork, config: Config, mean, label: int, seed: int) -> list[Step]:
    """All steps of one image; nothing here is shared with what it tests."""
    shape = network.image_shape
    mean = np.broadcast_to(np.asarray(mean, float), shape)
    x = np.random.default_rng(seed).standard_normal(shape, np.float32).astype(float)
    steps = []
    for t in range(config.steps):
        x = np.clip(x + mean, 0, 255) - mean
        p = network.confidences(x + mean)[label]
        g = network.gradient(x + mean, label)
        norm = np.linalg.norm(g)
        d = min(config.early, config.late * (1 - p))
        rate = min(config.max_learning_rate, d / norm**2)
        steps.append(Step(x + mean, p, norm, rate))
        if t == config.steps - 1:
            break
        x = x + rate * g
        x = (1 - config.decay) * x
        if config.blur_sigma and t % config.blur_every == 0:
            for channel in range(shape[2]):
                x[..., channel] = ndimage.gaussian_filter(
                    x[..., channel], config.blur_sigma, mode="reflect", truncate=4
                )
        for percentile, measure in (
            (config.norm_percentile, lambda x, _: np.linalg.norm(x, axis=2)),
            (config.contribution_percentile, lambda x, g: (g * -x).sum(axis=2)),
            (config.absolute_percentile, lambda x, g: np.abs((g * -x).sum(axis=2))),
        ):
            if percentile:
                values = measure(x, g)
                x = np.where((values < np.percentile(values, percentile))[..., None], 0, x)
    return steps
