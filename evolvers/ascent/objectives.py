"""What an ascent follows uphill, from the confidences of a batch."""

import numpy as np
import tensorflow as tf

# Logarithms see no less than this, the smallest float32 of full precision.
_TINY = np.finfo(np.float32).tiny


def probability(confidences: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """The confidence itself, as the paper follows it.

    Args:
        confidences: [batch, num_labels] float32, in [0, 1].
        labels: [batch] int32; what each image shall be taken for.

    Returns:
        [batch] float32.
    """
    return tf.gather(confidences, labels, batch_dims=1)


def log_probability(confidences: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Its natural logarithm; arguments as `probability` takes them."""
    return tf.math.log(tf.maximum(probability(confidences, labels), _TINY))


def logit(confidences: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Its logit, log(p / (1 - p)); arguments as `probability` takes them.

    1 - p is added up from the other confidences, so that it is exact near p = 1. The
    networks' own outputs before the softmax are not needed, which the mean of several
    networks or crops does not have.
    """
    others = confidences * (1 - tf.one_hot(labels, confidences.shape[1]))
    rest = tf.maximum(tf.reduce_sum(others, axis=1), _TINY)
    return log_probability(confidences, labels) - tf.math.log(rest)


def independent_logit(confidences: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """The same where each label has a probability of its own; arguments as `probability`."""
    own = probability(confidences, labels)
    return log_probability(confidences, labels) - tf.math.log(tf.maximum(1 - own, _TINY))


BY_NAME = {"probability": probability, "log_probability": log_probability, "logit": logit}
# Of labels that do not share one distribution.
BY_NAME_INDEPENDENT = {**BY_NAME, "logit": independent_logit}
