"""What an audit's page shows of attacks: curves, a row per label, histograms of confidences."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from keras_fool.pages import charts, wording
from keras_fool.sheets import surest
from trainers import names

_LANES = (200, 500, 800)  # heights of the attacks' dots in a row


def main_level(how_easily: Mapping[str, Any]) -> str:
    """The confidence by which the page compares: 99 %, else the highest one."""
    levels = how_easily["levels"]
    return "0.99" if "0.99" in levels else levels[-1]


def view(how_easily: Mapping[str, Any], extremes: Iterable[int]) -> dict[str, Any]:
    """What templates need.

    Args:
        how_easily: That part of audit.json.
        extremes: Numbers of labels; where there are many labels, these are drawn.
    """
    level = main_level(how_easily)
    done = [attack for attack in how_easily["attacks"] if not attack["not_done"]]
    rows = _rows(done, level)
    shown = rows
    if len(rows) > surest.MANY_LABELS:
        by_number = {row["number"]: row for row in rows}
        shown = [by_number[number] for number in dict.fromkeys(extremes) if number in by_number]
    histograms = _histograms(how_easily, done)
    return {
        "attacks": how_easily["attacks"],
        "levels": how_easily["levels"],
        "level": level,
        "done": [{**attack, **_curves(attack, how_easily["levels"])} for attack in done],
        "rows": shown,
        "all_rows": rows,
        "histograms": histograms,
        "histogram_columns": [(row["title"], row["counts"]) for row in histograms],
        "has_real": any(row["name"].startswith("real") for row in histograms),
        "share_ticks": charts.SHARE_TICKS,
        "doubt_ticks": charts.DOUBT_TICKS,
        "sure_ticks": charts.SURE_TICKS,
    }


def _curves(attack: Mapping[str, Any], levels: Sequence[str]) -> dict[str, Any]:
    needed = {
        level: [images for row in attack["labels"] for images in row["images_to"].get(level, [])]
        for level in levels
    }
    known = [images for found in needed.values() for images in found if images is not None]
    axis = charts.LogAxis(
        10 ** (len(str(min(known, default=1))) - 1), max([attack["images_per_run"], *known])
    )
    words = [
        f"{wording.share(wording.value(attack['fooled'].get(level)))} at {wording.threshold(level)}"
        for level in levels
    ]
    return {
        "ticks": axis.ticks,
        "curves": [
            charts.Curve(level, charts.reached(found, axis)) for level, found in needed.items()
        ],
        "curve_words": f"Curves of labels fooled by {names.within(attack['title'])}; in the end "
        f"{', '.join(words)}. The tables above have the numbers.",
    }


def _rows(done: Sequence[Mapping[str, Any]], level: str) -> list[dict[str, Any]]:
    """A row per label that any attack made images for."""
    found: dict[int, dict[str, Any]] = {}
    for place, attack in enumerate(done):
        for one in attack["labels"]:
            row = found.setdefault(
                one["number"],
                {
                    "number": one["number"],
                    "label": one["label"],
                    "marks": [],
                    "medians": [{"confidence": None, "images": None} for _ in done],
                },
            )
            known = [confidence for confidence in one["confidences"] if confidence is not None]
            heights = _LANES if len(done) > 1 else _LANES[1:2]
            dots = charts.dots([charts.doubt_place(c) for c in known], heights[place % 3])
            row["marks"].append((f"s{place % 3}", dots))
            row["medians"][place] = {
                "confidence": statistics.median(known) if known else None,
                "images": _median(one["images_to"].get(level, [])),
                "surest": max(known, default=None),
            }
    for row in found.values():
        row["surest"] = max(
            (one["surest"] for one in row["medians"] if one.get("surest") is not None), default=None
        )
        row["images"] = min(
            (one["images"] for one in row["medians"] if one["images"] is not None), default=None
        )
    return [found[number] for number in sorted(found)]


def _median(images: Sequence[int | None]) -> float | None:
    """The median, where None stands for more than was made."""
    if not images:
        return None
    median = statistics.median(float("inf") if number is None else number for number in images)
    return None if median == float("inf") else median


def _histograms(how_easily: Mapping[str, Any], done: Sequence[Mapping[str, Any]]) -> list[dict]:
    """Rows of confidences: real images, noise, then images of attacks; all of the same edges."""
    baselines = sorted(how_easily["baselines"], key=lambda one: not one["name"].startswith("real"))
    edges = list(charts.CONFIDENCE_EDGES)
    if baselines:
        edges = baselines[0]["histogram"]["edges"]
    rows = [
        {
            **one,
            "median": one["median_confidence"],
            "edges": one["histogram"]["edges"],
            "counts": one["histogram"]["counts"],
        }
        for one in baselines
        if one["histogram"]["edges"] == edges
    ]
    for attack in done:
        known = [
            confidence
            for row in attack["labels"]
            for confidence in row["confidences"]
            if confidence is not None
        ]
        if known:
            rows.append(
                {
                    "name": attack["name"],
                    "title": attack["title"],
                    "num_images": len(known),
                    "median": statistics.median(known),
                    "share_at": {
                        level: charts.share_at_least(known, float(level))
                        for level in how_easily["levels"]
                    },
                    "edges": edges,
                    "counts": charts.binned(known, edges),
                }
            )
    for row in rows:
        is_real = row["name"].startswith("real")
        row["kind"] = "bar-real" if is_real else "bar-fooling"
        row["path"] = charts.confidence_histogram(row["edges"], row["counts"])
    return rows
