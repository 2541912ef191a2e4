"""What detectors look at: confidences, logits, features of images, in one pass of the network."""

import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from keras_fool.detectors import last_layers
from keras_fool.models import (
    classifiers,
    keras_models,
    meanings,
    networks,
    scorer_contract,
    scoring,
    trial,
)

CONFIDENCES, LOGITS, FEATURES, WEIGHTS, GRADIENTS = KINDS = (
    "confidences",
    "logits",
    "features",
    "weights",
    "gradients",
)
# What each is called in messages.
WORDS = {
    CONFIDENCES: "confidences",
    LOGITS: "logits",
    FEATURES: "penultimate features",
    WEIGHTS: "the weights of a linear last layer",
    GRADIENTS: "gradients with respect to the image",
}
# How far what is read off the last layers may be from what the network gives, on confidences
# and, relative to the largest, on logits: rounding, in float32 and in half precision.
_TOLERANCE, _COARSE_TOLERANCE = 1e-3, 5e-2


class Signals(NamedTuple):
    """What a classifier makes of a batch of images.

    Attributes:
        confidences: float32 [batch, num_labels].
        logits: float32 [batch, num_labels]; their softmax are the confidences. None where the
            classifier has none.
        features: float32 [batch, num_features], the input of its last layer with weights; of a
            convolution over several places their mean. None where it has none.
    """

    confidences: tf.Tensor
    logits: tf.Tensor = None
    features: tf.Tensor = None


# Computes something for each image of a batch, from the images and what the classifier makes of
# them; every part of its answer has a row for each image.
Function = Callable[[tf.Tensor, Signals], list[tf.Tensor]]


class Identified(Protocol):
    """What has an identity."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """What makes its confidences, as JSON."""


class Source(Protocol):
    """A classifier that shows its signals, as far as it has them.

    Attributes:
        name: What reports call it.
        labels: The names of its labels.
        image_shape: (height, width, channels).
        num_features: How many features there are; 0 where there are none.
    """

    name: str
    labels: tuple[str, ...]
    image_shape: tuple[int, int, int]
    num_features: int

    @property
    def identity(self) -> Mapping[str, Any]:
        """What makes its confidences, as JSON."""

    def lack(self, kind: str) -> str | None:
        """Why it has no signals of a kind of `KINDS`, as the end of a sentence; None if it has."""

    def signals(self, images: tf.Tensor) -> Signals:
        """The signals of a batch as a TensorFlow function, for use in others.

        Args:
            images: [batch, height, width, channels] uint8 or float32, 0..255.
        """

    def weights(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Kernel, float32 [num_features, num_labels], and bias, float32 [num_labels]."""

    def mapped(self, function: Function) -> Callable[[np.ndarray], list[np.ndarray]]:
        """A function of any number of uint8 images that computes `function` in batches."""


