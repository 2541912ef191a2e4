"""Images -> confidences, by Keras models on this machine.

Everything runs in one `tf.function` with few fixed batch shapes: for each new one the
function is traced, and an accelerator's library looks for its fastest kernels again. There is
only one where the last bits of confidences depend on it (`kernel_threads`).
"""

import functools
import math
import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from keras_fool.models import (
    batch_shapes,
    classifiers,
    kernel_threads,
    networks,
    scorer_contract,
    trial,
)

ScorerError = scorer_contract.ScorerError
_LARGEST_BATCH = 88 * batch_shapes.UNIT  # 2112
# What `tune` may choose.
_TUNED_BATCHES = tuple(batch_shapes.UNIT * units for units in (11, 22, 44, 88, 176, 352))
# A larger batch must be so much faster to be worth its memory.
_GAIN = 1.03
# Bytes of images in a batch; what a network makes of them is some hundred times larger.
_BYTES_OF_BATCH = 2**24
Kind = TypeVar("Kind", bound="LocalScorer")


class LocalScorer:
    """Scores images with one Keras model, or with the mean of several.

    For one caller at a time, from any thread.

    Attributes:
        name: What reports call the classifier.
        identity: What makes its confidences, as JSON.
        labels: The names of its labels.
        image_shape: (height, width, channels).
        independent: Whether each label has a probability of its own, and rows add up to
            anything.
        notes: What the user should know of it, in sentences.
        score_batch: The largest number of images in one call of the model.
        networks: The network of each member.
        values_seen: Values that all members see of an image, over all crops.
        traces: How many graphs were built: one per batch shape.
    """

    def __init__(
        self,
        classifier: classifiers.Classifier | classifiers.Ensemble,
        *,
        score_batch: int | None = None,
    ):
        """Loads the model and tries it on a few images.

        Args:
            classifier: The model file and what wraps it, or several.
            score_batch: The largest number of images in one call of the model; by
                default what fills the machine without filling its memory. Where only one
                shape is used, it is this one if it is smaller.

        Raises:
            ValueError: The file is not a model that loads safely, its input is not one
                image of fixed shape, or its output is not one row of confidences
                per image, or those are not confidences (`ScorerError`), or the members
                of an ensemble differ in images or number of labels.
        """
        self.name = classifier.name
        self.identity = classifier.identity
        self.traces = 0
        self._orders = classifier.orders
        self.networks = [networks.Network(member) for member in classifier.members]
        self.image_shape, num_labels, self.independent = self._checked_members()
        self.labels = classifier.labels or tuple(str(label) for label in range(num_labels))
        if len(self.labels) != num_labels:
            raise ValueError(
                f"{self.name}: {len(self.labels)} labels are named, "
                f"but the model has {num_labels} outputs."
            )
        seen = [network.pixels for network in self.networks]
        self.values_seen = sum(seen)
        pixels = max(math.prod(self.image_shape), *seen)
        self._fitting = _BYTES_OF_BATCH // pixels
        self._one_shape = kernel_threads.bits_depend_on_batch()
        usual = batch_shapes.ONE if self._one_shape else _LARGEST_BATCH
        if score_batch is not None and self._one_shape:
            score_batch = min(score_batch, usual)
        self.score_batch = batch_shapes.largest(score_batch, usual, self._fitting)
        self._function = tf.function(self._traced, autograph=False)
        self._functions: dict[int, Any] = {}
        self.notes = trial.Trial(
            self.name, self.networks, self.image_shape, self.independent, self._mean
        ).notes()

    def score(self, images: np.ndarray) -> np.ndarray:
        """The confidence of every label for every image.

        Deterministic: the confidences of an image are the same bits in every batch, for one
        number of TensorFlow's threads; from three on, for one `score_batch`, too.

        Args:
            images: [batch, height, width, channels] uint8, 0..255; any batch.

        Returns:
            [batch, num_labels] float32; each row adds up to 1, unless labels are
            independent, or is NaN where the model returned a NaN or an infinite value for the
            image.

        Raises:
            ValueError: `images` has another shape or dtype.
            ScorerError: The model returned rows that do not add up to 1.
        """
        if images.dtype != np.uint8 or images.shape[1:] != self.image_shape:
            raise ValueError(
                f"{self.name} takes uint8 images [batch, {_by(self.image_shape)}], "
                f"got {images.dtype} {list(images.shape)}."
            )
        rows = np.empty((len(images), self.row_length), np.float32)
        # Chunks of one size: few shapes, and little padding.
        chunks = -(-len(images) // self.score_batch)
        size = -(-len(images) // max(1, chunks))
        for start in range(0, len(images), max(1, size)):
            chunk = images[start : start + size]
            rows[start : start + len(chunk)] = self._run(chunk)[: len(chunk)]
        return self._checked(rows)

    def shared_by(self, kind: type[Kind]) -> Kind:
        """A scorer of another kind on the same networks, which are not loaded again.

        Args:
            kind: Its class, which needs nothing more than this scorer has.
        """
        found = kind.__new__(kind)
        vars(found).update(vars(self))
        found.traces = 0
        found._function = tf.function(found._traced, autograph=False)
        found._functions = {}
        return found

    def confidences(self, images: tf.Tensor) -> tf.Tensor:
        """The same as a TensorFlow function, unchecked; differentiable where images are floats.

        Args:
            images: [batch, height, width, channels] uint8 or float32, 0..255.

        Returns:
            float32 [batch, num_labels].
        """
        return self._mean([network.confidences(images) for network in self.networks])

    @property
    def gives_gradients(self) -> bool:
        """Whether a gradient reaches the images through every network: it is tried."""
        return all(network.gives_gradients for network in self.networks)

    @property
    def preprocesses(self) -> list[str]:
        """Other ways of preparing bytes, as far as one of them might be meant.

        None for an ensemble, and where bytes are made smaller on their way into the model.
        """
        (network, *others) = self.networks
        return [] if others or network.scales else network.preprocesses()[1:]

    def score_prepared(self, images: np.ndarray, preprocess: str) -> np.ndarray:
        """What `score` would give with another of `preprocesses`, unchecked: for advice."""
        (network,) = self.networks
        before = network.preprocess
        try:
            network.set_preprocess(preprocess)
            function = tf.function(network.confidences, autograph=False)
            chunks = range(0, len(images), self.score_batch)
            parts = [images[at : at + self.score_batch] for at in chunks]
            return np.concatenate(
                [trial.concrete(function, part)(tf.constant(part)).numpy() for part in parts]
            )
        finally:
            network.set_preprocess(before)

    def tune(self, most: int) -> int:
        """Takes the batch size that scores fastest on this machine; no result depends on it.

        Args:
            most: The largest number of images that `score` will be given at a time.

        Returns:
            The batch size: the largest number of images in one call of the model.
        """
        if self._one_shape:
            return self.score_batch
        sizes = [size for size in _TUNED_BATCHES if size <= min(most, self._fitting)]
        best, best_rate = self.score_batch, 0.0
        for size in sizes:
            images = np.random.default_rng(0).integers(0, 256, (size, *self.image_shape), np.uint8)
            self.score_batch = size
            self._run(images)  # traces
            seconds = min(_seconds(functools.partial(self._run, images)) for _ in range(3))
            if size / seconds > best_rate * _GAIN:
                best, best_rate = size, size / seconds
        self.score_batch = best
        return best

    @property
    def part_images(self) -> int:
        """How many images may be scored before the others are drawn: no batch changes bits."""
        return self.score_batch

    def batch_shape(self, num_images: int) -> int:
        """The shape that a batch of 1 to `score_batch` images is filled up to."""
        if self._one_shape:
            return self.score_batch
        return batch_shapes.fixed(num_images, self.score_batch)

    def _run(self, chunk: np.ndarray) -> np.ndarray:
        """[fixed batch, num_labels] float32; the rows past the chunk's are padding."""
        batch = self.batch_shape(len(chunk))
        if batch > len(chunk):
            padding = np.zeros((batch - len(chunk), *self.image_shape), np.uint8)
            chunk = np.concatenate([chunk, padding])
        if batch not in self._functions:
            spec = tf.TensorSpec(chunk.shape, tf.uint8)
            self._functions[batch] = self._function.get_concrete_function(spec)
        return self._functions[batch](tf.constant(chunk)).numpy()

    def _traced(self, images: tf.Tensor) -> tf.Tensor:
        self.traces += 1  # runs while tracing, not while scoring
        return self.confidences(images)

    @property
    def row_length(self) -> int:
        """How many numbers `_traced` gives for an image."""
        return len(self.labels)

    def _checked(self, rows: np.ndarray) -> np.ndarray:
        """The confidences in rows of `_traced`, float32 [batch, row_length]; kinds add to it."""
        self._check(rows)
        return rows

    def _mean(self, each: list[tf.Tensor]) -> tf.Tensor:
        """The mean of members' confidences, the labels of each in the order of the first's."""
        each = [
            confidences if order is None else tf.gather(confidences, order, axis=1)
            for confidences, order in zip(each, self._orders, strict=True)
        ]
        return each[0] if len(each) == 1 else tf.add_n(each) / len(each)

    def _check(self, confidences: np.ndarray) -> None:
        finite = scorer_contract.blank(confidences)
        rows = confidences if finite.all() else confidences[finite]
        if problem := scorer_contract.problem(rows, self.independent):
            raise ScorerError(f"{self.name} {problem}")

    def _checked_members(self) -> tuple[tuple[int, int, int], int, bool]:
        """What all members share: the shape of images, the number of labels, what those are."""
        first, *others = self.networks
        for other in others:
            if other.image_shape != first.image_shape:
                raise ValueError(
                    f"the members of an ensemble see the same images: {first.name} takes "
                    f"{_by(first.image_shape)}, {other.name} takes {_by(other.image_shape)}; "
                    "--image_size=256 lets each crop what it takes."
                )
            if other.num_labels != first.num_labels:
                raise ValueError(
                    f"the members of an ensemble have the same labels: {first.name} has "
                    f"{first.num_labels}, {other.name} has {other.num_labels}."
                )
            if other.independent != first.independent:
                independent, distribution = (first, other) if first.independent else (other, first)
                raise ValueError(
                    f"the members of an ensemble mean the same: the labels of {independent.name} "
                    f"are independent (sigmoid), those of {distribution.name} share one "
                    "distribution."
                )
        return first.image_shape, first.num_labels, first.independent


def _seconds(function: Callable[[], object]) -> float:
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun


def _by(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))
