"""TF Serving's PredictionService over gRPC, with the official stubs."""

import json

import grpc
import numpy as np
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    model_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from keras_fool.models import endpoints
from keras_fool.serving import tensors
from keras_fool.serving.client import transport

_Code = grpc.StatusCode
# The replica stops, restarts or is full, or a machine between is.
_TEMPORARY = {
    _Code.UNAVAILABLE,
    _Code.RESOURCE_EXHAUSTED,
    _Code.DEADLINE_EXCEEDED,
    _Code.ABORTED,
    _Code.CANCELLED,
    _Code.DATA_LOSS,
    _Code.INTERNAL,
    _Code.UNKNOWN,
}
_CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", -1),  # the client's limit is 4 MB by default
    ("grpc.max_send_message_length", -1),
    # A name may stand for several machines: requests are spread over them, too.
    ("grpc.service_config", json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})),
    # Servers treat more than one ping in five minutes without data as an attack.
    ("grpc.keepalive_time_ms", 300_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # How soon a replica that has restarted is found again; two minutes by default.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 2000),
    ("grpc.max_reconnect_backoff_ms", 2000),
)
_FLOATS = ("float32", "float64", "float16", "bfloat16")


class GrpcTransport:
    """One replica.

    Attributes:
        address: Its "host:port".
    """

    def __init__(self, endpoint: endpoints.Endpoint, address: str, token: str | None):
        """Does not connect yet: the first request does.

        Args:
            endpoint: What is asked.
            address: Which of its replicas.
            token: Sent with each request; None for none.
        """
        self.address = address
        self._endpoint = endpoint
        self._deadline = endpoint.options.deadline
        self._token = token
        self._headers = [] if token is None else [("authorization", f"Bearer {token}")]
        if endpoint.uses_tls:
            credentials = grpc.ssl_channel_credentials()
            self._channel = grpc.secure_channel(address, credentials, _CHANNEL_OPTIONS)
        else:
            self._channel = grpc.insecure_channel(address, _CHANNEL_OPTIONS)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def metadata(self, version: int | None) -> transport.Metadata:
        """See `transport.Transport`."""
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=self._model_spec(version), metadata_field=["signature_def"]
        )
        response = self._call(self._stub.GetModelMetadata, request)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        if not response.metadata["signature_def"].Unpack(signatures):
            raise transport.RequestError(
                transport.Kind.TEMPORARY, "its metadata holds no signatures"
            )
        return transport.Metadata(
            _version(response.model_spec),
            {
                name: transport.Signature(
                    {key: _tensor_info(info) for key, info in signature.inputs.items()},
                    {key: _tensor_info(info) for key, info in signature.outputs.items()},
                )
                for name, signature in signatures.signature_def.items()
            },
        )

    def predict(
        self, signature: str, names: tuple[str, str], batch: np.ndarray, version: int | None
    ) -> transport.Answer:
        """See `transport.Transport`."""
        input_name, output_name = names
        request = predict_pb2.PredictRequest(
            model_spec=self._model_spec(version, signature),
            inputs={input_name: tensors.to_proto(batch, packed=True)},
            output_filter=[output_name],
        )
        response = self._call(self._stub.Predict, request, len(batch))
        if output_name not in response.outputs:
            raise transport.RequestError(
                transport.Kind.TEMPORARY, f"its answer has no output {output_name!r}"
            )
        return transport.Answer(
            values(response.outputs[output_name]), _version(response.model_spec)
        )

    def close(self) -> None:
        """See `transport.Transport`."""
        self._channel.close()

    def _model_spec(self, version: int | None, signature: str = "") -> model_pb2.ModelSpec:
        spec = model_pb2.ModelSpec(name=self._endpoint.model, signature_name=signature)
        version = self._endpoint.version if version is None else version
        if version is not None:
            spec.version.value = version
        elif self._endpoint.label is not None:
            spec.version_label = self._endpoint.label
        return spec

    def _call(self, method: grpc.UnaryUnaryMultiCallable, request, batch: int | None = None):
        try:
            return method(request, timeout=self._deadline, metadata=self._headers)
        except grpc.RpcError as error:
            code = error.code()
            message = transport.without(self._token, error.details() or "")
            refused = transport.refused(code.name, message, batch)
            if refused.kind is transport.Kind.TOO_LARGE:
                raise refused from None
            if code is _Code.NOT_FOUND:
                raise transport.RequestError(transport.Kind.NOT_FOUND, str(refused)) from None
            if code in _TEMPORARY:
                raise transport.RequestError(transport.Kind.TEMPORARY, str(refused)) from None
            raise refused from None


def values(proto: tensor_pb2.TensorProto) -> np.ndarray:
    """A tensor that came back, packed or in typed fields, as float32.

    Raises:
        RequestError: It does not hold floats, or not as many as its shape says.
    """
    dtype = _dtype_name(proto.dtype)
    if dtype not in _FLOATS:
        raise transport.RequestError(
            transport.Kind.REFUSED, f"its output is of type {dtype}, not float32"
        )
    try:
        return tensors.to_array(proto, exact=True).astype(np.float32)
    except tensors.TensorError:
        shape = [dim.size for dim in proto.tensor_shape.dim]
        raise transport.RequestError(
            transport.Kind.TEMPORARY,
            f"its answer says shape {shape} and holds another number of values",
        ) from None


def _tensor_info(info) -> transport.TensorInfo:
    shape = None
    if not info.tensor_shape.unknown_rank:
        shape = tuple(None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim)
    return transport.TensorInfo(_dtype_name(info.dtype), shape)


def _version(spec: model_pb2.ModelSpec) -> int | None:
    return spec.version.value if spec.HasField("version") else None


def _dtype_name(value: int) -> str:
    name = types_pb2.DataType.Name(value) if value in types_pb2.DataType.values() else str(value)
    return transport.dtype_name(name)
