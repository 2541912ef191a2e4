"""What evolve, ascend and train say when they are done: a table, and where to look."""

import pathlib
import shlex
import statistics
from collections.abc import Mapping, Sequence

from keras_fool import errors
from trainers import names

_MAX_LABELS = 20
_MAX_IMAGES = 40
_THRESHOLDS = (0.9, 0.99, 0.9999)  # those that the paper counts
_ASCENT_THRESHOLD = 0.9999


def evolved(folder: pathlib.Path, remark: str) -> str:
    """The champions of an evolution: a row per label, over all runs.

    Args:
        folder: A complete run folder.
        remark: A line about the classifier, or nothing.

    Raises:
        UserError: The folder is damaged.
    """
    rows = _rows(folder)
    by_label: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    for row in rows:
        by_label.setdefault((row["label"], row["label_name"]), []).append(row)
    heading = "median" if len(rows) > len(by_label) else "confidence"
    lines = [f"{'label':<16}{heading:>12}  found at generation"]
    for (_, label), champions in list(by_label.items())[:_MAX_LABELS]:
        median = statistics.median(float(row["confidence"]) for row in champions)
        found = statistics.median_high(int(row["generation"]) for row in champions)
        lines.append(f"{names.shown(label)[:15]:<16}{median:>12.7f}  {found}")
    if len(by_label) > _MAX_LABELS:
        lines.append(f"... and {len(by_label) - _MAX_LABELS} labels more in champions.csv")
    confidences = [float(row["confidence"]) for row in rows]
    counts = [
        f"{sum(confidence >= threshold for confidence in confidences)} of at least {threshold:g}"
        for threshold in _THRESHOLDS
    ]
    summary = (
        f"{len(rows)} champions, median confidence {statistics.median(confidences):.7f}, "
        f"highest {max(confidences):.7f}, {', '.join(counts)}"
    )
    return _joined(lines, summary, remark, folder)


def ascended(folder: pathlib.Path, remark: str) -> str:
    """The images of an ascent: a row for each.

    Args:
        folder: As for `evolved`.
        remark: Likewise.

    Raises:
        UserError: The folder is damaged.
    """
    rows = _rows(folder)
    lines = [f"{'label':<24}{'seed':>5}{'confidence':>13}{'best':>12}  top-1 at  0.9999 at step"]
    for row in rows[:_MAX_IMAGES]:
        lines.append(
            f"{names.shown(row['label_name'])[:23]:<24}{row['run']:>5}"
            f"{float(row['confidence']):>13.7f}{float(row['best_confidence']):>12.7f}  "
            f"{row['step_top1'] or 'never':>8}  {row['step_0.9999'] or 'never':>14}"
        )
    if len(rows) > _MAX_IMAGES:
        lines.append(f"... and {len(rows) - _MAX_IMAGES} images more in champions.csv")
    confidences = [float(row["confidence"]) for row in rows]
    summary = (
        f"{len(rows)} images, mean confidence {sum(confidences) / len(rows):.7f}, "
        f"{sum(confidence >= _ASCENT_THRESHOLD for confidence in confidences)} of at least "
        f"{_ASCENT_THRESHOLD:g}"
    )
    return _joined(lines, summary, remark, folder)


def tensorboard(folder: pathlib.Path) -> str:
    """The line with the command that shows a folder's events."""
    return f"TensorBoard  tensorboard --logdir={shlex.quote(str(folder))}"


def _rows(folder: pathlib.Path) -> Sequence[Mapping[str, str]]:
    from keras_fool.runs import run_records

    with errors.reported(ValueError):
        return run_records.RunRecords(folder).rows


def _joined(lines: Sequence[str], summary: str, remark: str, folder: pathlib.Path) -> str:
    return (
        "\n" + "\n".join(lines) + f"\n\n{summary}\n{remark}run folder   {folder}\n"
        f"gallery      {folder / 'gallery.png'}\n{tensorboard(folder)}"
    )
