"""What stands in front of a network's confidences: its logits, its penultimate features.

A model is followed from its output backwards: through the softmax, be it a layer of its own or
the activation of the last one, to the last dense layer or convolution, whose input are the
features. Models inside models are followed, too. Nothing is added to a model: what is in between
is computed in the same pass as its outputs.
"""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

# What turns logits into confidences.
_ENDS = ("softmax", "log_softmax", "sigmoid")
_END_CLASSES = {"Softmax": "softmax", "LogSoftmax": "log_softmax", "Sigmoid": "sigmoid"}
# Layers that, when no network is trained, give the numbers that they take, in the same order.
_SAME = {
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "Identity",
    "Reshape",
    "SpatialDropout2D",
    "Squeeze",
}
_AFFINE = "BatchNormalization"
_MEAN = "GlobalAveragePooling2D"

Tapped = tuple[tf.Tensor | None, tf.Tensor | None, tf.Tensor]


@dataclasses.dataclass(frozen=True, eq=False)
class Taps:
    """Where a model is tapped.

    Attributes:
        run: Takes what the model takes; gives the features, [batch, num_features], the logits,
            [batch, num_outputs], either None where it is not there, and the model's outputs.
        weights: Gives the kernel, float32 [num_features, num_outputs], and the bias, float32
            [num_outputs], that make logits of features; None where they are not all that does.
        no_logits: Why there are no logits, as the end of a sentence; None where there are.
        no_features: The same of features.
        no_weights: The same of weights.
    """

    run: Callable[[tf.Tensor], Tapped]
    weights: Callable[[], tuple[tf.Tensor, tf.Tensor]] | None = None
    no_logits: str | None = None
    no_features: str | None = None
    no_weights: str | None = None


@dataclasses.dataclass(frozen=True)
class _Step:
    """An operation of a model on one tensor."""

    operation: keras.Operation
    source: keras.KerasTensor
    target: keras.KerasTensor


def find(model: keras.Model, *, gives_logits: bool) -> Taps:
    """Finds where to tap a model.

    Args:
        model: With one input and one output.
        gives_logits: Whether its outputs are known to be logits, though nothing turns them into
            confidences; a logarithm of a softmax is looked behind.
    """
    steps = _steps(model)
    logits = None
    behind: list[_Step] = []  # what is between the layer of weights and the logits
    for number, step in enumerate(steps):
        operation = step.operation
        end = _end(operation)
        if isinstance(operation, keras.Model):
            return _nested(model, steps, number, logits, behind, gives_logits)
        if logits is None:
            if end and not _has_kernel(operation):
                logits = step.source
                continue
            if end:
                return _tapped(model, step, None, behind)
            if _is_same(operation):
                continue
            if not gives_logits:
                return _none(model, f"its last layer {operation.name!r} is no softmax")
            logits = model.outputs[0]
        if _has_kernel(operation):
            return _tapped(model, step, logits, behind)
        if getattr(operation, "weights", None) and type(operation).__name__ != _AFFINE:
            return _logits_only(model, logits, f"its layer {operation.name!r} is not dense")
        if not _is_same(operation):
            behind.append(step)
    if logits is None and gives_logits:
        logits = model.outputs[0]
    reason = "several ways lead to its last layer"
    return _none(model, reason) if logits is None else _logits_only(model, logits, reason)


def _steps(model: keras.Model) -> list[_Step]:
    """The operations from the only output to where the way forks or begins, backwards."""
    found: list[_Step] = []
    target = model.outputs[0]
    while True:
        operation, node, _ = target._keras_history
        if isinstance(operation, keras.layers.InputLayer):
            return found
        sources = operation._inbound_nodes[node].input_tensors
        if len(sources) != 1 or len(operation._inbound_nodes[node].output_tensors) != 1:
            return found
        found.append(_Step(operation, sources[0], target))
        if any(sources[0] is tensor for tensor in model.inputs):
            return found
        target = sources[0]


def _tapped(
    model: keras.Model, step: _Step, logits: keras.KerasTensor | None, behind: list[_Step]
) -> Taps:
    """Taps at a layer of weights; its own activation ends the model where `logits` is None."""
    layer = step.operation
    rows, pooled, reason = _rows(layer, step)
    if rows is None:
        if logits is None:
            return _none(model, reason or "")
        return _logits_only(model, logits, reason or "")
    unread = _not_linear(layer, logits is None, behind, pooled)
    if logits is None and unread:
        return _none(model, unread)
    wanted = [step.source, *([] if logits is None else [logits]), model.outputs[0]]
    tapped = keras.Model(model.inputs, wanted)

    def weights() -> tuple[tf.Tensor, tf.Tensor]:
        kernel = tf.cast(tf.convert_to_tensor(layer.kernel), tf.float32)
        kernel = tf.reshape(kernel, [-1, kernel.shape[-1]])
        if layer.bias is None:
            return kernel, tf.zeros(kernel.shape[-1])
        return kernel, tf.cast(tf.convert_to_tensor(layer.bias), tf.float32)

    def run(images: tf.Tensor) -> Tapped:
        source, *between, outputs = tapped(images, training=False)
        features = rows(tf.cast(source, tf.float32))
        if between:
            return features, row(between[0]), outputs
        kernel, bias = weights()
        return features, features @ kernel + bias, outputs

    return Taps(run, None if unread else weights, no_weights=unread)


