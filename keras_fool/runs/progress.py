"""How long work shows that it advances, and what else is said while it does.

A bar on a terminal and in a notebook, else a line on stderr now and then. Notebooks show what is
on stderr as they show errors, so that there all is said on stdout.
"""

import contextlib
import sys
import time
import warnings
from typing import TextIO

import tqdm

_SECONDS_BETWEEN_LINES = 10


class Progress:
    """Steps done, how the job stands, things per second, time left."""

    def __init__(self, done: int, total: int, unit: str, things: str, *, quiet: bool = False):
        """Shows the bar.

        Args:
            done: Steps that were done before.
            total: Steps in all.
            unit: What a step is called.
            things: What is counted besides.
            quiet: Whether to show nothing.
        """
        self._quiet = quiet
        self._unit, self._things = unit, things
        self._done = self._begun_with = done
        self._total = total
        self._count = 0
        self._begun = self._shown = time.monotonic()
        self._bar = None
        bar = None if quiet else _bar()
        if bar is not None:
            self._bar = bar(
                total=total,
                initial=done,
                unit=unit,
                file=_stream(),
                dynamic_ncols=True,
                bar_format=_FORMAT,
            )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def advance(self, done: int, number: int, words: str, count: int) -> None:
        """Shows some steps more.

        Args:
            done: Steps done in all.
            number: The last one's number.
            words: How the job stands.
            count: How many things they took.
        """
        new, self._done = done - self._done, done
        self._count += count
        now = time.monotonic()
        rate = f"{self._count / (now - self._begun):,.0f} {self._things}/s"
        text = f"{words}, {rate}"
        if self._bar is not None:
            self._bar.set_postfix_str(text, refresh=False)
            self._bar.update(new)
        elif not self._quiet and now - self._shown >= _SECONDS_BETWEEN_LINES:
            self._shown = now
            seconds = (now - self._begun) / (done - self._begun_with)
            left = tqdm.tqdm.format_interval(seconds * (self._total - done))
            say(f"{self._unit} {number}: {text}, {left} left")

    def close(self) -> None:
        """Leaves the last state standing, and says how fast it went."""
        if self._bar is not None:
            self._bar.close()
        if self._count and not self._quiet:
            seconds = time.monotonic() - self._begun
            rate = self._count / seconds
            say(f"{self._count:,} {self._things} in {seconds:.1f} s, {rate:,.0f} a second")


def say(line: str) -> None:
    """Says a line beside the results."""
    # A full disk or a closed pipe is no reason to lose what is being computed.
    with contextlib.suppress(OSError):
        print(line, file=_stream(), flush=True)


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    return hasattr(ipython and ipython.get_ipython(), "kernel")


def _stream() -> TextIO:
    return sys.stdout if _in_notebook() else sys.stderr


def _bar() -> "type[tqdm.tqdm] | None":
    """What draws bars here; None where nobody would see them move."""
    if _in_notebook():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it has no widgets: then the bar is one of text
            from tqdm import auto

        return auto.tqdm
    return tqdm.tqdm if sys.stderr.isatty() else None


class Drawing:
    """Shows that a drawing advances, once it takes longer than a moment."""

    def __init__(self, total: int | None = None, unit: str = "rows"):
        """Begins to count.

        Args:
            total: How many there are, where that is known.
            unit: What they are called.
        """
        self._done, self._total, self._unit = 0, total, unit
        self._begun = self._shown = time.monotonic()
        self._bar = None
        bar = _bar()
        if bar is not None:
            self._bar = bar(
                total=total, unit=f" {unit}", file=_stream(), dynamic_ncols=True, delay=1
            )

    def advance(self, number: int) -> None:
        """Counts what was drawn."""
        self._done += number
        now = time.monotonic()
        if self._bar is not None:
            self._bar.update(number)
        elif now - self._shown >= _SECONDS_BETWEEN_LINES:
            self._shown = now
            words = f"{self._done} {self._unit}"
            if self._total is not None:
                seconds = (now - self._begun) / self._done * (self._total - self._done)
                words += f" of {self._total}, {tqdm.tqdm.format_interval(seconds)} left"
            say(f"drawn: {words}")

    def close(self) -> None:
        """Leaves the last state standing."""
        if self._bar is not None:
            self._bar.close()


# What tqdm calls postfix begins with a comma.
_FORMAT = "{unit} {n_fmt}/{total_fmt} |{bar}| {remaining} left{postfix}"
