"""Endpoints in this process that answer as a test says: right, wrong, late or not at all.

Real gRPC and HTTP servers of the official protos around a model of a few NumPy lines.
"""

import concurrent.futures
import http.server
import json
import ssl
import threading
import time

import grpc
import numpy as np
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

SHAPE = (4, 3, 1)
NUM_LABELS = 3
LABELS = ("0", "1", "2")
_HTTP = {
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}


def confidences(images: np.ndarray) -> np.ndarray:
    """The model: float32 [batch, 3] for images [batch, 4, 3, 1]; the same bits in any batch."""
    filters = np.random.default_rng(5).integers(-8, 9, (12, NUM_LABELS))
    powers = np.exp(images.reshape(len(images), 12).astype(int) @ filters / 5000)
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


class Model:
    """What is served, and what is to go wrong.

    Attributes:
        version: The version that is there.
        script: What the next requests get instead of an answer: ("UNAVAILABLE", "words"),
            a float array, or seconds to wait; where it is empty, confidences.
        most: The batch that is refused is larger than this.
        batches: The sizes of the batches that were answered rightly.
        authorizations: What each request brought as its authorization.
        dtype: Of the input, as the metadata says it.
        shape: Of the input, likewise; None for an unknown rank.
        outputs: Output names with their shapes, likewise.
        packed: Whether gRPC answers packed.
    """

    def __init__(self):
        self.version = 1
        self.script = []
        self.most = None
        self.batches = []
        self.authorizations = []
        self.dtype = "DT_UINT8"
        self.shape = (-1, *SHAPE)
        self.outputs = {"probabilities": (-1, NUM_LABELS), "logits": (-1, NUM_LABELS)}
        self.packed = False
        self.lock = threading.Lock()

    def answer(self, images: np.ndarray, version: int | None) -> np.ndarray:
        with self.lock:
            step = self.script.pop(0) if self.script else None
        if isinstance(step, float):
            time.sleep(step)
        elif isinstance(step, tuple):
            raise FailingError(*step)
        elif step is not None:
            return step
        if version not in (None, self.version):
            raise FailingError(
                "NOT_FOUND", f"Servable not found for request: Specific(m, {version})"
            )
        if self.most is not None and len(images) > self.most:
            words = f"Task size {len(images)} is larger than maximum input batch size {self.most}"
            raise FailingError("INVALID_ARGUMENT", words)
        with self.lock:
            self.batches.append(len(images))
        return confidences(images)

    def signatures(self) -> get_model_metadata_pb2.SignatureDefMap:
        signature = meta_graph_pb2.SignatureDef(method_name="tensorflow/serving/predict")
        signature.inputs["images"].dtype = types_pb2.DataType.Value(self.dtype)
        if self.shape is None:
            signature.inputs["images"].tensor_shape.unknown_rank = True
        for size in self.shape or ():
            signature.inputs["images"].tensor_shape.dim.add(size=size)
        for name, shape in self.outputs.items():
            signature.outputs[name].dtype = types_pb2.DT_FLOAT
            for size in shape:
                signature.outputs[name].tensor_shape.dim.add(size=size)
        return get_model_metadata_pb2.SignatureDefMap(signature_def={"serving_default": signature})


class FailingError(Exception):
    def __init__(self, code: str, words: str):
        super().__init__(words)
        self.code = code


