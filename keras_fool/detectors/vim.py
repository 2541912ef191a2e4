"""ViM, virtual-logit matching: logits against what features hold outside their usual subspace.

Wang, Li, Feng and Zhang, 2022, "ViM: Out-Of-Distribution with Virtual-logit Matching",
https://arxiv.org/abs/2203.10807.
"""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from keras_fool.detectors import detector, projections, signals, training


class Vim(detector.Detector):
    """score = logsumexp(z) - alpha |P h'|, h' = h - u, for logits z and features h.

    With the last layer z = W h + b, u = -pinv(W) b is where all logits are 0. P projects onto the
    complement of the principal subspace: the eigenvectors of the mean of h' h'' over training
    images with the largest eigenvalues, as few as keep the wanted share of their sum. alpha =
    mean max z / mean |P h'| on training images. Projections are computed in double precision.

    Parameters: `variance` is that share, 0.99 by default.
    """

    name = "vim"
    title = "ViM"
    paper = "Wang et al., 2022, https://arxiv.org/abs/2203.10807"
    needs = (signals.LOGITS, signals.FEATURES, signals.WEIGHTS)
    takes = {"variance": detector.Parameter(0.99, 0.0, 1.0, open_ends=True)}  # noqa: RUF012

    @classmethod
    def fitted_arrays(
        cls,
        source: signals.Source,
        found: training.Training,
        parameters: Mapping[str, int | float],
    ) -> dict[str, np.ndarray]:
        """`origin` u, float64 [num_features]; `complement`, [num_features, rest]; `alpha`.

        The complement, float32, is lower triangular; its columns are orthonormal.

        Raises:
            ValueError: Nothing of the training features is outside the principal subspace, or
                their logits are so low that alpha would not be positive.
        """
        kernel, bias = (weights.numpy().astype(np.float64) for weights in source.weights())
        origin = -np.linalg.pinv(kernel.T) @ bias
        moments = np.zeros((source.num_features, source.num_features))
        for block, _ in found.blocks():
            block -= origin
            moments += block.T @ block
        variances, directions = np.linalg.eigh(moments / len(found.features))
        shares = np.cumsum(variances[::-1]) / variances.sum()
        kept = 1 + int(np.searchsorted(shares, parameters["variance"]))
        complement = projections.triangular(directions[:, : max(0, len(variances) - kept)])
        lengths = np.zeros(len(found.features))
        for block, rows in found.blocks():
            lengths[rows] = np.linalg.norm((block - origin) @ complement, axis=1)
        if not lengths.mean() > 0:
            raise ValueError(
                f"vim needs features outside their principal subspace: keeping "
                f"{parameters['variance']:g} of the variance of {len(found.features)} training "
                f"images leaves none of {source.num_features} dimensions. Give a smaller variance."
            )
        alpha = found.max_logits.mean(dtype=np.float64) / lengths.mean()
        if not alpha > 0:
            raise ValueError(
                "vim needs training images whose largest logits are above 0 on average, got "
                f"{found.max_logits.mean():.4g}."
            )
        return {
            "origin": origin,
            "complement": complement.astype(np.float32),
            "alpha": np.array([alpha]),
        }

    @classmethod
    def expected_arrays(cls, num_features: int) -> dict[str, detector.Array]:
        """See `fitted_arrays`."""
        return {
            "origin": detector.Array("float64", (num_features,)),
            "complement": detector.Array("float32", (num_features, None)),
            "alpha": detector.Array("float64", (1,)),
        }

    @classmethod
    def check_arrays(cls, arrays: Mapping[str, np.ndarray]) -> None:
        """See `Detector.check_arrays`."""
        if not arrays["alpha"][0] > 0:
            raise ValueError("its alpha is not above 0")

    def from_signals(self, images: tf.Tensor, found: signals.Signals) -> tf.Tensor:
        """float32 [batch]; see `Detector.from_signals`."""
        del images
        centred = tf.cast(found.features, tf.float64) - self._fitted["origin"]
        complement = tf.cast(self._fitted["complement"], tf.float64)
        residual = tf.norm(centred @ complement, axis=1)
        energy = tf.reduce_logsumexp(tf.cast(found.logits, tf.float64), axis=1)
        return tf.cast(energy - self._fitted["alpha"][0] * residual, tf.float32)
