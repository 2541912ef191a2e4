"""ReAct: the energy of features whose highest values are cut off.

Sun, Guo and Li, 2021, "ReAct: Out-of-distribution Detection With Rectified Activations",
https://arxiv.org/abs/2111.12797.
"""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from keras_fool.detectors import detector, signals, training


class React(detector.Detector):
    """score = logsumexp(W min(h, c) + b), for features h and the last layer's weights W and b.

    The limit c is a quantile of all features of all training images.

    Parameters: `quantile`, 0.90 by default.
    """

    name = "react"
    title = "ReAct"
    paper = "Sun et al., 2021, https://arxiv.org/abs/2111.12797"
    needs = (signals.LOGITS, signals.FEATURES, signals.WEIGHTS)
    takes = {"quantile": detector.Parameter(0.9, 0.0, 1.0)}  # noqa: RUF012

    @classmethod
    def fitted_arrays(
        cls,
        source: signals.Source,
        found: training.Training,
        parameters: Mapping[str, int | float],
    ) -> dict[str, np.ndarray]:
        """`limit`, float32 [1]."""
        del source
        return {"limit": np.quantile(found.features, [parameters["quantile"]]).astype(np.float32)}

    @classmethod
    def expected_arrays(cls, num_features: int) -> dict[str, detector.Array]:
        """See `fitted_arrays`."""
        del num_features
        return {"limit": detector.Array("float32", (1,))}

    def from_signals(self, images: tf.Tensor, found: signals.Signals) -> tf.Tensor:
        """float32 [batch]; see `Detector.from_signals`."""
        del images
        kernel, bias = self.source.weights()
        logits = tf.minimum(found.features, self._fitted["limit"]) @ kernel + bias
        return tf.reduce_logsumexp(logits, axis=1)
