"""The local server as a subprocess, as users start it."""

import dataclasses
import os
import pathlib
import re
import signal
import subprocess
import sys

import pytest

from tests.keras_fool.serving import samples

ROOT = pathlib.Path(__file__).parents[3]
_READY = re.compile(r"serving (\S+): gRPC on (\S+:\d+), REST on (\S+:\d+)\n")
_GRACE = 60  # seconds; the machine may be busy


@dataclasses.dataclass
class ServerProcess:
    """A `python -m keras_fool.serve` that is ready."""

    process: subprocess.Popen
    log: pathlib.Path
    name: str
    grpc: str  # "127.0.0.1:port"
    rest: str  # "http://127.0.0.1:port"

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signals the process and waits: its exit code."""
        self.process.send_signal(number)
        return self.process.wait(_GRACE)


def start(base_path: pathlib.Path, log: pathlib.Path, *flags: str) -> ServerProcess:
    """Starts a server on free ports, unless `flags` name some, and waits until it is ready."""
    command = [sys.executable, "-m", "keras_fool.serve", f"--model_base_path={base_path}"]
    with open(log, "w") as stderr:
        process = subprocess.Popen(
            [*command, "--port=0", "--rest_api_port=0", *flags],
            cwd=ROOT,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    ready = _READY.fullmatch(process.stdout.readline())
    if not ready:
        process.kill()
        pytest.fail(f"the server did not start: {log.read_text()}")
    return ServerProcess(process, log, ready[1], ready[2], f"http://{ready[3]}")


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
        server.process.kill()
        server.process.wait()


@pytest.fixture(scope="session")
def shipped_server(serve) -> ServerProcess:
    """Serves the shipped classifier."""
    return serve(ROOT / "saved_models" / "mnist_a")


@pytest.fixture(scope="session")
def zoo(tmp_path_factory) -> pathlib.Path:
    """A base path with versions 1 and 2 of `samples`; version 2 has all signatures."""
    folder = tmp_path_factory.mktemp("zoo") / samples.NAME
    samples.write(folder / "1", 1, whole=False)
    samples.write(folder / "2", 2)
    return folder
