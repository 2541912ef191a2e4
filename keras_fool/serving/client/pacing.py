"""How many requests may be sent, and how fast."""

import threading
import time

from keras_fool.models import endpoints


class BudgetSpent(Exception):  # noqa: N818, it is not an error
    """One more request would exceed the budget; the message says what was sent."""


class Interrupted(Exception):  # noqa: N818, it is not an error
    """Waiting was ended."""


class Pace:
    """Counts requests and images, and makes callers wait for their turn; for many threads.

    Attributes:
        requests: How many requests were sent.
        images: How many images were sent.
    """

    def __init__(self, options: endpoints.Options, stop: threading.Event):
        """Nothing was sent yet.

        Args:
            options: The budget and the rate.
            stop: Ends all waiting when it is set.
        """
        self.requests = self.images = 0
        self._max_requests = options.max_requests
        self._max_images = options.max_images
        rate = options.requests_per_second
        self._seconds_between = 0.0 if rate is None else 1 / rate
        self._next = 0.0
        self._stop = stop
        self._lock = threading.Lock()

    def affords(self, requests: int, images: int) -> bool:
        """Whether so many more may be sent."""
        return not (
            self._exceeds(self._max_requests, self.requests + requests)
            or self._exceeds(self._max_images, self.images + images)
        )

    def take(self, images: int) -> None:
        """Waits until a request with so many images may be sent, and counts it.

        Raises:
            BudgetSpent: It would exceed the budget; it is not counted.
            Interrupted: `stop` was set before it was its turn.
        """
        with self._lock:
            if not self.affords(1, images):
                raise BudgetSpent(self.spent())
            self.requests += 1
            self.images += images
            turn = max(time.monotonic(), self._next)
            self._next = turn + self._seconds_between
        wait = turn - time.monotonic()
        if wait > 0 and self._stop.wait(wait):
            raise Interrupted

    def spent(self) -> str:
        """What was sent and how much was allowed, such as "4 of 4 requests"."""
        words = []
        for limit, sent, unit in (
            (self._max_requests, self.requests, "requests"),
            (self._max_images, self.images, "images"),
        ):
            if limit is not None:
                words.append(f"{sent:,} of {limit:,} {unit}")
        return " and ".join(words)

    @staticmethod
    def _exceeds(limit: int | None, sent: int) -> bool:
        return limit is not None and sent > limit
