"""What commands leave on disk, read back."""

import csv
import pathlib

# They hold times.
_DATED = ("tfevents", "timing.json")


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    """Every file that must be the same bytes whenever it is made, by its path."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and not any(part in file.name for part in _DATED)
    }


def names(folder: pathlib.Path) -> set[str]:
    """What is in a folder; nothing where there is none."""
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def rows(path: pathlib.Path) -> list[dict[str, str]]:
    """The rows of a table."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def has_rows(path: pathlib.Path) -> bool:
    """Whether a table has more than its header yet: a step of the run is complete."""
    return path.is_file() and path.read_text().count("\n") > 1
