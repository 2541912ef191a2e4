"""How the cases ask a server, over REST and gRPC."""

import dataclasses
import http.client
import json
import urllib.parse

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

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


def a_request(signature: str = "", **inputs: object) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = samples.NAME
    request.model_spec.signature_name = signature
    for alias, value in inputs.items():
        request.inputs[alias].CopyFrom(tf.make_tensor_proto(value))
    return request


X = np.array([[1, 2], [3, 4]], np.float32)
Y = X / 2 + 2
