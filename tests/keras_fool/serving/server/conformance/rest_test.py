"""Cases 1 to 15: REST."""

import base64
import gzip
import http.client
import json
import math
import urllib.parse

import grpc
import numpy as np
import pytest

from keras_fool.serving.server import status
from tests.keras_fool.serving import samples
from tests.keras_fool.serving.server.conformance.asking import (
    PREDICT,
    X,
    Y,
    a_request,
)

# REST routing.


def test_case_01_paths(endpoint):
    assert endpoint.post({"instances": X.tolist()}, f"/V1/Models/{samples.NAME}:predict")

    code, kind, _ = endpoint.ask("GET", "/elsewhere")
    assert code == 404
    assert "json" not in kind

    for method, path in (
        ("GET", "/v1/nothing"),
        ("GET", PREDICT),
        ("POST", f"/v1/models/{samples.NAME}"),
        ("POST", f"/v1/models/{samples.NAME}:guess"),
    ):
        assert endpoint.refused(b"", path, method) == (400, f"Malformed request: {method} {path}")
    code, message = endpoint.refused(b"", "/v1/models", "GET")
    assert code == 400
    assert "Missing model name" in message


def test_case_02_versions_and_labels_in_paths(endpoint):
    both = f"/v1/models/{samples.NAME}/versions/2/labels/first:predict"
    code, message = endpoint.refused({}, both)
    assert code == 400
    assert "Malformed request" in message

    code, message = endpoint.refused({}, f"/v1/models/{samples.NAME}/versions/{2**63}:predict")
    assert code == 400
    assert "Failed to convert version" in message

    assert endpoint.post({"instances": X.tolist()}, "/v1/models/%7Aoo/versions/2:predict")
    _, message = endpoint.refused({"instances": [1]}, "/v1/models/a%2Fb:predict")
    assert "Latest(a/b)" in message
    _, message = endpoint.refused({"instances": [1]}, "/v1/models/zoo/labels/a%20b:predict")
    assert message.endswith("label: a b")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        *(("INVALID_ARGUMENT", 400), ("FAILED_PRECONDITION", 400), ("OUT_OF_RANGE", 400)),
        *(("NOT_FOUND", 404), ("ABORTED", 409), ("ALREADY_EXISTS", 409)),
        *(("RESOURCE_EXHAUSTED", 429), ("CANCELLED", 499), ("UNIMPLEMENTED", 501)),
        *(("UNAVAILABLE", 503), ("DEADLINE_EXCEEDED", 504)),
        *(("INTERNAL", 500), ("UNKNOWN", 500), ("DATA_LOSS", 500)),
    ],
)
def test_case_03_status_codes(code, expected):
    assert status.http_status(grpc.StatusCode[code]) == expected


def test_case_03_gzip_and_the_error_document(endpoint):
    packed = gzip.compress(json.dumps({"instances": X.tolist()}).encode())
    code, kind, found = endpoint.ask("POST", PREDICT, packed, **{"Content-Encoding": "gzip"})
    assert code == 200
    assert kind.startswith("application/json")
    assert found == {"predictions": Y.tolist()}

    endpoint.refused({})  # holds every error to {"error": ...} as application/json


# REST predict.


def test_case_04_rows_and_columns(endpoint):
    assert endpoint.post({"instances": X.tolist()}) == {"predictions": Y.tolist()}
    assert endpoint.post({"inputs": X.tolist()}) == {"outputs": Y.tolist()}

    inputs = {"a": X.tolist(), "b": [5, 6]}
    rows = [{"a": [1.0, 2.0], "b": 5}, {"a": [3.0, 4.0], "b": 6}]
    assert endpoint.post({"signature_name": "two", "inputs": inputs}) == {
        "outputs": {"total": [3.0, 7.0], "double": [10, 12]}
    }
    assert endpoint.post({"signature_name": "two", "instances": rows}) == {
        "predictions": [{"total": 3.0, "double": 10}, {"total": 7.0, "double": 12}]
    }


def test_case_05_forms_of_rows(endpoint):
    named = [{"x": row} for row in X.tolist()]
    assert endpoint.post({"instances": named}) == {"predictions": Y.tolist()}
    assert endpoint.post({"inputs": {"x": X.tolist()}}) == {"outputs": Y.tolist()}
    assert endpoint.post({"signature_name": "any_shape", "inputs": 3}) == {"outputs": 3.0}

    for row in ({"a": [1, 2]}, {"a": [1, 2], "b": 1, "c": 1}, {"a": [1, 2], "c": 1}):
        code, _ = endpoint.refused({"signature_name": "two", "instances": [row]})
        assert code == 400
    _, message = endpoint.refused({"signature_name": "two", "instances": [{"a": [1, 2]}]})
    assert "keys must be equal to: a,b" in message
    _, message = endpoint.refused({"signature_name": "two", "inputs": {"a": [[1, 2]]}})
    assert "Missing named input: b" in message


