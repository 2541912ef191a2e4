"""The local server in a process of its own, as users start it."""

import dataclasses
import multiprocessing
import os
import pathlib
import re
import signal

import pytest

from tests.keras_fool import processes
from tests.keras_fool.serving import samples

ROOT = pathlib.Path(__file__).parents[3]
_READY = re.compile(r"serving (\S+): gRPC on (\S+:\d+), REST on (\S+:\d+)\n")


@dataclasses.dataclass
class ServerProcess:
    """A `keras_fool.serve` that is ready."""

    process: multiprocessing.Process
    log: pathlib.Path
    name: str
    grpc: str  # "127.0.0.1:port"
    rest: str  # "http://127.0.0.1:port"

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signals the process and waits: its exit code."""
        os.kill(self.process.pid, number)
        return processes.exit_code(self.process, self.log)

    def kill(self) -> None:
        """Ends the process, if it has not ended yet."""
        self.process.kill()
        self.process.join()


def start(base_path: pathlib.Path, log: pathlib.Path, *flags: str) -> ServerProcess:
    """Starts a server on free ports, unless `flags` name some, and waits until it is ready."""
    out = log.with_suffix(".out")
    out.touch()
    ports = ("--port=0", "--rest_api_port=0")
    started = processes.start(
        "serve", f"--model_base_path={base_path}", *ports, *flags, log=log, out=out, folder=ROOT
    )
    started.wait_until(lambda: out.read_text().endswith("\n"))
    ready = _READY.fullmatch(out.read_text())
    return ServerProcess(started.process, log, ready[1], ready[2], f"http://{ready[3]}")


@pytest.fixture(scope="session")
def serve(tmp_path_factory):
    """`serve(base_path, *flags)` starts a server that ends with the tests at the latest."""
    started = []

    def serving(base_path: pathlib.Path, *flags: str) -> ServerProcess:
        log = tmp_path_factory.mktemp("serve") / "stderr.txt"
        started.append(start(base_path, log, *flags))
        return started[-1]

    yield serving
    for server in started:
        server.kill()


@pytest.fixture(scope="session")
def shipped_server(serve) -> ServerProcess:
    """Serves the shipped classifier."""
    return serve(ROOT / "saved_models" / "mnist_a")


@pytest.fixture(scope="session")
def zoo(made_once) -> pathlib.Path:
    """A base path with versions 1 and 2 of `samples`; version 2 has all signatures."""

    def make(folder: pathlib.Path) -> None:
        samples.write(folder / samples.NAME / "1", 1, whole=False)
        samples.write(folder / samples.NAME / "2", 2)

    return made_once("zoo", make) / samples.NAME
