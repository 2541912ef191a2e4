"""Networks with images, and the detectors' formulas in NumPy, SciPy and scikit-learn."""

import dataclasses
from collections.abc import Callable

import numpy as np
import scipy.special
from sklearn import covariance, neighbors

from keras_fool import detectors
from keras_fool.detectors import detector, signals


@dataclasses.dataclass(frozen=True)
class Case:
    """A classifier, what it makes of images by Keras alone, and images.

    Attributes:
        source: The classifier as detectors take it.
        by_keras: Images -> features, logits, kernel, bias; and a gradient for ODIN.
        train: uint8 images.
        labels: Their classes.
        test: uint8 images.
        options: Parameters of detectors that the images are too few for.
    """

    source: signals.Source
    by_keras: Callable
    train: np.ndarray
    labels: np.ndarray
    test: np.ndarray
    options: dict = dataclasses.field(default_factory=dict)
    known: dict = dataclasses.field(default_factory=dict)

    def fitted(self, name: str) -> detector.Detector:
        """A detector fitted on the training images, once; nobody alters it."""
        if name not in self.known:
            options = self.options.get(name, {})
            self.known[name] = detectors.fit(name, self.source, self.train, self.labels, **options)
        return self.known[name]


def signals_of(model: str) -> Callable:
    """Images -> (features, logits, kernel, bias), float64, of a network that ends in Dense."""
    import keras

    from keras_fool.models import classifiers

    network = keras.saving.load_model(classifiers.find(model).path)
    dense = next(layer for layer in reversed(network.layers) if hasattr(layer, "kernel"))
    before = keras.Model(network.input, dense.input)
    kernel, bias = (weights.astype(np.float64) for weights in dense.get_weights())

    known: dict[bytes, np.ndarray] = {}

    def found(images: np.ndarray) -> tuple[np.ndarray, ...]:
        given = images.tobytes()
        if given not in known:
            parts = [before(images[at : at + 300]) for at in range(0, len(images), 300)]
            known[given] = np.concatenate(parts).astype(np.float64)
        return known[given], known[given] @ kernel + bias, kernel, bias

    found.model = network
    return found


def softmax(logits: np.ndarray) -> np.ndarray:
    return scipy.special.softmax(logits, axis=1)


def msp(case: Case) -> np.ndarray:
    return softmax(case.by_keras(case.test)[1]).max(axis=1)


def max_logit(case: Case) -> np.ndarray:
    return case.by_keras(case.test)[1].max(axis=1)


def energy(case: Case, temperature: float = 1.0) -> np.ndarray:
    logits = case.by_keras(case.test)[1]
    return temperature * scipy.special.logsumexp(logits / temperature, axis=1)


def odin(case: Case, temperature: float = 1000.0, step: float = 0.0014) -> np.ndarray:
    """By a gradient of the logits themselves, in floats, chained by hand with that of the loss."""
    import tensorflow as tf

    layers = case.by_keras.model.layers[1:]  # without its input, which is of bytes
    last = max(place for place, layer in enumerate(layers) if hasattr(layer, "kernel"))

    def logits_of(values):
        for layer in layers[:last]:
            values = layer(values)
        return values @ layers[last].kernel + layers[last].bias

    values = tf.constant(case.test, tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(values)
        logits = logits_of(values)
        each = tf.unstack(logits, axis=1)
    jacobian = np.stack([tape.gradient(label, values).numpy() for label in each], axis=1)
    slopes = softmax(logits.numpy().astype(np.float64) / temperature)
    slopes[np.arange(len(slopes)), logits.numpy().argmax(axis=1)] -= 1
    gradient = np.einsum("bl,blhwc->bhwc", slopes, jacobian.astype(np.float64))
    moved = case.test - step * 255 * np.sign(gradient)
    logits = logits_of(tf.constant(moved, tf.float32)).numpy().astype(np.float64)
    return softmax(logits / temperature).max(axis=1)


def mahalanobis(case: Case) -> np.ndarray:
    train, test = case.by_keras(case.train)[0], case.by_keras(case.test)[0]
    classes = np.unique(case.labels)
    means = {label: train[case.labels == label].mean(axis=0) for label in classes}
    centred = train - np.stack([means[label] for label in case.labels])
    fitted = covariance.EmpiricalCovariance(assume_centered=True).fit(centred)
    precision = np.linalg.pinv(fitted.covariance_, rcond=1e-10, hermitian=True)
    off = [test - means[label] for label in classes]
    return np.max([-np.einsum("bi,ij,bj->b", part, precision, part) for part in off], axis=0)


def knn(case: Case, k: int = 50) -> np.ndarray:
    train, test = (case.by_keras(images)[0] for images in (case.train, case.test))
    train, test = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (train, test))
    distances, _ = neighbors.NearestNeighbors(n_neighbors=k).fit(train).kneighbors(test)
    return -distances[:, -1]


def vim(case: Case, variance: float = 0.99) -> np.ndarray:
    features, logits, kernel, bias = case.by_keras(case.train)
    origin = -np.linalg.pinv(kernel.T) @ bias
    centred = features - origin
    _, sizes, directions = np.linalg.svd(centred, full_matrices=True)
    shares = np.cumsum(sizes**2) / np.sum(sizes**2)
    kept = np.flatnonzero(shares >= variance)[0] + 1
    principal = directions[:kept].T

    def residual(rows: np.ndarray) -> np.ndarray:
        return np.linalg.norm(rows - rows @ principal @ principal.T, axis=1)

    alpha = logits.max(axis=1).mean() / residual(centred).mean()
    features, logits, _, _ = case.by_keras(case.test)
    return scipy.special.logsumexp(logits, axis=1) - alpha * residual(features - origin)


def react(case: Case, quantile: float = 0.9) -> np.ndarray:
    limit = np.percentile(case.by_keras(case.train)[0], 100 * quantile)
    features, _, kernel, bias = case.by_keras(case.test)
    return scipy.special.logsumexp(np.minimum(features, limit) @ kernel + bias, axis=1)


ORACLES = {
    "msp": msp,
    "max_logit": max_logit,
    "energy": energy,
    "odin": odin,
    "mahalanobis": mahalanobis,
    "knn": knn,
    "vim": vim,
    "react": react,
}
# Other parameters than the defaults, for a second comparison.
OTHERS = {
    "energy": {"temperature": 2.5},
    "odin": {"temperature": 3.0, "step": 0.02},
    "knn": {"k": 3},
    "vim": {"variance": 0.9},
    "react": {"quantile": 0.5},
}
