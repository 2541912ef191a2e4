"""TF Serving's JSON <-> arrays.

Parsing is strict as the real server's is: no 1.0 for an integer, no "1" for a number, no
ragged rows.
"""

import dataclasses
import json
from collections.abc import Mapping

import numpy as np
import orjson
import tensorflow as tf

from keras_fool.serving.server import rest_rows, rest_values, status

INSTANCES, INPUTS = "instances", "inputs"
_ANSWERS = {INSTANCES: "predictions", INPUTS: "outputs"}
_SIGNATURE = "signature_name"
_WRITABLE = (
    *(tf.float32, tf.float64, tf.bool, tf.string),
    *(tf.int8, tf.int16, tf.int32, tf.int64, tf.uint8, tf.uint32, tf.uint64),
)


@dataclasses.dataclass(frozen=True)
class Request:
    """A predict request before anyone looks at the model.

    Attributes:
        document: The JSON object.
        signature_name: The signature it asks for, "" for the default one.
    """

    document: dict
    signature_name: str


def parse(body: bytes | bytearray) -> Request:
    """The request in a body.

    Raises:
        ServingError: INVALID_ARGUMENT, the body is no JSON object, or its signature's
            name is no string.
    """
    if not body:
        raise status.invalid("JSON Parse error: The document is empty")
    document = _loads(body)
    if not isinstance(document, dict):
        raise status.invalid(f"JSON Value: {rest_values.shown(document)} Is not object")
    signature_name = document.get(_SIGNATURE, "")
    if not isinstance(signature_name, str):
        raise status.invalid(
            f"JSON Value: {rest_values.shown(document)} not formatted correctly. "
            f"'{_SIGNATURE}' key must be a string value."
        )
    return Request(document, signature_name)


def arrays(request: Request, inputs: Mapping[str, tf.DType]) -> tuple[dict[str, np.ndarray], str]:
    """The input arrays in a request.

    Args:
        request: What `parse` found.
        inputs: The dtypes of the signature's inputs by alias.

    Returns:
        The arrays by alias (strings as object arrays of bytes), and which of `INSTANCES`
        and `INPUTS` the request uses; `dumps` wants to know.

    Raises:
        ServingError: INVALID_ARGUMENT, they are not what the signature asks for;
            UNIMPLEMENTED, the signature asks for a type that JSON has not.
    """
    document = request.document
    if INSTANCES in document and INPUTS in document:
        raise status.invalid(
            f"JSON Value: {rest_values.shown(document)} Not formatted correctly expecting only "
            f"one of '{INPUTS}' or '{INSTANCES}' keys to exist "
        )
    if INSTANCES in document:
        return _from_instances(document, inputs), INSTANCES
    if INPUTS in document:
        return _from_inputs(document[INPUTS], inputs), INPUTS
    raise status.invalid(f"Missing '{INPUTS}' or '{INSTANCES}' key")


def dumps(outputs: Mapping[str, np.ndarray], dtypes: Mapping[str, tf.DType], form: str) -> bytes:
    """The body of an answer.

    Floats are as short as they can be and still read back as the same float32 or
    float64; whole ones keep ".0".

    Args:
        outputs: The output arrays by alias; strings as object arrays of bytes.
        dtypes: Their dtypes by alias.
        form: Which of `INSTANCES` and `INPUTS` the request used.

    Raises:
        ServingError: INVALID_ARGUMENT, JSON has no such type, or outputs have no rows or
            unequally many and the request asked for rows.
    """
    if form == INSTANCES:
        _check_rows(outputs)
    values = {alias: _writable(alias, outputs[alias], dtypes[alias]) for alias in outputs}
    if len(values) == 1:
        content = next(iter(values.values()))
    elif form == INSTANCES:
        content = [
            dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)
        ]
    else:
        content = values
    whole = {_ANSWERS[form]: content}
    if all(np.isfinite(a).all() for a in outputs.values() if a.dtype.kind == "f"):
        return orjson.dumps(whole, option=orjson.OPT_SERIALIZE_NUMPY)
    return json.dumps(whole, default=_plain).encode()


def _loads(body: bytes | bytearray) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if b"NaN" not in body and b"Infinity" not in body:
            raise status.invalid(f"JSON Parse error: {error}") from error
    try:
        return json.loads(body)  # slower, but it knows the numbers that JSON has not
    except (ValueError, RecursionError) as error:
        raise status.invalid(f"JSON Parse error: {error}") from error


def _from_instances(document: dict, inputs: Mapping[str, tf.DType]) -> dict[str, np.ndarray]:
    rows = document[INSTANCES]
    if not isinstance(rows, list):
        raise status.invalid(
            f"JSON Value: {rest_values.shown(document)} Excepting '{INSTANCES}' to be an list/array"
        )
    if not rows:
        raise status.invalid(
            f"JSON Value: {rest_values.shown(document)} No values in '{INSTANCES}' array"
        )
    if len(inputs) > 1 and not isinstance(rows[0], dict):
        raise status.invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map"
        )
    return rest_rows.arrays(rows, inputs)


def _from_inputs(value: object, inputs: Mapping[str, tf.DType]) -> dict[str, np.ndarray]:
    if not isinstance(value, dict) or rest_values.is_base64(value):
        if len(inputs) != 1:
            raise status.invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                "required as per tensorinfo_map"
            )
        value = dict.fromkeys(inputs, value)
    found = {}
    for alias, dtype in inputs.items():
        if alias not in value:
            raise status.invalid(f"Missing named input: {alias} in '{INPUTS}' object.")
        found[alias] = rest_values.array(value[alias], dtype)
        if found[alias] is None:
            rest_values.checked_shape(value[alias], dtype)  # raises
    return found


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
        return rest_values.written_strings(array, as_base64=alias.endswith("_bytes"))
    return np.ascontiguousarray(array) if array.ndim else array[()]


def _plain(value: np.ndarray | np.generic) -> object:
    """For the standard library: the shortest decimals, as orjson writes them."""
    if value.dtype == np.float32:
        value = np.asarray(value).astype(str).astype(np.float64)
    return value.tolist()
