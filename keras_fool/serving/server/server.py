"""The local server as a whole, from its start to its clean end.

It answers TF Serving's API on laptops, in tests and on machines without a container engine. It is
not TF Serving.
"""

import dataclasses
import gc
import pathlib
from collections.abc import Callable, Mapping

import tensorflow as tf

from keras_fool.serving.server import (
    grpc_server,
    metrics,
    model_versions,
    predict,
    rest_api,
    rest_server,
    scheduling,
)

_OBJECTS_BETWEEN_COLLECTIONS = 500_000


@dataclasses.dataclass(frozen=True)
class Batching:
    """How requests are joined into runs, with TF Serving's names.

    Attributes:
        max_batch_size: How many rows a run may have.
        batch_timeout_micros: How long a batch waits for more rows.
        max_enqueued_batches: How many batches may wait.
    """

    max_batch_size: int
    batch_timeout_micros: int
    max_enqueued_batches: int


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a single request, and all requests together, may take.

    Attributes:
        max_request_bytes: How large a request may be, packed or unpacked.
        max_concurrent_requests: How many each protocol answers at a time.
        num_batch_threads: How many runs of the model there may be at a time.
        rest_timeout: Seconds after which REST answers that a request took too long.
        message_seconds: How long a gRPC message may take to arrive, and an answer to be read.
    """

    max_request_bytes: int
    max_concurrent_requests: int
    num_batch_threads: int
    rest_timeout: float
    message_seconds: float = 30.0


class Server:
    """A model behind gRPC and REST.

    Attributes:
        versions: The model's versions.
        grpc_port: Where gRPC listens.
        rest_port: Where REST listens.
    """

    def __init__(
        self,
        base_path: pathlib.Path,
        name: str,
        *,
        host: str,
        port: int,
        rest_api_port: int,
        labels: Mapping[str, int],
        poll_seconds: float,
        retries: int,
        retry_seconds: float,
        packed: bool,
        limits: Limits,
        batching: Batching | None,
        note: Callable[[str], None],
    ):
        """Takes the ports and loads the model's newest version.

        Args:
            base_path: The folder of version folders.
            name: The model's name.
            host: The address to listen on.
            port: gRPC's, 0 for a free one.
            rest_api_port: REST's, 0 for a free one.
            labels: Version numbers by label.
            poll_seconds: Seconds between two looks at the folder.
            retries: How many times a failed load is tried again.
            retry_seconds: Seconds between these trials.
            packed: Whether gRPC answers hold their values as bytes.
            limits: What requests may take.
            batching: How requests are joined; None to run each by itself.
            note: Told what happens to versions.

        Raises:
            OSError: A port is taken.
            ValueError: No version loads.
        """
        tf.get_logger().setLevel("ERROR")  # it calls TF Serving's way to load deprecated
        measured = metrics.Metrics()
        self.versions = model_versions.ModelVersions(
            base_path,
            name,
            labels=labels,
            poll_seconds=poll_seconds,
            retries=retries,
            retry_seconds=retry_seconds,
            note=note,
        )
        predictor = predict.Predictor(self.versions, _scheduler(limits, batching, measured))
        self._grpc = grpc_server.GrpcServer(
            predictor,
            measured,
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            packed=packed,
            max_request_bytes=limits.max_request_bytes,
            max_concurrent_requests=limits.max_concurrent_requests,
            message_seconds=limits.message_seconds,
        )
        self._rest = rest_server.RestServer(
            rest_api.RestApi(predictor, measured),
            host,
            rest_api_port,
            timeout=limits.rest_timeout,
            max_request_bytes=limits.max_request_bytes,
            max_concurrent_requests=limits.max_concurrent_requests,
        )
        self.grpc_port, self.rest_port = self._grpc.port, self._rest.port
        self.versions.poll()
        if not self.versions.available:
            reasons = self.versions.errors or [
                f"{base_path} has no version folder: a folder named by a number, such as 1, "
                "with a SavedModel in it."
            ]
            raise ValueError(reasons[-1])

    def start(self) -> None:
        """Begins to answer and to look for new versions."""
        # Images in JSON are many small lists. The garbage collector would search them, and all of
        # TensorFlow, again and again, which would take nine tenths of the time.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
        self.versions.start()
        self._grpc.start()
        self._rest.start()

    def stop(self, grace: float) -> None:
        """Takes no more requests, lets those that have begun end, and closes the model.

        Args:
            grace: How long they may take, in seconds.
        """
        for half in (self._grpc, self._rest):
            half.stop(grace)
        for half in (self._grpc, self._rest):
            half.wait()
        self.versions.stop()


def _scheduler(
    limits: Limits, batching: Batching | None, measured: metrics.Metrics
) -> scheduling.Scheduler:
    if batching is None:
        return scheduling.Scheduler(limits.num_batch_threads, measured.count_run)
    return scheduling.BatchScheduler(
        limits.num_batch_threads,
        measured.count_run,
        max_batch_size=batching.max_batch_size,
        timeout=batching.batch_timeout_micros / 1e6,
        max_enqueued_batches=batching.max_enqueued_batches,
    )
