"""What the last layer of a .keras or .h5 file says its outputs mean, read without Keras.

Softmax gives confidences, a sigmoid independent labels, a linear layer logits, unless the loss
that the model was trained with tells otherwise.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from keras_fool.models import keras_archives, keras_h5, meanings, model_formats

# Layers that leave the meaning of what passes through them as it is.
_PASSING = {
    "ActivityRegularization",
    "AlphaDropout",
    "Cropping2D",
    "Dropout",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "Identity",
    "Permute",
    "Reshape",
    "SpatialDropout2D",
    "Squeeze",
}
_MEANINGS = {
    "softmax": meanings.CONFIDENCES,
    "sparsemax": meanings.CONFIDENCES,
    "sigmoid": meanings.SIGMOID,
    "hard_sigmoid": meanings.SIGMOID,
    "log_softmax": meanings.LOGITS,
}
# The same as layers and operations of their own.
_CLASSES = {
    "Softmax": "softmax",
    "Sparsemax": "sparsemax",
    "Sigmoid": "sigmoid",
    "HardSigmoid": "hard_sigmoid",
    "LogSoftmax": "log_softmax",
}
_BINARY = ("binary_crossentropy", "binary_focal_crossentropy")
_MODELS = ("Functional", "Sequential", "Model")


@dataclasses.dataclass(frozen=True)
class Head:
    """The last layer of a model that changes what its outputs mean.

    Attributes:
        meaning: What they mean by it, one of `meanings.MEANINGS`; None where it leaves that
            open.
        name: The layer's name.
        activation: Such as "softmax"; "linear" for none.
        dtype: What it is computed in, such as "float16".
        single: Whether it gives one number.
        loss: What the model was trained with, such as "binary_crossentropy"; None where the
            file does not say.
    """

    meaning: str | None
    name: str
    activation: str
    dtype: str
    single: bool = False
    loss: str | None = None

    @property
    def of_independent_logits(self) -> bool:
        """Whether a sigmoid is missing behind it, for labels that are independent."""
        return self.activation == "linear" and not self.single and self.loss in _BINARY


def head(path: pathlib.Path, output: str | None = None) -> Head | None:
    """The layer that tells what a model's outputs mean.

    Args:
        path: Any file.
        output: Which of several outputs is meant, by its name; None for the only one.

    Returns:
        None where there is no single such layer, or the file does not describe its layers.
    """
    try:
        stat = path.stat()
    except OSError:
        return None
    return _head(path, output, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=32)
def _head(path: pathlib.Path, output: str | None, *_: int) -> Head | None:
    try:
        is_hdf5 = model_formats.of(path) is model_formats.HDF5
        return of_config((keras_h5 if is_hdf5 else keras_archives).config(path), output)
    except (ValueError, OSError, LookupError, TypeError, AttributeError, RecursionError):
        return None  # loading the file tells what is wrong with it


def of_config(config: Mapping, output: str | None = None) -> Head | None:
    """The same of a model's description, as Keras writes it into a .keras file."""
    try:
        return _with_loss(_head_of(config, output), _loss(config.get("compile_config")))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def _head_of(model: Mapping, output: str | None = None) -> Head | None:
    """The head of a model's description."""
    if model["class_name"] not in _MODELS:
        return None
    layers = model["config"]["layers"]
    if model["class_name"] == "Sequential":
        places = reversed(layers)
    else:
        places = _backwards(model["config"], output)
    for layer in places:
        kind, settings = layer["class_name"], layer["config"]
        if kind in _MODELS:
            return _head_of(layer)
        activation = _CLASSES.get(kind) or _activation(settings)
        if kind in _PASSING or (kind == "Activation" and activation == "linear"):
            continue
        single = settings.get("units", settings.get("filters")) == 1
        meaning = _MEANINGS.get(activation or "")
        # A single linear unit may as well be a size or an age: that is to be said.
        if activation == "linear" and not single:
            meaning = meanings.LOGITS
        return Head(meaning, settings["name"], activation or kind, _dtype(settings), single)
    return None


def _with_loss(head: Head | None, loss: str | None) -> Head | None:
    """What a loss tells besides of linear outputs."""
    if head is None or head.activation != "linear" or loss is None:
        return head
    meaning = head.meaning
    if loss in _BINARY:
        meaning = meanings.LOGITS if head.single else None
    elif "crossentropy" not in loss:  # of numbers, not of labels
        meaning = None
    return dataclasses.replace(head, meaning=meaning, loss=loss)


def _loss(compiled: object) -> str | None:
    """The name of the only loss that a model was compiled with."""
    loss = compiled.get("loss") if isinstance(compiled, dict) else None
    if isinstance(loss, dict):
        settings = loss.get("config")
        loss = settings.get("name") if isinstance(settings, dict) else settings
    return loss if isinstance(loss, str) else None


def _backwards(functional: Mapping, output: str | None) -> Iterator[Mapping]:
    """The layers from the output that is meant to where the way forks."""
    name, node, *_ = _end(functional["output_layers"], output)
    by_name = {layer["config"]["name"]: layer for layer in functional["layers"]}
    for _ in by_name:
        layer = by_name[name]
        yield layer
        calls = layer["inbound_nodes"]
        sources = list(_sources(calls[node]))
        if len(sources) != 1:
            return
        name, node, *_ = sources[0]


def _end(ends: Any, output: str | None) -> Sequence:
    """Where the layer of an output is: [name, node, tensor]."""
    if isinstance(ends, dict):
        if output in ends:
            return ends[output]
        ends = list(ends.values())
    if not isinstance(ends[0], list):
        return ends
    found = [end for end in ends if output is None or end[0] == output]
    (end,) = found
    return end


def _sources(call: Any) -> Iterator[Sequence]:
    """What a layer is called on: [name, node, tensor, ...] of each, in the form of either Keras."""
    if isinstance(call, list):  # Keras 2: [["dense", 0, 0, {}]]
        yield from call
        return
    for found in keras_archives.objects(call):
        if found["class_name"] == "__keras_tensor__":
            yield found["config"]["keras_history"]


def _activation(settings: Mapping) -> str | None:
    """The name of a layer's activation; None where it has none of its own."""
    found = settings.get("activation")
    if isinstance(found, dict):
        found = _CLASSES.get(found["class_name"]) or found["config"]
    return found if isinstance(found, str) else None


def _dtype(settings: Mapping) -> str:
    found = settings.get("dtype") or "float32"
    if isinstance(found, dict):
        found = found["config"]["name"]
    return found.removeprefix("mixed_")
