"""What --cluster names, looked at before anything is loaded."""

import importlib.util
import os
import socket
import sys

from keras_fool import errors

LOCAL, AUTO = "local", "auto"
_CLIENT = "ray://"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
HOW_TO_START = (
    f"Start a cluster with `ray start --head`, or say --cluster={LOCAL} for the cores of this "
    "machine alone."
)
# Ray itself tries for minutes.
_CONNECT_SECONDS = 10


def check(address: str) -> None:
    """Checks that there is a cluster, as far as that can be seen without Ray.

    Raises:
        ValueError: It is not an address.
        UserError: Ray is not installed, or nothing answers there, or this process is in another
            cluster.
    """
    _parsed(address)  # what is no address is none without Ray, too
    with errors.needs_extra("cluster"):
        if importlib.util.find_spec("ray") is None:
            raise ModuleNotFoundError(name="ray")
    ray = sys.modules.get("ray")
    if address != AUTO and ray is not None and ray.is_initialized():
        raise errors.UserError(
            f"--cluster={address} is one cluster, and this process is in one already: say "
            f"--cluster={AUTO} for that one, or call ray.shutdown() before."
        )
    head(address)


def head(address: str) -> str | None:
    """The host of a cluster's head, where something answers; None where Ray finds it.

    Raises:
        ValueError: It is not an address.
        UserError: Nothing answers there.
    """
    if address == LOCAL:
        return LOOPBACK[0]
    parsed = _parsed(address)
    if parsed is None:
        return None
    named, host, port = parsed
    try:
        socket.create_connection((host, port), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        raise errors.UserError(
            f"--cluster={named} cannot be reached: {error.strerror or error}. {HOW_TO_START}"
        ) from None
    return host


def _parsed(address: str) -> tuple[str, str, int] | None:
    """An address or that of $RAY_ADDRESS, its host and its port; None where Ray finds them."""
    if address == LOCAL:
        return None
    if address == AUTO:
        address = os.environ.get("RAY_ADDRESS", AUTO)
    if address == AUTO:
        return None
    host, _, port = address.removeprefix(_CLIENT).rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ValueError(
            f"--cluster={address} is not an address: say auto, local, HOST:PORT or ray://HOST:PORT."
        )
    return address, host, int(port)
