"""KNN: how far features are from those of the nearest training images.

Sun, Ming, Zhu and Li, 2022, "Out-of-Distribution Detection with Deep Nearest Neighbors",
https://arxiv.org/abs/2204.06507.
"""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from keras_fool.detectors import detector, signals, training

_SMALLEST = 1e-12  # a length that counts as 0
_ROUNDING = 1e-2  # by which the length of a row in a file may miss 1: a row may be rounded
_BITS = 24  # float32's own


class Knn(detector.Detector):
    """score = -(distance of h / |h| to its k-th nearest neighbour), for features h.

    The neighbours are normalised features of training images, a random sample where there are
    many. Distances are Euclidean, computed in double precision, and exact. Features that are all 0
    stay so.

    Parameters: `k`, 50 by default; `sample`, how many training images are kept at most, 10,000 by
    default; `seed` of the sample, 0 by default; `bits`, to how many significant bits the neighbours
    are rounded, 24 by default, which is all that float32 has. Fewer neighbours of fewer bits make a
    smaller file; the k-th of fewer neighbours is farther away, so k is to be reduced with `sample`.
    """

    name = "knn"
    title = "KNN"
    paper = "Sun et al., 2022, https://arxiv.org/abs/2204.06507"
    needs = (signals.FEATURES,)
    takes = {  # noqa: RUF012
        "k": detector.Parameter(50, 1, 1_000_000),
        "sample": detector.Parameter(10_000, 1, 1_000_000),
        "seed": detector.Parameter(0, 0, 2**32 - 1),
        "bits": detector.Parameter(_BITS, 6, _BITS),
    }

    @classmethod
    def fitted_arrays(
        cls,
        source: signals.Source,
        found: training.Training,
        parameters: Mapping[str, int | float],
    ) -> dict[str, np.ndarray]:
        """`neighbours`, float32 [sample, num_features], each of length 1 or 0.

        Raises:
            ValueError: There are fewer than k of them.
        """
        del source
        number, sample = len(found.features), int(parameters["sample"])
        if min(number, sample) < parameters["k"]:
            raise ValueError(
                f"knn needs at least k = {parameters['k']} training images, and keeps "
                f"{min(number, sample)}: give more, or a smaller k."
            )
        features = found.features
        if number > sample:
            rng = np.random.default_rng(int(parameters["seed"]))
            features = features[np.sort(rng.choice(number, sample, replace=False))]
        features = features.astype(np.float64)
        lengths = np.linalg.norm(features, axis=1, keepdims=True)
        neighbours = (features / np.maximum(lengths, _SMALLEST)).astype(np.float32)
        return {"neighbours": _rounded(neighbours, int(parameters["bits"]))}

    @classmethod
    def expected_arrays(cls, num_features: int) -> dict[str, detector.Array]:
        """See `fitted_arrays`."""
        return {"neighbours": detector.Array("float32", (None, num_features))}

    @classmethod
    def check_arrays(cls, arrays: Mapping[str, np.ndarray]) -> None:
        """See `Detector.check_arrays`."""
        lengths = np.linalg.norm(arrays["neighbours"], axis=1)
        if (np.minimum(lengths, np.abs(lengths - 1)) > _ROUNDING).any():
            raise ValueError("its neighbours are not of length 1")

    def from_signals(self, images: tf.Tensor, found: signals.Signals) -> tf.Tensor:
        """float32 [batch] in [-2, 0]; see `Detector.from_signals`."""
        del images
        features = tf.cast(found.features, tf.float64)
        lengths = tf.norm(features, axis=1, keepdims=True)
        features /= tf.maximum(lengths, _SMALLEST)
        neighbours = tf.cast(self._fitted["neighbours"], tf.float64)
        negated = (
            2 * tf.matmul(features, neighbours, transpose_b=True)
            - tf.reduce_sum(features**2, axis=1, keepdims=True)
            - tf.reduce_sum(neighbours**2, axis=1)
        )
        nearest = tf.math.top_k(negated, int(self.parameters["k"])).values[:, -1]
        return -tf.cast(tf.sqrt(tf.maximum(-nearest, 0)), tf.float32)


def _rounded(values: np.ndarray, bits: int) -> np.ndarray:
    """Values of float32, each rounded to so many significant bits; zeros stay zeros."""
    if bits == _BITS:
        return values
    fractions, exponents = np.frexp(values)
    return np.ldexp(np.rint(np.ldexp(fractions, bits)), exponents - bits).astype(np.float32)
