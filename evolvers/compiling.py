"""Compiling with Numba: compiled code is stored wherever there is a place for it.

Numba stores it beside the source or in the home directory. If neither can be written, as in a
container with a read-only file system, it is stored in a temporary folder that only this user can
write, because what is read from there is run as code.
"""

import contextlib
import functools
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numba
from numba.core import event

from evolvers.private_folder import private_folder

_VARIABLE = "NUMBA_CACHE_DIR"
# A compiled function contains those that it calls, of other files, too. Numba itself would compile
# again only where the function's own file has changed.
_SOURCES = tuple(
    (str(path), path.stat().st_mtime, path.stat().st_size)
    for path in sorted(pathlib.Path(__file__).parent.rglob("*.py"))
)
_only_in = None  # in words, where it is stored if not beside the source or at home


def compiled(**options: object) -> Callable[[Callable], Callable]:
    """A decorator: `numba.njit` without the interpreter's lock, stored for later processes.

    Args:
        **options: Further arguments of `numba.njit`.
    """
    return functools.partial(_compiled, options)


@contextlib.contextmanager
def told(note: Callable[[str], None]) -> Iterator[None]:
    """Calls `note`, with a sentence, once if something is compiled inside the `with` block."""
    listener = _Listener(note)
    with event.install_listener("numba:compile", listener):
        yield


class _Listener(event.Listener):
    def __init__(self, note: Callable[[str], None]):
        self._note = note
        self._told = False

    def on_start(self, event: event.Event) -> None:
        del event
        if self._told:
            return
        self._told = True
        kept = "which is done once"
        if _only_in is not None:
            kept = (
                f"which is kept in {_only_in} only, as neither the installed package nor the "
                f"home directory can be written; {_VARIABLE} names a place that lasts"
            )
        self._note(f"compiling the engine for this processor, {kept}: up to 15 seconds.")

    def on_end(self, event: event.Event) -> None:
        del event


def _compiled(options: dict[str, Any], function: Callable) -> Callable:
    global _only_in
    try:
        dispatcher = numba.njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # Numba found no folder that it can write
        try:
            folder = private_folder("numba")
        except OSError:
            _only_in = "the memory of this process"
            return numba.njit(nogil=True, **options)(function)
        _only_in = os.environ[_VARIABLE] = str(folder)
        numba.config.CACHE_DIR = _only_in  # type: ignore[attr-defined]
        dispatcher = numba.njit(cache=True, nogil=True, **options)(function)
    # If the code cannot be stored, as on a full disk, it is compiled nevertheless.
    cache = dispatcher._cache
    cache._cache_file._source_stamp = _SOURCES
    cache.save_overload = functools.partial(_saved, cache.save_overload)
    return dispatcher


def _saved(save: Callable, *arguments: object) -> None:
    with contextlib.suppress(OSError):
        save(*arguments)
