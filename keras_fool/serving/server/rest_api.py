"""REST routes: a method, a path and a body become an answer; no sockets here.

A path is only ever compared with patterns and names; none is opened.
"""

import contextlib
import dataclasses
import re
import threading
import time
import urllib.parse
from collections.abc import Callable

import tensorflow as tf
from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2

from keras_fool.serving.server import grpc_server, metrics, predict, rest_json, status

JSON = "application/json"
METRICS_PATHS = ("/metrics", "/monitoring/prometheus/metrics")
_OURS = re.compile("/v1/.*", re.IGNORECASE | re.DOTALL)
_WHICH = r"(?:(?:/versions/(?P<version>[0-9]+))|(?:/labels/(?P<label>[^/:]+)))?"
_CALL = re.compile(
    rf"/v1/models/(?P<name>[^/:]+){_WHICH}:(?P<method>classify|regress|predict)", re.IGNORECASE
)
_LOOK = re.compile(
    rf"/v1/models(?:/(?P<name>[^/:]+))?{_WHICH}(?:/(?P<metadata>metadata))?", re.IGNORECASE
)
_INT64 = 2**63
_LONGEST_MESSAGE = 2048  # what was sent wrong may be long
# A parsed document takes twenty times the memory of its text: a large one is parsed alone,
# so many others beside it.
_PARSED_AT_A_TIME = 2
_LARGE = 4 * 2**20  # bytes
_JSON_OPTIONS = {"preserving_proto_field_name": True, "always_print_fields_with_no_presence": True}


@dataclasses.dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    content_type: str
    body: bytes


def failure(code: status.grpc.StatusCode, message: str) -> Answer:
    """The answer of an error, as TF Serving words it."""
    message = message[:_LONGEST_MESSAGE].encode("utf-8", "replace").decode()
    content = rest_json.orjson.dumps({"error": message})
    return Answer(status.http_status(code), JSON, content)


class RestApi:
    """Answers the REST half of TF Serving's API; safe from any thread."""

    def __init__(self, predictor: predict.Predictor, measured: metrics.Metrics):
        """Joins what answers and what counts the requests."""
        self._predictor = predictor
        self._measured = measured
        self._parsing = threading.BoundedSemaphore(_PARSED_AT_A_TIME)
        self._parsing_large = threading.Lock()

    def answer(
        self,
        method: str,
        path: str,
        body: bytes | bytearray,
        *,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Answer:
        """The answer to a request; every error is one, too.

        Args:
            method: Of HTTP, in capitals.
            path: As it came, undecoded; what follows a question mark is not looked at.
            body: The content, unpacked.
            wanted: Asked in long work whether anybody still waits for the answer.
        """
        path = path.partition("?")[0]
        if method == "GET" and path in METRICS_PATHS:
            return Answer(200, metrics.CONTENT_TYPE, self._measured.page())
        if not _OURS.fullmatch(path):
            return Answer(404, "text/plain", b"Not Found")
        begun, code = time.perf_counter(), status.grpc.StatusCode.OK
        called = "unknown"
        try:
            pattern = {"POST": _CALL, "GET": _LOOK}.get(method)
            match = pattern.fullmatch(path) if pattern else None
            if match is None:
                raise status.invalid(f"Malformed request: {method} {path}")
            called = (
                match.groupdict().get("method") or match.groupdict().get("metadata") or "status"
            )
            return self._routed(match, called, body, wanted)
        except status.ServingError as error:
            code = error.code
            return failure(code, str(error))
        except Exception as error:
            code = status.grpc.StatusCode.INTERNAL
            return failure(code, f"{type(error).__name__}: {error}")
        finally:
            self._measured.count("rest", called.lower(), code.name, time.perf_counter() - begun)

    def _routed(
        self, match: re.Match, called: str, body: bytes | bytearray, wanted: Callable[[], bool]
    ) -> Answer:
        name = urllib.parse.unquote(match["name"] or "")
        version = None if match["version"] is None else int(match["version"])
        label = match["label"] and urllib.parse.unquote(match["label"])
        if version is not None and version >= _INT64:
            raise status.invalid(f"Failed to convert version: {match['version']} to numeric.")
        if not name:
            raise status.invalid("Missing model name in request.")
        if called.lower() == "predict":
            content = self._predict(name, version, label, body, wanted)
        elif called.lower() == "metadata":
            content = self._metadata(name, version, label)
        elif called == "status":
            content = self._status(name, version)
        else:
            raise grpc_server.unimplemented(called)
        return Answer(200, JSON, content)

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
                # Before anyone looks for the model, as TF Serving does.
                request = rest_json.parse(body)
                loaded = stack.enter_context(self._predictor.use(name, version, label))
                signature_name = request.signature_name or predict.DEFAULT_SIGNATURE
                if signature_name not in loaded.signatures:
                    raise status.invalid(
                        f'Serving signature name: "{signature_name}" not found in signature def'
                    )
                signature = loaded.signatures[signature_name]
                inputs, form = rest_json.arrays(request, _dtypes(signature.inputs))
                del request
            outputs = self._predictor.run(loaded, signature_name, inputs, wanted=wanted)
            return rest_json.dumps(outputs, _dtypes(signature.outputs), form)

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