def test_case_06_signature_name(endpoint):
    named = {"signature_name": "serving_default", "instances": X.tolist()}
    assert endpoint.post(named) == endpoint.post({"instances": X.tolist()})

    code, message = endpoint.refused({"signature_name": 5, "instances": X.tolist()})
    assert code == 400
    assert "key must be a string value" in message


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "The document is empty"),
        (b"{", "JSON Parse error"),
        (b'{"instances": [[1, 2]]} x', "JSON Parse error"),
        (b"[1, 2]", "Is not object"),
        (b'{"instances": [[1, 2]], "inputs": [[1, 2]]}', "Not formatted correctly"),
        (b"{}", "Missing 'inputs' or 'instances' key"),
        (b'{"instances": {"x": [1, 2]}}', "to be an list/array"),
        (b'{"instances": []}', "No values in 'instances' array"),
        (b'{"signature_name": "two", "instances": [[1, 2]]}', "instances is a plain list"),
        (b'{"signature_name": "two", "inputs": [[1, 2]]}', "inputs is a plain value/list"),
        (b'{"instances": [{"x": [1, 2]}, [1, 2]]}', "Expecting object but got list at item 1"),
        (b'{"instances": [[1, 2], {"x": [1, 2]}]}', "Expecting value/list but got object at item"),
    ],
)
def test_case_07_malformed_documents(endpoint, body, expected):
    code, message = endpoint.refused(body)

    assert code == 400
    assert expected in message


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[1, 2], [1, 2, 3]], "Expecting tensor size: 2 but got: 3"),
        ([[[1], [2]], [[1, 2]]], "Expecting shape [2,1] but got: [1,2]"),
        ([[1, 2], 3], "Expecting tensor size: 2 but got: 1"),
    ],
)
def test_case_08_ragged_rows(endpoint, rows, expected):
    code, message = endpoint.refused({"instances": rows})

    assert code == 400
    assert "Failed to process element: 1" in message
    assert expected in message


def test_case_08_ragged_inside_a_row(endpoint):
    code, message = endpoint.refused({"instances": [[[1, 2], [3]]]})

    assert code == 400
    assert "Failed to process element: 0" in message
    assert "Encountered list at unexpected size: 1" in message


@pytest.mark.parametrize("value", ["a", "1", True, None])
def test_case_09_no_number_is_no_float(endpoint, value):
    code, message = endpoint.refused({"instances": [[1, value]]})

    assert code == 400
    assert "not of expected type: float" in message


@pytest.mark.parametrize("name", ["int8", "int16", "int32", "int64", "uint8", "uint32", "uint64"])
def test_case_09_integers(endpoint, name):
    most = min(np.iinfo(name).max, np.iinfo(np.uint64).max)
    values = [0, 1, int(most) if name not in ("int8", "int16", "uint8") else 100]
    document = {"signature_name": name, "instances": values}
    assert endpoint.post(document) == {"predictions": values}

    for value in (1.0, 1.5, True, "1"):
        code, message = endpoint.refused({"signature_name": name, "instances": [value]})
        assert code == 400
        assert f"not of expected type: {name}" in message


def test_case_09_integers_for_floats_and_what_is_not_finite(endpoint):
    assert endpoint.post({"instances": [[1, 2]]}) == {"predictions": [[2.5, 3.0]]}

    body = b'{"instances": [[NaN, Infinity], [-Infinity, 1e39]]}'
    code, _, found = endpoint.ask("POST", PREDICT, body)
    assert code == 200
    (nan, infinite), (negative, overflown) = found["predictions"]
    assert math.isnan(nan)
    assert (infinite, negative, overflown) == (math.inf, -math.inf, math.inf)


def test_case_09_booleans(endpoint):
    document = {"signature_name": "bool", "instances": [True, False]}
    assert endpoint.post(document) == {"predictions": [True, False]}
    code, message = endpoint.refused({"signature_name": "bool", "instances": [1]})
    assert code == 400
    assert "not of expected type: bool" in message


