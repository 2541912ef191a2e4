"""TensorProto <-> arrays, for protos that anyone may have sent."""

import math

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

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
DTYPES = tuple(_FIELDS)
_BY_NUMBER = {dtype.as_datatype_enum: dtype for dtype in _FIELDS}
_MAX_DIMENSIONS = 64  # NumPy's limit
_CHUNK = 2**16  # values
_BYTES_OF_STRING = 32  # what an empty string takes in TensorFlow and NumPy together


class TensorError(ValueError):
    """A proto is not a tensor: its dtype, its shape and its values contradict each other."""


class TooLargeError(ValueError):
    """A tensor would take more memory than allowed; the message comes after its name."""


def to_array(
    proto: tensor_pb2.TensorProto, *, max_bytes: int | None = None, exact: bool = False
) -> np.ndarray:
    """The array of a tensor, whether its values are typed or packed.

    NumPy reads the typed fields directly: `tf.make_ndarray` takes a hundred times longer.

    Args:
        proto: The tensor.
        max_bytes: How large the array may become: a few bytes can ask for terabytes. None for
            no limit, which is safe only with `exact`.
        exact: Whether typed fields must hold as many values as the shape says. Otherwise the
            last value, or zero, stands for the rest, as TensorFlow reads them.

    Returns:
        The array; strings as an object array of bytes.

    Raises:
        TensorError: The proto is not a tensor, or not an exact one.
        TooLargeError: The array would be larger than `max_bytes`.
    """
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    if proto.dtype not in _BY_NUMBER or proto.tensor_shape.unknown_rank:
        raise TensorError(f"no known dtype ({proto.dtype}) or no rank")
    if len(shape) > _MAX_DIMENSIONS or any(size < 0 for size in shape):
        raise TensorError(f"shape {list(shape)}")
    dtype = _BY_NUMBER[proto.dtype]
    size = math.prod(shape)
    bytes_of_value = _BYTES_OF_STRING if dtype == tf.string else dtype.size
    if max_bytes is not None and size * bytes_of_value > max_bytes:
        raise TooLargeError(f"of shape {list(shape)} has more than {max_bytes} bytes")
    if proto.tensor_content:
        if dtype == tf.string or len(proto.tensor_content) != size * dtype.size:
            raise TensorError(f"{len(proto.tensor_content)} bytes for shape {list(shape)}")
        return np.frombuffer(proto.tensor_content, dtype.as_numpy_dtype).reshape(shape)
    values = _typed_values(proto, dtype)
    if len(values) > size or (exact and len(values) < size):
        raise TensorError(f"{len(values)} values for shape {list(shape)}")
    if len(values) < size:
        fill = values[-1:] if len(values) else _zero(dtype)
        values = np.concatenate([values, np.repeat(fill, size - len(values))])
    return values.reshape(shape)


def to_proto(array: np.ndarray, *, packed: bool) -> tensor_pb2.TensorProto:
    """The proto of an array.

    Args:
        array: The values, of one of `DTYPES`; strings as an object array of bytes.
        packed: Whether values go as bytes (`tensor_content`) or, what TF Serving does by
            default, one by one in the field of their type. Strings are never packed.
    """
    dtype = tf.as_dtype(array.dtype)
    proto = tensor_pb2.TensorProto(dtype=dtype.as_datatype_enum)
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if dtype == tf.string:
        proto.string_val.extend(array.ravel().tolist())
    elif packed:
        proto.tensor_content = array.tobytes()
    elif dtype in (tf.float16, tf.bfloat16):
        _extend(proto.half_val, array.ravel().view(np.uint16))
    elif dtype.is_complex:
        _extend(getattr(proto, _FIELDS[dtype]), array.ravel().view(array.real.dtype))
    else:
        _extend(getattr(proto, _FIELDS[dtype]), array.ravel())
    return proto


def _extend(field, values: np.ndarray) -> None:
    """Adds values chunk by chunk: as Python's numbers they take ten times the memory."""
    for start in range(0, len(values), _CHUNK):
        field.extend(values[start : start + _CHUNK].tolist())


def _typed_values(proto: tensor_pb2.TensorProto, dtype: tf.DType) -> np.ndarray:
    values = getattr(proto, _FIELDS[dtype])
    if dtype == tf.string:
        found = np.empty(len(values), object)
        found[:] = values
        return found
    if dtype in (tf.float16, tf.bfloat16):  # sent as whole numbers, its bits
        return np.array(values, np.uint32).astype(np.uint16).view(dtype.as_numpy_dtype)
    if dtype.is_complex:
        parts = np.array(values, dtype.real_dtype.as_numpy_dtype)
        return parts[: len(parts) // 2 * 2].view(dtype.as_numpy_dtype)
    if dtype.is_integer and dtype.size < 4:
        return np.array(values, np.int32).astype(dtype.as_numpy_dtype)
    return np.array(values, dtype.as_numpy_dtype)


def _zero(dtype: tf.DType) -> np.ndarray:
    return np.array([b""], object) if dtype == tf.string else np.zeros(1, dtype.as_numpy_dtype)
