"""Reads files whose names may come from anyone: pipes and devices are refused.

A program that reads a pipe with the name of a picture would wait for ever, and a device has no end.
"""

import errno
import os
import pathlib
import stat

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class NoFileError(OSError):
    """Something that should be a file is something else; the message says what."""


def read(path: str | os.PathLike, limit: int | None = None) -> bytes:
    """The content of a file, or of the file to which a link leads.

    Args:
        path: The path of the file.
        limit: How many bytes it may have; None for any number.

    Raises:
        NoFileError: It is not a file, or it is larger.
        OSError: It cannot be opened or read.
    """
    try:
        # Without O_NONBLOCK, opening a pipe waits for another process that writes.
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket cannot be opened
            raise _no_file(path, "this is a socket, not a file") from error
        raise
    try:
        kind = stat.S_IFMT(os.fstat(number).st_mode)
        if kind != stat.S_IFREG:
            raise _no_file(path, f"this is {_KINDS.get(kind, 'something else')}, not a file")
        with open(number, "rb", closefd=False) as file:
            content = file.read() if limit is None else file.read(limit + 1)
    finally:
        os.close(number)
    if limit is not None and len(content) > limit:
        raise _no_file(path, f"the file has more than {limit:,} bytes")
    return content


def _no_file(path: str | os.PathLike, problem: str) -> NoFileError:
    return NoFileError(0, problem, str(pathlib.Path(path)))
