"""Output arrays -> TF Serving's JSON answers."""

import base64
import json
from collections.abc import Mapping

import numpy as np
import orjson
import tensorflow as tf

from keras_fool.serving.server import json_requests, status

_KEYS = {json_requests.INSTANCES: "predictions", json_requests.INPUTS: "outputs"}
_WRITABLE = (
    *(tf.float32, tf.float64, tf.bool, tf.string),
    *(tf.int8, tf.int16, tf.int32, tf.int64, tf.uint8, tf.uint32, tf.uint64),
)


def dumps(outputs: Mapping[str, np.ndarray], dtypes: Mapping[str, tf.DType], form: str) -> bytes:
    """The body of an answer.

    Floats are as short as they can be and still read back as the same float32 or
    float64; whole ones keep ".0".

    Args:
        outputs: The output arrays by alias; strings as object arrays of bytes.
        dtypes: Their dtypes by alias.
        form: Which of `json_requests.INSTANCES` and `json_requests.INPUTS` the request used.

    Raises:
        ServingError: INVALID_ARGUMENT, JSON has no such type; or the request asked for rows,
            and an output has no rows or another number of rows than the others.
    """
    if form == json_requests.INSTANCES:
        _check_rows(outputs)
    values = {alias: _writable(alias, outputs[alias], dtypes[alias]) for alias in outputs}
    if len(values) == 1:
        content = next(iter(values.values()))
    elif form == json_requests.INSTANCES:
        content = [
            dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)
        ]
    else:
        content = values
    whole = {_KEYS[form]: content}
    if all(np.isfinite(a).all() for a in outputs.values() if a.dtype.kind == "f"):
        return orjson.dumps(whole, option=orjson.OPT_SERIALIZE_NUMPY)
    return json.dumps(whole, default=_plain).encode()


def _check_rows(outputs: Mapping[str, np.ndarray]) -> None:
    expected = None
    for alias, array in outputs.items():
        if array.ndim == 0:
            raise status.invalid(f"Tensor name: {alias} has no shape information ")
        if expected is not None and len(array) != expected:
            raise status.invalid(
                f"Tensor name: {alias} has inconsistent batch size: {len(array)} "
                f"expecting: {expected}"
            )
        expected = len(array)


def _writable(alias: str, array: np.ndarray, dtype: tf.DType) -> object:
    if dtype not in _WRITABLE:
        raise status.invalid(f"Failed to write JSON value for tensor type: {dtype.name}")
    if dtype == tf.string:
        return _strings(array, as_base64=alias.endswith("_bytes"))
    return np.ascontiguousarray(array) if array.ndim else array[()]


def _plain(value: np.ndarray | np.generic) -> object:
    """For the standard library's json: the shortest decimals, as orjson writes them."""
    if value.dtype == np.float32:
        value = np.asarray(value).astype(str).astype(np.float64)
    return value.tolist()


def _strings(array: np.ndarray, *, as_base64: bool) -> object:
    """Nested lists of JSON strings; bytes that are not UTF-8 are replaced."""

    def written(value: bytes) -> object:
        if as_base64:
            return {"b64": base64.b64encode(value).decode()}
        return value.decode("utf-8", "replace")

    flat = np.empty(array.size, object)
    flat[:] = [written(value) for value in array.ravel()]
    return flat.reshape(array.shape).tolist()
