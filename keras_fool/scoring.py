"""Images -> confidences, by a Keras model on this machine.

Everything runs in one `tf.function` with few fixed batch shapes: for each new one the
function is traced, and an accelerator's library looks for its fastest kernels again.
"""

import math
import time
import zipfile
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from keras_fool import classifiers

# From this batch size up, the confidences of an image do not depend on the batch it is
# in (the smallest batches go through other kernels); the tests hold it.
SMALLEST_BATCH = 16
_LARGEST_BATCH = 2048
# What `tune` may choose.
_TUNED_BATCHES = (256, 512, 1024, 2048, 4096, 8192)
# A larger batch must be so much faster to be worth its memory.
_GAIN = 1.03
# Bytes of images in a batch; what a network makes of them is some hundred times larger.
_BYTES_OF_BATCH = 2**24
# How far a row of confidences may add up to something else than 1.
_TOLERANCE = 1e-3


class ScorerError(ValueError):
    """What a model returned is no confidences; the message names the model."""


class LocalScorer:
    """Scores images with a Keras model; for one caller at a time, from any thread.

    Attributes:
        name: What reports call the classifier.
        identity: What makes its confidences, as JSON.
        labels: The names of its outputs.
        image_shape: (height, width, channels).
        score_batch: The largest number of images in one call of the model.
        traces: How many graphs were built: one per batch shape.
    """

    def __init__(self, classifier: classifiers.Classifier, *, score_batch: int | None = None):
        """Loads the model and tries it on a few images.

        Args:
            classifier: The model file and what wraps it.
            score_batch: The largest number of images in one call of the model; by
                default what fills the machine without filling its memory.

        Raises:
            ValueError: The file is no model that loads safely, its input is not one
                image of fixed shape, or its output is not one row of confidences
                per image, or those are no confidences (`ScorerError`).
        """
        self.name = classifier.name
        self.identity = classifier.identity
        self.traces = 0
        self._model = _load(classifier)
        self.image_shape = self._checked_image_shape()
        num_labels = self._checked_num_labels()
        self.labels = classifier.labels or tuple(str(label) for label in range(num_labels))
        if len(self.labels) != num_labels:
            raise ValueError(
                f"{self.name}: its card names {len(self.labels)} labels, "
                f"but the model has {num_labels} outputs."
            )
        self._preprocess = self._checked_preprocess(classifier.preprocess)
        self._from_logits = classifier.from_logits
        fitting = min(_LARGEST_BATCH, _BYTES_OF_BATCH // math.prod(self.image_shape))
        self.score_batch = max(SMALLEST_BATCH, score_batch or fitting)
        self._confidences = tf.function(self._traced, autograph=False)
        self._functions = {}
        self._try_out()

    def score(self, images: np.ndarray) -> np.ndarray:
        """The confidence of every label for every image.

        Deterministic: the confidences of an image are the same bits in every batch.

        Args:
            images: [batch, height, width, channels] uint8, 0..255; any batch.

        Returns:
            [batch, num_labels] float32; each row adds up to 1.

        Raises:
            ValueError: `images` has another shape or dtype.
            ScorerError: The model returned NaN or rows that do not add up to 1.
        """
        if images.dtype != np.uint8 or images.shape[1:] != self.image_shape:
            raise ValueError(
                f"{self.name} takes uint8 images [batch, {_by(self.image_shape)}], "
                f"got {images.dtype} {list(images.shape)}."
            )
        confidences = np.empty((len(images), len(self.labels)), np.float32)
        for start in range(0, len(images), self.score_batch):
            chunk = images[start : start + self.score_batch]
            confidences[start : start + len(chunk)] = self._run(chunk)[: len(chunk)]
        self._check(confidences)
        return confidences

    def tune(self, most: int) -> int:
        """Takes the batch size that scores fastest on this machine; no result depends on it.

        Args:
            most: The largest number of images that `score` will be given at a time.

        Returns:
            The batch size: the largest number of images in one call of the model.
        """
        fitting = _BYTES_OF_BATCH // math.prod(self.image_shape)
        sizes = [size for size in _TUNED_BATCHES if size <= min(most, fitting)]
        best, best_rate = self.score_batch, 0.0
        for size in sizes:
            images = np.random.default_rng(0).integers(0, 256, (size, *self.image_shape), np.uint8)
            self.score_batch = size
            self._run(images)  # traces
            seconds = min(_seconds(lambda images=images: self._run(images)) for _ in range(3))
            if size / seconds > best_rate * _GAIN:
                best, best_rate = size, size / seconds
        self.score_batch = best
        return best

    def _run(self, chunk: np.ndarray) -> np.ndarray:
        """[fixed batch, num_labels] float32; the rows past the chunk's are padding."""
        batch = fixed_batch(len(chunk), self.score_batch)
        if batch > len(chunk):
            padding = np.zeros((batch - len(chunk), *self.image_shape), np.uint8)
            chunk = np.concatenate([chunk, padding])
        if batch not in self._functions:
            spec = tf.TensorSpec(chunk.shape, tf.uint8)
            self._functions[batch] = self._confidences.get_concrete_function(spec)
        return self._functions[batch](tf.constant(chunk)).numpy()

    def _traced(self, images: tf.Tensor) -> tf.Tensor:
        self.traces += 1  # runs while tracing, not while scoring
        inputs = self._preprocess(images)
        outputs = tf.cast(self._model(inputs, training=False), tf.float32)
        return tf.nn.softmax(outputs) if self._from_logits else outputs

    def _check(self, confidences: np.ndarray) -> None:
        # A NaN makes its row's sum a NaN, for which "<=" is False: one pass finds both.
        sums = confidences.sum(axis=1)
        if (np.abs(sums - 1) <= _TOLERANCE).all():
            return
        if np.isnan(sums).any():
            raise ScorerError(f"{self.name} returned NaN confidences; did its training diverge?")
        worst = sums[np.abs(sums - 1).argmax()]
        raise ScorerError(
            f"{self.name} returned confidences that add up to {worst:.6g}, not to 1; "
            "if its outputs are logits, say --from_logits."
        )

    def _try_out(self) -> None:
        """Meets a model's defects before a run begins rather than in its midst."""
        generator = np.random.default_rng(0)
        images = generator.integers(0, 256, (SMALLEST_BATCH, *self.image_shape), np.uint8)
        images[0], images[1] = 0, 255
        outputs = self.score(images)
        if outputs.min() < 0:
            raise ScorerError(
                f"{self.name} returned negative confidences; if its outputs are logits, "
                "say --from_logits."
            )
        if self._from_logits:
            raw = tf.cast(self._model(self._preprocess(images), training=False), tf.float32)
            if raw.numpy().min() >= 0 and np.allclose(raw.numpy().sum(axis=1), 1, atol=_TOLERANCE):
                raise ScorerError(
                    f"{self.name} gives confidences already: leave --from_logits out."
                )

    def _checked_image_shape(self) -> tuple[int, int, int]:
        inputs = self._model.inputs or []
        shapes = [tuple(tensor.shape) for tensor in inputs]
        if (
            len(shapes) != 1
            or len(shapes[0]) != 4
            or None in shapes[0][1:]
            or shapes[0][3] not in (1, 3)
        ):
            raise ValueError(
                f"{self.name} must take one image of fixed shape [batch, height, width, 1 or 3], "
                f"but takes {' and '.join(str(list(shape)) for shape in shapes) or 'no known one'}."
            )
        return shapes[0][1:]

    def _checked_num_labels(self) -> int:
        shapes = [tuple(tensor.shape) for tensor in self._model.outputs]
        if len(shapes) != 1 or len(shapes[0]) != 2 or shapes[0][1] is None:
            raise ValueError(
                f"{self.name} must give one row of confidences [batch, num_labels], "
                f"but gives {' and '.join(str(list(shape)) for shape in shapes)}."
            )
        return shapes[0][1]

    def _checked_preprocess(self, preprocess: str):
        dtype = tf.as_dtype(self._model.inputs[0].dtype)
        if preprocess == "none":
            return lambda images: tf.cast(images, dtype)
        if not dtype.is_floating:
            raise ValueError(
                f"{self.name} takes {dtype.name} bytes as they are: --preprocess must be none, "
                f"not {preprocess}."
            )
        if preprocess in ("caffe", "torch") and self.image_shape[2] != 3:
            raise ValueError(
                f"{self.name} takes grey images: --preprocess={preprocess} is for colour."
            )
        return lambda images: tf.cast(_PREPROCESS[preprocess](tf.cast(images, tf.float32)), dtype)


# What keras.applications.imagenet_utils.preprocess_input does in each of its modes,
# for RGB images with values in 0..255.
_PREPROCESS = {
    "unit": lambda images: images / 255,
    "caffe": lambda images: images[..., ::-1] - [103.939, 116.779, 123.68],
    "tf": lambda images: images / 127.5 - 1,
    "torch": lambda images: (images / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
}


def _load(classifier: classifiers.Classifier) -> keras.Model:
    try:
        # safe_mode: a model is data; a Lambda layer in it would be code.
        model = keras.saving.load_model(classifier.path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises what it meets: OSError, KeyError, TypeError, ...
        if not zipfile.is_zipfile(classifier.path):
            reason = "the file is no Keras archive"
        else:
            reason = str(error).strip().splitlines()[0]
        raise ValueError(f"{classifier.path} is no model that loads safely: {reason}") from error
    if not isinstance(model, keras.Model):
        raise ValueError(f"{classifier.path} holds a {type(model).__name__}, not a model.")
    return model


def fixed_batch(num_images: int, largest: int) -> int:
    """The batch shape that `num_images` are padded to.

    Four significant bits: at most an eighth of a batch is padding, and a run, whose
    batches are all nearly as large, meets two or three shapes.
    """
    step = 1 << max(0, num_images.bit_length() - 4)
    return min(largest, max(SMALLEST_BATCH, -(-num_images // step) * step))


def _seconds(function: Callable[[], object]) -> float:
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun


def _by(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))
