"""What ascents found, and the paper's figures, as Markdown and CSV."""

from collections.abc import Mapping, Sequence

import numpy as np

from keras_fool.sheets.captions import percent
from keras_fool.studies import ascents, tables

_THRESHOLDS = (0.9, 0.99, 0.9999)
_ROUNDED = "rounded to bytes"
_COLUMNS = (
    "preset",
    "run",
    "label",
    "label_name",
    "confidence",
    "iterate_confidence",
    "top1_name",
    "top1_confidence",
    "best_confidence",
    "best_iterate_confidence",
    "step_best",
    "step_top1",
    "step_0.99",
    "step_0.999",
    "step_0.9999",
    "gradient_zero_at",
)


def images_csv(rows: Sequence[ascents.Record]) -> bytes:
    """A row per image."""
    return tables.as_csv(_COLUMNS, [[row[column] for column in _COLUMNS] for row in rows])


def figure_table(
    rows: Sequence[ascents.Record], paper: Mapping[int, Sequence[float]], average: float | None
) -> str:
    """The results of a figure, overall and by label.

    Args:
        rows: A row per image.
        paper: The paper's confidences, in [0, 1]: by label those of seed 0 and on.
        average: The paper's average over the images, in per cent; None where it has none.
    """
    parts = [
        tables.markdown(["", "paper", "keras_fool", _ROUNDED], _overall(rows, average)),
        "The columns paper and keras_fool are about the last iterates, whose values are not whole "
        "numbers; the column rounded to bytes is about the images that are stored. Percentages of "
        "single images are cut, not rounded.\n",
    ]
    seeds = sorted({int(row["run"]) for row in rows})
    headings = ["%", *(f"paper, seed {seed}" for seed in seeds if _is_known(paper, seed))]
    headings += [f"keras_fool, seed {seed}" for seed in seeds]
    headings += ["mean of keras_fool"] if len(seeds) > 1 else []
    headings += [_ROUNDED]
    lines = []
    for label in dict.fromkeys(int(row["label"]) for row in rows):
        of_label = [row for row in rows if int(row["label"]) == label]
        known = paper.get(label, ())
        own, rounded = (
            100 * np.mean([float(row[column]) for row in of_label])
            for column in ("iterate_confidence", "confidence")
        )
        lines.append(
            [
                of_label[0]["label_name"],
                *(
                    percent(known[seed], 4).removesuffix(" %") if seed < len(known) else "-"
                    for seed in seeds
                    if _is_known(paper, seed)
                ),
                *(percent_of(row["iterate_confidence"]) for row in of_label),
                *([f"{own:.4f}"] if len(seeds) > 1 else []),
                f"{rounded:.4f}",
            ]
        )
    return "\n".join([*parts, tables.markdown(headings, lines)])


def preset_table(rows: Sequence[ascents.Record]) -> str:
    """A line per preset: how sure, and how soon."""
    lines = []
    for preset in dict.fromkeys(row["preset"] for row in rows):
        of_preset = [row for row in rows if row["preset"] == preset]
        own = np.array([float(row["confidence"]) for row in of_preset])
        lines.append(
            [
                preset,
                len(own),
                f"{100 * own.mean():.3f}",
                percent_of(str(own.min())),
                *((own >= threshold).sum() for threshold in _THRESHOLDS),
                _median_step(of_preset),
            ]
        )
    headings = ["preset", "images", "average, %", "lowest, %"]
    headings += [f"at least {100 * threshold:g} %" for threshold in _THRESHOLDS]
    return tables.markdown([*headings, "median step at 0.99"], lines)


def percent_of(confidence: str) -> str:
    """A confidence of a table as per cent with four digits, without the sign."""
    return percent(float(confidence), 4).removesuffix(" %")


def _overall(rows: Sequence[ascents.Record], average: float | None) -> list[list[object]]:
    known = "-" if average is None else average
    both = [
        np.array([float(row[column]) for row in rows])
        for column in ("iterate_confidence", "confidence")
    ]
    best = [
        np.array([float(row[column]) for row in rows if row[column]])
        for column in ("best_iterate_confidence", "best_confidence")
    ]
    top1 = sum(row["label_name"] == row["top1_name"] for row in rows)
    stopped = sum(row["gradient_zero_at"] != "" for row in rows)
    return [
        ["images", "-", len(rows), len(rows)],
        ["average confidence, %", known, *(f"{100 * values.mean():.3f}" for values in both)],
        ["median, %", "-", *(percent_of(str(np.median(values))) for values in both)],
        ["lowest, %", "-", *(percent_of(str(values.min())) for values in both)],
        *(
            [
                f"images of at least {100 * threshold:g} %",
                "-",
                *((values >= threshold).sum() for values in both),
            ]
            for threshold in _THRESHOLDS
        ),
        [
            "average of each image's best step, %",
            "-",
            *(f"{100 * values.mean():.3f}" for values in best),
        ],
        ["median step of the first 99 %", "-", _median_step(rows), "-"],
        ["images whose gradient became 0", "-", stopped, "-"],
        ["images whose top-1 label is theirs", "-", "-", top1],
    ]


def _median_step(rows: Sequence[ascents.Record]) -> str:
    steps = [int(row["step_0.99"]) for row in rows if row["step_0.99"]]
    return f"{np.median(steps):g} (of {len(steps)} images)" if steps else "-"


def _is_known(paper: Mapping[int, Sequence[float]], seed: int) -> bool:
    return any(seed < len(known) for known in paper.values())
