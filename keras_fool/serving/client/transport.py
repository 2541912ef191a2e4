"""What the client asks of a protocol, and how a request may fail.

`grpc_transport` and `rest_transport` speak to one replica each; which one is asked, and
whether once more, is decided above them.
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
_LONGEST_REASON = 200
# What TF Serving, and gRPC servers with a limit on messages, say of a batch too large.
_BATCH_LIMIT = re.compile(r"maximum input batch size:? (\d+)")
_MESSAGE_LIMIT = re.compile(r"larger than max \((\d+) vs\.? (\d+)\)")


@dataclasses.dataclass(frozen=True)
class TensorInfo:
    """An input or output of a signature.

    Attributes:
        dtype: "uint8", "float32", "string" and so on.
        shape: None for a size that is free, and in the whole for a rank that is.
    """

    dtype: str
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.dtype} of any shape"
        return f"{self.dtype} [{', '.join('?' if n is None else str(n) for n in self.shape)}]"


@dataclasses.dataclass(frozen=True)
class Signature:
    """What a served function takes and gives, by name."""

    inputs: dict[str, TensorInfo]
    outputs: dict[str, TensorInfo]


@dataclasses.dataclass(frozen=True)
class Metadata:
    """What a replica says of a model.

    Attributes:
        version: The version it speaks of; None where it does not say.
        signatures: By name.
    """

    version: int | None
    signatures: dict[str, Signature]


@dataclasses.dataclass(frozen=True)
class Answer:
    """What came back for a batch.

    Attributes:
        values: float32, of whatever shape was sent.
        version: The version that answered; None where it is not said.
    """

    values: np.ndarray
    version: int | None


class Kind(enum.Enum):
    """What may be done about a failed request."""

    TEMPORARY = "try again, later or elsewhere"
    NOT_FOUND = "the model or its version is not there, perhaps not any more"
    TOO_LARGE = "send less at a time"
    REFUSED = "it will never be answered"


class RequestError(Exception):
    """A request failed.

    Attributes:
        kind: What may be done.
        limit: How many images a request may have, where the server said it.
    """

    def __init__(self, kind: Kind, reason: str, limit: int | None = None):
        super().__init__(" ".join(reason.split())[:_LONGEST_REASON])
        self.kind = kind
        self.limit = limit


class Transport(Protocol):
    """One replica of an endpoint; several threads may use it at once."""

    address: str

    def metadata(self, version: int | None) -> Metadata:
        """What the model's signatures are.

        Args:
            version: Of that version; None for the one that the endpoint means.

        Raises:
            RequestError: There is no answer, or none that makes sense.
        """

    def predict(
        self, signature: str, names: tuple[str, str], batch: np.ndarray, version: int | None
    ) -> Answer:
        """Calls a signature.

        Args:
            signature: Its name.
            names: Those of its input and of the output that is wanted.
            batch: uint8 or float32 [batch, ...], or [batch] bytes objects.
            version: Of the model; None for the one that the endpoint means.

        Raises:
            RequestError: As for `metadata`.
        """

    def close(self) -> None:
        """Ends the connection."""


def refused(code: str, message: str, batch: int | None) -> RequestError:
    """The error of a request that the server would not take, unless it was too large.

    Args:
        code: What the protocol calls it.
        message: The server's words.
        batch: How many images were sent, if any.
    """
    reason = f"{code}: {message}" if message else code
    if batch and (match := _BATCH_LIMIT.search(message)):
        return RequestError(Kind.TOO_LARGE, reason, int(match[1]))
    if batch and (match := _MESSAGE_LIMIT.search(message)):
        share = int(match[2]) / max(1, int(match[1]))
        return RequestError(Kind.TOO_LARGE, reason, int(0.9 * share * batch))
    return RequestError(Kind.REFUSED, reason)


def dtype_name(enum: str) -> str:
    """What NumPy calls a type that TensorFlow's protos call `enum`, such as DT_FLOAT."""
    return {"DT_FLOAT": "float32", "DT_DOUBLE": "float64", "DT_HALF": "float16"}.get(
        enum, enum.removeprefix("DT_").lower()
    )


def bearer_token(endpoint: endpoints.Endpoint) -> str | None:
    """The token in the environment, which goes nowhere else; None where there is none.

    Raises:
        ValueError: It is malformed, or would cross a network unencrypted.
    """
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token:
        return None
    if not all("!" <= character <= "~" for character in token):
        raise ValueError(f"{TOKEN_VARIABLE} holds a character that no token has.")
    if not endpoint.uses_tls and not all(map(_is_here, endpoint.addresses)):
        raise ValueError(
            f"{TOKEN_VARIABLE} is set, but {endpoint.url} is not encrypted: use "
            f"{endpoint.scheme}s://, or unset it."
        )
    return token


def without(token: str | None, text: str) -> str:
    """A server's words, without the token that they may repeat."""
    return text if token is None else text.replace(token, "***")


def _is_here(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
