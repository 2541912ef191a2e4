"""The energy score: how large all logits are together.

Liu, Wang, Owens and Li, 2020, "Energy-based Out-of-distribution Detection",
https://arxiv.org/abs/2010.03759.
"""

import tensorflow as tf

from keras_fool.detectors import detector, signals


class Energy(detector.Detector):
    """score = T logsumexp(z / T), for logits z: the paper's energy, negated. Nothing is fitted.

    Parameters: `temperature` is T, 1 by default.
    """

    name = "energy"
    title = "energy"
    paper = "Liu et al., 2020, https://arxiv.org/abs/2010.03759"
    needs = (signals.LOGITS,)
    takes = {"temperature": detector.Parameter(1.0, 1e-3, 1e6)}  # noqa: RUF012

    def from_signals(self, images: tf.Tensor, found: signals.Signals) -> tf.Tensor:
        """float32 [batch]; see `Detector.from_signals`."""
        del images
        temperature = self.parameters["temperature"]
        return temperature * tf.reduce_logsumexp(found.logits / temperature, axis=1)
