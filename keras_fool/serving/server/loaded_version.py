"""A SavedModel in a session of its own, called by its signatures.

TensorFlow's own runtime, used as TF Serving uses it: a session, and callables that take
tensors by name. `session.run` would cast a wrong dtype silently; a callable refuses it.
"""

import pathlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2

from keras_fool.serving import tensors
from keras_fool.serving.server import status

_METHODS = (
    "tensorflow/serving/predict",
    "tensorflow/serving/classify",
    "tensorflow/serving/regress",
)
WARM_UP_FILE = pathlib.Path("assets.extra") / "tf_serving_warmup_requests"
_MAX_WARM_UP_RECORDS = 1000
_WARM_UP_BYTES = 2**30
_Value = np.ndarray | np.generic | bytes  # what TensorFlow gives for a tensor


class LoadedVersion:
    """One version of a model, ready to be called from any thread.

    Attributes:
        number: The version.
        signatures: Its `SignatureDef`s by name.
    """

    def __init__(self, folder: pathlib.Path, number: int):
        """Loads a SavedModel and warms it up.

        Args:
            folder: The version folder.
            number: The version.

        Raises:
            ValueError: The folder holds no SavedModel for serving, or its warm-up failed.
        """
        self.number = number
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        self._calls: dict[str, Callable[..., Sequence[_Value]]] = {}
        try:
            with self._session.graph.as_default():
                meta_graph = tf.compat.v1.saved_model.loader.load(
                    self._session, [tf.saved_model.SERVING], str(folder)
                )
            self.signatures = dict(meta_graph.signature_def)
            self._warm_up(folder / WARM_UP_FILE)
        except (OSError, RuntimeError, ValueError, tf.errors.OpError) as error:
            self.close()
            raise ValueError(f"{folder} does not load: {error}") from error
        except status.ServingError as error:
            self.close()
            raise ValueError(f"{folder} does not warm up: {error}") from error

    def signature(self, name: str) -> meta_graph_pb2.SignatureDef:
        """The signature of that name, which can be called.

        Raises:
            ServingError: FAILED_PRECONDITION, there is none; INTERNAL, it cannot be called.
        """
        if name not in self.signatures:
            raise status.ServingError(
                status.grpc.StatusCode.FAILED_PRECONDITION,
                f'Serving signature key "{name}" not found.',
            )
        if self.signatures[name].method_name not in _METHODS:
            raise status.ServingError(
                status.grpc.StatusCode.INTERNAL,
                "Expected prediction signature method_name to be one of "
                f"{{{', '.join(_METHODS)}}}. Was: {self.signatures[name].method_name}",
            )
        return self.signatures[name]

    def call(self, name: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Runs a signature.

        A wrong rank is refused before the run, because it makes oneDNN's kernels end the
        process; other wrong shapes are left to the model, as in TF Serving.

        Args:
            name: The signature.
            inputs: Its inputs by alias, all of them.

        Returns:
            All its outputs by alias.

        Raises:
            ServingError: The model refuses the inputs.
        """
        signature = self.signature(name)
        for alias, array in inputs.items():
            _check_rank(alias, array, signature.inputs[alias].tensor_shape)
        try:
            if name not in self._calls:
                self._calls[name] = self._callable(signature)
            found = self._calls[name](*(inputs[alias] for alias in sorted(signature.inputs)))
        except tf.errors.OpError as error:
            raise status.ServingError(status.by_number(error.error_code), error.message) from error
        except (TypeError, ValueError) as error:  # NumPy arrays that TensorFlow cannot take
            raise status.invalid(str(error)) from error
        by_tensor = dict(zip(_fetched(signature), map(_as_array, found), strict=True))
        return {alias: by_tensor[info.name] for alias, info in signature.outputs.items()}

    def close(self) -> None:
        """Frees the memory; the version cannot be called after that."""
        self._calls.clear()
        self._session.close()

    def _callable(self, signature: meta_graph_pb2.SignatureDef) -> Callable[..., Sequence[_Value]]:
        options = config_pb2.CallableOptions()
        options.feed.extend(signature.inputs[alias].name for alias in sorted(signature.inputs))
        options.fetch.extend(_fetched(signature))
        return self._session._make_callable_from_options(options)

    def _warm_up(self, path: pathlib.Path) -> None:
        if not path.is_file():
            return
        from tensorflow_serving.apis import prediction_log_pb2

        for number, record in enumerate(tf.data.TFRecordDataset(str(path)).as_numpy_iterator()):
            if number == _MAX_WARM_UP_RECORDS:
                raise status.invalid(
                    f"Number of warmup records exceeds the maximum ({_MAX_WARM_UP_RECORDS})"
                )
            log = prediction_log_pb2.PredictionLog.FromString(record)
            if not log.HasField("predict_log"):
                raise status.invalid("Unsupported log_type for warmup")
            request = log.predict_log.request
            self.call(
                request.model_spec.signature_name
                or tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY,
                input_arrays(request.inputs, _WARM_UP_BYTES),
            )


def input_arrays(
    inputs: Mapping[str, tensor_pb2.TensorProto], max_bytes: int
) -> dict[str, np.ndarray]:
    """The arrays of a request's inputs, by alias.

    Args:
        inputs: The tensors by alias.
        max_bytes: How large each array may become.

    Raises:
        ServingError: INVALID_ARGUMENT, a proto is not a tensor, or RESOURCE_EXHAUSTED, it
            would be larger than `max_bytes`.
    """
    arrays = {}
    for alias, proto in inputs.items():
        try:
            arrays[alias] = tensors.to_array(proto, max_bytes=max_bytes)
        except tensors.TensorError as error:
            raise status.invalid(f"tensor parsing error: {alias}") from error
        except tensors.TooLargeError as error:
            raise status.ServingError(
                status.grpc.StatusCode.RESOURCE_EXHAUSTED, f"tensor {alias} {error}"
            ) from error
    return arrays


def _fetched(signature: meta_graph_pb2.SignatureDef) -> list[str]:
    """The names of the output tensors; two aliases may share one."""
    return sorted({info.name for info in signature.outputs.values()})


def _as_array(value: _Value) -> np.ndarray:
    return np.asarray(value, object if isinstance(value, bytes) else None)


def _check_rank(alias: str, array: np.ndarray, shape: tf.TensorShape) -> None:
    if shape.unknown_rank or len(shape.dim) == array.ndim:
        return
    declared = [dim.size for dim in shape.dim]
    raise status.invalid(
        f"input {alias} must have {len(declared)} dimensions as in its signature's shape "
        f"{declared}, got shape {list(array.shape)}"
    )
