"""The processes that train together, from the view of one of them.

Each holds all weights and processes its share of every batch. Here they agree on everything that
all must do in the same way; with a single process, this costs nothing.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf

# What TensorFlow raises if another process has ended.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
)


class LostError(RuntimeError):
    """Another process of the training has ended; what was saved is not lost."""


class Workers:
    """The processes of a strategy.

    Attributes:
        count: How many there are.
        number: The number of this process; 0 is the chief, the only one that writes.
        replicas: The numbers of the replicas of this process.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        self._strategy = strategy
        self.count, self.number = 1, 0
        if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            resolver = strategy.cluster_resolver
            jobs = resolver.cluster_spec().as_dict()
            self.count = sum(map(len, jobs.values()))
            chiefs = len(jobs.get("chief", []))
            self.number = resolver.task_id + (chiefs if resolver.task_type == "worker" else 0)
        share = strategy.num_replicas_in_sync // self.count
        self.replicas = range(self.number * share, (self.number + 1) * share)

    @property
    def is_chief(self) -> bool:
        """Whether this process is the one that writes."""
        return self.number == 0

    def total(self, values: np.ndarray) -> np.ndarray:
        """The sums of whole numbers over all processes.

        Args:
            values: int64 or int32, of the same shape in every process.
        """
        if self.count == 1:
            return values
        first = self.replicas[0]

        def value_of(replica: tf.distribute.experimental.ValueContext) -> tf.Tensor:
            with tf.device("CPU:0"):
                here = replica.replica_id_in_sync_group == first
                return tf.constant(values if here else np.zeros_like(values))

        with self.losses_reported():
            each = self._strategy.experimental_distribute_values_from_function(value_of)
            return self._strategy.reduce(tf.distribute.ReduceOp.SUM, each, axis=None).numpy()

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in at least one process."""
        return bool(self.total(np.array(int(flag), np.int64)))

    def wait(self) -> None:
        """Waits until all processes have called this."""
        self.any(False)

    def from_chief(
        self, state: Mapping[str, np.ndarray] | None, like: Mapping[str, np.ndarray]
    ) -> Mapping[str, np.ndarray] | None:
        """The state of the chief, the same to the bit in every process.

        Args:
            state: The state of the chief; other processes' arguments are ignored.
            like: Arrays of the same names, shapes and dtypes, with 4 or 8 bytes per value.
        """
        if self.count == 1:
            return state
        if not self.any(self.is_chief and state is not None):
            return None
        if state is None or not self.is_chief:
            state = {name: np.zeros_like(array) for name, array in like.items()}
        return {
            # As whole numbers, because 0.0 + -0.0 is 0.0.
            name: self.total(np.atleast_1d(state[name]).view(np.int32))
            .view(array.dtype)
            .reshape(array.shape)
            for name, array in like.items()
        }

    def check_settings(self, settings: Mapping[str, object]) -> None:
        """Checks that all processes were started with the same settings.

        Args:
            settings: JSON values.

        Raises:
            ValueError: They were not; the message names the first setting that differs.
        """
        if self.count == 1:
            return
        content = np.frombuffer(json.dumps(dict(settings)).encode(), np.uint8).astype(np.int32)
        length = int(self.total(np.array(len(content) * self.is_chief, np.int64)))
        chiefs = content if self.is_chief else np.zeros(length, np.int32)
        theirs = json.loads(bytes(self.total(chiefs).astype(np.uint8)))
        ours = json.loads(bytes(content.astype(np.uint8)))
        differing = [name for name in theirs | ours if theirs.get(name) != ours.get(name)]
        if not self.any(bool(differing)):
            return
        if differing:
            name = differing[0]
            raise ValueError(
                f"{name} is {theirs.get(name)} at worker 0 and {ours.get(name)} at worker "
                f"{self.number}: give all the same command."
            )
        raise ValueError("another worker was given other settings: give all the same command.")

    @contextlib.contextmanager
    def losses_reported(self) -> Iterator[None]:
        """Reports in plain words if another process has ended inside the `with` block.

        Raises:
            LostError: One has.
        """
        if self.count == 1:
            yield
            return
        try:
            yield
        except _LOST as error:
            raise LostError(
                f"worker {self.number} lost another of the {self.count} workers "
                f"({type(error).__name__}). Start all of them again with the same command: they "
                "go on from the newest checkpoint."
            ) from error
