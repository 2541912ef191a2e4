"""PredictionService, ModelService and the health service over gRPC."""

import contextlib
import threading
import time
from collections.abc import Iterator
from concurrent import futures

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from keras_fool.serving import tensors
from keras_fool.serving.server import grpc_admission, loaded_version, metrics, predict, status

_MAX_MESSAGE = 1024  # characters, as in TF Serving
# How many answers as large as the largest request may wait to be read.
_MAX_ANSWERS = 4
_TRUNCATED = "...TRUNCATED"
_SERVICES = (
    "",  # the server as a whole
    "tensorflow.serving.PredictionService",
    "tensorflow.serving.ModelService",
)


class GrpcServer:
    """The gRPC half of the server.

    Attributes:
        port: Where it listens.
    """

    def __init__(
        self,
        predictor: predict.Predictor,
        measured: metrics.Metrics,
        address: str,
        *,
        packed: bool,
        max_request_bytes: int,
        max_concurrent_requests: int,
        message_seconds: float,
    ):
        """Takes the port; `start` begins to answer.

        Args:
            predictor: What answers.
            measured: What counts the requests.
            address: "host:port", port 0 for a free one.
            packed: Whether answers hold their values as bytes.
            max_request_bytes: Larger messages are refused unread.
            max_concurrent_requests: More at a time are refused.
            message_seconds: How long a message may take to arrive, and an answer to be read.

        Raises:
            OSError: The port is taken, or the address is not one of this machine.
        """
        threads = max_concurrent_requests + grpc_admission.WAITING
        self._server = grpc.server(
            futures.ThreadPoolExecutor(threads, "grpc"),
            maximum_concurrent_rpcs=threads,
            interceptors=[
                grpc_admission.Admission(
                    seconds=message_seconds,
                    max_at_a_time=max_concurrent_requests,
                    max_answer_bytes=_MAX_ANSWERS * max_request_bytes,
                )
            ],
            options=[
                # Otherwise two servers share a port, and its requests, without any message.
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", max_request_bytes),
                ("grpc.max_send_message_length", -1),
                # gRPC limits the size of messages before they are unpacked, not after.
                ("grpc.compression_enabled_algorithms_bitset", 1),
            ],
        )
        service = _Prediction(predictor, measured, packed, max_request_bytes)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(service, self._server)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(
            _Models(predictor, measured), self._server
        )
        self._stopped = threading.Event()
        self._health = _Health()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        try:
            self.port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {address}: is the port taken?") from error

    def start(self) -> None:
        """Begins to answer, and says so to load balancers."""
        self._server.start()
        self._report(health_pb2.HealthCheckResponse.SERVING)

    def stop(self, grace: float) -> None:
        """Takes no more requests, and does not wait for those that have begun.

        Args:
            grace: How long they may take, in seconds.
        """
        self._report(health_pb2.HealthCheckResponse.NOT_SERVING)
        self._stopped = self._server.stop(grace)

    def wait(self) -> None:
        """Waits for what `stop` began."""
        self._stopped.wait()

    def _report(self, serving: int) -> None:
        for service in _SERVICES:
            self._health.set(service, serving)


class _Health(health.HealthServicer):
    """The health service, which does not store the names that strangers invent."""

    def Watch(self, request, context, send_response_callback=None):  # noqa: N802
        """Follows the health protocol: a service that is not known may still appear."""
        if request.service not in _SERVICES:
            request = health_pb2.HealthCheckRequest(service="unknown")
        return super().Watch(request, context, send_response_callback)


class _Answers:
    """What all methods share: errors become status codes, and every request is counted."""

    def __init__(self, predictor: predict.Predictor, measured: metrics.Metrics):
        self._predictor = predictor
        self._measured = measured

    @contextlib.contextmanager
    def _answering(self, method: str, context: grpc.ServicerContext) -> Iterator[None]:
        begun, code, message = time.perf_counter(), grpc.StatusCode.OK, ""
        try:
            yield
        except status.ServingError as error:
            code, message = error.code, str(error)
        except Exception as error:
            code, message = grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}"
        finally:
            self._measured.count("grpc", method, code.name, time.perf_counter() - begun)
        if code is not grpc.StatusCode.OK:
            if len(message) > _MAX_MESSAGE:
                message = message[:_MAX_MESSAGE] + _TRUNCATED
            context.abort(code, message)


