"""TF Serving's JSON requests -> arrays.

Reading is as strict as the real server's: no 1.0 for an integer, no "1" for a number, no ragged
rows.
"""

import dataclasses
import json
from collections.abc import Mapping
from typing import NoReturn

import numpy as np
import orjson
import tensorflow as tf

from keras_fool.serving.server import json_values, status

INSTANCES, INPUTS = "instances", "inputs"
_SIGNATURE = "signature_name"


@dataclasses.dataclass(frozen=True)
class Request:
    """A predict request, before the model is looked up.

    Attributes:
        document: The JSON object.
        signature_name: The signature it asks for, "" for the default one.
    """

    document: dict
    signature_name: str


def parse(body: bytes | bytearray) -> Request:
    """The request in a body.

    Raises:
        ServingError: INVALID_ARGUMENT, the body is not a JSON object, or its signature's
            name is not a string.
    """
    if not body:
        raise status.invalid("JSON Parse error: The document is empty")
    document = _loads(body)
    if not isinstance(document, dict):
        raise status.invalid(f"JSON Value: {json_values.shown(document)} Is not object")
    signature_name = document.get(_SIGNATURE, "")
    if not isinstance(signature_name, str):
        raise status.invalid(
            f"JSON Value: {json_values.shown(document)} not formatted correctly. "
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
        and `INPUTS` the request uses, for the answer.

    Raises:
        ServingError: INVALID_ARGUMENT, they are not what the signature asks for;
            UNIMPLEMENTED, the signature asks for a type that JSON does not have.
    """
    document = request.document
    if INSTANCES in document and INPUTS in document:
        raise status.invalid(
            f"JSON Value: {json_values.shown(document)} Not formatted correctly expecting only "
            f"one of '{INPUTS}' or '{INSTANCES}' keys to exist "
        )
    if INSTANCES in document:
        return _from_instances(document, inputs), INSTANCES
    if INPUTS in document:
        return _from_inputs(document[INPUTS], inputs), INPUTS
    raise status.invalid(f"Missing '{INPUTS}' or '{INSTANCES}' key")


def _loads(body: bytes | bytearray) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if b"NaN" not in body and b"Infinity" not in body:
            raise status.invalid(f"JSON Parse error: {error}") from error
    try:
        return json.loads(body)  # slower, but it reads NaN and Infinity, which are not JSON
    except (ValueError, RecursionError) as error:
        raise status.invalid(f"JSON Parse error: {error}") from error


def _from_instances(document: dict, inputs: Mapping[str, tf.DType]) -> dict[str, np.ndarray]:
    rows = document[INSTANCES]
    if not isinstance(rows, list):
        raise status.invalid(
            f"JSON Value: {json_values.shown(document)} Excepting '{INSTANCES}' to be an list/array"
        )
    if not rows:
        raise status.invalid(
            f"JSON Value: {json_values.shown(document)} No values in '{INSTANCES}' array"
        )
    if len(inputs) > 1 and not isinstance(rows[0], dict):
        raise status.invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map"
        )
    return _row_arrays(rows, inputs)


def _from_inputs(value: object, inputs: Mapping[str, tf.DType]) -> dict[str, np.ndarray]:
    if not isinstance(value, dict) or json_values.is_base64(value):
        if len(inputs) != 1:
            raise status.invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                "required as per tensorinfo_map"
            )
        value = dict.fromkeys(inputs, value)
    found: dict[str, np.ndarray] = {}
    for alias, dtype in inputs.items():
        if alias not in value:
            raise status.invalid(f"Missing named input: {alias} in '{INPUTS}' object.")
        array = json_values.array(value[alias], dtype)
        if array is None:
            json_values.refuse(value[alias], dtype)
        found[alias] = array
    return found


def _row_arrays(rows: list, inputs: Mapping[str, tf.DType]) -> dict[str, np.ndarray]:
    """The arrays of rows, by alias.

    Args:
        rows: At least one.
        inputs: The dtypes of the signature's inputs by alias.

    Raises:
        ServingError: INVALID_ARGUMENT, a row is not what the signature asks for, or not
            like the first one; the message names the first such row.
    """
    found = _accepted(rows, inputs)
    if found is None:
        number = json_values.first_bad(
            rows, lambda part: _accepted([rows[0], *part], inputs) is not None
        )
        _refuse_row(rows, number, inputs)
    return found


def _accepted(rows: list, inputs: Mapping[str, tf.DType]) -> dict[str, np.ndarray] | None:
    """The arrays; None if a row is wrong."""
    if _is_object(rows[0]):
        if not all(_is_object(row) and row.keys() == inputs.keys() for row in rows):
            return None
        columns = {alias: [row[alias] for row in rows] for alias in inputs}
    else:
        if len(inputs) != 1 or (dict in set(map(type, rows)) and any(map(_is_object, rows))):
            return None
        columns = dict.fromkeys(inputs, rows)
    found: dict[str, np.ndarray] = {}
    for alias, dtype in inputs.items():
        try:
            array = json_values.array(columns[alias], dtype)
        except status.ServingError:
            return None
        if array is None:
            return None
        found[alias] = array
    return found


def _refuse_row(rows: list, number: int, inputs: Mapping[str, tf.DType]) -> NoReturn:
    """Raises the error of row `number`, the first that is wrong."""
    row, as_objects = rows[number], _is_object(rows[0])
    if _is_object(row) != as_objects:
        expected = "object but got list" if as_objects else "value/list but got object"
        raise status.invalid(f"Expecting {expected} at item {number} of input list")
    items = row.items() if as_objects else [(min(inputs, default=""), row)]
    for alias, value in items:
        try:
            if alias not in inputs:
                raise status.invalid(f"JSON object: does not have named input: {alias}")
            first = rows[0][alias] if as_objects else rows[0]
            _compare_shapes(value, first, inputs[alias])
        except status.ServingError as error:
            key = f" key: {alias}" if as_objects else ""
            raise status.ServingError(
                error.code,
                f"Failed to process element: {number}{key} of 'instances' list. "
                f"Error: {error.code.name}: {error}",
            ) from error
    raise status.invalid(
        f"Failed to process element: {number} of 'instances' list. JSON object: "
        f"{json_values.shown(row)} keys must be equal to: {','.join(sorted(inputs))}"
    )


def _compare_shapes(value: object, first: object, dtype: tf.DType) -> None:
    """Raises if a value is ragged, or of another shape than that of the first row."""
    shape = json_values.checked_shape(value, dtype)
    expected = json_values.checked_shape(first, dtype)
    if np.prod(shape) != np.prod(expected):
        raise status.invalid(
            f"Expecting tensor size: {int(np.prod(expected))} but got: {int(np.prod(shape))}"
        )
    if shape != expected:
        raise status.invalid(f"Expecting shape {_bracketed(expected)} but got: {_bracketed(shape)}")


def _is_object(row: object) -> bool:
    return isinstance(row, dict) and not json_values.is_base64(row)


def _bracketed(shape: list[int]) -> str:
    return f"[{','.join(map(str, shape))}]"
