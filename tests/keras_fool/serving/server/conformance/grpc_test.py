"""Cases 16 to 23: gRPC."""

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tests.keras_fool.serving import samples
from tests.keras_fool.serving.server.conformance.asking import X, Y, a_request


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
