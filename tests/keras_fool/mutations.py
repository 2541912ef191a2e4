"""Damage to folders, drawn from a seeded stream: what disks, people and strangers do to files."""

import json
import os
import pathlib
import random
import re
import shutil
from collections.abc import Callable, Iterator

_VALUES = ("nan", "inf", "-1", "1e999", "5", "", "0.5", "9" * 30, "x", "-0.25", "1" * 200_000)
_JSON = (None, True, -1, 10**9, 1e308, float("nan"), "", "x", [], {}, [[]], {"a": {}}, [None])


def mutated(
    whole: pathlib.Path, target: pathlib.Path, count: int, seed: int
) -> Iterator[tuple[str, pathlib.Path]]:
    """Copies of a folder, each with one kind of damage in one of its files.

    Args:
        whole: The folder; it stays as it is.
        target: A file outside, which links may be planted to.
        count: How many.
        seed: Of the stream.

    Yields:
        What was done, and the copy, which is removed afterwards.
    """
    rng = random.Random(seed)
    copy = target.parent / "copy"
    kinds = {}
    for path in sorted(path for path in whole.rglob("*") if path.is_file()):
        name = path.relative_to(whole).as_posix()
        kinds.setdefault(re.sub(r"\d+|-[0-9a-f]{32}|\.[^/]*\d.*$", "N", name), []).append(name)
    for _ in range(count):
        shutil.copytree(whole, copy)
        name = rng.choice(kinds[rng.choice(sorted(kinds))])
        damages = [*_ANY, *_TEXT] if name.endswith((".csv", ".json", "SUMS")) else _ANY
        damage = rng.choice([*damages, *(_OF_JSON if name.endswith(".json") else [])])
        damage(rng, copy / name, whole, target)
        yield f"{damage.__name__} {name}", copy
        shutil.rmtree(copy)


def _delete(_rng: random.Random, path: pathlib.Path, *_: pathlib.Path) -> None:
    path.unlink()


def _empty(_rng: random.Random, path: pathlib.Path, *_: pathlib.Path) -> None:
    path.write_bytes(b"")


def _cut(rng: random.Random, path: pathlib.Path, *_: pathlib.Path) -> None:
    path.write_bytes(path.read_bytes()[: rng.randrange(path.stat().st_size + 1)])


def _cut_lines(rng: random.Random, path: pathlib.Path, *_: pathlib.Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: rng.randrange(len(lines) + 1)]))


def _flip(rng: random.Random, path: pathlib.Path, *_: pathlib.Path) -> None:
    content = bytearray(path.read_bytes() or b"0")
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def _overwrite(rng: random.Random, path: pathlib.Path, *_: pathlib.Path) -> None:
    content = bytearray(path.read_bytes() or b"0")
    place = rng.randrange(len(content))
    content[place : place + rng.randrange(1, 200)] = rng.randbytes(rng.randrange(200))
    path.write_bytes(content)


def _append(rng: random.Random, path: pathlib.Path, *_: pathlib.Path) -> None:
    path.write_bytes(path.read_bytes() + rng.randbytes(rng.randrange(1, 100)))


def _zeros(_rng: random.Random, path: pathlib.Path, *_: pathlib.Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))  # as after a crash of the system


def _exchange(rng: random.Random, path: pathlib.Path, whole: pathlib.Path, *_: object) -> None:
    others = sorted(other for other in whole.rglob("*") if other.is_file())
    path.write_bytes(rng.choice(others).read_bytes())


def _exchange_alike(
    rng: random.Random, path: pathlib.Path, whole: pathlib.Path, *_: object
) -> None:
    others = sorted(whole.rglob(f"*{path.suffix}"))
    path.write_bytes(rng.choice([other for other in others if other.is_file()]).read_bytes())


def _folder(_rng: random.Random, path: pathlib.Path, *_: pathlib.Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(_rng: random.Random, path: pathlib.Path, *_: pathlib.Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link(
    rng: random.Random, path: pathlib.Path, _whole: pathlib.Path, target: pathlib.Path
) -> None:
    if rng.random() < 0.5:
        path = path.with_name(f".{path.name}.part")
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def _value(rng: random.Random, path: pathlib.Path, *_: pathlib.Path) -> None:
    """Puts something else in place of a number."""
    text = path.read_text()
    numbers = list(re.finditer(r"-?\d+(\.\d+)?(e-?\d+)?", text))
    if numbers:
        number = rng.choice(numbers)
        path.write_text(text[: number.start()] + rng.choice(_VALUES) + text[number.end() :])


def _digit(rng: random.Random, path: pathlib.Path, *_: pathlib.Path) -> None:
    """Changes one digit: what is hardest to see."""
    text = path.read_text()
    places = [match.start() for match in re.finditer(r"\d", text)]
    if places:
        place = rng.choice(places)
        path.write_text(text[:place] + rng.choice("0123456789") + text[place + 1 :])


def _lines(rng: random.Random, path: pathlib.Path, *_: pathlib.Path) -> None:
    """Removes a line, repeats one, or exchanges two."""
    lines = path.read_text().splitlines(keepends=True)
    place, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    how = rng.randrange(3)
    if how == 0:
        del lines[place]
    elif how == 1:
        lines.insert(other, lines[place])
    else:
        lines[place], lines[other] = lines[other], lines[place]
    path.write_text("".join(lines))


def _character(rng: random.Random, path: pathlib.Path, *_: pathlib.Path) -> None:
    text = path.read_text()
    place = rng.randrange(len(text))
    path.write_text(text[:place] + rng.choice('",\n\0[]{}\\') + text[place + rng.randrange(2) :])


def _json_value(rng: random.Random, path: pathlib.Path, *_: pathlib.Path) -> None:
    """Puts another value in some place of the object, or takes it out."""
    content = json.loads(path.read_text())
    part = content
    while True:
        keys = list(part) if isinstance(part, dict) else list(range(len(part)))
        key = rng.choice(keys)
        if not isinstance(part[key], dict | list) or not part[key] or rng.random() < 0.3:
            break
        part = part[key]
    if rng.random() < 0.2:
        del part[key]
    else:
        part[key] = rng.choice(_JSON)
    path.write_text(json.dumps(content, indent=2))


def _json_depth(rng: random.Random, path: pathlib.Path, *_: pathlib.Path) -> None:
    text = path.read_text()
    colons = [match.end() for match in re.finditer(r'": ', text)]
    place = rng.choice(colons)
    depth = rng.choice([60, 5000, 200_000])
    path.write_text(f"{text[:place]}{'[' * depth}{']' * depth}, {text[place:]}")


Damage = Callable[[random.Random, pathlib.Path, pathlib.Path, pathlib.Path], None]
_ANY: list[Damage] = [
    _delete, _empty, _cut, _flip, _flip, _overwrite, _append, _zeros, _exchange,
    _exchange_alike, _folder, _pipe, _link, _link,
]  # fmt: skip
_TEXT: list[Damage] = [_value, _value, _value, _digit, _digit, _lines, _character, _cut_lines]
_OF_JSON: list[Damage] = [_json_value] * 8 + [_json_depth]
