"""ODIN: confidence at a high temperature, after a small step that raises it.

Liang, Li and Srikant, 2018, "Enhancing The Reliability of Out-of-distribution Image Detection in
Neural Networks", https://arxiv.org/abs/1706.02690.
"""

import tensorflow as tf

from keras_fool.detectors import detector, signals

_SCALE = 255.0  # of images; `step` is a share of it


class Odin(detector.Detector):
    """score = max softmax(z(x') / T), x' = x - e sign(grad_x CE(z(x) / T, argmax z(x))).

    The step raises the highest confidence, and does so more for real images. x' is not clipped to
    0..255, as in the paper's code. Nothing is fitted. Each image costs two passes of the network
    and a gradient.

    Parameters: `temperature` is T, 1000 by default; `step` is e, as a share of the scale from
    black to white, 0.0014 by default.
    """

    name = "odin"
    title = "ODIN"
    paper = "Liang et al., 2018, https://arxiv.org/abs/1706.02690"
    needs = (signals.LOGITS, signals.GRADIENTS)
    takes = {  # noqa: RUF012
        "temperature": detector.Parameter(1000.0, 1e-3, 1e6),
        "step": detector.Parameter(0.0014, 0.0, 1.0),
    }

    def from_signals(self, images: tf.Tensor, found: signals.Signals) -> tf.Tensor:
        """float32 [batch] in [0, 1]; see `Detector.from_signals`."""
        del found  # no gradient flows from bytes
        moved = self.moved(images)
        logits = self.source.signals(moved).logits / self.parameters["temperature"]
        return tf.reduce_max(tf.nn.softmax(logits), axis=1)

    def moved(self, images: tf.Tensor) -> tf.Tensor:
        """The x' of images: float32 of their shape, of the scale 0..255, or a step beyond it."""
        values = tf.cast(images, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(values)
            logits = self.source.signals(values).logits
            given = tf.argmax(tf.stop_gradient(logits), axis=1)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(
                given, logits / self.parameters["temperature"]
            )
        step = self.parameters["step"] * _SCALE
        return values - step * tf.sign(tape.gradient(loss, values))