class _Prediction(_Answers, prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(
        self,
        predictor: predict.Predictor,
        measured: metrics.Metrics,
        packed: bool,
        max_request_bytes: int,
    ):
        super().__init__(predictor, measured)
        self._packed = packed
        self._max_request_bytes = max_request_bytes

    def Predict(self, request, context):  # noqa: N802
        response = predict_pb2.PredictResponse()
        with self._answering("Predict", context):
            name = request.model_spec.signature_name or predict.DEFAULT_SIGNATURE
            with self._predictor.use(*_asked_for(request)) as loaded:
                loaded.signature(name)  # raises before the inputs are read
                inputs = loaded_version.input_arrays(request.inputs, self._max_request_bytes)
                outputs = self._predictor.run(
                    loaded, name, inputs, request.output_filter, wanted=context.is_active
                )
                for alias, array in outputs.items():
                    proto = tensors.to_proto(array, packed=self._packed)
                    response.outputs[alias].CopyFrom(proto)
                _say_version(response.model_spec, request.model_spec.name, loaded.number, name)
        return response

    def GetModelMetadata(self, request, context):  # noqa: N802
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        with self._answering("GetModelMetadata", context):
            asked_for = _asked_for(request)
            if not request.metadata_field:
                raise status.invalid(
                    "GetModelMetadataRequest must specify at least one metadata_field"
                )
            for field in request.metadata_field:
                if field != "signature_def":
                    raise status.invalid(f"Metadata field {field} is not supported")
            with self._predictor.use(*asked_for) as loaded:
                response.CopyFrom(metadata(asked_for[0], loaded))
        return response

    def Classify(self, _, context):  # noqa: N802
        self._refuse("Classify", context)

    def Regress(self, _, context):  # noqa: N802
        self._refuse("Regress", context)

    def MultiInference(self, _, context):  # noqa: N802
        self._refuse("MultiInference", context)

    def _refuse(self, method: str, context: grpc.ServicerContext) -> None:
        with self._answering(method, context):
            raise unimplemented(method)


class _Models(_Answers, model_service_pb2_grpc.ModelServiceServicer):
    def GetModelStatus(self, request, context):  # noqa: N802
        response = get_model_status_pb2.GetModelStatusResponse()
        with self._answering("GetModelStatus", context):
            if not request.HasField("model_spec"):
                raise status.invalid("Missing ModelSpec")
            spec = request.model_spec
            version = spec.version.value if spec.HasField("version") else None
            states = self._predictor.versions.states(spec.name, version)
            response.CopyFrom(model_status(states))
        return response

    def HandleReloadConfigRequest(self, _, context):  # noqa: N802
        with self._answering("HandleReloadConfigRequest", context):
            raise unimplemented("HandleReloadConfigRequest")


def unimplemented(method: str) -> status.ServingError:
    """The error of a method that TF Serving has and this server does not have."""
    return status.ServingError(
        grpc.StatusCode.UNIMPLEMENTED, f"{method} is not implemented: this is not TF Serving."
    )


def metadata(name: str, loaded) -> get_model_metadata_pb2.GetModelMetadataResponse:
    """The answer of GetModelMetadata for a version: all its signatures."""
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = name
    response.model_spec.version.value = loaded.number
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for signature_name, signature in loaded.signatures.items():
        signatures.signature_def[signature_name].CopyFrom(signature)
    response.metadata["signature_def"].Pack(signatures)
    return response


def model_status(
    states: list[tuple[int, int, str]],
) -> get_model_status_pb2.GetModelStatusResponse:
    """The answer of GetModelStatus for the (number, state, error) of versions."""
    response = get_model_status_pb2.GetModelStatusResponse()
    for number, state, error in states:
        version = response.model_version_status.add(version=number, state=state)
        if error:
            version.status.error_code = grpc.StatusCode.UNKNOWN.value[0]
            version.status.error_message = error
        else:
            version.status.SetInParent()
    return response


def _asked_for(request) -> tuple[str, int | None, str | None]:
    """(name, version, label) of a request's model spec."""
    if not request.HasField("model_spec"):
        raise status.invalid("Missing ModelSpec")
    spec: model_pb2.ModelSpec = request.model_spec
    if not spec.name:
        raise status.invalid("ModelSpec has no name specified.")
    which = spec.WhichOneof("version_choice")
    return (
        spec.name,
        spec.version.value if which == "version" else None,
        spec.version_label if which == "version_label" else None,
    )


def _say_version(spec: model_pb2.ModelSpec, name: str, version: int, signature_name: str) -> None:
    spec.name = name
    spec.version.value = version
    spec.signature_name = signature_name
