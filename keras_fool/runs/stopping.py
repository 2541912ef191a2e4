"""Ctrl-C and SIGTERM: answered at once with what is true then, or at the next good moment.

`answered` takes the signals for a command; code that works says by `saying` what is true if one
comes. A loop that can stop by itself enters a `StopRequest`, and checks it; whoever has more to do
after such loops calls `check`: a signal may have come when a loop had no step left. What serves
until a signal comes enters `awaited`.
"""

import contextlib
import os
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterator

NUMBERS = (signal.SIGINT, signal.SIGTERM)
# What `signal.signal` takes and returns.
_Handler = Callable[[int, types.FrameType | None], object] | int | signal.Handlers | None
_NOTHING = "nothing was written."
_SOMETHING = "the results were being written, and may not be complete."
_said: list[str] = []  # what is true now, the newest last
_wrote = False
_has_begun = False
_not_needed: int | None = None  # a signal that came when a loop was done
_AGAIN_S = 0.05
_stderr = 2


class Interrupted(KeyboardInterrupt):
    """A signal came.

    Attributes:
        number: The signal.
        words: What was true then, a sentence without a capital letter.
    """

    def __init__(self, number: int, words: str):
        super().__init__(words)
        self.number = number
        self.words = words


@contextlib.contextmanager
def answered() -> Iterator[None]:
    """Takes the signals inside, and raises `Interrupted` where one comes.

    Within an import, which Python cannot break off cleanly, the process ends at once, with
    the same words and exit code. So does a second signal.
    """
    global _has_begun, _wrote
    before = {number: signal.getsignal(number) for number in NUMBERS}
    _has_begun, _wrote = True, False
    forget()
    shown = sys.unraisablehook

    def lost(unraisable: "sys.UnraisableHookArgs") -> None:
        if isinstance(unraisable.exc_value, Interrupted):
            _again(unraisable.exc_value.number)
        else:
            shown(unraisable)

    sys.unraisablehook = lost
    _take(_raise)
    try:
        yield
    finally:
        _has_begun = False
        sys.unraisablehook = shown
        for number, handler in before.items():
            signal.signal(number, handler)


def end_at_once_from_now_on() -> None:
    """Ends this process on a signal also before its command has begun."""
    _take(_raise)


@contextlib.contextmanager
def awaited() -> Iterator[Callable[[], None]]:
    """Takes the signals inside: the first one ends a wait, the second one the process.

    Yields:
        What waits until a signal has come since the context began.
    """
    # Not for a lock: a signal that comes right before the wait for it, or reaches another thread,
    # does not end that wait. A byte in a pipe stays there.
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    def wait() -> None:
        while os.read(reader, 1)[0] not in NUMBERS:
            pass

    before = signal.set_wakeup_fd(writer)
    try:
        _take(lambda *_: _take(_end))
        yield wait
    finally:
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)


def leave_to_the_system() -> None:
    """Lets a signal end this process as it ends any other one: there is nothing to say."""
    _take(signal.SIG_DFL)


@contextlib.contextmanager
def saying(words: str) -> Iterator[Callable[[str], None]]:
    """Says what is true inside, if a signal comes.

    Args:
        words: A sentence without a capital letter.

    Yields:
        What changes the words.
    """
    _said.append(words)
    place = len(_said) - 1

    def change(words: str) -> None:
        _said[place] = words

    try:
        yield change
    finally:
        del _said[place:]


@contextlib.contextmanager
def speaking_to(descriptor: int) -> Iterator[None]:
    """Where the words go, if a signal comes while stderr shows nothing."""
    global _stderr
    before, _stderr = _stderr, descriptor
    try:
        yield
    finally:
        _stderr = before


def wrote() -> None:
    """Notes that a result was written."""
    global _wrote
    _wrote = True


def forget() -> None:
    """Forgets signals that came when a loop was done: something new begins."""
    global _not_needed
    _not_needed = None


def check() -> None:
    """Stops what comes next.

    Raises:
        Interrupted: A signal came inside a `StopRequest` that had nothing left to stop.
    """
    if (number := _not_needed) is not None:
        forget()
        raise Interrupted(number, _words())


class StopRequest:
    """Notes the first SIGINT or SIGTERM while it is entered; a second one ends at once.

    Only the main thread gets signals: in another one it notes none, and leaves them as they are.

    Attributes:
        signal_number: The signal that came; None while none has.
    """

    def __init__(self, on_stop: Callable[[], None] = lambda: None):
        """Prepares; the signals are taken when it is entered.

        Args:
            on_stop: Called when the signal comes, from its handler.
        """
        self.signal_number: int | None = None
        self._on_stop = on_stop
        self._handlers: dict[int, _Handler] = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():
            for number in NUMBERS:
                self._handlers[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_) -> None:
        global _not_needed
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        if kind is None and self.signal_number is not None:
            _not_needed = self.signal_number

    def _note(self, number: int, _frame: object) -> None:
        if self.signal_number is not None:
            raise Interrupted(number, _words())
        self.signal_number = number
        self._on_stop()


def _take(handler: _Handler) -> None:
    for number in NUMBERS:
        signal.signal(number, handler)


def _raise(number: int, frame: types.FrameType | None) -> None:
    _take(_end)
    if not _has_begun or _is_importing(frame):
        _end(number, frame)
    raise Interrupted(number, _words())


def _again(number: int) -> None:
    """Sends a signal once more: Python lost what it raised, in a callback of something's end."""
    _take(_raise)
    timer = threading.Timer(_AGAIN_S, os.kill, (os.getpid(), number))
    timer.daemon = True
    timer.start()


def _end(number: int, frame: types.FrameType | None) -> None:
    """Ends the process now; running code might swallow or show an exception."""
    del frame
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    with contextlib.suppress(OSError):
        os.write(_stderr, f"interrupted: {_words()}\n".encode("ascii", "backslashreplace"))
    os._exit(128 + number)


def _words() -> str:
    if _said:
        return _said[-1]
    return _SOMETHING if _wrote else _NOTHING


def _is_importing(frame: types.FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
