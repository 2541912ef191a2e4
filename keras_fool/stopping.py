"""Ctrl-C and SIGTERM as a wish that is granted at the next good moment."""

import signal


class StopRequest:
    """Notes the first SIGINT or SIGTERM while it is entered; a second one ends at once.

    Attributes:
        signal_number: The signal that came; None while none has.
    """

    def __init__(self):
        self.signal_number = None
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
