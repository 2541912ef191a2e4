"""TensorProto <-> arrays, for protos that a stranger sent."""

import math

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from keras_fool.serving import status

# The field that holds the values of a dtype where they are not packed as bytes.
_FIELDS = {
    tf.float32: "float_val",
    tf.float64: "double_val",
    tf.int8: "int_val",
    tf.int16: "int_val",
    tf.int32: "int_val",
    tf.int64: "int64_val",
    tf.uint8: "int_val",
    tf.uint16: "int_val",
    tf.uint32: "uint32_val",
    tf.uint64: "uint64_val",
    tf.bool: "bool_val",
    tf.string: "string_val",
    tf.float16: "half_val",
    tf.bfloat16: "half_val",
    tf.complex64: "scomplex_val",
    tf.complex128: "dcomplex_val",
}
_MOST_DIMENSIONS = 64  # NumPy's
_AT_A_TIME = 2**16  # values
_BYTES_OF_STRING = 32  # what an empty one takes in TensorFlow and NumPy together


def to_array(alias: str, proto: tensor_pb2.TensorProto, most_bytes: int) -> np.ndarray:
    """The array of a tensor, typed or packed.

    As TensorFlow reads them, typed fields may hold fewer values than the shape: the
    last one, or zero, stands for the rest.

    Args:
        alias: What the request calls the tensor.
        proto: The tensor.
        most_bytes: How large the array may become; a few bytes can ask for terabytes.

    Returns:
        The array; strings as an object array of bytes.

    Raises:
        ServingError: INVALID_ARGUMENT, the proto is no tensor, or RESOURCE_EXHAUSTED, it
            would be larger than `most_bytes`.
    """
    unreadable = status.invalid(f"tensor parsing error: {alias}")
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    if proto.dtype not in _DTYPES or proto.tensor_shape.unknown_rank:
        raise unreadable
    if len(shape) > _MOST_DIMENSIONS or any(size < 0 for size in shape):
        raise unreadable
    dtype = _DTYPES[proto.dtype]
    size = math.prod(shape)
    if size * (_BYTES_OF_STRING if dtype == tf.string else dtype.size) > most_bytes:
        raise status.ServingError(
            status.grpc.StatusCode.RESOURCE_EXHAUSTED,
            f"tensor {alias} of shape {list(shape)} has more than {most_bytes} bytes",
        )
    if proto.tensor_content:
        if dtype == tf.string or len(proto.tensor_content) != size * dtype.size:
            raise unreadable
        return np.frombuffer(proto.tensor_content, dtype.as_numpy_dtype).reshape(shape)
    values = _typed_values(proto, dtype)
    if len(values) > size:
        raise unreadable
    if len(values) < size:
        fill = values[-1:] if len(values) else _default(dtype)
        values = np.concatenate([values, np.repeat(fill, size - len(values))])
    return values.reshape(shape)


def to_proto(array: np.ndarray, dtype: int, *, packed: bool) -> tensor_pb2.TensorProto:
    """The proto of an array.

    Args:
        array: The values; strings as an object array of bytes.
        dtype: The number of its TensorFlow dtype.
        packed: Whether values go as bytes (`tensor_content`) or, what TF Serving does by
            default, one by one in the field of their type. Strings never go packed.
    """
    proto = tensor_pb2.TensorProto(dtype=dtype)
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    kind = tf.as_dtype(dtype)
    if kind == tf.string:
        proto.string_val.extend(array.ravel().tolist())
    elif packed:
        proto.tensor_content = array.tobytes()
    elif kind in (tf.float16, tf.bfloat16):
        _extend(proto.half_val, array.ravel().view(np.uint16))
    elif kind.is_complex:
        _extend(getattr(proto, _FIELDS[kind]), array.ravel().view(array.real.dtype))
    else:
        _extend(getattr(proto, _FIELDS[kind]), array.ravel())
    return proto


def _extend(field, values: np.ndarray) -> None:
    """Adds values one by one; as Python's numbers they take ten times the memory, so not all."""
    for start in range(0, len(values), _AT_A_TIME):
        field.extend(values[start : start + _AT_A_TIME].tolist())


def _typed_values(proto: tensor_pb2.TensorProto, dtype: tf.DType) -> np.ndarray:
    values = getattr(proto, _FIELDS[dtype])
    if dtype == tf.string:
        found = np.empty(len(values), object)
        found[:] = values
        return found
    if dtype in (tf.float16, tf.bfloat16):
        return np.array(values, np.uint32).astype(np.uint16).view(dtype.as_numpy_dtype)
    if dtype.is_complex:
        parts = np.array(values, dtype.real_dtype.as_numpy_dtype)
        return parts[: len(parts) // 2 * 2].view(dtype.as_numpy_dtype)
    if dtype.is_integer and dtype.size < 4:
        return np.array(values, np.int32).astype(dtype.as_numpy_dtype)
    return np.array(values, dtype.as_numpy_dtype)


def _default(dtype: tf.DType) -> np.ndarray:
    return np.array([b""], object) if dtype == tf.string else np.zeros(1, dtype.as_numpy_dtype)


_DTYPES = {dtype.as_datatype_enum: dtype for dtype in _FIELDS}
