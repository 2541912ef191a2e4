"""A real Ray cluster of several nodes on this machine, and the processes of its workers."""

import contextlib
import os
import signal
import socket
import time
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from unittest import mock

import psutil
from ray import cluster_utils

from keras_fool.cluster import connection

_ATTEMPTS = 10
_SECONDS_TO_ANSWER = 60
# Of a node; less is refused.
STORE_BYTES = 80 * 2**20
_LOCAL = {"node_ip_address": "127.0.0.1", "object_store_memory": STORE_BYTES}


class Nodes:
    """A cluster: a head without cores, and nodes of one core each.

    Attributes:
        address: What --cluster takes.
        client_address: What it takes from outside.
    """

    def __init__(self, environments: list[Mapping[str, str]], head: Mapping[str, str]):
        """Starts a node for each environment: variables that its workers have besides.

        Those of the head are for the processes that it starts for clients.
        """
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        arguments = {
            "num_cpus": 0,
            "include_dashboard": False,
            "ray_client_server_port": port,
            **_LOCAL,
        }
        with mock.patch.dict(os.environ, head):
            self._cluster = _patiently(lambda: _head(arguments))
        self.address = self._cluster.address
        self.client_address = f"ray://127.0.0.1:{port}"
        for variables in environments:
            node = {"num_cpus": 1, "env_vars": dict(variables), **_LOCAL}
            _patiently(lambda node=node: self._cluster.add_node(**node))
        self._cluster.wait_for_nodes()

    def workers(self) -> list[psutil.Process]:
        """The workers of commands."""
        raylets = {
            found.process.pid
            for node in self._cluster.list_all_nodes()
            for found in node.all_processes["raylet"]
        }
        return [
            process
            for process in psutil.process_iter()
            if self._title(process).startswith("ray::Worker") and self._parent(process) in raylets
        ]

    def shut_down(self) -> None:
        """Ends all of its processes."""
        for process in self.workers():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
        self._cluster.shutdown()

    @staticmethod
    def _parent(process: psutil.Process) -> int | None:
        try:
            return process.ppid()
        except psutil.Error:
            return None

    @staticmethod
    def _title(process: psutil.Process) -> str:
        try:
            return " ".join(process.cmdline())
        except psutil.Error:
            return ""


def _head(arguments: Mapping[str, Any]) -> cluster_utils.Cluster:
    """A cluster of a head alone, whose server for clients answers.

    Raises:
        TimeoutError: It does not. Now and then Ray's fork hangs before it has begun, as the process
            that forks has threads of gRPC; Ray does not wait for this one.
    """
    found = cluster_utils.Cluster(initialize_head=True, head_node_args=arguments)
    deadline = time.monotonic() + _SECONDS_TO_ANSWER
    while True:
        with contextlib.suppress(OSError):
            port = arguments["ray_client_server_port"]
            socket.create_connection(("127.0.0.1", port), timeout=_SECONDS_TO_ANSWER).close()
            return found
        if time.monotonic() > deadline:
            found.shutdown()
            raise TimeoutError("the server for clients timed out")
        time.sleep(0.01)


def _patiently(start: Callable[[], Any]) -> Any:
    """Starts a node, again where Ray gives up after 30 seconds, as on a busy machine."""
    attempts = 0
    while True:
        before = set(psutil.Process().children(recursive=True))
        try:
            return start()
        except Exception as error:
            attempts += 1
            if attempts == _ATTEMPTS or "timed out" not in str(error).lower():
                raise
            for process in set(psutil.Process().children(recursive=True)) - before:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()


@contextlib.contextmanager
def started(
    environments: list[Mapping[str, str]], head: Mapping[str, str] = types.MappingProxyType({})
) -> Iterator[Nodes]:
    """A cluster, shut down at the end; nothing of its use is told to anybody."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Else workers get little of a busy machine.
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112, its name for Ray
    with connection.signals_kept():
        nodes = Nodes(environments, head)
    try:
        yield nodes
    finally:
        nodes.shut_down()
