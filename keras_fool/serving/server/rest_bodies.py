"""The bodies of REST requests while they arrive: how many bytes at a time, and which are given up.

A client may send slowly, up to a time limit. If the memory for all bodies is full, the body that
arrives most slowly is given up: it is the one that keeps the others out.
"""

import asyncio
from collections.abc import Callable

# Seconds over which a body's speed is measured, and bytes per second below which it is given up.
_WINDOW = 1.0
_SLOW = 2**16


class Bodies:
    """The bytes of all bodies; for one event loop."""

    def __init__(self, max_bytes: int, clock: Callable[[], float]):
        """Sets the limit.

        Args:
            max_bytes: How many may be in memory at a time.
            clock: The time in seconds.
        """
        self._max_bytes = max_bytes
        self._clock = clock
        self._bytes = 0
        self._coming: dict[Body, asyncio.Timeout] = {}

    def begin(self, limit: asyncio.Timeout) -> "Body":
        """A body that begins to arrive.

        Args:
            limit: The time limit of its request; it is ended early to make room for others.
        """
        body = Body(self._clock())
        self._coming[body] = limit
        return body

    def add(self, body: "Body", chunk: bytes) -> bool:
        """Adds the next part of a body; False where there is no room for it."""
        body.content += chunk
        self._bytes += len(chunk)
        now = self._clock()
        body.measure(now)
        while self._bytes > self._max_bytes:
            others = [other for other in self._coming if other is not body and other.content]
            slowest = min(others, key=lambda other: other.pace(now), default=None)
            if slowest is None or slowest.pace(now) >= _SLOW:
                return False
            self._coming[slowest].reschedule(now)
            self.end(slowest)
        return True

    def complete(self, body: "Body") -> None:
        """A body has arrived: it stays in memory until its `end`, and is not given up."""
        self._coming.pop(body, None)

    def end(self, body: "Body") -> None:
        """A body is not in memory any more."""
        self._coming.pop(body, None)
        self._bytes -= len(body.content)
        body.content = bytearray()


class Body:
    """The part of a body that has arrived.

    Attributes:
        content: The bytes.
    """

    def __init__(self, now: float):
        self.content = bytearray()
        self._since, self._before = now, 0  # the window, and the bytes when it began
        self._moved = now  # when the last part arrived
        self._last_pace = float("inf")

    def measure(self, now: float) -> None:
        """Notes that a part arrived, and ends the window if it is over."""
        self._moved = now
        if now - self._since >= _WINDOW:
            self._last_pace = self.pace(now)
            self._since, self._before = now, len(self.content)

    def pace(self, now: float) -> float:
        """Bytes per second, over the last window that is long enough."""
        if now - self._moved >= _WINDOW:
            return 0.0
        seconds = now - self._since
        if seconds < _WINDOW:
            return self._last_pace
        return (len(self.content) - self._before) / seconds
