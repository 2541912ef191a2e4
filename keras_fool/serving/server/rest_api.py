"""What each REST route answers; no sockets here.

A name, version or label is only compared with names; none becomes a path.
"""

import contextlib
import dataclasses
import re
import threading
import time
from collections.abc import Callable

import orjson
import tensorflow as tf
from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2

from keras_fool.serving.server import (
    grpc_server,
    json_answers,
    json_requests,
    metrics,
    predict,
    status,
)

JSON = "application/json"
_V1 = re.compile("/v1/.*", re.IGNORECASE | re.DOTALL)
_INT64 = 2**63
_MAX_MESSAGE = 2048  # characters; the request that was wrong may be long
# A parsed document takes twenty times the memory of its text: a large one is parsed alone,
# small ones at the same time as so many others.
_MAX_PARSING = 2
_LARGE = 4 * 2**20  # bytes
_JSON_OPTIONS = {"preserving_proto_field_name": True, "always_print_fields_with_no_presence": True}


@dataclasses.dataclass(frozen=True)
class Call:
    """What a path asks for.

    Attributes:
        method: "predict", "classify", "regress", "metadata" or "status".
        name: The model's; "" if the path has none.
        version: Its digits; None for the newest version or the `label`'s.
        label: The label of a version, if any.
    """

    method: str
    name: str
    version: str | None = None
    label: str | None = None


@dataclasses.dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    content_type: str
    body: bytes


def failure(code: status.grpc.StatusCode, message: str) -> Answer:
    """The answer to a request that fails, in the form of TF Serving."""
    message = message[:_MAX_MESSAGE].encode("utf-8", "replace").decode()
    return Answer(status.http_status(code), JSON, orjson.dumps({"error": message}))


class RestApi:
    """Answers the REST half of TF Serving's API; safe from any thread."""

    def __init__(self, predictor: predict.Predictor, measured: metrics.Metrics):
        """Joins what answers and what counts the requests."""
        self._predictor = predictor
        self._measured = measured
        self._parsing = threading.BoundedSemaphore(_MAX_PARSING)
        self._parsing_large = threading.Lock()

    def answer(
        self, call: Call, body: bytes | bytearray, *, wanted: Callable[[], bool] = lambda: True
    ) -> Answer:
        """The answer to a request; every error is an answer, too.

        Args:
            call: What its path asks for.
            body: The content, unpacked.
            wanted: Asked during long work whether the client still waits for the answer.
        """
        begun = time.perf_counter()
        try:
            code = status.grpc.StatusCode.OK
            answer = Answer(200, JSON, self._content(call, body, wanted))
        except status.ServingError as error:
            code = error.code
            answer = failure(code, str(error))
        except Exception as error:
            code = status.grpc.StatusCode.INTERNAL
            answer = failure(code, f"{type(error).__name__}: {error}")
        self._measured.count("rest", call.method, code.name, time.perf_counter() - begun)
        return answer

    def malformed(self, method: str, path: str) -> Answer:
        """The answer to a path that no route has.

        Args:
            method: Of HTTP, in capitals.
            path: As it came, undecoded, without a query.
        """
        if not _V1.fullmatch(path):
            return Answer(404, "text/plain", b"Not Found")
        code = status.grpc.StatusCode.INVALID_ARGUMENT
        self._measured.count("rest", "unknown", code.name, 0.0)
        return failure(code, f"Malformed request: {method} {path}")

    def metrics_page(self) -> bytes:
        """What Prometheus reads."""
        return self._measured.page()

    def _content(self, call: Call, body: bytes | bytearray, wanted: Callable[[], bool]) -> bytes:
        version = None if call.version is None else int(call.version)
        if version is not None and version >= _INT64:
            raise status.invalid(f"Failed to convert version: {call.version} to numeric.")
        if not call.name:
            raise status.invalid("Missing model name in request.")
        if call.method == "predict":
            return self._predict(call.name, version, call.label, body, wanted)
        if call.method == "metadata":
            return self._metadata(call.name, version, call.label)
        if call.method == "status":
            return self._status(call.name, version)
        raise grpc_server.unimplemented(call.method)

    def _predict(
        self,
        name: str,
        version: int | None,
        label: str | None,
        body: bytes | bytearray,
        wanted: Callable[[], bool],
    ) -> bytes:
        with contextlib.ExitStack() as stack:
            with self._parsing_large if len(body) > _LARGE else self._parsing:
                # Before the model is looked up, as in TF Serving.
                request = json_requests.parse(body)
                loaded = stack.enter_context(self._predictor.use(name, version, label))
                signature_name = request.signature_name or predict.DEFAULT_SIGNATURE
                if signature_name not in loaded.signatures:
                    raise status.invalid(
                        f'Serving signature name: "{signature_name}" not found in signature def'
                    )
                signature = loaded.signatures[signature_name]
                inputs, form = json_requests.arrays(request, _dtypes(signature.inputs))
                del request
            outputs = self._predictor.run(loaded, signature_name, inputs, wanted=wanted)
            return json_answers.dumps(outputs, _dtypes(signature.outputs), form)

    def _metadata(self, name: str, version: int | None, label: str | None) -> bytes:
        with self._predictor.use(name, version, label) as loaded:
            found = grpc_server.metadata(name, loaded)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        found.metadata["signature_def"].Unpack(signatures)
        spec = json_format.MessageToJson(found.model_spec, **_JSON_OPTIONS)
        nested = json_format.MessageToJson(signatures, **_JSON_OPTIONS)
        return f'{{\n"model_spec":{spec},\n"metadata": {{"signature_def": {nested}}}\n}}\n'.encode()

    def _status(self, name: str, version: int | None) -> bytes:
        states = self._predictor.versions.states(name, version)
        found = grpc_server.model_status(states)
        return json_format.MessageToJson(found, **_JSON_OPTIONS).encode()


def _dtypes(infos) -> dict[str, tf.DType]:
    return {alias: tf.as_dtype(info.dtype) for alias, info in sorted(infos.items())}
