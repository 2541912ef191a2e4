"""Files that are whole or absent: written beside, synced, renamed; and ones that only grow.

A folder may come from anyone, with links planted in it. Every file is therefore created anew
under a name of its own and renamed: no file that was there before is opened for writing.
"""

import contextlib
import hashlib
import os
import pathlib
import stat
from collections.abc import Iterator, Mapping
from typing import IO

from keras_fool import foreign_files
from keras_fool.runs import stopping


def write(path: pathlib.Path, content: bytes) -> None:
    """Replaces a file: at any moment a reader sees the old one or the new one.

    Raises:
        OSError: It could not be written, on a full disk for example; the file is as it was.
    """
    write_all({path: content})


def write_all(contents: Mapping[pathlib.Path, bytes]) -> None:
    """Replaces many files. Each is whole at any moment; renamed when all are written.

    The system writes them out together, so that a thousand cost little more than one.

    Raises:
        OSError: One could not be written; all files are as they were.
    """
    parts = {path: path.with_name(f".{path.name}.part") for path in contents}
    try:
        for path, content in contents.items():
            with named(path), create(parts[path]) as file:
                file.write(content)
        for path, part in parts.items():
            rename(part, path)
    except BaseException:
        for part in parts.values():
            part.unlink(missing_ok=True)
        raise


def create(path: pathlib.Path) -> IO[bytes]:
    """Opens a new file for writing; what a killed process left under its name is removed.

    Raises:
        OSError: It cannot be made.
    """
    path.unlink(missing_ok=True)  # of a link this removes the link
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666), "wb")


def refuse_links(folder: pathlib.Path) -> None:
    """Checks that a folder holds nothing but regular files and folders.

    The folder itself may be a link: that was its user's choice.

    Raises:
        ValueError: There is a link in it, or a pipe, a socket or a device.
        OSError: It cannot be read.
    """
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                mode = entry.stat(follow_symlinks=False).st_mode
                if stat.S_ISDIR(mode):
                    waiting.append(pathlib.Path(entry.path))
                elif not stat.S_ISREG(mode):
                    kind = "a symbolic link" if stat.S_ISLNK(mode) else "not a regular file"
                    raise ValueError(
                        f"{entry.path} is {kind}, and a command that writes into {folder} might "
                        "change what is elsewhere: remove it, or put a file in its place."
                    )


def rename(part: pathlib.Path, path: pathlib.Path) -> None:
    """Puts a complete file in its place, its content durable before its name is."""
    with named(path):
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    stopping.wrote()


def sync_folder(folder: pathlib.Path) -> None:
    """Makes the names in a folder as durable as the files."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: pathlib.Path) -> None:
    """Makes all files below a folder durable, and their names."""
    for path in (folder, *folder.rglob("*")):
        sync_folder(path)


@contextlib.contextmanager
def named(path: pathlib.Path) -> Iterator[None]:
    """Gives the `OSError` of a write the name of its file, which the system leaves out."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


class GrowingFile:
    """A text file that lines are appended to, and that a resumed run cuts back."""

    def __init__(
        self,
        path: pathlib.Path,
        header: str,
        num_bytes: int | None = None,
        sha256: str | None = None,
    ):
        """Opens it.

        Args:
            path: The file.
            header: The first line of a new file.
            num_bytes: The length to cut an existing file back to; None begins anew.
            sha256: What these bytes must have, in hexadecimal; None where it is not known.

        Raises:
            ValueError: The file is shorter than `num_bytes`, or other bytes.
        """
        self._path = path
        kept = header.encode() if num_bytes is None else self._kept(num_bytes, sha256)
        self._hash = hashlib.sha256(kept)
        with named(path):
            part = path.with_name(f".{path.name}.part")
            self._file = create(part)  # closed by close()
            try:
                self._file.write(kept)
                self._file.flush()
                os.replace(part, path)
            except BaseException:
                self._file.close()
                part.unlink(missing_ok=True)
                raise

    def append(self, text: str) -> None:
        """Adds whole lines."""
        content = text.encode()
        with named(self._path):
            self._file.write(content)
        self._hash.update(content)

    def sync(self) -> tuple[int, str]:
        """Makes everything appended durable.

        Returns:
            The length in bytes, and the SHA-256 of all of them.
        """
        with named(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())
            return self._file.tell(), self._hash.hexdigest()

    def close(self) -> None:
        """Closes the file."""
        with named(self._path):
            self._file.close()

    def _kept(self, num_bytes: int, sha256: str | None) -> bytes:
        """What an existing file begins with."""
        there = foreign_files.content(self._path) if self._path.is_file() else b""
        if len(there) < num_bytes:
            raise ValueError(
                f"{self._path} is shorter than the {num_bytes} bytes it had at the checkpoint: "
                "the run cannot be continued."
            )
        kept = there[:num_bytes]
        same = sha256 is None or hashlib.sha256(kept).hexdigest() == sha256
        if not same or not kept.endswith(b"\n"):
            raise ValueError(
                f"{self._path} is damaged: its first {num_bytes} bytes are not those it had at "
                "the checkpoint, so the run cannot be continued. Put a copy of the file in its "
                "place, or begin again in another --workdir."
            )
        return kept
