"""Values in TF Serving's JSON -> arrays, and why a value is refused.

The messages are TF Serving's own, because its clients look for words in them.
"""

import base64
import binascii
import itertools
import json
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import tensorflow as tf

from keras_fool.serving.server import status

MAX_DIMENSIONS = 64  # NumPy's limit
INTEGERS = {
    dtype: np.iinfo(dtype.as_numpy_dtype)
    for dtype in (tf.int8, tf.int16, tf.int32, tf.int64, tf.uint8, tf.uint32, tf.uint64)
}
_FLOATS = (tf.float32, tf.float64)
_LARGEST_FLOAT = int(np.finfo(np.float64).max)
_MAX_SHOWN = 200  # characters of a value in a message
_TYPES = {list: "Array", dict: "Object", str: "String", type(None): "Null"}
# TensorFlow's names in C++.
_NAMES = {tf.float32: "float", tf.float64: "double"}


def shown(value: object) -> str:
    """A value for a message, shortened; only the beginning of a large value is read."""
    if isinstance(value, list) and len(value) > _MAX_SHOWN:
        value = value[:_MAX_SHOWN]
    if isinstance(value, str):
        value = value[:_MAX_SHOWN]
    text = "".join(_pieces(value))
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."


def _pieces(value: object) -> list[str]:
    found, length = [], 0
    try:
        for piece in json.JSONEncoder().iterencode(value):
            found.append(piece[: _MAX_SHOWN + 1])
            length += len(found[-1])
            if length > _MAX_SHOWN:
                break
    except RecursionError:
        found.append("...")
    return found


def is_base64(value: object) -> bool:
    """Whether a value is `{"b64": "..."}`."""
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def array(value: object, dtype: tf.DType) -> np.ndarray | None:
    """The array of a value or of nested lists; None if they are ragged or of a wrong type.

    Types and lengths are checked exactly, but without a loop in Python over the values.

    Raises:
        ServingError: INVALID_ARGUMENT, base64 does not decode.
    """
    shape: list[int] = []
    flat: list[Any] = [value]
    while flat and type(flat[0]) is list:
        if set(map(type, flat)) != {list} or len(set(map(len, flat))) != 1:
            return None
        shape.append(len(flat[0]))
        if len(shape) > MAX_DIMENSIONS:
            return None
        flat = list(itertools.chain.from_iterable(flat))
    found = _flat_array(flat, dtype)
    return None if found is None else found.reshape(shape)


def _flat_array(values: list, dtype: tf.DType) -> np.ndarray | None:
    types = set(map(type, values))
    if dtype == tf.string and types <= {str, dict}:
        return _strings(values)
    if dtype == tf.bool and types <= {bool}:
        return np.array(values, bool)
    try:
        if dtype in _FLOATS and types <= {int, float}:
            with np.errstate(over="ignore"):  # too large values become infinite
                return np.array(values, np.float64).astype(dtype.as_numpy_dtype)
        if dtype in INTEGERS and types <= {int}:
            return np.array(values, dtype.as_numpy_dtype)
    except OverflowError:
        pass
    return None


def _strings(values: list[str | dict]) -> np.ndarray | None:
    found = np.empty(len(values), object)
    for number, value in enumerate(values):
        if isinstance(value, str):
            # JSON can escape half of a surrogate pair, which UTF-8 cannot encode.
            found[number] = value.encode("utf-8", "replace")
        elif is_base64(value):
            found[number] = _decoded(value["b64"])
        else:
            return None
    return found


def checked_shape(value: object, dtype: tf.DType) -> list[int]:
    """The shape of a value or of nested lists.

    Raises:
        ServingError: They are ragged or of a wrong type; the message names the first error.
    """
    shape = []
    inner = value
    while isinstance(inner, list):
        shape.append(len(inner))
        if not inner:
            break
        inner = inner[0]
    if len(shape) > MAX_DIMENSIONS:
        raise status.invalid(f"a value has {len(shape)} dimensions; at most {MAX_DIMENSIONS}")
    if not _fits(value, dtype, shape):
        _refuse(value, dtype, shape, 0)
    return shape


def refuse(value: object, dtype: tf.DType) -> NoReturn:
    """Says why `array` makes nothing of a value.

    Raises:
        ServingError: As `checked_shape` does.
    """
    checked_shape(value, dtype)
    raise AssertionError(f"{shown(value)} fits {dtype.name}")


def first_bad(items: list, are_good: Callable[[list], bool]) -> int:
    """The index of the first bad item, found by bisection: there may be millions.

    Args:
        items: At least one of them is bad.
        are_good: Tells whether all items of a part are good.
    """
    begin, end = 0, len(items)
    while end - begin > 1:
        middle = (begin + end) // 2
        if are_good(items[begin:middle]):
            begin = middle
        else:
            end = middle
    return begin


def _fits(value: object, dtype: tf.DType, shape: list[int]) -> bool:
    try:
        found = array(value, dtype)
    except status.ServingError:
        return False
    return found is not None and list(found.shape) == shape


def _refuse(value: object, dtype: tf.DType, shape: list[int], level: int) -> None:
    """Raises the error of a value that does not fit `shape[level:]`."""
    if not isinstance(value, list):
        if level != len(shape):
            raise status.invalid(
                f"JSON Value: {shown(value)} found at incorrect level: {level + 1} in the JSON "
                f"DOM. Expected at level: {len(shape)}"
            )
        _check_value(value, dtype)
    elif level >= len(shape):
        raise status.invalid(
            f"Encountered list at unexpected level: {level} expected < {len(shape)}"
        )
    elif len(value) != shape[level]:
        raise status.invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected "
            f"size: {shape[level]}"
        )
    elif not value:  # it fits every type that JSON has
        _check_value(value, dtype)
    else:
        bad = first_bad(value, lambda part: _fits(part, dtype, [len(part), *shape[level + 1 :]]))
        _refuse(value[bad], dtype, shape, level + 1)


def _check_value(value: object, dtype: tf.DType) -> None:
    number = value if isinstance(value, int) and not isinstance(value, bool) else None
    if dtype == tf.string:
        if isinstance(value, dict) and not is_base64(value):
            raise status.invalid(
                f"JSON Value: {shown(value)} not formatted correctly for base64 data"
            )
        if isinstance(value, dict):
            _decoded(value["b64"])
            return
        fits = isinstance(value, str)
    elif dtype == tf.bool:
        fits = isinstance(value, bool)
    elif dtype in _FLOATS:
        if number is not None and abs(number) > _LARGEST_FLOAT:
            raise status.invalid("JSON Parse error: Number too big to be stored in double.")
        fits = number is not None or isinstance(value, float)
    elif dtype in INTEGERS:
        fits = number is not None and INTEGERS[dtype].min <= number <= INTEGERS[dtype].max
    else:
        raise status.ServingError(
            status.grpc.StatusCode.UNIMPLEMENTED,
            f"Conversion of JSON Value: {shown(value)} to type: {dtype.name}",
        )
    if not fits:
        raise status.invalid(
            f"JSON Value: {shown(value)} Type: {_type_name(value)} is not of expected type: "
            f"{_NAMES.get(dtype, dtype.name)}"
        )


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise status.invalid("Unable to base64 decode") from error


def _type_name(value: object) -> str:
    if isinstance(value, bool):
        return str(value)
    return _TYPES.get(type(value), "Number")
