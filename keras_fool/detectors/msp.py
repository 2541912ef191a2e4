"""MSP, the maximum softmax probability: how sure the classifier itself is.

Hendrycks and Gimpel, 2017, https://arxiv.org/abs/1610.02136.
"""

import tensorflow as tf

from keras_fool.detectors import detector, signals


class Msp(detector.Detector):
    """score = max softmax(z), for logits z: the highest confidence.

    Nothing is fitted. It is what every other detector is compared with, and what evolution raises.
    Many images may have the score 1, as float32 has no number between it and 1 - 6e-8.
    """

    name = "msp"
    title = "MSP"
    paper = "Hendrycks and Gimpel, 2017, https://arxiv.org/abs/1610.02136"
    needs = (signals.CONFIDENCES,)

    def from_signals(self, images: tf.Tensor, found: signals.Signals) -> tf.Tensor:
        """float32 [batch] in [0, 1]; see `Detector.from_signals`."""
        del images
        return tf.reduce_max(found.confidences, axis=1)
