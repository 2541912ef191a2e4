"""Ctrl-C and SIGTERM as a wish that is granted at the next good moment."""

import signal
from collections.abc import Callable


class StopRequest:
    """Notes the first SIGINT or SIGTERM while it is entered; a second one ends at once.

    Attributes:
        signal_number: The signal that came; None while none has.
    """

    def __init__(self, on_stop: Callable[[], None] = lambda: None):
        """Waits for nothing yet.

        Args:
            on_stop: Called when the signal comes, from its handler.
        """
        self.signal_number = None
        self._on_stop = on_stop
        self._handlers = {}

    def __enter__(self) -> "StopRequest":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._handlers[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _note(self, number: int, _frame: object) -> None:
        if self.signal_number is not None:
            raise KeyboardInterrupt
        self.signal_number = number
        self._on_stop()
