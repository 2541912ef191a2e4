"""Files that are whole or absent: written beside, synced, renamed; and ones that only grow."""

import contextlib
import os
import pathlib
from collections.abc import Iterator, Mapping


def write(path: pathlib.Path, content: bytes) -> None:
    """Replaces a file: whoever looks, at any moment, sees the old one or the new one.

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
            with named(path):
                parts[path].write_bytes(content)
        for path, part in parts.items():
            rename(part, path)
    except BaseException:
        for part in parts.values():
            part.unlink(missing_ok=True)
        raise


def rename(part: pathlib.Path, path: pathlib.Path) -> None:
    """Puts a complete file in its place, its content durable before its name is."""
    with named(path):
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, path)


def sync_folder(folder: pathlib.Path) -> None:
    """Makes the names in a folder as durable as the files."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def named(path: pathlib.Path) -> Iterator[None]:
    """Gives the `OSError` of a write the name of its file, which the system leaves out."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


class GrowingFile:
    """A text file that lines are appended to, and that a resumed run cuts back."""

    def __init__(self, path: pathlib.Path, header: str, num_bytes: int | None = None):
        """Opens it.

        Args:
            path: The file.
            header: The first line of a new file.
            num_bytes: The length to cut an existing file back to; None begins anew.

        Raises:
            ValueError: The file is shorter than `num_bytes`.
        """
        self._path = path
        if num_bytes is None:
            self._file = open(path, "wb")  # noqa: SIM115, closed by close()
            self.append(header)
            return
        if not path.is_file() or path.stat().st_size < num_bytes:
            raise ValueError(
                f"{path} is shorter than the {num_bytes} bytes it had at the checkpoint: "
                "the run cannot be continued."
            )
        self._file = open(path, "rb+")  # noqa: SIM115
        self._file.truncate(num_bytes)
        self._file.seek(num_bytes)

    def append(self, text: str) -> None:
        """Adds whole lines."""
        with named(self._path):
            self._file.write(text.encode())

    def sync(self) -> int:
        """Makes everything appended durable; returns the length in bytes."""
        with named(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())
            return self._file.tell()

    def close(self) -> None:
        """Closes the file."""
        with named(self._path):
            self._file.close()
