"""The processes that train together, as one of them sees them.

Each holds all weights and learns its share of every batch. What all must do alike, they
agree on here; one process by itself agrees with itself at no cost.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf

# What TensorFlow raises where another process is gone.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
)


class LostError(RuntimeError):
    """Another process of the training is gone; what was saved stays."""


class Workers:
    """The processes of a strategy.

    Attributes:
        count: How many there are.
        number: Which of them this one is; 0 is the chief, who alone writes.
        replicas: The numbers of the replicas that this process has.
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
        """Whether the flag is set in one process at least."""
        return bool(self.total(np.array(int(flag), np.int64)))

    def wait(self) -> None:
        """Lets nobody go on, or end, before all are here."""
        self.any(False)

    def from_chief(
        self, state: Mapping[str, np.ndarray] | None, like: Mapping[str, np.ndarray]
    ) -> Mapping[str, np.ndarray] | None:
        """What the chief has, to the bit.

        Args:
            state: The chief's; the others' are not looked at.
            like: Arrays of the same names, shapes and dtypes, of 4 or 8 bytes a value.
        """
        if self.count == 1:
            return state
        if not self.any(self.is_chief and state is not None):
            return None
        chiefs = state if self.is_chief else {name: np.zeros_like(a) for name, a in like.items()}
        return {
            # As whole numbers, since 0.0 + -0.0 is 0.0.
            name: self.total(np.atleast_1d(chiefs[name]).view(np.int32))
            .view(array.dtype)
            .reshape(array.shape)
            for name, array in like.items()
        }

    def check_settings(self, settings: Mapping[str, object]) -> None:
        """Sees that all processes were started with the same settings.

        Args:
            settings: JSON values.

        Raises:
            ValueError: They were not; the message names the first that differs here.
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
        """Says it plainly where another process is gone.

        Raises:
            LostError: One is.
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
