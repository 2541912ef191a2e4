"""MaxLogit: the largest output before the softmax, which other labels do not lower.

Hendrycks et al., 2022, "Scaling Out-of-Distribution Detection for Real-World Settings",
https://arxiv.org/abs/1911.11132.
"""

import tensorflow as tf

from keras_fool.detectors import detector, signals


class MaxLogit(detector.Detector):
    """score = max z, for logits z. Nothing is fitted."""

    name = "max_logit"
    title = "MaxLogit"
    paper = "Hendrycks et al., 2022, https://arxiv.org/abs/1911.11132"
    needs = (signals.LOGITS,)

    def from_signals(self, images: tf.Tensor, found: signals.Signals) -> tf.Tensor:
        """float32 [batch]; see `Detector.from_signals`."""
        del images
        return tf.reduce_max(found.logits, axis=1)
