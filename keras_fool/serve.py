r"""Serves a SavedModel through TF Serving's API on this machine; it is not TF Serving.

    python -m keras_fool.serve --model_base_path=saved_models/mnist_a
    python -m keras_fool.evolve --model=grpc://127.0.0.1:8500/mnist_a

A TF-Serving-API-compatible server, for laptops, tests and machines without a container
engine: TensorFlow's own runtime behind gRPC (PredictionService.Predict and
GetModelMetadata, ModelService.GetModelStatus, the health service) and REST
(/v1/models/NAME, :predict, /metadata; /metrics for Prometheus). Other methods of TF Serving are
answered UNIMPLEMENTED. Flags have the names of TF Serving's flags where they mean the same.

Reads the version folders under --model_base_path, every second: the version with the largest
number is served, and those that --version_labels name. A new version is loaded before the old
one is unloaded. Writes no files; prints one line to stdout when it is ready, and to stderr what
it loads.

A request of more than some thousand rows, or 16 MiB, runs in pieces if that does not change the
model's outputs; then its memory does not grow with the request. A message may take 30 seconds to
arrive, and an answer 30 seconds to be read. Messages that cannot be parsed are logged at most once
a minute.

Unlike TF Serving, it refuses a tensor of another rank than its signature says, because such a
tensor would make oneDNN's kernels end the process. For a model whose signature gives no rank, set
TF_ENABLE_ONEDNN_OPTS=0, which is slower but safe. Compressed gRPC messages are refused, too.

Listens on this machine only, unless --host says otherwise: there is no encryption and no
password. Ends on Ctrl-C and SIGTERM, after the requests that have begun, or after 10 seconds; a
second signal ends it at once.
"""

import os
import pathlib
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from absl import flags

from keras_fool import errors
from keras_fool.command_line import cli, common_flags, flag_groups, next_steps, path_flags
from keras_fool.runs import stopping

if TYPE_CHECKING:
    from keras_fool.serving.server import server

_BASE_PATH = flags.DEFINE(
    path_flags.Path(),
    "model_base_path",
    None,
    "The folder of version folders, such as saved_models/mnist_a. Required.",
)
_NAME = flags.DEFINE_string(
    "model_name", None, "The model's name in requests (default: that of the folder)."
)
_PORT = flags.DEFINE_integer(
    "port", 8500, "The port number of gRPC; 0 takes a free one.", lower_bound=0, upper_bound=65535
)
_REST_PORT = flags.DEFINE_integer(
    "rest_api_port",
    8501,
    "The port number of REST; 0 takes a free one.",
    lower_bound=0,
    upper_bound=65535,
)
_HOST = flags.DEFINE_string("host", "127.0.0.1", "The address to listen on.")
_LABELS = flags.DEFINE_list(
    "version_labels", [], "Names of versions that are served as well, such as stable:1,canary:2."
)
_POLL_SECONDS = flags.DEFINE_float(
    "file_system_poll_wait_seconds",
    1.0,
    "Seconds between two readings of the folder.",
    lower_bound=0.01,
)
_RETRIES = flags.DEFINE_integer(
    "max_num_load_retries",
    5,
    "Number of times that a version that fails to load is tried again.",
    lower_bound=0,
)
_RETRY_MICROS = flags.DEFINE_integer(
    "load_retry_interval_micros",
    60_000_000,
    "Microseconds until a version that failed to load is tried again.",
    lower_bound=0,
)
_PACKED = flags.DEFINE_bool(
    "enable_serialization_as_tensor_content",
    False,
    "Answer gRPC with packed values, which are read a hundred times faster than typed ones.",
)
_MAX_BATCH_SIZE = flags.DEFINE_integer(
    "max_batch_size",
    None,
    "Rows of a batch at most: requests that wait are joined, and larger ones refused (default: "
    "every request runs by itself).",
    lower_bound=1,
)
_BATCH_TIMEOUT = flags.DEFINE_integer(
    "batch_timeout_micros",
    0,
    "With --max_batch_size, microseconds that a batch waits for more rows.",
    lower_bound=0,
)
_MAX_ENQUEUED = flags.DEFINE_integer(
    "max_enqueued_batches",
    100,
    "With --max_batch_size, number of batches that may wait; more are refused.",
    lower_bound=1,
)
_THREADS = flags.DEFINE_integer(
    "num_batch_threads",
    None,
    "Runs of the model at a time (default: as many as there are processors).",
    lower_bound=1,
)
_MAX_REQUEST_BYTES = flags.DEFINE_integer(
    "max_request_bytes",
    64 * 2**20,
    "Bytes of a request at most, packed or unpacked.",
    lower_bound=1024,
    upper_bound=2**31 - 1,
)
_MAX_REQUESTS = flags.DEFINE_integer(
    "max_concurrent_requests",
    32,
    "Number of requests of each protocol that are answered at a time; more are refused.",
    lower_bound=1,
    upper_bound=1024,
)
_REST_TIMEOUT = flags.DEFINE_integer(
    "rest_api_timeout_in_ms",
    30_000,
    "Milliseconds after which a REST request is given up.",
    lower_bound=1,
)
USES = flag_groups.Groups(
    what=(_BASE_PATH, _NAME, _LABELS),
    how=(_MAX_BATCH_SIZE, _BATCH_TIMEOUT, _MAX_ENQUEUED, _THREADS, _PACKED),
    where=(_HOST, _PORT, _REST_PORT),
    expert=(
        _MAX_REQUEST_BYTES,
        _MAX_REQUESTS,
        _REST_TIMEOUT,
        _POLL_SECONDS,
        _RETRIES,
        _RETRY_MICROS,
    ),
)
GRACE = 10.0  # seconds that requests have to end in


