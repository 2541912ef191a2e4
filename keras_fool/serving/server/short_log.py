"""What libraries log about what strangers send: a short line now and then, no tracebacks.

Anybody who reaches a port can send what cannot be parsed as often as they like; a traceback
for each would fill the disk.
"""

import logging
import threading
import time
from collections.abc import Callable

LOGGERS = ("aiohttp", "asyncio", "concurrent.futures", "grpc")
_SECONDS_BETWEEN_LINES = 60.0
_LONGEST = 200


class ShortLog(logging.Handler):
    """Tells of the first record, and once a minute of how many more there were."""

    def __init__(self, note: Callable[[str], None], clock: Callable[[], float] = time.monotonic):
        """Joins it with what is told.

        Args:
            note: Takes a sentence.
            clock: The time in seconds.
        """
        super().__init__(logging.WARNING)
        self._note = note
        self._clock = clock
        self._next = float("-inf")
        self._untold = 0
        self._counting = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        """Tells of a record, or counts it."""
        now = self._clock()
        with self._counting:
            if now < self._next:
                self._untold += 1
                return
            self._next = now + _SECONDS_BETWEEN_LINES
            untold, self._untold = self._untold, 0
        words = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            words += f": {type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
        words = "".join(c if c.isprintable() else " " for c in words[: 2 * _LONGEST])
        words = " ".join(words.split())[:_LONGEST]
        self._note(f"{words}{f' (and {untold} more before)' if untold else ''}")


def install(note: Callable[[str], None]) -> None:
    """Lets the loggers of the server's libraries tell by `note` alone."""
    handler = ShortLog(note)
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.propagate = False
