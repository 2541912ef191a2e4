"""A signature of a SavedModel as a function of prepared images.

Whoever wrote the folder, only TensorFlow's operations run, and none that touches files or runs
Python.
"""

import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.core.framework import graph_pb2
from tensorflow.core.protobuf import saved_model_pb2

from keras_fool.models import classifiers, cores, keras_models, layouts, meanings, model_formats
from trainers import names, signatures

# Operations that a classifier has no use for. The last ones are in every SavedModel, which saves
# and restores its own weights by them, but not in what scores images.
_UNSAFE = ("EagerPyFunc", "MatchingFiles", "PyFunc", "PyFuncStateless", "ReadFile", "RemoteCall")
_UNSAFE_BEGINNINGS = ("CreateSummary", "Debug", "Import", "Rpc", "Write")
_UNSAFE_ENDINGS = ("Reader", "ReaderV2", "RecordDataset", "RecordDatasetV2", "TextLineDataset")
_UNSAFE_IN_SCORING = ("MergeV2Checkpoints", "Restore", "RestoreV2", "Save", "SaveV2", "SaveSlices")
_MOST_BYTES = 2**31 - 1  # of saved_model.pb, as protocol buffers have it
_LONGEST_REASON = 200
_PROBABILITIES, _LOGITS = "probabilities", "logits"  # as endpoints call them


class SavedModelCore:
    """See `cores.Core`; its attributes, and how it is used."""

    notes: Sequence[str] = ()
    # Nobody sees inside.
    scales = False

    def __init__(self, classifier: classifiers.Classifier):
        """Loads the folder and chooses the signature and its output.

        Raises:
            ValueError: It does not load safely, or has no signature for images, or several, or
                no such output.
        """
        assert classifier.path is not None
        self._name = classifier.name
        _check_operations(classifier.path)
        self._loaded = _loaded(classifier.path)  # its weights live as long as this does
        signature = _chosen(self._name, self._loaded.signatures, classifier.signature)
        self._function = self._loaded.signatures[signature]
        if found := _unsafe(self._function.graph.as_graph_def(), _UNSAFE_IN_SCORING):
            raise ValueError(_refusal(classifier.path, found))
        ((self._input, spec),) = _inputs(self._function).items()
        self.input_shapes: Sequence[cores.Shape] = [_shape(spec)]
        self.dtype = spec.dtype
        outputs = dict(self._function.structured_outputs)
        wanted = classifier.output
        if wanted is None and len(outputs) > 1:
            usual = _LOGITS if classifier.meaning == meanings.LOGITS else _PROBABILITIES
            wanted = usual if usual in outputs else None
        shapes = {name: _shape(of_output) for name, of_output in outputs.items()}
        self._output = cores.chosen(self._name, wanted, shapes)
        self.computed_in = outputs[self._output].dtype.name
        self._num_outputs = 0

    def take(self, layout: layouts.Layout) -> int:
        """See `cores.Core`."""
        shape = _shape(self._function.structured_outputs[self._output])
        num_outputs = cores.row(self._name, shape)
        if num_outputs is None:  # nobody knows before it is tried
            tried = self._outputs_of(tf.zeros([2, *layout.shape], self.dtype))[self._output]
            num_outputs = cores.row(self._name, tuple(tried.shape))
        assert num_outputs is not None
        self._num_outputs = num_outputs
        return num_outputs

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """See `cores.Core`."""
        return tf.reshape(self._outputs_of(images)[self._output], [-1, self._num_outputs])

    def layers(self, dtype: tf.DType) -> None:
        """None: they are not known."""
        del dtype

    @property
    def has_custom_layers(self) -> bool:
        """See `cores.Core`: it is a graph."""
        return False

    def before_activation(self, images: tf.Tensor) -> tf.Tensor | None:
        """See `cores.Core`: known where logits are an output beside probabilities."""
        if self._output != _PROBABILITIES or _LOGITS not in self._function.structured_outputs:
            return None
        return self._outputs_of(images)[_LOGITS]

    def take_softmax_off(self) -> bool:
        """See `cores.Core`."""
        return False

    def _outputs_of(self, images: tf.Tensor) -> Mapping[str, tf.Tensor]:
        if images.dtype.is_floating and not self.dtype.is_floating:
            images = tf.round(images)
        return self._function(**{self._input: tf.cast(images, self.dtype)})