def main(arguments: Sequence[str]) -> None:
    """Starts the server and waits for the signal that ends it."""
    cli.no_arguments(arguments)
    base_path = _base_path()
    name = _NAME.value or base_path.resolve().name
    if not re.fullmatch(r"[^/:\s]+", name):
        raise errors.UsageError(f"--model_name must have no '/', ':' or space, got {name!r}.")
    labels = _labels()
    # Wrong requests are answered; they do not belong in the log.
    os.environ["GRPC_VERBOSITY"] = "DEBUG" if common_flags.DEBUG.value else "NONE"
    with stopping.saying("it did not serve yet."):
        serving = _server(base_path, name, labels)
    cut_off = "requests that had begun were cut off."
    with stopping.awaited() as wait, stopping.saying(cut_off):
        serving.start()
        cli.note("a TF-Serving-API-compatible server; this is not TF Serving.")
        print(
            f"serving {name}: gRPC on {_HOST.value}:{serving.grpc_port}, "
            f"REST on {_HOST.value}:{serving.rest_port}",
            flush=True,
        )
        here = "127.0.0.1" if _HOST.value in ("0.0.0.0", "::") else _HOST.value
        model = f"grpc://{f'[{here}]' if ':' in here else here}:{serving.grpc_port}/{name}"
        cli.note(f"to fool it: {next_steps.command('evolve', f'--model={model}')}")
        wait()
        cli.note("ending; requests that have begun are answered.")
        serving.stop(GRACE)
    # Python would wait for runs that take longer, which nothing breaks off.
    sys.stdout.flush()
    os._exit(0)


def _server(base_path: pathlib.Path, name: str, labels: dict[str, int]) -> "server.Server":
    cli.loading()
    with cli.native_messages_hidden(), errors.needs_extra("serving"):
        from keras_fool.serving.server import server, short_log
    if not common_flags.DEBUG.value:
        short_log.install(cli.note)
    with errors.reported(ValueError):
        return server.Server(
            base_path,
            name,
            host=_HOST.value,
            port=_PORT.value,
            rest_api_port=_REST_PORT.value,
            labels=labels,
            poll_seconds=_POLL_SECONDS.value,
            retries=_RETRIES.value,
            retry_seconds=_RETRY_MICROS.value / 1e6,
            packed=_PACKED.value,
            limits=server.Limits(
                max_request_bytes=_MAX_REQUEST_BYTES.value,
                max_concurrent_requests=_MAX_REQUESTS.value,
                num_batch_threads=_THREADS.value or os.cpu_count() or 1,
                rest_timeout=_REST_TIMEOUT.value / 1e3,
            ),
            batching=_batching(server),
            note=cli.note,
        )


def _base_path() -> pathlib.Path:
    if _BASE_PATH.value is None:
        raise errors.UsageError(
            "give --model_base_path, the folder of version folders, such as saved_models/mnist_a."
        )
    path = pathlib.Path(_BASE_PATH.value)
    if not path.is_dir():
        raise errors.UserError(f"there is no folder {path}.")
    if (path / "saved_model.pb").is_file():
        raise errors.UserError(
            f"{path} is a version folder; give the one that it is in: "
            f"--model_base_path={path.resolve().parent}"
        )
    return path


def _labels() -> dict[str, int]:
    found = {}
    for label in _LABELS.value:
        match = re.fullmatch(r"([^:/\s]+):([0-9]+)", label)
        if not match:
            raise errors.UsageError(
                f"--version_labels are LABEL:VERSION with commas between, got {label!r}."
            )
        found[match[1]] = int(match[2])
    return found


def _batching(server):
    if _MAX_BATCH_SIZE.value is None:
        return None
    return server.Batching(_MAX_BATCH_SIZE.value, _BATCH_TIMEOUT.value, _MAX_ENQUEUED.value)


if __name__ == "__main__":
    cli.run(main, USES)