class _Servicer(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, model: Model):
        self._model = model

    def GetModelMetadata(self, request, context):  # noqa: N802
        version = request.model_spec.version.value
        if version not in (0, self._model.version):
            context.abort(grpc.StatusCode.NOT_FOUND, f"Specific(m, {version})")
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = "m"
        response.model_spec.version.value = self._model.version
        response.metadata["signature_def"].Pack(self._model.signatures())
        return response

    def Predict(self, request, context):  # noqa: N802
        headers = dict(context.invocation_metadata())
        self._model.authorizations.append(headers.get("authorization"))
        images = request.inputs["images"]
        shape = [dim.size for dim in images.tensor_shape.dim]
        try:
            if images.dtype == types_pb2.DT_STRING:
                batch = _decoded(images.string_val)
            else:
                dtype = {types_pb2.DT_UINT8: "u1", types_pb2.DT_FLOAT: "<f4"}[images.dtype]
                batch = np.frombuffer(images.tensor_content, dtype).reshape(shape)
            values = self._model.answer(batch, request.model_spec.version.value or None)
        except FailingError as error:
            context.abort(grpc.StatusCode[error.code], str(error))
        response = predict_pb2.PredictResponse()
        response.model_spec.version.value = self._model.version
        (name,) = request.output_filter
        output = response.outputs[name]
        output.dtype = types_pb2.DT_FLOAT
        for size in values.shape:
            output.tensor_shape.dim.add(size=size)
        if self._model.packed:
            output.tensor_content = values.astype("<f4").tobytes()
        else:
            output.float_val.extend(values.ravel().tolist())
        return response


def _decoded(files) -> np.ndarray:
    import io

    from PIL import Image

    return np.stack([np.array(Image.open(io.BytesIO(file))) for file in files])[..., np.newaxis]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        model, version = self.server.model, self._version()
        if version not in (None, model.version):
            self._send(404, {"error": f"Specific(m, {version})"})
            return
        from google.protobuf import json_format

        signatures = json_format.MessageToDict(
            model.signatures(),
            always_print_fields_with_no_presence=True,
            preserving_proto_field_name=True,
        )
        spec = {"name": "m", "signature_name": "", "version": str(model.version)}
        self._send(200, {"model_spec": spec, "metadata": {"signature_def": signatures}})

    def do_POST(self):
        model = self.server.model
        model.authorizations.append(self.headers["Authorization"])
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        rows = body["instances"]
        try:
            if isinstance(rows[0], dict):
                import base64

                batch = _decoded([base64.b64decode(row["b64"]) for row in rows])
            else:
                batch = np.array(rows)
            values = model.answer(batch, self._version())
        except FailingError as error:
            self._send(_HTTP[error.code], {"error": str(error)})
            return
        rows = [dict.fromkeys(model.outputs, row) for row in values.tolist()]
        if len(model.outputs) == 1:
            rows = values.tolist()
        self._send(200, {"predictions": rows})

    def _version(self) -> int | None:
        version = self.path.partition("/versions/")[2]
        return int(version.replace(":", "/").partition("/")[0]) if version else None

    def _send(self, status: int, answer: dict) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


class Endpoint:
    """A model behind one protocol, on a free port.

    Attributes:
        model: What is served.
        address: "127.0.0.1:port".
        url: What `endpoints.parse` takes.
    """

    def __init__(self, protocol: str, certificate: tuple[str, str] | None = None):
        """Starts it.

        Args:
            protocol: "grpc" or "http"; with an "s" for TLS.
            certificate: The files of key and certificate, for TLS.
        """
        self.model = Model()
        if protocol.startswith("grpc"):
            self._server = grpc.server(
                concurrent.futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)]
            )
            prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
                _Servicer(self.model), self._server
            )
            if certificate:
                pair = tuple(open(path, "rb").read() for path in certificate)  # noqa: SIM115
                credentials = grpc.ssl_server_credentials([pair])
                port = self._server.add_secure_port("127.0.0.1:0", credentials)
            else:
                port = self._server.add_insecure_port("127.0.0.1:0")
            self._server.start()
            self.stop = lambda: self._server.stop(None).wait()
        else:
            self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
            self._server.model = self.model
            self._server.daemon_threads = True
            if certificate:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(certificate[1], certificate[0])
                self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            port = self._server.server_port
            threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
            self.stop = self._stop_http
        self.address = f"127.0.0.1:{port}"
        path = "m" if protocol.startswith("grpc") else "v1/models/m"
        self.url = f"{protocol}://{self.address}/{path}"

    def _stop_http(self) -> None:
        self._server.shutdown()
        self._server.server_close()
