"""One network as a TensorFlow function: images 0..255 -> confidences.

Everything between a stored image and a confidence is here: crops, scaling, preprocessing,
the model, and what its outputs mean. A caller cannot get any of it wrong.
"""

import math
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from keras_fool.models import (
    classifiers,
    crops,
    image_views,
    keras_models,
    meanings,
    preprocessing,
)
from trainers import models

# Layers and operations that turn bytes into what the weights behind them were trained on.
_SCALING = ("Rescaling", "Normalization")
_ARITHMETIC = ("Add", "Subtract", "Multiply", "Divide", "TrueDivide")
# Values of an image that fit into memory sixteen times, with what a network makes of them.
_MOST_VALUES = 2**26


class Network:
    """A loaded model and what wraps it.

    Attributes:
        name: What reports call it.
        image_shape: (height, width, channels) of the images that `confidences` takes.
        num_labels: How many labels its outputs stand for.
        meaning: What they mean, one of `meanings.MEANINGS`.
        independent: Whether each label has a probability of its own.
        pixels: Values that the model sees of an image, over all crops.
    """

    def __init__(self, classifier: classifiers.Classifier):
        """Loads the model.

        Args:
            classifier: The model file and what wraps it.

        Raises:
            ValueError: The file is not a model that loads safely, its input is not one
                image of fixed shape, or its output is not one row per image, or what
                wraps it does not suit it, or its last layer has another meaning.
        """
        self.name = classifier.name
        self.meaning = classifier.meaning
        self._head = classifier.head
        self._views = classifier.views
        self._model = keras_models.loaded(classifier)
        self._input_shape = self._checked_input_shape()
        self._num_outputs = self._checked_num_outputs()
        self.num_labels = meanings.num_labels(self._num_outputs, self.meaning)
        self.independent = meanings.are_independent(self._num_outputs, self.meaning)
        self._check_head(classifier.outputs)
        self._computed_in = self._coarsest()
        self._dtype = self._checked_dtype()
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
        return self.confidences_of(self.outputs(images))

    def confidences_of(self, outputs: tf.Tensor) -> tf.Tensor:
        """What `outputs` mean: float32 [batch, num_labels] of [crops * batch, num_outputs]."""
        single = self._num_outputs == 1
        if self.meaning == meanings.LOGITS:
            both = tf.concat([tf.zeros_like(outputs), outputs], axis=1) if single else outputs
            confidences = tf.nn.softmax(both)
        elif self.meaning == meanings.SIGMOID and single:
            confidences = tf.concat([1 - outputs, outputs], axis=1)
        elif self.meaning == meanings.CONFIDENCES and meanings.is_coarse(self._computed_in):
            sums = tf.reduce_sum(outputs, axis=1, keepdims=True)
            tolerance = meanings.tolerance(self._computed_in, self._num_outputs)
            # A row beyond it stays as it is, and is refused for that.
            within = tf.abs(sums - 1) <= tolerance
            confidences = outputs / tf.where(within, sums, tf.ones_like(sums))
        else:
            confidences = outputs
        return crops.mean(confidences, self._views.crops)

    def outputs(self, images: tf.Tensor) -> tf.Tensor:
        """What the model itself gives for every crop: float32 [crops * batch, num_outputs]."""
        seen = images if self._view is None else self._view(images)
        if self._views.image_size is not None:
            assert self._crop_size is not None  # as there is a size of images
            seen = crops.cut(seen, self._crop_size, self._views.crops)
            if self._crop_size != self._input_shape[0]:
                # With antialiasing: what a shrunken photograph looks like.
                seen = tf.image.resize(seen, self._input_shape[:2], antialias=True)
        model = self._differentiable if seen.dtype.is_floating else self._model
        with keras_models.quiet():
            (found,) = tf.nest.flatten(model(self._preprocess(seen), training=False))
        if found.shape.rank != 2:  # pixels of 1 x 1 are in between
            found = tf.reshape(found, [-1, self._num_outputs])
        return tf.cast(found, tf.float32)

    def take_softmax_off(self) -> bool:
        """Makes `outputs` logits where the model ends in a softmax layer; no confidence changes.

        Returns:
            Whether `outputs` are logits now.
        """
        last = self._model.layers[-1]
        if (
            self.meaning == meanings.CONFIDENCES
            and isinstance(last, keras.layers.Softmax)
            and self._model.outputs[0] is last.output
            and not meanings.is_coarse(self._computed_in)
        ):
            self._model = models.logits(self._model)
            self._differentiable = self._model if self._dtype.is_floating else self._of_floats()
            self.meaning = meanings.LOGITS
        return self.meaning == meanings.LOGITS and self._num_outputs > 1

    def contradiction(self, outputs: np.ndarray) -> str | None:
        """Says, after its name, why `outputs` for some images cannot mean what they are to mean.

        Args:
            outputs: float32 [crops * batch, num_outputs], for images that have little in
                common.
        """
        sure = self._head is not None and self._head.meaning == self.meaning
        return meanings.contradiction(
            outputs, self.meaning, "--outputs={}".format, dtype=self._computed_in, sure=sure
        )

    @property
    def scales(self) -> bool:
        """Whether bytes are made smaller before they reach the first weights, here or inside."""
        if self._preprocess_word != "none":
            return True
        for layer in _layers(self._model):
            if type(layer).__name__ in _SCALING:
                return True
        first = []
        for layer in _layers(self._model):
            if getattr(layer, "weights", None):
                break
            first.append(type(layer).__name__)
        return any(name in _ARITHMETIC for name in first)

    def preprocesses(self) -> list[str]:
        """The words of `preprocessing.METHODS` that suit its input."""
        if not self._dtype.is_floating:
            return ["none"]
        colour = self._input_shape[2] == 3
        methods = preprocessing.METHODS.items()
        return [word for word, method in methods if colour or not method.needs_colour]

    def set_preprocess(self, word: str) -> None:
        """Gives the model its bytes prepared in another way from now on.

        Raises:
            ValueError: That does not suit its input.
        """
        self._preprocess = self._checked_preprocess(word)

    def _of_floats(self) -> keras.Model:
        """The same layers, with the same weights, behind an input of floats."""
        return keras.models.clone_model(
            self._model,
            input_tensors=keras.Input(self._input_shape, dtype="float32"),
            clone_function=lambda layer: layer,
        )

    def _checked_input_shape(self) -> tuple[int, int, int]:
        inputs = getattr(self._model, "inputs", None) or []
        shapes = [tuple(tensor.shape) for tensor in inputs]
        if (
            len(shapes) != 1
            or len(shapes[0]) != 4
            or None in shapes[0][1:]
            or shapes[0][3] not in (1, 3)
        ):
            first = len(shapes) == 1 and len(shapes[0]) == 4 and shapes[0][1] in (1, 3)
            hint = (
                " Channels come last here: put a Permute((3, 1, 2)) in front of it."
                if first
                else ""
            )
            raise ValueError(
                f"{self.name} must take one image of fixed shape [batch, height, width, 1 or 3], "
                f"but takes {_listed(shapes) or 'no known one'}.{hint}"
            )
        shape = shapes[0][1:]
        if math.prod(shape) > _MOST_VALUES:
            raise ValueError(
                f"{self.name} takes images of {math.prod(shape):,} values, {list(shape)}; at most "
                f"{_MOST_VALUES:,} fit."
            )
        return shape

    def _checked_num_outputs(self) -> int:
        outputs = getattr(self._model, "outputs", None) or []
        shapes = [tuple(tensor.shape) for tensor in outputs]
        row = len(shapes) == 1 and shapes[0][-1] is not None and len(shapes[0]) >= 2
        if not row or set(shapes[0][1:-1]) - {1}:
            names = getattr(self._model, "output_names", None) or []
            several = f" ({', '.join(names)})" if len(shapes) > 1 and names else ""
            raise ValueError(
                f"{self.name} must give one row of confidences [batch, num_labels], "
                f"but gives {_listed(shapes) or 'no known one'}{several}."
            )
        return shapes[0][-1]

    def _check_head(self, said: str | None) -> None:
        """Refuses what is said where the last layer can give nothing of the kind."""
        head = self._head
        if head is not None and head.of_independent_logits and said != meanings.SIGMOID:
            raise ValueError(
                f"{self.name} was trained with {head.loss} on several linear outputs: they are "
                "logits of independent labels. Add a sigmoid as its last layer."
            )
        if said is None or head is None or head.meaning in (None, said, meanings.LOGITS):
            return
        raise ValueError(
            f"{self.name} ends in a {head.activation} (its layer {head.name!r}): its outputs are "
            f"{head.meaning}, not {said}. Leave out what is said of them."
        )

    def _coarsest(self) -> str:
        """The dtype that decides how exactly a row adds up, such as "float16"."""
        dtypes = [keras.backend.standardize_dtype(self._model.outputs[0].dtype)]
        if self._head is not None and self._head.meaning is not None:
            dtypes.append(self._head.dtype)
        else:
            dtypes += [getattr(layer, "compute_dtype", None) for layer in _layers(self._model)]
        known = [dtype for dtype in dtypes if dtype and dtype.startswith(("float", "bfloat"))]
        return max(known or ["float32"], key=lambda dtype: meanings.tolerance(dtype, 2))

    def _checked_dtype(self) -> tf.DType:
        dtype = tf.as_dtype(self._model.inputs[0].dtype)
        if not (dtype.is_floating or dtype.is_integer) or dtype == tf.int8:
            raise ValueError(f"{self.name} takes {dtype.name}, which cannot hold bytes 0..255.")
        return dtype

    def _checked_preprocess(self, word: str) -> Callable[[tf.Tensor], tf.Tensor]:
        self._preprocess_word = word
        if word == "none":
            # Bytes stay bytes for a model of bytes; floats stay floats, for their gradient.
            return lambda images: (
                images if images.dtype.is_floating else tf.cast(images, self._dtype)
            )
        if not self._dtype.is_floating:
            raise ValueError(
                f"{self.name} takes {self._dtype.name} bytes as they are: --preprocess must be "
                f"none, not {word}."
            )
        method = preprocessing.METHODS[word]
        if method.needs_colour and self._input_shape[2] != 3:
            raise ValueError(f"{self.name} takes grey images: --preprocess={word} is for colour.")
        return lambda images: tf.cast(method.apply(tf.cast(images, tf.float32)), self._dtype)

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


def _layers(model: keras.Model) -> Iterator[keras.Operation]:
    """All layers and operations in their order, those of models inside one another, too."""
    for layer in keras_models.operations(model):
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        else:
            yield layer


def _listed(shapes: list[tuple[int | None, ...]]) -> str:
    return " and ".join(str(list(shape)) for shape in shapes)
