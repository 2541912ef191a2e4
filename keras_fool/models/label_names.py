"""The names of labels, from a file that a user has."""

import codecs
import json
import pathlib
import re
from collections.abc import Sequence
from typing import Any

from trainers import names, regular_file

_MOST_BYTES = 2**24
_OTHER_ENCODINGS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read(path: pathlib.Path) -> tuple[str, ...]:
    """Reads names, in the order of the labels.

    Args:
        path: UTF-8. A line per label, the name alone or after tabs (such as a number, a
            WordNet id and the name), or JSON: a list of names, `{"0": ["n01440764", "tench"]}`
            like Keras's table of ImageNet, or `{"tench": 0}`. Numbers of labels begin with 0
            and may be in any order; in lines they may begin with 1 if they ascend.

    Raises:
        ValueError: There is no such file, or it is neither, or `names.checked_labels` refuses
            a name.
    """
    if not path.exists():
        raise ValueError(f"there is no file of label names {path}.")
    try:
        text = _text(regular_file.read(path, _MOST_BYTES))
        found = _parsed(text, must_be_json=path.suffix.lower() == ".json")
        return names.checked_labels(found, "they")
    except (ValueError, OSError) as error:
        problem = getattr(error, "strerror", None) or str(error)
        raise ValueError(
            f"{path} has no names of labels in it: {problem.rstrip('.')}. A line per label, or "
            "JSON like Keras's imagenet_class_index.json, is expected."
        ) from error


def _text(content: bytes) -> str:
    try:
        if content.startswith(_OTHER_ENCODINGS):
            raise ValueError("it is UTF-16; save it as UTF-8")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line} is not UTF-8 text; save the file as UTF-8") from error


def _parsed(text: str, must_be_json: bool) -> object:
    if must_be_json or text.lstrip()[:1] in ("[", "{"):
        try:
            return _from_json(json.loads(text, object_pairs_hook=_without_repeats))
        except json.JSONDecodeError as error:
            if must_be_json:
                raise ValueError(f"it is not JSON ({error})") from error
        except RecursionError as error:
            raise ValueError("its JSON is nested too deeply") from error
    return _from_lines(text)


def _from_json(content: object) -> object:
    if not isinstance(content, dict) or not content:
        return content
    if all(isinstance(number, int) for number in content.values()):
        return _ordered(list(content.values()), list(content))
    if not all(re.fullmatch("[0-9]{1,9}", number) for number in content):
        raise ValueError("its JSON says neither a name for each number nor the other way round")
    rows = [row[1] if isinstance(row, list) and len(row) > 1 else row for row in content.values()]
    tidied = [row.replace("_", " ").strip() if isinstance(row, str) else row for row in rows]
    return _ordered([int(number) for number in content], tidied)


def _from_lines(text: str) -> list[str]:
    lines = re.split(r"\r\n|\n|\r", text)
    while lines and not lines[-1].strip():
        lines.pop()
    rows = [[column.strip() for column in line.split("\t")] for line in lines]
    found = [row[-1] for row in rows]
    for number, name in enumerate(found, 1):
        if not name:
            raise ValueError(f"line {number} has no name in it")
    if all(len(row) > 1 and re.fullmatch("[0-9]{1,9}", row[0]) for row in rows):
        numbers = [int(row[0]) for row in rows]
        if numbers != list(range(1, len(rows) + 1)):
            return _ordered(numbers, found)
    return found


def _ordered(numbers: Sequence[int], found: Sequence[Any]) -> list[Any]:
    """Names in the order of their labels' numbers."""
    if sorted(numbers) != list(range(len(numbers))) or any(isinstance(n, bool) for n in numbers):
        raise ValueError(f"its numbers of labels are not 0 to {len(numbers) - 1}, each once")
    return [name for _, name in sorted(zip(numbers, found, strict=True), key=lambda pair: pair[0])]


def _without_repeats(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("its JSON has one name twice")
    return content
