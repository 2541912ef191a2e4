"""Files that may come from anyone, read within limits: JSON objects, tables, bytes.

Run folders, cards and lists of names are passed on between people. A value in them that is not
of the expected kind is named in a `ValueError` of one line; nothing that is read is run.
"""

import csv
import dataclasses
import hashlib
import io
import json
import math
import os
import pathlib
import re
import stat
from collections.abc import Callable, Mapping, Sequence

from trainers import regular_file

_MAX_BYTES = 2**30
_MAX_JSON_BYTES = 2**26
_MAX_DEPTH = 40  # of lists and objects in each other; what this project writes has 5
_MAX_SHOWN = 80  # characters of a wrong value in a message
_ROUNDING = 1e-3  # by which confidences may leave [0, 1]: as much as scorers may round
_WHOLE = re.compile(r"[0-9]{1,18}")
_NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?(e[+-]?[0-9]{1,4})?")


def content(path: pathlib.Path, max_bytes: int = _MAX_BYTES) -> bytes:
    """The bytes of a file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is a folder, a pipe or a device, or larger than `max_bytes`.
        OSError: It cannot be read.
    """
    try:
        return regular_file.read(path, max_bytes)
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}.") from None
    except regular_file.NoFileError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from error


def sha256(path: pathlib.Path) -> str:
    """The SHA-256 of a file of any size in hexadecimal; raises as `content` does."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # does not wait for a pipe's writer
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}.") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError(f"{path} is not a regular file.")
        with open(descriptor, "rb", closefd=False) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    finally:
        os.close(descriptor)


def parse_json(text: str | bytes) -> object:
    """The value of a JSON text, made of finite numbers and printable text.

    Raises:
        ValueError: It is not JSON, has a name twice in one object, is nested more than
            `_MAX_DEPTH` deep, or has a number that is not finite or an invalid character.
    """
    try:
        text = text.decode("utf-8") if isinstance(text, bytes) else text
        value = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite
        )
    except RecursionError:
        raise ValueError(f"expected JSON nested at most {_MAX_DEPTH} deep.") from None
    waiting = [(value, 1)]
    while waiting:
        part, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            raise ValueError(f"expected JSON nested at most {_MAX_DEPTH} deep.")
        if isinstance(part, str):
            part.encode()  # half of a surrogate pair is not a character
        elif isinstance(part, list):
            waiting += [(inner, depth + 1) for inner in part]
        elif isinstance(part, dict):
            waiting += [(inner, depth + 1) for pair in part.items() for inner in pair]
    return value


def json_object(path: pathlib.Path) -> dict:
    """The object in a JSON file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is too large, or `parse_json` refuses it, or it is not an object.
        OSError: It cannot be read.
    """
    text = content(path, _MAX_JSON_BYTES)
    try:
        value = parse_json(text)
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if not isinstance(value, dict):
        kind = type(value).__name__
        raise ValueError(f"{path} is damaged: expected a JSON object, got a {kind}.")
    return value


def is_number(value: object, minimum: float, maximum: float) -> bool:
    """Whether a JSON value is a number, and not true or false, in a range that has both ends."""
    # Of a NaN no comparison holds, and a whole number may be too large for a float.
    return (type(value) is int or type(value) is float) and minimum <= value <= maximum


def _unique(pairs: Sequence[tuple[str, object]]) -> dict:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {shown(twice)} is given twice.")
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"expected finite numbers, got {constant}.")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"expected finite numbers, got {shown(text)}.")
    return value


@dataclasses.dataclass(frozen=True)
class Column:
    """What the fields of a table's column must be.

    Attributes:
        expected: In words, for messages.
        fits: Whether a field is that.
    """

    expected: str
    fits: Callable[[str], bool]


TEXT = Column("text", lambda _: True)


def whole(maximum: int | None = None) -> Column:
    """Whole numbers from 0, to `maximum` where one is given."""
    if maximum is None:
        return Column("a whole number from 0", lambda field: bool(_WHOLE.fullmatch(field)))
    return Column(
        f"a whole number in 0..{maximum}",
        lambda field: bool(_WHOLE.fullmatch(field)) and int(field) <= maximum,
    )


DURATION = Column(
    "a finite number from 0",
    lambda field: bool(_NUMBER.fullmatch(field)) and 0 <= float(field) < math.inf,
)
SHARE = Column(
    "a number in [0, 1]",
    lambda field: bool(_NUMBER.fullmatch(field)) and abs(float(field) - 0.5) <= 0.5 + _ROUNDING,
)


def optional(column: Column) -> Column:
    """Fields of `column`, or empty ones."""
    return Column(f"{column.expected}, or nothing", lambda field: not field or column.fits(field))


def table(
    path: pathlib.Path,
    columns: Mapping[str, Column],
    others: Mapping[str, Column] | None = None,
) -> list[dict[str, str]]:
    """The rows of a CSV file with a header.

    Args:
        path: The file.
        columns: The columns that it must have, and what their fields must be.
        others: The same for columns that it may have; any further ones are not checked.

    Returns:
        A row's fields by column; each has all of them.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not such a table; the message names the line and the column.
        OSError: It cannot be read.
    """
    given = content(path)
    try:
        reader = csv.reader(io.StringIO(given.decode("utf-8"), newline=""), strict=True)
        lines = [(reader.line_num, line) for line in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is damaged: {error}.") from error
    header = lines[0][1] if lines else []
    for name in (*columns, *header):
        if header.count(name) != 1:
            raise ValueError(f"{path} is damaged: expected one column {shown(name)}.")
    known = {**(others or {}), **columns}
    checked = {name: column for name, column in known.items() if name in header}
    rows = []
    for number, line in lines[1:]:
        if len(line) != len(header):
            raise ValueError(
                f"{path} is damaged: line {number} has {len(line)} fields, expected {len(header)}."
            )
        row = dict(zip(header, line, strict=True))
        for name, column in checked.items():
            if not column.fits(row[name]):
                raise ValueError(
                    f"{path} is damaged: line {number} has {name} {shown(row[name])}, "
                    f"expected {column.expected}."
                )
        rows.append(row)
    return rows


def shown(value: object) -> str:
    """A value from a file as a message may show it: short, and without control characters."""
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
