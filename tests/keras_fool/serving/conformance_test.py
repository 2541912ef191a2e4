"""What TF Serving answers, and so must the local server: a test per case, by its number.

Every test runs against the local server. Those that need no server of their own also run
against a real one, where `TFSERVING_GRPC` (host:port) and `TFSERVING_REST`
(http://host:port) say where it is, serving the samples:

    python -m tests.keras_fool.serving.samples /tmp/samples
    docker run --rm -p 8500:8500 -p 8501:8501 -v /tmp/samples/zoo:/models/zoo:ro \
        -e MODEL_NAME=zoo tensorflow/serving:2.20.0
    TFSERVING_GRPC=127.0.0.1:8500 TFSERVING_REST=http://127.0.0.1:8501 \
        python -m pytest tests/keras_fool/serving/conformance_test.py

Not covered: of case 3, the codes that no request can provoke are only looked up in a
table; of case 23, the limit of 2^31-1 bytes (a message above 4 MB is sent); of case 26,
the real interval of a minute; of case 28, that a warm-up file warms. Cases 25 to 30 and
labels that exist are not asked of a real server, which would need other flags.
"""

import base64
import dataclasses
import gzip
import http.client
import json
import math
import os
import shutil
import threading
import time
import urllib.parse

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
)

from keras_fool.serving import status
from tests.keras_fool.serving import samples

PREDICT = f"/v1/models/{samples.NAME}:predict"
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


