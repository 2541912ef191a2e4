"""A Keras model as a function of prepared images."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_fool.models import classifiers, cores, heads, keras_models, layouts, meanings
from trainers import models

# Layers and operations that turn bytes into what the weights behind them were trained on.
_SCALING = ("Rescaling", "Normalization")
_ARITHMETIC = ("Add", "Subtract", "Multiply", "Divide", "TrueDivide")


class KerasCore:
    """See `cores.Core`; its attributes, and how it is used."""

    notes: Sequence[str] = ()

    def __init__(self, classifier: classifiers.Classifier):
        """Loads the model.

        Raises:
            ValueError: It does not load safely, or has no output of the wanted name.
        """
        self._name = classifier.name
        self._head: heads.Head | None = classifier.head
        self._is_users = classifier.path is None  # not one that was loaded here
        self._model = _of_one_output(classifier.name, classifier.load(), classifier.output)
        inputs = getattr(self._model, "inputs", None) or []
        self.input_shapes: Sequence[cores.Shape] = [tuple(tensor.shape) for tensor in inputs]
        self.dtype = tf.as_dtype(inputs[0].dtype if inputs else "float32")
        self._num_outputs = 0

    def take(self, layout: layouts.Layout) -> int:
        """See `cores.Core`."""
        shape = tuple(self._model.outputs[0].shape)
        if None in (self.input_shapes[0] or ())[1:]:
            image = keras.Input(layout.shape, dtype=self.dtype.name)
            if self._is_users:  # whose summary would show the shapes of these images
                (given,) = tf.nest.flatten(self._model.compute_output_spec(image))
                shape = tuple(given.shape)
            else:
                self._model = self._behind(image)
                shape = tuple(self._model.outputs[0].shape)
        found = cores.row(self._name, shape)
        if found is None:
            raise ValueError(
                f"{self._name} must give one row of confidences [batch, num_labels], but gives "
                f"{layouts.listed([shape])}."
            )
        self._num_outputs = found
        self._layout = layout
        return found

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """See `cores.Core`."""
        model = self.layers(images.dtype)
        with keras_models.quiet():
            (found,) = tf.nest.flatten(model(images, training=False))
        if found.shape.rank != 2:  # pixels of 1 x 1 are in between
            found = tf.reshape(found, [-1, self._num_outputs])
        return found

    @property
    def computed_in(self) -> str:
        """See `cores.Core`."""
        dtypes = [keras.backend.standardize_dtype(self._model.outputs[0].dtype)]
        if self._head is not None and self._head.meaning is not None:
            dtypes.append(self._head.dtype)
        else:
            dtypes += [getattr(layer, "compute_dtype", None) for layer in _layers(self._model)]
        known = [dtype for dtype in dtypes if dtype and dtype.startswith(("float", "bfloat"))]
        return max(known or ["float32"], key=lambda dtype: meanings.tolerance(dtype, 2))

    @property
    def scales(self) -> bool:
        """See `cores.Core`."""
        for layer in _layers(self._model):
            if type(layer).__name__ in _SCALING:
                return True
        first = []
        for layer in _layers(self._model):
            if getattr(layer, "weights", None):
                break
            first.append(type(layer).__name__)
        return any(name in _ARITHMETIC for name in first)

    def layers(self, dtype: tf.DType) -> keras.Model:
        """See `cores.Core`."""
        return self._of_floats if dtype.is_floating else self._model

    @property
    def has_custom_layers(self) -> bool:
        """See `cores.Core`."""
        parts = [self._model, *_layers(self._model)]
        return any(type(part).__module__.partition(".")[0] != "keras" for part in parts)

    def before_activation(self, images: tf.Tensor) -> tf.Tensor | None:
        """See `cores.Core`."""
        model = self.layers(images.dtype)
        output = model.outputs[0]
        layer, number, _ = output._keras_history
        given = layer._inbound_nodes[number].input_tensors
        activation = getattr(getattr(layer, "activation", None), "__name__", None)
        is_activation = type(layer).__name__ in ("Activation", "Softmax", "Sigmoid")
        if len(given) != 1 or not (is_activation or activation in ("softmax", "sigmoid")):
            return None
        with keras_models.quiet():
            found = keras.Model(model.inputs[0], given[0])(images, training=False)
        if is_activation:
            return tf.reshape(found, [-1, self._num_outputs])
        if not isinstance(layer, keras.layers.Dense):
            return None
        logits = tf.matmul(tf.cast(found, tf.float32), tf.cast(layer.kernel, tf.float32))
        return logits if layer.bias is None else logits + tf.cast(layer.bias, tf.float32)

    def take_softmax_off(self) -> bool:
        """See `cores.Core`."""
        last = self._model.layers[-1]
        if (
            not isinstance(last, keras.layers.Softmax)
            or self._model.outputs[0] is not last.output
            or meanings.is_coarse(self.computed_in)
        ):
            return False
        self._model = models.logits(self._model)
        self.__dict__.pop("_of_floats", None)
        return True

    @functools.cached_property
    def _of_floats(self) -> keras.Model:
        """The model for floats: one of bytes makes bytes of all input, which have no gradient."""
        if self.dtype.is_floating:
            return self._model
        return self._behind(keras.Input(self._layout.shape, dtype="float32"))

    def _behind(self, image: keras.KerasTensor) -> keras.Model:
        """The same layers, with the same weights, behind another input.

        Keras notes in each layer that it is called once more, also in those of a model that the
        user has in memory; that gives the same as before, and is saved as before.
        """
        return keras.models.clone_model(
            self._model, input_tensors=image, clone_function=lambda layer: layer
        )


def _of_one_output(name: str, model: keras.Model, wanted: str | None) -> keras.Model:
    """The part of a model that makes one of its outputs."""
    outputs = _outputs(model)
    if not outputs:  # nor a known input, which is refused first
        return model
    if wanted is not None and wanted not in outputs:  # a layer's name instead of the key
        made_by = {key: tensor._keras_history.operation.name for key, tensor in outputs.items()}
        wanted = next((key for key, layer in made_by.items() if layer == wanted), wanted)
    shapes = {key: tuple(tensor.shape) for key, tensor in outputs.items()}
    key = cores.chosen(name, wanted, shapes)
    if len(outputs) == 1:
        return model
    # A list of one input would not be the input that `_behind` puts in its place.
    inputs = model.inputs[0] if len(model.inputs) == 1 else model.inputs
    return keras.Model(inputs, outputs[key])


def _outputs(model: keras.Model) -> dict[str, Any]:
    """The outputs by their keys where the model has a dictionary of them, else by layers' names."""
    tensors = list(getattr(model, "outputs", None) or [])
    if not tensors:
        return {}
    structure = getattr(model, "output", None)  # a Sequential model that was not called has none
    if isinstance(structure, Mapping) and len(structure) == len(tensors):
        return {str(key): structure[key] for key in structure}
    layer_names = list(getattr(model, "output_names", None) or [])
    if len(set(layer_names)) != len(tensors):
        layer_names = [f"output_{place}" for place in range(len(tensors))]
    return dict(zip(layer_names, tensors, strict=True))


def _layers(model: keras.Model) -> Iterator[keras.Operation]:
    """All layers and operations in their order, those of models inside one another, too."""
    for layer in keras_models.operations(model):
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        else:
            yield layer
