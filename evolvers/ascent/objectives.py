"""What an ascent increases, computed from the confidences of a batch."""

import numpy as np
import tensorflow as tf

# The smallest float32 of full precision; logarithms are taken of no smaller number.
_TINY = np.finfo(np.float32).tiny


def probability(confidences: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """The confidence itself, as in the paper.

    Args:
        confidences: [batch, num_labels] float32, in [0, 1].
        labels: [batch] int32; the target of each image.

    Returns:
        [batch] float32.
    """
    return tf.gather(confidences, labels, batch_dims=1)


def log_probability(confidences: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """The natural logarithm of the confidence; arguments as of `probability`."""
    return tf.math.log(tf.maximum(probability(confidences, labels), _TINY))


def logit(confidences: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """The logit of the confidence p, log(p / (1 - p)); arguments as of `probability`.

    1 - p is the sum of the other confidences, so that it is exact near p = 1. The outputs before
    the softmax are not used, because the mean of several networks or crops has none.
    """
    others = confidences * (1 - tf.one_hot(labels, confidences.shape[1]))
    rest = tf.maximum(tf.reduce_sum(others, axis=1), _TINY)
    return log_probability(confidences, labels) - tf.math.log(rest)


def independent_logit(confidences: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """The logit if each label has a probability of its own; arguments as of `probability`."""
    own = probability(confidences, labels)
    return log_probability(confidences, labels) - tf.math.log(tf.maximum(1 - own, _TINY))


BY_NAME = {"probability": probability, "log_probability": log_probability, "logit": logit}
# For labels that do not share one distribution.
BY_NAME_INDEPENDENT = {**BY_NAME, "logit": independent_logit}
