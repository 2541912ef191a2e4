"""The Mahalanobis detector: how far features are from the nearest class, in its own units.

Lee, Lee, Lee and Shin, 2018, "A Simple Unified Framework for Detecting Out-of-Distribution Samples
and Adversarial Attacks", https://arxiv.org/abs/1807.03888; on the penultimate features alone.
"""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from keras_fool.detectors import detector, projections, signals, training

# Directions in which the features vary less than this, relative to the largest variance, count as
# constant: about what is left of float32's rounding.
_SMALLEST = 1e-10


class Mahalanobis(detector.Detector):
    """score = max over classes c of -(h - m_c)' S^+ (h - m_c), for features h.

    Fitted are the mean m_c of the features of each class and one covariance S that they share, of
    the features minus the mean of their own class, divided by the number of images. S^+ is its
    pseudo-inverse: directions in which nothing varies are left out. Without given labels an image
    belongs to the class that the classifier gives it. A class without images has no mean. Computed
    in double precision.
    """

    name = "mahalanobis"
    title = "Mahalanobis"
    paper = "Lee et al., 2018, https://arxiv.org/abs/1807.03888"
    needs = (signals.FEATURES,)

    @classmethod
    def fitted_arrays(
        cls,
        source: signals.Source,
        found: training.Training,
        parameters: Mapping[str, int | float],
    ) -> dict[str, np.ndarray]:
        """`means`, float64 [classes, rank], of whitened features, and `whitening`, float32.

        The whitening, [num_features, rank], is lower triangular; its product with its transpose is
        S^+. Rounding it changes scores less than the rounding of the features does.

        Raises:
            ValueError: No class has two images that differ.
        """
        del parameters
        classes, places = np.unique(found.labels, return_inverse=True)
        counts = np.bincount(places)
        sums = np.zeros((len(classes), source.num_features))
        for block, rows in found.blocks():
            order = np.argsort(places[rows], kind="stable")
            of_class, begins = np.unique(places[rows][order], return_index=True)
            sums[of_class] += np.add.reduceat(block[order], begins)
        means = sums / counts[:, np.newaxis]
        covariance = np.zeros((source.num_features, source.num_features))
        for block, rows in found.blocks():
            block -= means[places[rows]]
            covariance += block.T @ block
        variances, directions = np.linalg.eigh(covariance / len(found.features))
        kept = variances > _SMALLEST * variances[-1]
        if counts.max() < 2 or not kept.any():
            raise ValueError(
                "mahalanobis needs several different training images of a class: the features of "
                f"{len(found.features)} images in {len(classes)} classes do not vary inside any."
            )
        whitening = projections.triangular(directions[:, kept] / np.sqrt(variances[kept]))
        whitening = whitening.astype(np.float32)
        # Of the rounded one, so that features at a mean are at distance 0.
        return {"means": means @ whitening.astype(np.float64), "whitening": whitening}

    @classmethod
    def expected_arrays(cls, num_features: int) -> dict[str, detector.Array]:
        """See `fitted_arrays`."""
        return {
            "means": detector.Array("float64", (None, None)),
            "whitening": detector.Array("float32", (num_features, None), earlier="float64"),
        }

    @classmethod
    def check_arrays(cls, arrays: Mapping[str, np.ndarray]) -> None:
        """See `Detector.check_arrays`."""
        if arrays["means"].shape[1] != arrays["whitening"].shape[1]:
            raise ValueError("its means and its whitening have another rank")

    def from_signals(self, images: tf.Tensor, found: signals.Signals) -> tf.Tensor:
        """float32 [batch], at most 0; see `Detector.from_signals`."""
        del images
        whitening = tf.cast(self._fitted["whitening"], tf.float64)
        white = tf.cast(found.features, tf.float64) @ whitening
        means = self._fitted["means"]
        # |a - b|^2 as a product of matrices: in double precision nothing is lost by it.
        squares = (
            tf.reduce_sum(white**2, axis=1, keepdims=True)
            - 2 * tf.matmul(white, means, transpose_b=True)
            + tf.reduce_sum(means**2, axis=1)
        )
        nearest = tf.reduce_min(squares, axis=1)
        return -tf.cast(tf.maximum(nearest, 0), tf.float32)
