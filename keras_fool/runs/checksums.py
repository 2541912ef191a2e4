"""The SHA-256 of files in a folder, as `sha256sum --check SHA256SUMS` reads them.

A line per file: the digest, two spaces, the file's name relative to the folder.
"""

import pathlib
import re
from collections.abc import Iterable, Mapping

from keras_fool import foreign_files

FILE = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def text(sums: Mapping[str, str]) -> bytes:
    """The content of such a file: a line for each name's digest, by name."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())).encode()


def read(path: pathlib.Path) -> dict[str, str]:
    """The digests in a file by name.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged.
    """
    sums, content = {}, foreign_files.content(path)
    try:
        lines = content.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is damaged: {error}.") from error
    for number, line in enumerate(lines[:-1], 1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"{path} is damaged in line {number}.")
        sums[match[2]] = match[1]
    if text(sums) != content:
        raise ValueError(f"{path} is damaged: expected a line for each name, by name.")
    return sums


def wrong(folder: pathlib.Path, names: Iterable[str], sums: Mapping[str, str]) -> list[str]:
    """The files of a folder that are missing or do not have the digest in `sums`.

    Args:
        folder: The folder.
        names: The files that matter, relative to it.
        sums: Their digests; a name that is not in it counts as wrong.
    """
    return [name for name in names if name not in sums or digest(folder / name) != sums[name]]


def digest(path: pathlib.Path) -> str | None:
    """The SHA-256 of a file in hexadecimal; None where there is no file to read."""
    try:
        return foreign_files.sha256(path)
    except (OSError, ValueError):
        return None
