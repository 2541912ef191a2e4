"""What an audit's page shows of detectors, the best first."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keras_fool.pages import audit_labels, charts, wording
from keras_fool.pages.pictures import Picture

_ATTACKS = ("cppn", "pixels", "ascent")
_MAX_PICTURES = 10


def shown_files(detector: Mapping[str, Any]) -> list[str]:
    """The PNG files of a detector's adaptive attack that the page shows."""
    return list((detector["adaptive"] or {}).get("files", []))[:_MAX_PICTURES]


def view(report: Mapping[str, Any], by_file: Mapping[str, Picture]) -> dict[str, Any]:
    """What templates need.

    Args:
        report: What is in audit.json.
        by_file: What shows a PNG file.
    """
    level = audit_labels.main_level(report["how_easily"])
    detectors = sorted(report["detectors"], key=lambda one: _rank(one, level))
    kinds: dict[str, str] = {}
    for detector in detectors:
        for row in detector["static"]:
            kinds.setdefault(row["images"], row["title"])
    judged = [_judged(one, level) for one in detectors if not one["not_done"]]
    judged = [row for row in judged if row["static"] or row["adaptive"]]
    return {
        "detectors": [_detector(one, by_file) for one in detectors],
        "judged": judged and [_without(report["how_easily"], level), *judged],
        "kinds": [{"name": name, "title": title} for name, title in kinds.items()],
        "matrix": _matrix(detectors, list(kinds)),
    }


def key_figures(detectors: Sequence[Mapping[str, Any]], level: str) -> list[dict[str, str]]:
    """What the best detector leaves, of images made without it and with it."""
    figures = []
    for found, text in (
        (_static, "of labels fooled in spite of {}, by images made without it{}"),
        (_adaptive, "of labels fooled in spite of {}, by images evolved against it, too{}"),
    ):
        left = [(share, one) for one in detectors if (share := found(one, level))]
        if left:
            least, detector = min(left, key=lambda pair: pair[0]["value"])
            least_of = f": the least of {len(left)} detectors" if len(left) > 1 else ""
            text = text.format(detector["title"], least_of)
            figures.append(figure(least, wording.share, text))
    return figures


def figure(
    found: Mapping | None, words: Callable[[float | None], str], text: str
) -> dict[str, str]:
    """A figure of those below the verdict: its number, its interval, and what it is.

    Args:
        found: An interval.
        words: Puts its numbers into words.
        text: What it is.
    """
    ends = wording.bounds(found)
    return {
        "number": words(wording.value(found)),
        "range": f"{words(ends[0])} to {words(ends[1])}" if ends and ends[0] != ends[1] else "",
        "words": text,
    }


def _static(detector: Mapping[str, Any], level: str) -> Mapping | None:
    """What the attack that is best against a detector reaches without knowing of it."""
    found = [
        row["fooled"][level]
        for row in detector["static"]
        if row["images"] in _ATTACKS and wording.value(row["fooled"].get(level)) is not None
    ]
    return max(found, key=lambda one: one["value"], default=None)


def _adaptive(detector: Mapping[str, Any], level: str) -> Mapping | None:
    found = (detector["adaptive"] or {}).get("fooled", {}).get(level)
    return found if wording.value(found) is not None else None


def _rank(detector: Mapping[str, Any], level: str) -> tuple:
    """Of less that is left first, after adaptive attacks, then before, then by AUROC."""
    worst = 2.0

    def left(found: Mapping | None) -> float:
        return found["value"] if found else worst

    areas = [
        area for row in detector["static"] if (area := wording.value(row["auroc"])) is not None
    ]
    return (
        bool(detector["not_done"]),
        left(_adaptive(detector, level)),
        left(_static(detector, level)),
        -statistics.fmean(areas) if areas else 0.0,
    )


def _judged(detector: Mapping[str, Any], level: str) -> dict[str, Any]:
    static, adaptive = _static(detector, level), _adaptive(detector, level)
    return {
        "title": detector["title"],
        "static": static,
        "adaptive": adaptive,
        "median": (detector["adaptive"] or {}).get("median_confidence"),
        "rejected": (detector["threshold"] or {}).get("real_rejected"),
        "marks": _marks(static, adaptive),
        "is_none": False,
    }


def _without(how_easily: Mapping[str, Any], level: str) -> dict[str, Any]:
    """What attacks reach where there is no detector."""
    found = [
        attack["fooled"][level]
        for attack in how_easily["attacks"]
        if wording.value(attack["fooled"].get(level)) is not None
    ]
    best = max(found, key=lambda one: one["value"], default=None)
    return {
        "title": "no detector",
        "static": best,
        "adaptive": None,
        "median": None,
        "rejected": {"value": 0.0},
        "marks": _marks(best, None),
        "is_none": True,
    }


def _marks(static: Mapping | None, adaptive: Mapping | None) -> list[tuple[str, str]]:
    marks = []
    for kind, found, height in (("static", static, 330), ("adaptive", adaptive, 670)):
        if found:
            ends = wording.bounds(found)
            if ends:
                marks.append((f"{kind} from-to", charts.span(*ends, height)))
            marks.append((kind, charts.dots([found["value"]], height)))
    return marks


def _matrix(detectors: Sequence[Mapping[str, Any]], kinds: Sequence[str]) -> list[dict[str, Any]]:
    """AUROC and FPR@95, a row per detector, a cell per kind of image, or None."""
    rows = []
    for detector in detectors:
        by_kind = {row["images"]: row for row in detector["static"]}
        if by_kind:
            rows.append(
                {"title": detector["title"], "cells": [_cell(by_kind.get(kind)) for kind in kinds]}
            )
    for column in range(len(kinds)):
        cells = [row["cells"][column] for row in rows]
        highest = max(cell["area"] for cell in cells)
        for cell in cells:
            cell["best"] = len(cells) > 1 and cell["area"] == highest >= 0
    return rows


def _cell(row: Mapping | None) -> dict[str, Any]:
    area = wording.value(row["auroc"]) if row else None
    return {
        "auroc": area,
        "fpr95": wording.value(row["fpr95"]) if row else None,
        "area": -1.0 if area is None else area,
    }


def _detector(detector: Mapping[str, Any], by_file: Mapping[str, Picture]) -> dict[str, Any]:
    histograms = detector["histograms"]
    if not histograms:
        drawn: dict[str, Any] = {"has_histograms": False}
        paths: dict[str, str] = {}
    else:
        edges, counts = histograms["edges"], histograms["counts"]
        within = (float(edges[0]), float(edges[-1]))
        paths = {name: charts.histogram(edges, found, within) for name, found in counts.items()}
        names = {row["images"]: row["title"] for row in detector["static"]} | {
            "real": "Real images"
        }
        drawn = {
            "has_histograms": True,
            "within": within,
            "real_path": paths.get("real", ""),
            "limit": _limit(detector["threshold"], within),
            "histogram_columns": [(names.get(name, name), found) for name, found in counts.items()],
        }
    return {
        **detector,
        **drawn,
        "rows": [{**row, "path": paths.get(row["images"], "")} for row in detector["static"]],
        "pictures": [by_file[file] for file in shown_files(detector)],
    }


def _limit(threshold: Mapping | None, within: tuple[float, float]) -> str:
    low, high = within
    if threshold is None or not low <= threshold["value"] <= high or low == high:
        return ""
    return f"M{charts.SIDE * (threshold['value'] - low) / (high - low):.1f} 0V{charts.SIDE}"