class SignalScorer(scoring.LocalScorer):
    """A scorer on this machine that shows the signals behind its confidences.

    Attributes:
        num_features: How many features there are; 0 where there are none.
    """

    def __init__(
        self,
        classifier: classifiers.Classifier | classifiers.Ensemble,
        *,
        score_batch: int | None = None,
    ):
        """Takes what `scoring.LocalScorer` takes, and raises what it raises."""
        super().__init__(classifier, score_batch=score_batch)
        self._lacks: dict[str, str | None] = {}
        self._taps: dict[bool, last_layers.Taps] = {}
        self._alone: networks.Network | None = None  # the only one, where its layers are known
        self._closed: networks.Network | None = None  # or not known, where it gives logits
        self.num_features = 0
        self._look()

    def lack(self, kind: str) -> str | None:
        """Why it has no signals of a kind, as the end of a sentence; None where it has them."""
        if kind == GRADIENTS and kind not in self._lacks:
            flows = self.gives_gradients
            self._lacks[kind] = None if flows else "one of its operations has no gradient"
        return self._lacks.get(kind)

    def signals(self, images: tf.Tensor) -> Signals:
        """The signals of a batch, in one pass of the network; see `Source.signals`."""
        if self._closed is not None:
            outputs = self._closed.outputs(images)
            return Signals(self._closed.confidences_of(outputs), _of_two(outputs))
        if self._alone is None:
            return Signals(self.confidences(images))
        network = self._alone
        prepared = network.prepared(images)
        with keras_models.quiet():
            features, logits, outputs = self._tapped(prepared.dtype).run(prepared)
        confidences = network.confidences_of(last_layers.row(outputs))
        logits = None if self._lacks.get(LOGITS) or logits is None else _of_two(logits)
        return Signals(confidences, logits, None if self._lacks.get(FEATURES) else features)

    def weights(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The weights that make logits of features; see `Source.weights`."""
        found = self._tapped(tf.uint8).weights
        assert found is not None  # who needs them has asked what is lacking
        kernel, bias = found()
        return _of_two(kernel), _of_two(bias)

    def mapped(self, function: Function) -> Callable[[np.ndarray], list[np.ndarray]]:
        """A function of images that runs in batches of few shapes, as `score` does.

        Args:
            function: TensorFlow code, from a batch of images and their signals.

        Returns:
            Takes uint8 [n, height, width, channels], any n of at least 1, and gives what
            `function` computes, an array of n rows for each part.
        """
        traced = tf.function(lambda images: function(images, self.signals(images)), autograph=False)
        in_batches_of: dict[int, Any] = {}

        def of_images(images: np.ndarray) -> list[np.ndarray]:
            parts = []
            size = -(-len(images) // -(-len(images) // self.score_batch))
            for start in range(0, len(images), size):
                chunk = images[start : start + size]
                batch = self.batch_shape(len(chunk))
                if batch not in in_batches_of:
                    spec = tf.TensorSpec((batch, *self.image_shape), tf.uint8)
                    in_batches_of[batch] = traced.get_concrete_function(spec)
                padding = np.zeros((batch - len(chunk), *self.image_shape), np.uint8)
                found = in_batches_of[batch](tf.constant(np.concatenate([chunk, padding])))
                parts.append([part.numpy()[: len(chunk)] for part in found])
            return [np.concatenate(part) for part in zip(*parts, strict=True)]

        return of_images

    def _tapped(self, dtype: tf.DType) -> last_layers.Taps:
        network = self._alone
        assert network is not None
        model = network.layers(dtype)
        takes_bytes = model is network.layers(tf.uint8)  # or is the same for both
        if takes_bytes not in self._taps:
            gives_logits = network.meaning == meanings.LOGITS
            self._taps[takes_bytes] = last_layers.find(model, gives_logits=gives_logits)
        return self._taps[takes_bytes]

    def _look(self) -> None:
        """Finds out which signals there are, and compares them with each other."""
        network = self.networks[0]
        if len(self.networks) > 1:
            self._lack_all("it is an ensemble, whose members have their own")
        elif network.crops > 1:
            self._lack_all(f"its confidences are the mean of {network.crops} crops")
        elif network.layers(tf.uint8) is None:
            self._lack_all("its format does not show its layers")
            if network.meaning == meanings.LOGITS:
                self._closed = network
                del self._lacks[LOGITS], self._lacks[GRADIENTS]
        else:
            self._alone = network
            taps = self._tapped(tf.uint8)
            self._lacks = {
                LOGITS: taps.no_logits,
                FEATURES: taps.no_features,
                WEIGHTS: taps.no_weights,
            }
            if self.independent:
                reason = "its labels are independent (sigmoid), not one distribution"
                self._lacks |= {LOGITS: reason, WEIGHTS: reason}
            self._compare(
                _COARSE_TOLERANCE if meanings.is_coarse(network.computed_in) else _TOLERANCE
            )

    def _lack_all(self, reason: str) -> None:
        self._lacks = dict.fromkeys((LOGITS, FEATURES, WEIGHTS, GRADIENTS), reason)

    def _compare(self, tolerance: float) -> None:
        """What was read off the last layers must be what the network computes."""

        def checked(images: tf.Tensor) -> list[tf.Tensor]:
            signals = self.signals(images)
            parts = [signals.confidences]
            parts += [] if signals.logits is None else [tf.nn.softmax(signals.logits)]
            if signals.features is None:
                return parts
            self.num_features = signals.features.shape[1]
            if not self.lack(WEIGHTS) and signals.logits is not None:
                kernel, bias = self.weights()
                parts += [signals.logits, signals.features @ kernel + bias]
            return parts

        found = trial.once(checked, scorer_contract.trial_images(self.image_shape))
        confidences, *others = (part.numpy() for part in found)
        if others and not _agree(confidences, others[0], tolerance):
            reason = "what its last layers compute is not understood"
            self._lacks |= dict.fromkeys((LOGITS, FEATURES, WEIGHTS), reason)
            self.num_features = 0
        elif len(others) > 1:
            largest = np.abs(others[1][np.isfinite(others[1])]).max(initial=1)
            if not _agree(others[1], others[2], tolerance * largest):
                self._lacks[WEIGHTS] = "its last layer is not understood"


class ConfidenceSource:
    """A classifier of which only confidences are known, such as an endpoint.

    Attributes:
        num_features: 0: there are none.
    """

    num_features = 0

    def __init__(self, scorer: scorer_contract.Scorer):
        """Takes a scorer of any kind."""
        self._scorer = scorer
        self.name = scorer.name
        self.identity: Mapping[str, Any] = scorer.identity
        self.labels = scorer.labels
        self.image_shape = scorer.image_shape

    def lack(self, kind: str) -> str | None:
        """Why it has no signals of a kind; see `Source.lack`."""
        return None if kind == CONFIDENCES else "it gives nothing but confidences"

    def signals(self, images: tf.Tensor) -> Signals:
        """The confidences of a batch; not inside a `tf.function`."""
        return Signals(tf.constant(self._scorer.score(images.numpy())))

    def weights(self) -> tuple[tf.Tensor, tf.Tensor]:
        """None are known."""
        raise NotImplementedError

    def mapped(self, function: Function) -> Callable[[np.ndarray], list[np.ndarray]]:
        """The same function of images; see `Source.mapped`."""

        def of_images(images: np.ndarray) -> list[np.ndarray]:
            signals = Signals(tf.constant(self._scorer.score(images)))
            return [part.numpy() for part in function(tf.constant(images), signals)]

        return of_images


@functools.lru_cache(maxsize=32)
def _digest(identity: str) -> str:
    return hashlib.sha256(identity.encode()).hexdigest()


def digest(source: Identified) -> str:
    """The SHA-256, in hexadecimal, of what makes a classifier's confidences, wherever it lies.

    Args:
        source: A source, or the classifier before it is loaded.
    """
    return _digest(json.dumps(classifiers.comparable(source.identity), sort_keys=True))


def check_images(source: Source, images: np.ndarray, what: str = "images") -> None:
    """Refuses what are not images for a classifier.

    Raises:
        ValueError: They are not uint8 [at least 1, height, width, channels] of its size.
    """
    form = getattr(images, "dtype", type(images).__name__)
    shape = list(getattr(images, "shape", ()))
    if form != np.uint8 or tuple(shape[1:]) != source.image_shape or not shape[0]:
        raise ValueError(
            f"{what} must be uint8 [at least 1, {', '.join(map(str, source.image_shape))}] in "
            f"0..255 for {source.name}, got {form} {shape}."
        )


def _of_two(logits: tf.Tensor) -> tf.Tensor:
    """Logits, or what makes them, of two labels where there is one: that of the first is 0."""
    if logits.shape[-1] != 1:
        return logits
    return tf.concat([tf.zeros_like(logits), logits], axis=-1)


def _agree(some: np.ndarray, others: np.ndarray, tolerance: float) -> bool:
    finite = np.isfinite(some).all(axis=1)
    return bool(np.allclose(some[finite], others[finite], rtol=0, atol=tolerance))
