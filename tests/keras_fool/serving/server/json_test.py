import json
import math
import re

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from keras_fool.serving.server import json_answers, json_requests, json_values, status
from tests.exploring import examples

NUMBERS = (tf.float32, tf.float64, *json_values.INTEGERS)
DTYPES = (*NUMBERS, tf.bool, tf.string)

scalars = st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
    st.text(max_size=5),
    st.just({"b64": "AP+J"}),
    st.just({"b64": "&"}),
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4), max_leaves=12)


def arrays(document: dict, **inputs: tf.DType):
    return json_requests.arrays(json_requests.parse(json.dumps(document).encode()), inputs)


def refusal(function, *arguments) -> str | None:
    """Why the function refuses its arguments; None if it does not."""
    try:
        function(*arguments)
    except status.ServingError as error:
        return str(error)
    return None


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16, tf.complex64])
@pytest.mark.parametrize("value", [1, [1], [], [[], []]])
def test_a_type_that_json_does_not_have(dtype, value):
    for document in ({"inputs": value}, {"instances": [value]}):
        with pytest.raises(status.ServingError, match=f"to type: {dtype.name}") as refused:
            arrays(document, x=dtype)
        assert refused.value.code is status.grpc.StatusCode.UNIMPLEMENTED


def carefully_checked(value, dtype) -> list[int]:
    """The shape, found value by value as the C++ server does it."""
    shape, inner = [], value
    while isinstance(inner, list):
        shape.append(len(inner))
        inner = inner[0] if inner else None

    def check(item, level):
        if not isinstance(item, list) or level >= len(shape) or len(item) != shape[level]:
            json_values._refuse(item, dtype, shape, level)
        else:
            for one in item:
                check(one, level + 1)

    check(value, 0)
    return shape


@hypothesis.given(values, st.sampled_from(DTYPES))
@hypothesis.settings(max_examples=examples(100))
def test_the_fast_way_takes_what_the_careful_way_takes(value, dtype):
    value = json.loads(json.dumps(value))

    careful = refusal(carefully_checked, value, dtype)
    fast = refusal(lambda: json_requests._from_inputs({"x": value}, {"x": dtype}))

    assert fast == careful


@hypothesis.given(st.lists(values, min_size=1, max_size=4), st.sampled_from(DTYPES))
@hypothesis.example([[], 0, None], tf.float32)
@hypothesis.example([0, [], 128], tf.int8)
@hypothesis.example([None, 0, []], tf.float32)
@hypothesis.example([[1, [2]], [1]], tf.int32)
@hypothesis.settings(max_examples=examples(60))
def test_rows_are_taken_if_each_is_and_they_are_alike(rows, dtype):
    rows = json.loads(json.dumps(rows))
    shapes = [
        None if refusal(carefully_checked, row, dtype) else carefully_checked(row, dtype)
        for row in rows
    ]
    wrong = [n for n, shape in enumerate(shapes) if shape is None or shape != shapes[0]]

    found = refusal(json_requests._from_instances, {"instances": rows}, {"x": dtype})

    assert (found is None) == (not wrong)
    if wrong:
        named = re.search(r"(?:process element: |at item )(\d+) ", found)
        assert int(named[1]) == wrong[0], found


@pytest.mark.parametrize("dtype", NUMBERS, ids=lambda dtype: dtype.name)
def test_numbers_come_and_go_unchanged(dtype):
    @hypothesis.given(
        hnp.arrays(
            dtype.as_numpy_dtype,
            hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=3),
        )
    )
    @hypothesis.settings(max_examples=examples(30))
    def check(array):
        body = json_answers.dumps({"y": array}, {"y": dtype}, json_requests.INPUTS)
        shown = json.loads(body)["outputs"]
        found, form = arrays({"inputs": shown}, x=dtype)
        assert form == json_requests.INPUTS
        assert found["x"].dtype == array.dtype
        # A list without items does not say how long the items would be.
        if array.size:
            np.testing.assert_array_equal(found["x"], array)
        if dtype.is_floating and array.size:
            assert all(type(value) is float for value in np.array(shown, object).ravel())

    check()


def test_float32_is_written_with_as_few_digits_as_it_needs():
    array = np.array([0.2, 1, 1e10, 16777216, 3e-9], np.float32)
    body = json_answers.dumps({"y": array}, {"y": tf.float32}, json_requests.INPUTS)
    assert body == b'{"outputs":[0.2,1.0,10000000000.0,16777216.0,3e-9]}'

    array[0] = np.nan  # takes another way through
    body = json_answers.dumps({"y": array}, {"y": tf.float32}, json_requests.INPUTS)
    assert b"0.200" not in body
    found = json.loads(body)["outputs"]
    assert math.isnan(found[0])
    np.testing.assert_array_equal(np.array(found[1:], np.float32), array[1:])


def test_what_is_not_finite_is_written_in_rows_of_objects_too():
    outputs = {"a": np.array([[np.inf, 1]], np.float32), "b": np.array([2], np.uint8)}
    body = json_answers.dumps(outputs, {"a": tf.float32, "b": tf.uint8}, json_requests.INSTANCES)

    assert json.loads(body) == {"predictions": [{"a": [math.inf, 1.0], "b": 2}]}


def test_strings_that_are_no_text_are_still_written():
    array = np.empty((1, 2), object)
    array[0] = [b"\xff\xfe", "é".encode()]
    body = json_answers.dumps({"s": array}, {"s": tf.string}, json_requests.INPUTS)

    assert json.loads(body)["outputs"] == [["\ufffd\ufffd", "é"]]


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a":' * 100_000, b'{"instances": [NaN' * 5000])
def test_deep_documents_are_refused(text):
    with pytest.raises(status.ServingError, match="JSON Parse error"):
        json_requests.parse(text)


def test_deep_values_are_refused():
    value = json.loads("[" * 500 + "1" + "]" * 500)
    for document in ({"inputs": value}, {"instances": [value, value]}):
        with pytest.raises(status.ServingError, match="dimensions"):
            arrays(document, x=tf.float32)


def test_messages_stay_short_for_long_values():
    with pytest.raises(status.ServingError) as caught:
        arrays({"inputs": ["x" * 1_000_000] * 3}, x=tf.float32)
    assert len(str(caught.value)) < 500


def test_padding_of_base64_may_be_left_out():
    found, _ = arrays({"inputs": [{"b64": "AA"}, {"b64": "AA=="}]}, x=tf.string)

    assert found["x"].tolist() == [b"\0", b"\0"]


def test_the_first_of_many_rows_that_is_wrong_is_named():
    for number in (0, 1, 777, 999):
        rows = [[1, 2] for _ in range(1000)]
        rows[number] = [1, "x"]
        rows[-1] = [1, 2, 3] if number < 999 else rows[-1]
        with pytest.raises(status.ServingError, match=f"element: {number} of .*expected type"):
            arrays({"instances": rows}, x=tf.float32)


def test_numbers_beyond_every_float_are_refused():
    with pytest.raises(status.ServingError, match="too big"):
        json_requests.arrays(
            json_requests.parse(b'{"inputs": [NaN, 1%s]}' % (b"0" * 400)), {"x": tf.float32}
        )