def test_case_10_base64(endpoint):
    raw = b"\x00\xff\x89PNG"
    coded = {"b64": base64.b64encode(raw).decode()}
    found = endpoint.post({"signature_name": "string", "inputs": {"s": ["text", "é"]}})
    assert found["outputs"]["text"] == ["text", "é"]
    assert found["outputs"]["some_bytes"] == [
        {"b64": base64.b64encode(text.encode()).decode()} for text in ("text", "é")
    ]
    body = b'{"signature_name": "string", "instances": [{"b64": "AP+JUE5H"}]}'
    code, _, found = endpoint.ask("POST", PREDICT, body)
    assert code == 200
    assert found["predictions"][0]["some_bytes"] == coded

    for row in ([coded, coded], [1, coded]):
        code, message = endpoint.refused({"instances": [row]})
        assert code == 400
        assert "not of expected type: float" in message
    code, message = endpoint.refused({"signature_name": "string", "instances": [{"b64": "&&"}]})
    assert code == 400
    assert "base64" in message


def test_case_11_outputs_without_rows(endpoint):
    scalar = {"signature_name": "scalar_output", "instances": [1.5, 2]}
    code, message = endpoint.refused(scalar)
    assert code == 400
    assert "no shape information" in message
    assert endpoint.post({"signature_name": "scalar_output", "inputs": [1.5, 2]}) == {
        "outputs": 3.5
    }

    code, message = endpoint.refused({"signature_name": "unequal", "instances": [1]})
    assert code == 400
    assert "inconsistent batch size" in message
    found = endpoint.post({"signature_name": "unequal", "inputs": [1]})
    assert found == {"outputs": {"a": [1.0], "b": [1.0, 1.0]}}


def test_case_11_empty_batches_and_types_that_json_has_not(endpoint):
    empty = {"signature_name": "any_shape", "inputs": []}
    assert endpoint.post(empty) == {"outputs": []}
    for name in ("half", "complex"):
        code, message = endpoint.refused({"signature_name": name, "instances": [1]})
        assert code == 400
        assert "Failed to write JSON value for tensor type" in message


def test_case_12_floats_round_trip(endpoint):
    values = np.random.default_rng(0).normal(size=200).astype(np.float32)
    values = np.concatenate([values * 10.0**power for power in (-30, -5, 0, 9, 30)])
    values = values.astype(np.float32)
    document = {"signature_name": "any_shape", "inputs": [float(str(v)) for v in values]}
    found = endpoint.post(document)["outputs"]
    np.testing.assert_array_equal(np.array(found, np.float64).astype(np.float32), values)

    doubles = np.random.default_rng(1).normal(size=200)
    found = endpoint.post({"signature_name": "float64", "inputs": doubles.tolist()})["outputs"]
    assert found == doubles.tolist()

    connection = http.client.HTTPConnection(urllib.parse.urlsplit(endpoint.rest).netloc, timeout=60)
    connection.request("POST", PREDICT, b'{"instances": [[2, 0.4]]}')
    text = connection.getresponse().read().decode()
    connection.close()
    assert "3.0" in text  # whole, and yet a float
    assert "2.2" in text
    assert "2.20000" not in text  # not the nearest double's digits


def test_case_13_the_body_is_read_before_the_model_is_looked_up(endpoint):
    code, message = endpoint.refused(b"{", "/v1/models/unknown:predict")

    assert code == 400
    assert "JSON Parse error" in message


def test_case_14_unknown_models_versions_labels(endpoint):
    rows = {"instances": X.tolist()}
    assert endpoint.refused(rows, "/v1/models/unknown:predict") == (
        404,
        "Servable not found for request: Latest(unknown)",
    )
    assert endpoint.refused(rows, "/v1/models/zoo/versions/77:predict") == (
        404,
        "Servable not found for request: Specific(zoo, 77)",
    )
    code, message = endpoint.refused(rows, "/v1/models/zoo/labels/unknown:predict")
    assert code == 400
    assert "Unrecognized servable version label: unknown" in message

    request = a_request(x=X)
    request.model_spec.name = "unknown"
    code, message = endpoint.not_predicted(request)
    assert code is grpc.StatusCode.NOT_FOUND
    assert "Servable not found for request: Latest(unknown)" in message
    request = a_request(x=X)
    request.model_spec.version_label = "unknown"
    code, message = endpoint.not_predicted(request)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "Unrecognized servable version label" in message


def test_case_15_unknown_signatures(endpoint):
    code, message = endpoint.refused({"signature_name": "x", "instances": X.tolist()})
    assert code == 400
    assert 'Serving signature name: "x" not found in signature def' in message

    code, message = endpoint.not_predicted(a_request("x", x=X))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert 'Serving signature key "x" not found.' in message
