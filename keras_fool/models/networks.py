"""One network as a TensorFlow function: images 0..255 -> confidences.

Everything between a stored image and a confidence is here: crops, scaling, preprocessing,
the model, and what its outputs mean. A caller cannot get any of it wrong.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_fool.models import (
    classifiers,
    cores,
    crops,
    image_views,
    layouts,
    meanings,
    preprocessing,
    scorer_contract,
)


class Network:
    """A loaded model and what wraps it.

    Attributes:
        name: What reports call it.
        image_shape: (height, width, channels) of the images that `confidences` takes.
        num_labels: How many labels its outputs stand for.
        meaning: What they mean, one of `meanings.MEANINGS`.
        independent: Whether each label has a probability of its own.
        pixels: Values that the model sees of an image, over all crops.
        layout: How the model takes its image.
        num_outputs: How many numbers the model gives for an image.
        preprocess: What turns bytes into its input, one of `preprocessing.METHODS`.
        computed_in: The dtype that decides how exactly a row adds up, such as "float16".
    """

    def __init__(self, classifier: classifiers.Classifier):
        """Loads the model.

        Args:
            classifier: The model and what wraps it.

        Raises:
            ValueError: The file is not a model that loads safely, its input is not one
                image, or its output is not one row per image, or what wraps it does not
                suit it, or its last layer has another meaning.
        """
        self.name = classifier.name
        self.meaning = classifier.meaning
        self._head = classifier.head
        self._views = classifier.views
        self._core = cores.load(classifier)
        self.layout = layouts.find(self.name, self._core.input_shapes, self._views)
        self.num_outputs = self._core.take(self.layout)
        self.num_labels = meanings.num_labels(self.num_outputs, self.meaning)
        self.independent = meanings.are_independent(self.num_outputs, self.meaning)
        self._check_head(classifier.outputs)
        self.computed_in = self._core.computed_in
        self._dtype = self._checked_dtype()
        self._preprocess = self._checked_preprocess(classifier.preprocess)
        self.image_shape, self._crop_size = self._checked_views()
        self._view = self._checked_view(classifier)
        self.pixels = self._views.crops * int(np.prod(self.layout.shape))

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
        single = self.num_outputs == 1
        if self.meaning == meanings.LOGITS:
            both = tf.concat([tf.zeros_like(outputs), outputs], axis=1) if single else outputs
            confidences = tf.nn.softmax(both)
        elif self.meaning == meanings.SIGMOID and single:
            confidences = tf.concat([1 - outputs, outputs], axis=1)
        elif self.meaning == meanings.CONFIDENCES and meanings.is_coarse(self.computed_in):
            sums = tf.reduce_sum(outputs, axis=1, keepdims=True)
            tolerance = meanings.tolerance(self.computed_in, self.num_outputs)
            # A row beyond it stays as it is, and is refused for that.
            within = tf.abs(sums - 1) <= tolerance
            confidences = outputs / tf.where(within, sums, tf.ones_like(sums))
        else:
            confidences = outputs
        return crops.mean(confidences, self._views.crops)

    def outputs(self, images: tf.Tensor) -> tf.Tensor:
        """What the model itself gives for every crop: float32 [crops * batch, num_outputs]."""
        return tf.cast(self._core(self.prepared(images)), tf.float32)

    def before_activation(self, images: tf.Tensor) -> tf.Tensor | None:
        """What its last softmax or sigmoid is given, as `outputs`; None where that is not known."""
        return self._core.before_activation(self.prepared(images))

    def prepared(self, images: tf.Tensor) -> tf.Tensor:
        """What the model itself is given: views, crops and preprocessing applied.

        Args:
            images: [batch, height, width, channels] uint8 or float32, 0..255.

        Returns:
            [crops * batch, ...] of the model's input, or floats.
        """
        seen = images if self._view is None else self._view(images)
        if self._views.image_size is not None:
            assert self._crop_size is not None  # as there is a size of images
            seen = crops.cut(seen, self._crop_size, self._views.crops)
            if self._crop_size != self.layout.height:
                # With antialiasing: what a shrunken photograph looks like.
                sides = self.layout.height, self.layout.width
                seen = tf.image.resize(seen, sides, antialias=True)
        if self.layout.has_alpha:
            opaque = tf.fill([*tf.unstack(tf.shape(seen)[:3]), 1], tf.cast(255, seen.dtype))
            seen = tf.concat([seen, opaque], axis=-1)
        prepared = self._preprocess(seen)
        if self.layout.channels_first:
            prepared = tf.transpose(prepared, [0, 3, 1, 2])
        return prepared

    def layers(self, dtype: tf.DType) -> Any:
        """The Keras model that takes what `prepared` gives in a dtype; see `cores.Core.layers`."""
        return self._core.layers(dtype)

    @property
    def has_custom_layers(self) -> bool:
        """Whether code that is not Keras' own computes in it; see `cores.Core`."""
        return self._core.has_custom_layers

    @property
    def crops(self) -> int:
        """How many crops of an image its confidences are the mean of."""
        return self._views.crops

    def take_softmax_off(self) -> bool:
        """Makes `outputs` logits where the model ends in a softmax layer; no confidence changes.

        Returns:
            Whether `outputs` are logits now.
        """
        if self.meaning == meanings.CONFIDENCES and self._core.take_softmax_off():
            self.meaning = meanings.LOGITS
        return self.meaning == meanings.LOGITS and self.num_outputs > 1

    @functools.cached_property
    def gives_gradients(self) -> bool:
        """Whether a gradient reaches the images: it is tried on one of them."""
        images = scorer_contract.trial_images(self.image_shape)[2:3].astype(np.float32)
        image = tf.constant(images)
        try:
            with tf.GradientTape() as tape:
                tape.watch(image)
                confidence = self.confidences(image)[:, 0]
            return tape.gradient(confidence, image) is not None
        except (LookupError, ValueError, NotImplementedError, tf.errors.OpError):
            return False  # an operation without one

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know of it, each said after its name."""
        alpha = "takes RGBA: images are RGB, and get full alpha (255)."
        return [*self._core.notes, *([alpha] if self.layout.has_alpha else [])]

    def contradiction(self, outputs: np.ndarray) -> str | None:
        """Says, after its name, why `outputs` for some images cannot mean what they are to mean.

        Args:
            outputs: float32 [crops * batch, num_outputs], for images that have little in
                common.
        """
        sure = self._head is not None and self._head.meaning == self.meaning
        return meanings.contradiction(
            outputs, self.meaning, "--outputs={}".format, dtype=self.computed_in, sure=sure
        )

    @property
    def scales(self) -> bool:
        """Whether bytes are made smaller before they reach the first weights, here or inside."""
        return self.preprocess != "none" or self._core.scales

    @property
    def scales_inside(self) -> bool:
        """Whether a layer of the model is known to do so."""
        return self._core.scales

    @property
    def dtype(self) -> str:
        """What the model takes, such as "float32"."""
        return self._dtype.name

    def preprocesses(self) -> list[str]:
        """The words of `preprocessing.METHODS` that suit its input."""
        if not self._dtype.is_floating:
            return ["none"]
        colour = self.layout.channels == 3
        methods = preprocessing.METHODS.items()
        return [word for word, method in methods if colour or not method.needs_colour]

    def set_preprocess(self, word: str) -> None:
        """Gives the model its bytes prepared in another way from now on.

        Raises:
            ValueError: That does not suit its input.
        """
        self._preprocess = self._checked_preprocess(word)

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

    def _checked_dtype(self) -> tf.DType:
        dtype = self._core.dtype
        if not (dtype.is_floating or dtype.is_integer) or dtype == tf.int8:
            raise ValueError(f"{self.name} takes {dtype.name}, which cannot hold bytes 0..255.")
        return dtype

    def _checked_preprocess(self, word: str) -> Callable[[tf.Tensor], tf.Tensor]:
        self.preprocess = word
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
        if method.needs_colour and self.layout.channels != 3:
            kind = "RGBA" if self.layout.has_alpha else "grey"
            raise ValueError(f"{self.name} takes {kind} images: --preprocess={word} is for RGB.")
        return lambda images: tf.cast(method.apply(tf.cast(images, tf.float32)), self._dtype)

    def _checked_views(self) -> tuple[tuple[int, int, int], int | None]:
        """The shape of images, and the side of a crop."""
        height, width, channels = self.layout.image_shape
        size = self._views.image_size
        if size is None:
            return self.layout.image_shape, None
        if height != width:
            raise ValueError(
                f"{self.name} takes images of {height} x {width}: crops are for square ones."
            )
        crop_size = self._views.crop_size or height
        if crop_size > size:
            raise layouts.SmallImageError(
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
        height, width, channels = self.layout.image_shape
        if channels != 1:
            raise ValueError(
                f"{self.name} takes colour images: view={view} is of grey ones, whose bytes the "
                "published code took for colour."
            )
        mean = None
        if classifier.mean_path is not None:
            mean = image_views.read_mean(classifier.mean_path, self.layout.image_shape)
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
