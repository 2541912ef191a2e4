"""One network as a TensorFlow function: images 0..255 -> confidences.

Everything between a stored image and a confidence is here: crops, scaling, preprocessing,
the model, the softmax of logits. Whoever calls it cannot get any of it wrong.
"""

import importlib
import warnings
import zipfile
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

import trainers.layers  # noqa: F401, so that Keras knows the layers of Caffe's networks
from keras_fool.models import classifiers, crops, image_views
from trainers import models

# What keras.applications.imagenet_utils.preprocess_input does in each of its modes, and
# Caffe with its mean of ImageNet; for RGB images with values in 0..255.
_PREPROCESS = {
    "unit": lambda images: images / 255,
    "caffe": lambda images: images[..., ::-1] - [103.939, 116.779, 123.68],
    "tf": lambda images: images / 127.5 - 1,
    "torch": lambda images: (images / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
    "bgr": lambda images: images[..., ::-1] - [104.0, 117.0, 123.0],
}
# How far a row of confidences may add up to something else than 1.
_TOLERANCE = 1e-3
_OF_COLOUR = ("caffe", "torch", "bgr")


class Network:
    """A loaded model and what wraps it.

    Attributes:
        name: What reports call it.
        image_shape: (height, width, channels) of the images that `confidences` takes.
        num_labels: How many outputs it has.
        pixels: Values that the model sees of an image, over all crops.
    """

    def __init__(self, classifier: classifiers.Classifier):
        """Loads the model.

        Args:
            classifier: The model file and what wraps it.

        Raises:
            ValueError: The file is no model that loads safely, its input is not one
                image of fixed shape, or its output is not one row per image, or what
                wraps it does not suit it.
        """
        self.name = classifier.name
        self._views = classifier.views
        self._from_logits = classifier.from_logits
        self._model = _application(classifier) if classifier.application else _load(classifier)
        self._input_shape = self._checked_input_shape()
        self.num_labels = self._checked_num_labels()
        self._dtype = tf.as_dtype(self._model.inputs[0].dtype)
        # A model of bytes makes bytes of whatever it is given, and so has no gradient.
        self._differentiable = self._model if self._dtype.is_floating else self._of_floats()
        self._preprocess = self._checked_preprocess(classifier.preprocess)
        self.image_shape, self._crop_size = self._checked_views()
        self._view = self._checked_view(classifier)
        self.pixels = self._views.crops * int(np.prod(self._input_shape))

    def confidences(self, images: tf.Tensor) -> tf.Tensor:
        """Scores images; differentiable where they are floats.

        Args:
            images: [batch, height, width, channels] uint8 or float32, 0..255.

        Returns:
            float32 [batch, num_labels]: what the model gives, after a softmax where it
            gives logits, averaged over crops.
        """
        outputs = self.outputs(images)
        confidences = tf.nn.softmax(outputs) if self._from_logits else outputs
        return crops.mean(confidences, self._views.crops)

    def outputs(self, images: tf.Tensor) -> tf.Tensor:
        """What the model itself gives for every crop: float32 [crops * batch, num_labels]."""
        seen = images if self._view is None else self._view(images)
        if self._views.image_size is not None:
            seen = crops.cut(seen, self._crop_size, self._views.crops)
            if self._crop_size != self._input_shape[0]:
                # With antialiasing: what a shrunken photograph looks like.
                seen = tf.image.resize(seen, self._input_shape[:2], antialias=True)
        model = self._differentiable if seen.dtype.is_floating else self._model
        return tf.cast(model(self._preprocess(seen), training=False), tf.float32)

    def take_softmax_off(self) -> bool:
        """Makes `outputs` logits where the model ends in a softmax layer; no confidence changes.

        Returns:
            Whether `outputs` are logits now.
        """
        if not self._from_logits and isinstance(self._model.layers[-1], keras.layers.Softmax):
            self._model = models.logits(self._model)
            self._differentiable = self._model if self._dtype.is_floating else self._of_floats()
            self._from_logits = True
        return self._from_logits

    def check_logits(self, images: np.ndarray) -> None:
        """Checks that what is taken for logits is no confidences already.

        Args:
            images: uint8 [batch, height, width, channels], some to try.

        Raises:
            ValueError: It is.
        """
        if not self._from_logits:
            return
        outputs = self.outputs(tf.constant(images)).numpy()
        if outputs.min() >= 0 and np.allclose(outputs.sum(axis=1), 1, atol=_TOLERANCE):
            raise ValueError(f"{self.name} gives confidences already: leave --from_logits out.")

    def _of_floats(self) -> keras.Model:
        """The same layers, with the same weights, behind an input of floats."""
        return keras.models.clone_model(
            self._model,
            input_tensors=keras.Input(self._input_shape, dtype="float32"),
            clone_function=lambda layer: layer,
        )

    def _checked_input_shape(self) -> tuple[int, int, int]:
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

    def _checked_preprocess(self, preprocess: str) -> Callable[[tf.Tensor], tf.Tensor]:
        if preprocess == "none":
            # Bytes stay bytes for a model of bytes; floats stay floats, for their gradient.
            return lambda images: (
                images if images.dtype.is_floating else tf.cast(images, self._dtype)
            )
        if not self._dtype.is_floating:
            raise ValueError(
                f"{self.name} takes {self._dtype.name} bytes as they are: --preprocess must be "
                f"none, not {preprocess}."
            )
        if preprocess in _OF_COLOUR and self._input_shape[2] != 3:
            raise ValueError(
                f"{self.name} takes grey images: --preprocess={preprocess} is for colour."
            )
        return lambda images: tf.cast(
            _PREPROCESS[preprocess](tf.cast(images, tf.float32)), self._dtype
        )

    def _checked_views(self) -> tuple[tuple[int, int, int], int | None]:
        """The shape of images, and the side of a crop."""
        height, width, channels = self._input_shape
        size = self._views.image_size
        if size is None:
            return self._input_shape, None
        if height != width:
            raise ValueError(
                f"{self.name} takes images of {height} x {width}: crops are for square ones."
            )
        crop_size = self._views.crop_size or height
        if crop_size > size:
            raise ValueError(
                f"{self.name} takes crops of {crop_size} pixels, which do not fit into images of "
                f"{size}: a larger --image_size, or a smaller --crop_size, is needed."
            )
        return (size, size, channels), crop_size

    def _checked_view(
        self, classifier: classifiers.Classifier
    ) -> Callable[[tf.Tensor], tf.Tensor] | None:
        """Images 0..255 -> float32 of the same shape; None for the plain view."""
        view = classifier.views.view
        if view == image_views.PLAIN:
            return None
        height, width, channels = self._input_shape
        if channels != 1:
            raise ValueError(
                f"{self.name} takes colour images: view={view} is of grey ones, whose bytes the "
                "published code took for colour."
            )
        mean = None
        if classifier.mean_path is not None:
            mean = image_views.read_mean(classifier.mean_path, self._input_shape)
        places = image_views.places(view, height, width)

        def view_of(images: tf.Tensor) -> tf.Tensor:
            values = images
            if places is not None:
                past = int(places.max()) + 1 - height * width
                values = tf.pad(tf.reshape(values, [-1, height * width]), [[0, 0], [0, past]])
                values = tf.gather(values, places, axis=1)
                values = tf.reshape(values, [-1, height, width, 1])
            values = tf.cast(values, tf.float32)
            return values if mean is None else values - mean

        return view_of


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


def _application(classifier: classifiers.Classifier) -> keras.Model:
    network = classifier.application
    module = importlib.import_module("keras.applications")
    width = {"alpha": network.alpha} if network.alpha != 1 else {}
    try:
        with warnings.catch_warnings():
            # Files of weights have no group for the lists that a functional model keeps of its
            # operations, which hold no weights; Keras mentions each of them.
            warnings.filterwarnings("ignore", "Skipping nested container at '_operations_by")
            return getattr(module, network.name)(
                weights=network.weights, input_shape=(network.size, network.size, 3), **width
            )
    except Exception as error:  # again, whatever Keras meets
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise ValueError(
            f"the weights {network.weights} are none of {network.title} "
            f"(size={network.size}, alpha={network.alpha:g}): {' '.join(lines[:3])}"
        ) from error
