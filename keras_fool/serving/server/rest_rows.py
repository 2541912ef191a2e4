"""The rows of `instances`: values, or objects with a value for each input, all alike."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from keras_fool.serving.server import rest_values, status


def arrays(rows: list, inputs: Mapping[str, tf.DType]) -> dict[str, np.ndarray]:
    """The arrays of rows, by alias.

    Args:
        rows: At least one.
        inputs: The dtypes of the signature's inputs by alias.

    Raises:
        ServingError: INVALID_ARGUMENT, a row is not what the signature asks for, or not
            like the first one; the message tells of the first such.
    """
    found = _taken(rows, inputs)
    if found is None:
        number = rest_values.first_bad(
            rows, lambda part: _taken([rows[0], *part], inputs) is not None
        )
        _complain(rows, number, inputs)
    return found


def _taken(rows: list, inputs: Mapping[str, tf.DType]) -> dict[str, np.ndarray] | None:
    """The arrays; None if a row is wrong."""
    if _is_object(rows[0]):
        if not all(_is_object(row) and row.keys() == inputs.keys() for row in rows):
            return None
        columns = {alias: [row[alias] for row in rows] for alias in inputs}
    else:
        if len(inputs) != 1 or (dict in set(map(type, rows)) and any(map(_is_object, rows))):
            return None
        columns = dict.fromkeys(inputs, rows)
    try:
        found = {alias: rest_values.array(columns[alias], dtype) for alias, dtype in inputs.items()}
    except status.ServingError:
        return None
    return None if any(array is None for array in found.values()) else found


def _complain(rows: list, number: int, inputs: Mapping[str, tf.DType]) -> None:
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
            _compare(value, first, inputs[alias])
        except status.ServingError as error:
            key = f" key: {alias}" if as_objects else ""
            raise status.ServingError(
                error.code,
                f"Failed to process element: {number}{key} of 'instances' list. "
                f"Error: {error.code.name}: {error}",
            ) from error
    raise status.invalid(
        f"Failed to process element: {number} of 'instances' list. JSON object: "
        f"{rest_values.shown(row)} keys must be equal to: {','.join(sorted(inputs))}"
    )


def _compare(value: object, first: object, dtype: tf.DType) -> None:
    """Raises if a value is not regular or unlike that of the first row."""
    shape = rest_values.checked_shape(value, dtype)
    expected = rest_values.checked_shape(first, dtype)
    if np.prod(shape) != np.prod(expected):
        raise status.invalid(
            f"Expecting tensor size: {int(np.prod(expected))} but got: {int(np.prod(shape))}"
        )
    if shape != expected:
        raise status.invalid(f"Expecting shape {_bracketed(expected)} but got: {_bracketed(shape)}")


def _is_object(row: object) -> bool:
    return isinstance(row, dict) and not rest_values.is_base64(row)


def _bracketed(shape: list[int]) -> str:
    return f"[{','.join(map(str, shape))}]"
