"""What libraries log about malformed requests: a short line now and then, no tracebacks.

Anyone who can reach a port can send malformed requests as often as they like; a traceback for
each would fill the disk.
"""

import logging
import threading
import time
from collections.abc import Callable

LOGGERS = ("aiohttp", "asyncio", "concurrent.futures", "grpc")
_SECONDS_BETWEEN_LINES = 60.0
_MAX_LINE = 200  # characters


class ShortLog(logging.Handler):
    """Reports the first record, and once a minute how many more there were."""

    def __init__(self, note: Callable[[str], None], clock: Callable[[], float] = time.monotonic):
        """Nothing was logged yet.

        Args:
            note: Takes a sentence.
            clock: The time in seconds.
        """
        super().__init__(logging.WARNING)
        self._note = note
        self._clock = clock
        self._next = float("-inf")
        self._unreported = 0
        self._counting = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        """Reports a record, or counts it."""
        now = self._clock()
        with self._counting:
            if now < self._next:
                self._unreported += 1
                return
            self._next = now + _SECONDS_BETWEEN_LINES
            unreported, self._unreported = self._unreported, 0
        words = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            words += f": {type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
        words = "".join(c if c.isprintable() else " " for c in words[: 2 * _MAX_LINE])
        words = " ".join(words.split())[:_MAX_LINE]
        self._note(f"{words}{f' (and {unreported} more before)' if unreported else ''}")


def install(note: Callable[[str], None]) -> None:
    """Makes the loggers of the server's libraries report through `note` only."""
    handler = ShortLog(note)
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.propagate = False
