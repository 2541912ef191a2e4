"""TF Serving's REST API, for endpoints that do not offer gRPC."""

import base64
import json
import time
from collections.abc import Mapping, Sequence

import numpy as np
import orjson
import requests
import requests.adapters
import requests.auth

from keras_fool.models import endpoints
from keras_fool.serving.client import transport

# The replica stops, restarts or is full, or a machine between is.
_TEMPORARY = {408, 409, 429, 499, 500, 502, 503, 504}
_NOT_FOUND, _TOO_LARGE = 404, 413
# Ten million confidences; anything longer is not an answer.
_MAX_ANSWER_BYTES = 2**28
_CHUNK_BYTES = 2**16


class RestTransport:
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
        self._session = requests.Session()
        self._session.auth = _Bearer(token)
        connections = requests.adapters.HTTPAdapter(pool_maxsize=endpoint.options.in_flight)
        self._session.mount(f"{endpoint.scheme}://", connections)

    def metadata(self, version: int | None) -> transport.Metadata:
        """See `transport.Transport`."""
        answer = self._call("GET", self._url(version) + "/metadata")
        try:
            spec = answer["model_spec"]
            signatures = answer["metadata"]["signature_def"]["signature_def"]
            return transport.Metadata(
                int(spec["version"]) if spec.get("version") else None,
                {
                    name: transport.Signature(
                        _tensor_infos(signature.get("inputs", {})),
                        _tensor_infos(signature.get("outputs", {})),
                    )
                    for name, signature in signatures.items()
                },
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            raise transport.RequestError(
                transport.Kind.TEMPORARY, "its metadata holds no signatures"
            ) from None

    def predict(
        self, signature: str, names: tuple[str, str], batch: np.ndarray, version: int | None
    ) -> transport.Answer:
        """See `transport.Transport`."""
        sent: Sequence[Mapping[str, str]] | np.ndarray
        if batch.dtype == object:
            sent = [{"b64": base64.b64encode(content).decode("ascii")} for content in batch]
        else:
            sent = np.ascontiguousarray(batch)
        body = orjson.dumps(
            {"signature_name": signature, "instances": sent}, option=orjson.OPT_SERIALIZE_NUMPY
        )
        answer = self._call("POST", self._url(version) + ":predict", body, len(batch))
        try:
            rows = answer["predictions"]
            if rows and isinstance(rows[0], dict):
                rows = [row[names[1]] for row in rows]
            return transport.Answer(np.array(rows, np.float32), None)
        except (KeyError, TypeError, ValueError):
            raise transport.RequestError(
                transport.Kind.TEMPORARY, "its answer holds no rows of numbers"
            ) from None

    def close(self) -> None:
        """See `transport.Transport`."""
        self._session.close()

    def _url(self, version: int | None) -> str:
        return f"{self._endpoint.scheme}://{self.address}{self._endpoint.path(version)}"

    def _call(
        self, method: str, url: str, body: bytes | None = None, batch: int | None = None
    ) -> dict:
        ends = time.monotonic() + self._deadline
        try:
            with self._session.request(
                method,
                url,
                data=body,
                headers={"Content-Type": "application/json"},
                timeout=self._deadline,
                allow_redirects=False,  # the token is for this server only
                stream=True,
            ) as response:
                content = _read(response, ends)
        except (requests.RequestException, OSError) as error:
            reason = transport.without(self._token, _reason(error))
            raise transport.RequestError(transport.Kind.TEMPORARY, reason) from None
        if response.status_code == requests.codes.ok:
            return _parsed(content)
        raise self._failure(response.status_code, content, batch)

    def _failure(self, status: int, content: bytes, batch: int | None) -> transport.RequestError:
        text = content[:_CHUNK_BYTES].decode("utf-8", "replace")
        try:
            text = str(orjson.loads(content)["error"])
        except (ValueError, KeyError, TypeError):
            text = next(iter(text.split("\n")), "")
        refused = transport.refused(f"HTTP {status}", transport.without(self._token, text), batch)
        if status == _TOO_LARGE and batch:
            return transport.RequestError(transport.Kind.TOO_LARGE, str(refused), batch // 2)
        if status == _NOT_FOUND:
            return transport.RequestError(transport.Kind.NOT_FOUND, str(refused))
        if status in _TEMPORARY:
            return transport.RequestError(transport.Kind.TEMPORARY, str(refused))
        return refused


class _Bearer(requests.auth.AuthBase):
    """Sets the header itself; otherwise `requests` would send a password from ~/.netrc."""

    def __init__(self, token: str | None):
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _read(response: requests.Response, ends: float) -> bytes:
    """The whole body; the timeout of `requests` only limits the time between two bytes."""
    content = bytearray()
    for part in response.iter_content(_CHUNK_BYTES):
        content += part
        if len(content) > _MAX_ANSWER_BYTES:
            raise OSError(f"its answer has more than {_MAX_ANSWER_BYTES} bytes")
        if time.monotonic() > ends:
            raise TimeoutError("its answer takes longer than the deadline")
    return bytes(content)


def _parsed(content: bytes) -> dict:
    try:
        answer = orjson.loads(content)
    except ValueError:
        try:
            answer = json.loads(
                content
            )  # reads NaN, which TF Serving writes although it is not JSON
        except ValueError:
            answer = None
    if not isinstance(answer, dict):
        raise transport.RequestError(transport.Kind.TEMPORARY, "its answer is not JSON")
    return answer


def _reason(error: Exception) -> str:
    if isinstance(error, requests.Timeout):
        return "no answer within the deadline"
    if isinstance(error, requests.exceptions.SSLError):
        return f"TLS failed: {error}"
    if isinstance(error, requests.ConnectionError):
        return "the connection was refused or broke"
    return str(error) or type(error).__name__


def _tensor_infos(infos: dict) -> dict[str, transport.TensorInfo]:
    return {name: _tensor_info(info) for name, info in infos.items()}


def _tensor_info(info: dict) -> transport.TensorInfo:
    shape = info["tensor_shape"]
    if shape.get("unknown_rank"):
        return transport.TensorInfo(transport.dtype_name(info["dtype"]), None)
    sizes = [int(dim["size"]) for dim in shape.get("dim", [])]
    return transport.TensorInfo(
        transport.dtype_name(info["dtype"]), tuple(None if size < 0 else size for size in sizes)
    )
