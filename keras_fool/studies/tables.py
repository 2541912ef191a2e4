"""Tables of results: CSV for programs, Markdown for readers, aligned columns for terminals.

Files that a run folder has are the matter of `keras_fool.runs.tables`.
"""

import csv
import decimal
import io
import re
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from trainers import names

NO_VALUE = "-"
_WIDTH = 100  # of lines in a terminal
_HUNDREDTH = decimal.Decimal("0.01")
_BETWEEN_CELLS = re.compile(r" \| ")  # a sign that belongs to a cell has a backslash before it
_TITLE = re.compile("^#+ ")


def markdown(headings: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; all columns but the first are aligned to the right."""
    alignment = ["---", *["---:"] * (len(headings) - 1)]
    lines = [headings, alignment, *rows]
    # Names of labels and files may contain the sign that ends a cell.
    cells = [[str(cell).replace("|", r"\|") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def aligned(headings: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """A table in columns for a terminal; all but the first are aligned to the right."""
    cells = [[str(cell) for cell in line] for line in (headings, *rows)]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    lines = []
    for first, *others in cells:
        padded = [first + " " * (widths[0] - _width(first))]
        padded += [
            " " * (width - _width(cell)) + cell
            for cell, width in zip(others, widths[1:], strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    return "".join(f"{line}\n" for line in lines)


def facts(found: Mapping[str, str]) -> str:
    """Facts by their names as a terminal shows them: a line for each, long ones wrapped."""
    column = max(len("computed in"), *map(len, found)) + 3
    return "\n".join(
        textwrap.fill(
            names.shown(words),
            _WIDTH,
            initial_indent=name.ljust(column),
            subsequent_indent=" " * column,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for name, words in found.items()
    )


def in_terminal(text: str) -> str:
    """A text of Markdown as a terminal shows it: tables in columns, titles without signs.

    Args:
        text: Titles, paragraphs, lists, and tables as `markdown` makes them.
    """
    lines, table = [], []
    for line in [*text.splitlines(), ""]:
        if line.startswith("| "):
            cells = _BETWEEN_CELLS.split(line.removeprefix("| ").removesuffix(" |"))
            table.append([cell.replace(r"\|", "|") for cell in cells])
            continue
        if table:
            headings, _, *rows = table
            lines += aligned(headings, rows).splitlines()
            table = []
        lines.append(_TITLE.sub("", line))
    return "\n".join(lines[:-1]) + "\n"


def _width(text: str) -> int:
    """How many columns of a terminal a text takes: letters of East Asia take two."""
    return sum(
        0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF")
        for letter in text
    )


def as_csv(header: Sequence[str], rows: Iterable[Sequence[object]], digits: int = 7) -> bytes:
    """A CSV file.

    Args:
        header: The names of the columns.
        rows: Texts and whole numbers are written as they are.
        digits: Significant digits of floats.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([f"{v:.{digits}g}" if isinstance(v, float) else v for v in row])
    return text.getvalue().encode()


def percent(value: float) -> str:
    """A percentage with one digit, as the paper gives it; `NO_VALUE` for NaN."""
    return NO_VALUE if np.isnan(value) else f"{value:.1f}"


def cut(value: float) -> str:
    """A percentage with two digits, cut and not rounded: only 100 is printed as 100."""
    if value >= 100:
        return "100.00"
    # The decimal that a float32 stands for: 0.9999 is 0.99989998 and yet not 99.98 %.
    exact = decimal.Decimal(f"{value:.7g}").quantize(_HUNDREDTH, decimal.ROUND_DOWN)
    return str(min(exact, 100 - _HUNDREDTH))
