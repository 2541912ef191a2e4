"""What commands print: tables in columns, with no Markdown."""

import re


def rows(text: str) -> list[list[str]]:
    """The cells of every line; cells are at least two spaces apart."""
    return [re.split(" {2,}", line.strip()) for line in text.splitlines()]


def shows(text: str, *cells: object) -> bool:
    """Whether one line has these cells side by side."""
    wanted = list(map(str, cells))
    return any(
        row[start : start + len(wanted)] == wanted
        for row in rows(text)
        for start in range(len(row))
    )