@dataclasses.dataclass
class Endpoint:
    grpc: str
    rest: str

    def ask(self, method: str, path: str, body: bytes | object = b"", **headers: str):
        """(status, content type, document or text) of a REST request; `path` goes as it is."""
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.rest).netloc, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        kind = answer.headers["Content-Type"]
        return answer.status, kind, json.loads(text) if "json" in kind else text

    def post(self, document: object, path: str = PREDICT):
        """The document that a predict request is answered with."""
        code, _, found = self.ask("POST", path, document)
        assert code == 200, found
        return found

    def refused(self, document: object, path: str = PREDICT, method: str = "POST"):
        """(status, message) of a request that is answered with an error."""
        code, kind, found = self.ask(method, path, document)
        assert code != 200, found
        assert kind.startswith("application/json")
        assert found.keys() == {"error"}
        return code, found["error"]

    @property
    def channel(self) -> grpc.Channel:
        return grpc.insecure_channel(self.grpc, UNLIMITED)

    def predict(self, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
        with self.channel as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            return stub.Predict(request, timeout=60)

    def not_predicted(self, request: predict_pb2.PredictRequest) -> tuple[grpc.StatusCode, str]:
        with pytest.raises(grpc.RpcError) as caught:
            self.predict(request)
        return caught.value.code(), caught.value.details()

    def states(self) -> dict[int, int]:
        """The versions' states by number."""
        with self.channel as channel:
            stub = model_service_pb2_grpc.ModelServiceStub(channel)
            request = get_model_status_pb2.GetModelStatusRequest()
            request.model_spec.name = samples.NAME
            found = stub.GetModelStatus(request, timeout=60).model_version_status
        return {version.version: version.state for version in found}


@pytest.fixture(scope="module")
def local(serve, zoo) -> Endpoint:
    server = serve(zoo, "--version_labels=first:1,missing:9")
    return Endpoint(server.grpc, server.rest)


HAS_REAL_ONE = {"TFSERVING_GRPC", "TFSERVING_REST"} <= os.environ.keys()


@pytest.fixture(params=["local", "TF Serving"] if HAS_REAL_ONE else ["local"])
def endpoint(request) -> Endpoint:
    if request.param == "local":
        return request.getfixturevalue("local")
    return Endpoint(os.environ["TFSERVING_GRPC"], os.environ["TFSERVING_REST"].rstrip("/"))


def a_request(signature: str = "", **inputs: object) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = samples.NAME
    request.model_spec.signature_name = signature
    for alias, value in inputs.items():
        request.inputs[alias].CopyFrom(tf.make_tensor_proto(value))
    return request


X = np.array([[1, 2], [3, 4]], np.float32)
Y = X / 2 + 2


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


# gRPC.


def test_case_16_no_model_spec(endpoint):
    code, message = endpoint.not_predicted(predict_pb2.PredictRequest())
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "Missing ModelSpec" in message

    request = a_request(x=X)
    request.model_spec.name = ""
    request.model_spec.signature_name = "serving_default"
    code, message = endpoint.not_predicted(request)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "ModelSpec has no name specified." in message


def test_case_17_wrong_inputs(endpoint):
    code, message = endpoint.not_predicted(a_request(x=X, y=X))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "input size does not match signature: 2!=1 len({x,y}) != len({x})" in message

    code, message = endpoint.not_predicted(a_request(y=X))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "Signature input alias: x" in message
    assert "not found in request" in message


def test_case_18_output_filter(endpoint):
    inputs = {"a": X, "b": np.array([5, 6], np.int32)}
    request = a_request("two", **inputs)
    request.output_filter.append("double")
    assert endpoint.predict(request).outputs.keys() == {"double"}

    for names, expected in (
        (["triple"], "output tensor alias not found in signature: triple"),
        (["double", "double"], "duplicate output tensor alias: double"),
    ):
        request = a_request("two", **inputs)
        request.output_filter.extend(names)
        code, message = endpoint.not_predicted(request)
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert expected in message


def test_case_19_the_answer_says_who_answered(endpoint):
    spec = endpoint.predict(a_request(x=X)).model_spec

    assert (spec.name, spec.version.value, spec.signature_name) == ("zoo", 2, "serving_default")


def test_case_20_answers_are_typed_unless_asked_otherwise(endpoint):
    found = endpoint.predict(a_request(x=X)).outputs["y"]

    assert list(found.float_val) == Y.ravel().tolist()
    assert not found.tensor_content
    np.testing.assert_array_equal(tf.make_ndarray(found), Y)


@pytest.mark.parametrize("name", ["bool", "float64", "int8", "uint8", "int64", "uint64"])
def test_case_20_requests_may_be_typed_or_packed(endpoint, name):
    values = np.array([0, 1, 1], name)
    packed = a_request(name, x=values)
    typed = a_request(name)
    typed.inputs["x"].dtype = packed.inputs["x"].dtype
    typed.inputs["x"].tensor_shape.CopyFrom(packed.inputs["x"].tensor_shape)
    field = {"bool": "bool_val", "float64": "double_val"}.get(name)
    field = field or {"int64": "int64_val", "uint64": "uint64_val"}.get(name, "int_val")
    getattr(typed.inputs["x"], field).extend(values.tolist()[:2])  # the last one is repeated

    for request in (packed, typed):
        found = tf.make_ndarray(endpoint.predict(request).outputs["y"])
        np.testing.assert_array_equal(found, values)
        assert found.dtype == values.dtype


def test_case_21_wrong_dtypes_and_shapes(endpoint):
    for values in (X.astype(np.float64), X.astype(np.int32)):
        code, _ = endpoint.not_predicted(a_request(x=values))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
    wider = np.ones([1, 5], np.float32)  # the signature says [-1, 2]
    found = endpoint.predict(a_request(x=wider)).outputs["y"]
    np.testing.assert_array_equal(tf.make_ndarray(found), wider / 2 + 2)


@pytest.mark.parametrize("shape", [(), (8,), (8, 8), (1, 8, 8), (1, 1, 8, 8, 1), (0,)])
def test_case_21_a_wrong_rank_is_an_error_and_the_server_lives(endpoint, shape):
    code, _ = endpoint.not_predicted(a_request("conv", images=np.zeros(shape, np.uint8)))

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    found = endpoint.predict(a_request("conv", images=np.zeros((2, 8, 8, 1), np.uint8)))
    assert [dim.size for dim in found.outputs["y"].tensor_shape.dim] == [2, 6, 6, 20]


def test_case_22_metadata(endpoint):
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = samples.NAME
    with endpoint.channel as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        for fields, expected in (([], "at least one metadata_field"), (["x"], "not supported")):
            request.metadata_field[:] = fields
            with pytest.raises(grpc.RpcError) as caught:
                stub.GetModelMetadata(request, timeout=60)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert expected in caught.value.details()
        request.metadata_field[:] = ["signature_def"]
        found = stub.GetModelMetadata(request, timeout=60)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert found.metadata["signature_def"].Unpack(signatures)
    assert found.model_spec.version.value == 2
    assert signatures.signature_def["conv"].inputs["images"].dtype == tf.uint8.as_datatype_enum

    code, _, document = endpoint.ask("GET", "/v1/models/zoo/metadata")
    assert code == 200
    assert document["model_spec"]["name"] == samples.NAME
    assert document["model_spec"]["version"] == "2"
    nested = document["metadata"]["signature_def"]["signature_def"]
    assert nested["conv"]["inputs"]["images"]["dtype"] == "DT_UINT8"
    sizes = [dim["size"] for dim in nested["conv"]["inputs"]["images"]["tensor_shape"]["dim"]]
    assert sizes == ["-1", "8", "8", "1"]


def test_case_23_long_messages_are_cut(endpoint):
    code, message = endpoint.not_predicted(a_request("x" * 2000, x=X))

    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert message.endswith("...TRUNCATED")
    assert len(message) == 1024 + len("...TRUNCATED")


def test_case_23_messages_beyond_grpcs_default_limit(endpoint):
    values = np.arange(1_500_000, dtype=np.float32)  # 6 MB; gRPC's default is 4

    found = endpoint.predict(a_request("any_shape", x=values)).outputs["y"]

    np.testing.assert_array_equal(tf.make_ndarray(found), values)


def test_classify_and_regress_are_not_implemented(local):
    for method in ("classify", "regress"):
        code, message = local.refused({"examples": []}, f"/v1/models/zoo:{method}")
        assert code == 501
        assert "not TF Serving" in message
    with local.channel as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Classify(classification_pb2.ClassificationRequest(), timeout=60)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


# Status and life cycle.


def test_case_24_status(endpoint):
    code, _, found = endpoint.ask("GET", "/v1/models/zoo")
    assert code == 200
    newest = found["model_version_status"][-1]
    assert newest == {
        "version": "2",
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }
    assert endpoint.ask("GET", "/v1/models/zoo/labels/unknown")[2] == found
    code, _, found = endpoint.ask("GET", "/v1/models/zoo/versions/2")
    assert found["model_version_status"] == [newest]

    code, message = endpoint.refused(b"", "/v1/models/zoo/versions/77", "GET")
    assert code == 404
    assert "Could not find version 77 of model zoo" in message
    code, message = endpoint.refused(b"", "/v1/models/unknown", "GET")
    assert code == 404
    assert "Could not find any versions of model unknown" in message
    assert endpoint.states()[2] == get_model_status_pb2.ModelVersionStatus.AVAILABLE


def test_case_27_labels(local):
    rows = {"instances": X.tolist()}
    assert local.post(rows, "/v1/models/zoo/labels/first:predict") == {
        "predictions": (X / 2 + 1).tolist()
    }
    assert local.post(rows, "/v1/models/zoo/labels/%66irst:predict")
    code, message = local.refused(rows, "/v1/models/zoo/labels/missing:predict")
    assert code == 400
    assert "Unrecognized servable version label: missing" in message
    request = a_request(x=X)
    request.model_spec.version_label = "first"
    assert local.predict(request).model_spec.version.value == 1


FAST = (
    "--file_system_poll_wait_seconds=0.05",
    "--load_retry_interval_micros=100000",
    "--max_num_load_retries=2",
    "--enable_serialization_as_tensor_content",
    "--max_batch_size=4",
    "--max_enqueued_batches=1",
    "--num_batch_threads=1",
    "--rest_api_timeout_in_ms=1000",
)
State = get_model_status_pb2.ModelVersionStatus


@pytest.fixture(scope="module")
def alive(serve, zoo, tmp_path_factory):
    """(endpoint, base path) of a server that looks at its folder twenty times a second."""
    base_path = tmp_path_factory.mktemp("alive") / samples.NAME
    shutil.copytree(zoo / "1", base_path / "0001")
    (base_path / "notes").mkdir()
    (base_path / "7.txt").touch()
    server = serve(base_path, *FAST)
    return Endpoint(server.grpc, server.rest), base_path


def publish(source, base_path, name: str) -> None:
    part = base_path / f".{name}.part"
    shutil.copytree(source, part)
    part.rename(base_path / name)


def wait_until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def version_of(endpoint: Endpoint) -> int:
    return endpoint.predict(a_request(x=X)).model_spec.version.value


def test_case_20_answers_are_packed_where_the_flag_says_so(alive):
    found = alive[0].predict(a_request(x=X)).outputs["y"]

    assert found.tensor_content == (X / 2 + 1).tobytes()
    assert not found.float_val


def test_case_25_hot_swap_without_a_gap(alive, zoo):
    endpoint, base_path = alive
    assert endpoint.states() == {1: State.AVAILABLE}
    ended, versions, failures = threading.Event(), [], []

    def keep_asking():
        while not ended.is_set():
            try:
                versions.append(version_of(endpoint))
            except grpc.RpcError as error:
                failures.append(error)

    asking = threading.Thread(target=keep_asking)
    asking.start()
    publish(zoo / "2", base_path, "2")
    wait_until(lambda: endpoint.states() == {1: State.END, 2: State.AVAILABLE})
    wait_until(lambda: versions and versions[-1] == 2)
    ended.set()
    asking.join()

    assert not failures
    assert versions == sorted(versions)
    assert set(versions) == {1, 2}


def test_case_26_a_failed_load_is_tried_again_and_the_old_version_stays(alive, zoo):
    endpoint, base_path = alive
    broken = base_path / "3"
    broken.mkdir()
    (broken / "saved_model.pb").write_bytes(b"garbage")
    wait_until(lambda: endpoint.states().get(3) == State.END)

    assert version_of(endpoint) == 2
    code, _, found = endpoint.ask("GET", "/v1/models/zoo/versions/3")
    assert code == 200
    assert found["model_version_status"][0]["status"]["error_code"] != "OK"
    with endpoint.channel as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = samples.NAME
        request.model_spec.version.value = 3
        error = stub.GetModelStatus(request).model_version_status[0].status.error_message
    assert "does not load" in error

    publish(zoo / "2", base_path, "4")
    wait_until(lambda: endpoint.states().get(4) == State.AVAILABLE)
    assert version_of(endpoint) == 4


@pytest.mark.parametrize(
    ("number", "request_of", "loads"),
    [(5, {"x": X}, True), (6, {"y": X}, False)],
    ids=["that works", "that fails"],
)
def test_case_28_warm_up(alive, zoo, tmp_path, number, request_of, loads):
    endpoint, base_path = alive
    source = shutil.copytree(zoo / "1", tmp_path / "source")
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.CopyFrom(a_request(**request_of))
    (source / "assets.extra").mkdir()
    with tf.io.TFRecordWriter(str(source / "assets.extra/tf_serving_warmup_requests")) as writer:
        writer.write(log.SerializeToString())

    publish(source, base_path, str(number))
    expected = State.AVAILABLE if loads else State.END
    wait_until(lambda: endpoint.states().get(number) == expected)

    assert version_of(endpoint) == 5


def test_case_29_batches(alive):
    endpoint = alive[0]
    code, message = endpoint.not_predicted(a_request(x=np.ones([5, 2], np.float32)))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "Task size 5 is larger than maximum input batch size 4" in message
    code, message = endpoint.refused({"instances": [[1, 2]] * 5})
    assert code == 400
    assert "Task size 5" in message

    # One run is busy, one batch of four rows waits, and there is no room for a third.
    results = []

    def ask(rows: int, seconds: float):
        try:
            endpoint.predict(a_request("wait", seconds=np.full(rows, seconds, np.float32)))
            results.append("answered")
        except grpc.RpcError as error:
            results.append(error.code())

    running = threading.Thread(target=ask, args=(1, 1.5))
    running.start()
    time.sleep(0.5)
    waiting = [threading.Thread(target=ask, args=(3, 0.01)) for _ in range(3)]
    for thread in waiting:
        thread.start()
    for thread in (running, *waiting):
        thread.join()

    assert sorted(results, key=str) == [grpc.StatusCode.UNAVAILABLE] * 2 + ["answered"] * 2


def test_case_30_rest_gives_up(alive):
    endpoint = alive[0]
    code, message = endpoint.refused({"signature_name": "wait", "instances": [2.5]})

    assert code == 504
    assert "Timed out" in message
    from keras_fool import serve

    assert serve._REST_TIMEOUT.default == 30_000
