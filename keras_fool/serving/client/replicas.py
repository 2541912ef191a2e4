"""Takes the replicas of an endpoint in turn, and leaves those alone that fail for a while."""

import dataclasses
import random
import threading
import time
from collections.abc import Callable, Sequence

from keras_fool.serving.client import transport

_FIRST_PAUSE = 0.1  # seconds; doubled with every failure after another
_LONGEST_PAUSE = 10.0
_SECONDS_UNNOTICED = 3.0


@dataclasses.dataclass(eq=False)
class Replica:
    """One of them.

    Attributes:
        transport: How it is asked.
        failures: Since it last answered.
        failed_at: When the first of these was.
        back_at: Until when it is left alone.
        told: Whether the user knows.
        other_version: The version that it has instead of the one that is asked for.
    """

    transport: transport.Transport
    failures: int = 0
    failed_at: float = 0.0
    back_at: float = 0.0
    told: bool = False
    other_version: int | None = None


class Replicas:
    """Replicas in turn, for many threads.

    A replica that fails is left alone for a time that doubles with each failure, and at
    least as long as the failure took: a slow one costs at most half of the time. The times
    vary by chance, of a stream of their own, so that many clients do not come back at once.
    """

    def __init__(
        self,
        transports: Sequence[transport.Transport],
        stop: threading.Event,
        note: Callable[[str], None],
    ):
        """Takes all of them for well.

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
        """The replica whose turn it is; waits where all are left alone.

        Args:
            until: When waiting ends, by `time.monotonic()`.

        Returns:
            A replica; None where none is back in time, or waiting was stopped.
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
        """Notes that one did not answer.

        Args:
            replica: Which.
            reason: Why, for the user.
            seconds: How long that took.
        """
        with self._lock:
            now = time.monotonic()
            if replica.failures == 0:
                replica.failed_at = now
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(replica.failures, 20))
            pause = max(pause, min(seconds, 6 * _LONGEST_PAUSE)) * self._chance.uniform(0.5, 1)
            replica.failures += 1
            replica.back_at = now + pause
            # One failure alone happens, unless much time went by.
            tell = not replica.told and (replica.failures == 2 or seconds > _SECONDS_UNNOTICED)
            replica.told |= tell
        if tell:
            others = len(self.all) > 1
            self._note(
                f"{replica.transport.address} gives no usable answer ({reason}); "
                f"{'its turn goes to the others' if others else 'trying again'} until it does."
            )

    def answered(self, replica: Replica) -> None:
        """Notes that one did."""
        with self._lock:
            told, since = replica.told, replica.failed_at
            replica.failures, replica.back_at = 0, 0.0
            replica.told, replica.other_version = False, None
        if told:
            self._note(
                f"{replica.transport.address} answers again after "
                f"{time.monotonic() - since:.0f} seconds."
            )

    def close(self) -> None:
        """Ends all connections."""
        for replica in self.all:
            replica.transport.close()
