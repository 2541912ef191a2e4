"""The bodies of REST requests while they come: how many bytes at a time, and who gives way.

A client may take its time, up to a limit. Where the bytes that are held are too many for
another one to come in, the body that comes slowest gives way: it is the one that keeps
the others out.
"""

import asyncio
from collections.abc import Callable

# Seconds over which a body's pace is measured, and bytes a second below which it gives way.
_WINDOW = 1.0
_SLOW = 2**16


class Bodies:
    """The bytes of all bodies; for one event loop."""

    def __init__(self, most_bytes: int, clock: Callable[[], float]):
        """Sets the limit.

        Args:
            most_bytes: That are held at a time.
            clock: The time in seconds.
        """
        self._most_bytes = most_bytes
        self._clock = clock
        self._bytes = 0
        self._coming: dict[Body, asyncio.Timeout] = {}

    def begin(self, limit: asyncio.Timeout) -> "Body":
        """A body that begins to come.

        Args:
            limit: What ends the wait for it, also to let another one in.
        """
        body = Body(self._clock())
        self._coming[body] = limit
        return body

    def add(self, body: "Body", chunk: bytes) -> bool:
        """Adds what has come of a body; False where there is no room for it."""
        body.content += chunk
        self._bytes += len(chunk)
        now = self._clock()
        body.measure(now)
        while self._bytes > self._most_bytes:
            others = [other for other in self._coming if other is not body and other.content]
            slowest = min(others, key=lambda other: other.pace(now), default=None)
            if slowest is None or slowest.pace(now) >= _SLOW:
                return False
            self._coming[slowest].reschedule(now)
            self.end(slowest)
        return True

    def complete(self, body: "Body") -> None:
        """A body is there; it is held until its `end`, and does not give way."""
        self._coming.pop(body, None)

    def end(self, body: "Body") -> None:
        """A body is not held any more."""
        self._coming.pop(body, None)
        self._bytes -= len(body.content)
        body.content = bytearray()


class Body:
    """What has come of one body.

    Attributes:
        content: The bytes.
    """

    def __init__(self, now: float):
        self.content = bytearray()
        self._since, self._before = now, 0  # the window, and the bytes at its begin
        self._moved = now  # when something came
        self._last_pace = float("inf")

    def measure(self, now: float) -> None:
        """Notes that something came, and ends the window if it is over."""
        self._moved = now
        if now - self._since >= _WINDOW:
            self._last_pace = self.pace(now)
            self._since, self._before = now, len(self.content)

    def pace(self, now: float) -> float:
        """Bytes a second, over the last window that is long enough."""
        if now - self._moved >= _WINDOW:
            return 0.0
        seconds = now - self._since
        if seconds < _WINDOW:
            return self._last_pace
        return (len(self.content) - self._before) / seconds
