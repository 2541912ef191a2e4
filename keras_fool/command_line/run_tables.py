"""What evolve, ascend and train say when they are done: a table, and where to look."""

import pathlib
import shlex
import statistics
from collections.abc import Mapping, Sequence

from keras_fool import errors
from keras_fool.command_line import next_steps
from keras_fool.runs import run_kinds, workdir
from keras_fool.sheets import captions
from keras_fool.studies import tables
from trainers import names

MOST_ROWS = 20  # of a table; of more, the surest are shown
_THRESHOLDS = (0.9, 0.99, 0.9999)  # those that the paper counts
_ASCENT_THRESHOLD = 0.9999


def evolved(folder: pathlib.Path, remarks: Sequence[str]) -> str:
    """The champions of an evolution: a row per label, over all runs, of many the surest.

    Args:
        folder: A complete run folder.
        remarks: Lines about what the confidences are; an empty one is left out.

    Raises:
        UserError: The folder is damaged.
    """
    rows = _rows(folder)
    by_label: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    for row in rows:
        by_label.setdefault((row["label"], row["label_name"]), []).append(row)
    heading = "median" if len(rows) > len(by_label) else "confidence"
    lines = []
    for (_, label), champions in by_label.items():
        median = statistics.median(float(row["confidence"]) for row in champions)
        found = statistics.median_high(int(row["generation"]) for row in champions)
        lines.append((median, [names.shown(label), *_in_words(median), found]))
    table = _surest(["label", heading, "doubt", "found at generation"], lines, "labels", folder)
    confidences = [float(row["confidence"]) for row in rows]
    counts = [
        f"{sum(confidence >= threshold for confidence in confidences)} of at least {threshold:g}"
        for threshold in _THRESHOLDS
    ]
    summary = (
        f"{len(rows)} champions, median confidence {statistics.median(confidences):.7f}, "
        f"highest {max(confidences):.7f}, {', '.join(counts)}"
    )
    return _joined(table, summary, remarks, folder)


def ascended(folder: pathlib.Path, remarks: Sequence[str]) -> str:
    """The images of an ascent: a row for each, of many the surest.

    Args:
        folder: As for `evolved`.
        remarks: Likewise.

    Raises:
        UserError: The folder is damaged.
    """
    rows = _rows(folder)
    headings = ["label", "seed", "confidence", "doubt", "best", "top-1 at", "0.9999 at step"]
    lines = []
    for row in rows:
        confidence = float(row["confidence"])
        cells = [names.shown(row["label_name"]), row["run"], *_in_words(confidence)]
        cells += [f"{float(row['best_confidence']):.7f}"]
        cells += [row["step_top1"] or "never", row["step_0.9999"] or "never"]
        lines.append((confidence, cells))
    table = _surest(headings, lines, "images", folder)
    confidences = [float(row["confidence"]) for row in rows]
    summary = (
        f"{len(rows)} images, mean confidence {sum(confidences) / len(rows):.7f}, "
        f"{sum(confidence >= _ASCENT_THRESHOLD for confidence in confidences)} of at least "
        f"{_ASCENT_THRESHOLD:g}"
    )
    return _joined(table, summary, remarks, folder)


def tensorboard(folder: pathlib.Path) -> str:
    """The line with the command that shows a folder's events."""
    return f"TensorBoard  tensorboard --logdir={shlex.quote(str(folder))}"


def _rows(folder: pathlib.Path) -> Sequence[Mapping[str, str]]:
    from keras_fool.runs import run_records

    with errors.reported(ValueError):
        return run_records.RunRecords(folder).rows


def _in_words(confidence: float) -> list[str]:
    return [f"{confidence:.7f}", captions.doubt(confidence)]


def _surest(
    headings: Sequence[str],
    rows: Sequence[tuple[float, Sequence[object]]],
    what: str,
    folder: pathlib.Path,
) -> str:
    """A table of all rows, or of many those with the highest confidences.

    Args:
        headings: Of the columns.
        rows: Each with its confidence.
        what: What a row is about, in the plural.
        folder: Where all of them are.
    """
    if len(rows) <= MOST_ROWS:
        return tables.aligned(headings, [cells for _, cells in rows])
    shown = sorted(rows, key=lambda row: -row[0])[:MOST_ROWS]
    table = tables.aligned(headings, [cells for _, cells in shown])
    return (
        f"The {MOST_ROWS} surest of {len(rows)} {what}; all are in {folder / workdir.CHAMPIONS}\n\n"
        f"{table}"
    )


def _joined(table: str, summary: str, remarks: Sequence[str], folder: pathlib.Path) -> str:
    told = "".join(f"{remark}\n" for remark in remarks if remark)
    there = (folder / run_kinds.BEST).is_file()
    best = f"best         {folder / run_kinds.BEST}\n" if there else ""
    return (
        f"\n{table}\n{summary}\n{told}run folder   {folder}\n"
        f"gallery      {folder / run_kinds.GALLERY}\n{best}{tensorboard(folder)}\n"
        f"{next_steps.after_run(folder)}"
    )
