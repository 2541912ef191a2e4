"""A model alone, whatever format it comes from: prepared images -> rows of outputs.

What prepares images, and what outputs mean, is `networks.Network`'s, which wraps one of these.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import tensorflow as tf

from keras_fool.models import classifiers, layouts, model_formats
from trainers import names

Shape = Sequence[int | None] | None


class Core(Protocol):
    """A model as a function; it is asked in this order.

    Attributes:
        input_shapes: Of each of its inputs, with the batch; None for an unknown size or shape.
        dtype: Of its input.
    """

    input_shapes: Sequence[Shape]
    dtype: tf.DType

    def take(self, layout: layouts.Layout) -> int:
        """Prepares for images of one layout.

        Returns:
            How many numbers it gives for an image.

        Raises:
            ValueError: It does not give one row of numbers for an image.
        """

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """What it gives: [batch, num_outputs] of any float dtype.

        Args:
            images: [batch, *layout.shape], prepared; of `dtype`, or floats, for their gradient.
        """

    @property
    def computed_in(self) -> str:
        """The dtype that decides how exactly a row adds up, such as "float16"."""

    @property
    def scales(self) -> bool:
        """Whether bytes are known to be made smaller before they reach the first weights."""

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know of it, each said after its name."""

    def layers(self, dtype: tf.DType) -> Any:
        """The same as a Keras model for images of a dtype; None where its layers are not known."""

    @property
    def has_custom_layers(self) -> bool:
        """Whether code that is not Keras' own computes in it, which may fail in a graph alone."""

    def before_activation(self, images: tf.Tensor) -> tf.Tensor | None:
        """What its last softmax or sigmoid is given: [batch, num_outputs]; None if not known.

        Args:
            images: As for a call.
        """

    def take_softmax_off(self) -> bool:
        """Gives logits from now on, where a softmax is at its end; whether it does."""


def load(classifier: classifiers.Classifier) -> Core:
    """Loads the model of a classifier.

    Raises:
        ValueError: It does not load safely; the message names it.
    """
    if classifier.format is model_formats.SAVED_MODEL:
        from keras_fool.models import saved_model_core

        return saved_model_core.SavedModelCore(classifier)
    if classifier.format is model_formats.ONNX:
        from keras_fool.models import onnx_core

        return onnx_core.OnnxCore(classifier)
    from keras_fool.models import keras_core

    return keras_core.KerasCore(classifier)


def chosen(
    name: str, wanted: str | None, outputs: Mapping[str, Shape], say: str = "--output_name"
) -> str:
    """The output that holds the confidences.

    Args:
        name: The model's.
        wanted: Which one the user names; None for the only one.
        outputs: The shapes of all outputs, by name.
        say: The flag or option that names it.

    Raises:
        ValueError: There are several, and none is named, or not one of them; the message lists
            them.
    """
    listed = ", ".join(f"{key} {layouts.listed([shape])}" for key, shape in outputs.items())
    if wanted is not None:
        if wanted in outputs:
            return wanted
        hint = names.did_you_mean(wanted, list(outputs))
        raise ValueError(f"{name} has no output {wanted!r}{hint or ';'} it has {listed}.")
    if len(outputs) == 1:
        return next(iter(outputs))
    raise ValueError(
        f"{name} must give one row of confidences [batch, num_labels], but gives "
        f"{listed or 'no known one'}"
        + (f": say which, such as {say}={next(iter(outputs))}." if outputs else ".")
    )


def row(name: str, shape: Shape) -> int | None:
    """How many numbers an output has for an image; None where its shape does not tell.

    Args:
        name: The model's.
        shape: The output's, with the batch; sizes between it and the numbers must be 1.

    Raises:
        ValueError: It is no row.
    """
    if shape is not None and (len(shape) < 2 or set(shape[1:-1]) - {1, None}):
        raise ValueError(
            f"{name} must give one row of confidences [batch, num_labels], but gives "
            f"{layouts.listed([shape])}."
        )
    return None if shape is None or None in shape[1:] else shape[-1]
