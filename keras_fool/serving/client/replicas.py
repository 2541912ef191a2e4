"""Asks the replicas of an endpoint in turn, and pauses those that fail, hang or answer wrongly."""

import dataclasses
import random
import threading
import time
from collections.abc import Callable, Sequence

from keras_fool.serving.client import transport

_FIRST_PAUSE = 0.1  # seconds; doubled with each further failure
_MAX_PAUSE = 10.0
_NOTE_AFTER_SECONDS = 3.0


@dataclasses.dataclass(eq=False)
class Replica:
    """One replica.

    Attributes:
        transport: How it is asked.
        failures: How many requests failed since it last answered.
        failed_at: When the first of these failed, by `time.monotonic()`.
        back_at: When its pause ends, by the same clock.
        noted: Whether the user was told.
        other_version: The version that it serves instead of the one that is asked; None where
            that is not known.
    """

    transport: transport.Transport
    failures: int = 0
    failed_at: float = 0.0
    back_at: float = 0.0
    noted: bool = False
    other_version: int | None = None


class Replicas:
    """Replicas in turn, for many threads.

    A replica that fails is not asked for a time that doubles with each failure, and that is at
    least as long as the failure took: a slow replica costs at most half of the time. The times
    vary randomly, from a generator of their own, so that many clients do not come back at once.
    """

    def __init__(
        self,
        transports: Sequence[transport.Transport],
        stop: threading.Event,
        note: Callable[[str], None],
    ):
        """No replica has failed yet.

        Args:
            transports: At least one.
            stop: Ends all waiting when it is set.
            note: Told, in a sentence, what the user should know.
        """
        self.all = [Replica(one) for one in transports]
        self._stop = stop
        self._note = note
        self._turn = 0
        self._chance = random.Random()
        self._lock = threading.Lock()

    def next(self, until: float = float("inf")) -> Replica | None:
        """The replica whose turn it is; waits while all are paused.

        Args:
            until: When the wait ends, by `time.monotonic()`.

        Returns:
            A replica; None if no pause ends in time, or the wait was stopped.
        """
        while True:
            with self._lock:
                now = time.monotonic()
                order = [*self.all[self._turn :], *self.all[: self._turn]]
                for replica in order:
                    if replica.back_at <= now:
                        self._turn = (self.all.index(replica) + 1) % len(self.all)
                        return replica
                back_at = min(replica.back_at for replica in order)
            if self._stop.wait(max(0.0, min(back_at, until) - now)) or back_at > until:
                return None

    def failed(self, replica: Replica, reason: str, seconds: float) -> None:
        """Notes that a replica gave no usable answer.

        Args:
            replica: Which one.
            reason: Why, for the user.
            seconds: How long the request took.
        """
        with self._lock:
            now = time.monotonic()
            if replica.failures == 0:
                replica.failed_at = now
            pause = min(_MAX_PAUSE, _FIRST_PAUSE * 2 ** min(replica.failures, 20))
            pause = max(pause, min(seconds, 6 * _MAX_PAUSE)) * self._chance.uniform(0.5, 1)
            replica.failures += 1
            replica.back_at = now + pause
            # A single failure is nothing special, unless it took long.
            note = not replica.noted and (replica.failures == 2 or seconds > _NOTE_AFTER_SECONDS)
            replica.noted |= note
        if note:
            others = len(self.all) > 1
            self._note(
                f"{replica.transport.address} gives no usable answer ({reason}); "
                f"{'its turn goes to the others' if others else 'trying again'} until it does."
            )

    def answered(self, replica: Replica) -> None:
        """Notes that a replica gave a usable answer."""
        with self._lock:
            noted, since = replica.noted, replica.failed_at
            replica.failures, replica.back_at = 0, 0.0
            replica.noted, replica.other_version = False, None
        if noted:
            self._note(
                f"{replica.transport.address} answers again after "
                f"{time.monotonic() - since:.0f} seconds."
            )

    def close(self) -> None:
        """Closes all connections."""
        for replica in self.all:
            replica.transport.close()