def _rows(
    layer: keras.Layer, step: _Step
) -> tuple[Callable[[tf.Tensor], tf.Tensor] | None, bool, str | None]:
    """How a layer's input becomes rows of features; whether by means over places; or why not."""
    shape = step.source.shape[1:]
    if isinstance(layer, keras.layers.Dense):
        if any(size != 1 for size in shape[:-1]):
            return None, False, f"its layer {layer.name!r} gives several rows for an image"
        return row, False, None
    if layer.data_format != "channels_last" or None in shape:
        return None, False, f"its layer {layer.name!r} takes channels first"
    if step.target.shape[1:3] == (1, 1) and tuple(layer.kernel_size) == tuple(shape[:2]):
        return row, False, None
    return lambda source: tf.reduce_mean(source, axis=[1, 2]), True, None


def _not_linear(layer: keras.Layer, is_end: bool, behind: list[_Step], pooled: bool) -> str | None:
    """Says why logits are not a layer's kernel times features, as the end of a sentence."""
    others = [step.operation for step in behind if type(step.operation).__name__ != _MEAN]
    means = len(behind) - len(others)
    if not is_end and layer.activation is not keras.activations.linear:
        return f"its layer {layer.name!r} is not linear"
    if others:
        return f"its layer {others[0].name!r} comes after the last one with weights"
    if getattr(layer, "groups", 1) != 1 or (
        pooled
        and (means != 1 or tuple(layer.kernel_size) != (1, 1) or tuple(layer.strides) != (1, 1))
    ):
        return f"its layer {layer.name!r} is a convolution over several places"
    return None


def _nested(
    model: keras.Model,
    steps: list[_Step],
    number: int,
    logits: keras.KerasTensor | None,
    behind: list[_Step],
    gives_logits: bool,
) -> Taps:
    """Taps in the model that is a step of this one."""
    step = steps[number]
    after = [other.operation for other in reversed(steps[:number])]
    if behind or not all(isinstance(operation, keras.Layer) for operation in after):
        reason = f"its layers behind {step.operation.name!r} are not followed"
        if logits is None and gives_logits:
            logits = model.outputs[0]
        return _none(model, reason) if logits is None else _logits_only(model, logits, reason)
    inner = find(step.operation, gives_logits=gives_logits or logits is not None)
    first = any(step.source is tensor for tensor in model.inputs)
    front = None if first else keras.Model(model.inputs, step.source)

    def run(images: tf.Tensor) -> Tapped:
        seen = images if front is None else front(images, training=False)
        features, inner_logits, outputs = inner.run(seen)
        for layer in after:
            outputs = layer(outputs)
        return features, inner_logits, outputs

    return dataclasses.replace(inner, run=run)


def _none(model: keras.Model, reason: str) -> Taps:
    def run(images: tf.Tensor) -> Tapped:
        (outputs,) = tf.nest.flatten(model(images, training=False))
        return None, None, outputs

    return Taps(run, None, reason, reason, reason)


def _logits_only(model: keras.Model, logits: keras.KerasTensor, reason: str) -> Taps:
    tapped = keras.Model(model.inputs, [logits, model.outputs[0]])

    def run(images: tf.Tensor) -> Tapped:
        found, outputs = tapped(images, training=False)
        return None, row(found), outputs

    return Taps(run, None, None, reason, reason)


def row(values: tf.Tensor) -> tf.Tensor:
    """float32 [batch, n] of what has that many values for each image."""
    return tf.reshape(tf.cast(values, tf.float32), [-1, int(np.prod(values.shape[1:]))])


def _has_kernel(operation: keras.Operation) -> bool:
    return isinstance(operation, keras.layers.Dense | keras.layers.Conv2D)


def _end(operation: keras.Operation) -> str | None:
    """What turns logits into confidences in an operation: one of `_ENDS`, or None."""
    found = _END_CLASSES.get(type(operation).__name__)
    if found is None:
        found = getattr(getattr(operation, "activation", None), "__name__", None)
    return found if found in _ENDS else None


def _is_same(operation: keras.Operation) -> bool:
    kind = type(operation).__name__
    if kind == "Activation":
        return operation.activation is keras.activations.linear
    return kind in _SAME