def _loaded(path: pathlib.Path) -> Any:
    try:
        with keras_models.quiet():
            return tf.saved_model.load(str(path))
    except Exception as error:  # TensorFlow raises what it meets
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = (lines or [type(error).__name__])[0][:_LONGEST_REASON]
        raise ValueError(f"{path} is not a SavedModel that loads: {reason}") from error


def _chosen(name: str, found: Mapping[str, Any], wanted: str | None) -> str:
    """The signature that takes images: the wanted one, or the usual one, or the only one."""
    problems = {key: _problem(function) for key, function in found.items()}
    if wanted is not None:
        if wanted not in found:
            hint = names.did_you_mean(wanted, list(found))
            known = ", ".join(sorted(found)) or "none"
            raise ValueError(f"{name} has no signature {wanted!r}{hint or ';'} it has {known}.")
        if problems[wanted]:
            raise ValueError(f"{name} cannot be given images: {wanted} {problems[wanted]}.")
        return wanted
    usable = [key for key, problem in problems.items() if problem is None]
    if not usable:
        reasons = "; ".join(f"{key} {problem}" for key, problem in problems.items())
        raise ValueError(
            f"{name} cannot be given images: "
            f"{reasons or 'it has no signatures (see tf.saved_model.save(signatures=...))'}."
        )
    # What keras_fool exports scores floats as it scores bytes, and gives their gradient.
    own = (signatures.DEFAULT, signatures.FLOAT, signatures.ENCODED)
    if all(key in found for key in own) and signatures.FLOAT in usable:
        return signatures.FLOAT
    if signatures.DEFAULT in usable or len(usable) == 1:
        return signatures.DEFAULT if signatures.DEFAULT in usable else usable[0]
    raise ValueError(
        f"{name} has several signatures for images, {', '.join(sorted(usable))}: say which, such "
        f"as --signature_name={min(usable)}."
    )


def _problem(function: Any) -> str | None:
    """Says, after a signature's name, why it takes no batches of images; None where it does."""
    inputs = _inputs(function)
    if len(inputs) != 1:
        return f"takes {len(inputs)} inputs, not one"
    (spec,) = inputs.values()
    if spec.dtype == tf.string:
        return "takes strings, not images as numbers"
    if not (spec.dtype.is_floating or spec.dtype.is_integer):
        return f"takes {spec.dtype.name}, not images"
    shape = _shape(spec)
    if shape is None or len(shape) != 4:
        return f"takes {layouts.listed([shape])}, not images [batch, height, width, channels]"
    if shape[0] is not None:
        return f"takes batches of {shape[0]} only: save it with a batch of None"
    return None


def _inputs(function: Any) -> dict[str, tf.TensorSpec]:
    return dict(function.structured_input_signature[1])


def _shape(spec: tf.TensorSpec) -> tuple[int | None, ...] | None:
    return None if spec.shape.rank is None else tuple(spec.shape.as_list())


def _check_operations(path: pathlib.Path) -> None:
    """Refuses a folder of a stranger that does more than compute, before it is loaded."""
    file = path / model_formats.SAVED_MODEL_FILE
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise ValueError(f"{file} has more than {_MOST_BYTES:,} bytes.")
        content = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror or error}.") from error
    except Exception as error:  # google.protobuf.message.DecodeError
        if isinstance(error, ValueError) and str(error).startswith(str(file)):
            raise
        raise ValueError(
            f"{path} is not a SavedModel that loads: {file.name} is damaged."
        ) from error
    for graph in content.meta_graphs:
        if found := _unsafe(graph.graph_def):
            raise ValueError(_refusal(path, found))


def _unsafe(graph: graph_pb2.GraphDef, more: Iterable[str] = ()) -> str | None:
    """The first operation in a graph, or in a function of it, that is not allowed."""
    unsafe = {*_UNSAFE, *more}
    nodes = [graph.node, *(function.node_def for function in graph.library.function)]
    for node in (node for part in nodes for node in part):
        name = node.op
        if name in unsafe or name.startswith(_UNSAFE_BEGINNINGS) or name.endswith(_UNSAFE_ENDINGS):
            return name
    return None


def _refusal(path: pathlib.Path, operation: str) -> str:
    return (
        f"{path} is not a model that loads safely: its operation {operation} may read or write "
        "files or run code. Serve it and name its address."
    )
