"""What the client asks of a protocol, and how a request may fail.

A transport (`grpc_transport`, `rest_transport`) speaks to one replica. Which replica is asked, and
whether a request is repeated, is decided by those who use it.
"""

import dataclasses
import enum
import ipaddress
import os
import re
from typing import Protocol

import numpy as np

from keras_fool.models import endpoints

TOKEN_VARIABLE = "KERAS_FOOL_TOKEN"
_MAX_REASON = 200  # characters
# What TF Serving, and gRPC servers with a limit on messages, say if a batch is too large.
_BATCH_LIMIT = re.compile(r"maximum input batch size:? (\d+)")
_MESSAGE_LIMIT = re.compile(r"larger than max \((\d+) vs\.? (\d+)\)")


@dataclasses.dataclass(frozen=True)
class TensorInfo:
    """An input or output of a signature.

    Attributes:
        dtype: "uint8", "float32", "string" and so on.
        shape: Its sizes, None for any size; None instead of a shape for any rank.
    """

    dtype: str
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.dtype} of any shape"
        return f"{self.dtype} [{', '.join('?' if n is None else str(n) for n in self.shape)}]"


@dataclasses.dataclass(frozen=True)
class Signature:
    """The inputs and outputs of a served function, by name."""

    inputs: dict[str, TensorInfo]
    outputs: dict[str, TensorInfo]


@dataclasses.dataclass(frozen=True)
class Metadata:
    """What a replica says about a model.

    Attributes:
        version: The version that this describes; None where the replica does not say.
        signatures: By name.
    """

    version: int | None
    signatures: dict[str, Signature]


@dataclasses.dataclass(frozen=True)
class Answer:
    """What came back for a batch.

    Attributes:
        values: float32, of the shape that was sent.
        version: The version that answered; None where the protocol does not say.
    """

    values: np.ndarray
    version: int | None


class Kind(enum.Enum):
    """What can be done about a failed request."""

    TEMPORARY = "try again later, or another replica"
    NOT_FOUND = "the model or its version is not there, or not any more"
    TOO_LARGE = "send fewer images at a time"
    REFUSED = "it will never be answered"


class RequestError(Exception):
    """A request failed.

    Attributes:
        kind: What can be done.
        limit: How many images a request may have; None where the server did not say.
    """

    def __init__(self, kind: Kind, reason: str, limit: int | None = None):
        super().__init__(" ".join(reason.split())[:_MAX_REASON])
        self.kind = kind
        self.limit = limit


class Transport(Protocol):
    """One replica of an endpoint; several threads may use it at once."""

    address: str

    def metadata(self, version: int | None) -> Metadata:
        """The model's signatures.

        Args:
            version: Those of which version; None for the one in the endpoint's address.

        Raises:
            RequestError: There is no answer, or it cannot be read.
        """

    def predict(
        self, signature: str, names: tuple[str, str], batch: np.ndarray, version: int | None
    ) -> Answer:
        """Calls a signature.

        Args:
            signature: Its name.
            names: The names of its input and of the wanted output.
            batch: uint8 or float32 [batch, ...], or [batch] bytes objects.
            version: Of the model; None for the one in the endpoint's address.

        Raises:
            RequestError: As for `metadata`.
        """

    def close(self) -> None:
        """Ends the connection."""


def refused(code: str, message: str, batch: int | None) -> RequestError:
    """The error of a request that the server refused: too large, or wrong in itself.

    Args:
        code: The protocol's name for the error.
        message: What the server says.
        batch: How many images were sent; None for a request without images.
    """
    reason = f"{code}: {message}" if message else code
    if batch and (match := _BATCH_LIMIT.search(message)):
        return RequestError(Kind.TOO_LARGE, reason, int(match[1]))
    if batch and (match := _MESSAGE_LIMIT.search(message)):
        share = int(match[2]) / max(1, int(match[1]))
        return RequestError(Kind.TOO_LARGE, reason, int(0.9 * share * batch))
    return RequestError(Kind.REFUSED, reason)


def dtype_name(enum: str) -> str:
    """NumPy's name of a type, for its name in TensorFlow's protos, such as DT_FLOAT."""
    return {"DT_FLOAT": "float32", "DT_DOUBLE": "float64", "DT_HALF": "float16"}.get(
        enum, enum.removeprefix("DT_").lower()
    )


def bearer_token(endpoint: endpoints.Endpoint) -> str | None:
    """The token in the environment variable `TOKEN_VARIABLE`; None where there is none.

    Raises:
        ValueError: It is malformed, or would be sent over a network unencrypted.
    """
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token:
        return None
    if not all("!" <= character <= "~" for character in token):
        raise ValueError(f"{TOKEN_VARIABLE} holds a character that no token has.")
    if not endpoint.uses_tls and not all(map(_is_this_machine, endpoint.addresses)):
        raise ValueError(
            f"{TOKEN_VARIABLE} is set, but {endpoint.url} is not encrypted: use "
            f"{endpoint.scheme}s://, or unset it."
        )
    return token


def without(token: str | None, text: str) -> str:
    """A server's message without the token, which it may repeat."""
    return text if token is None else text.replace(token, "***")


def _is_this_machine(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
