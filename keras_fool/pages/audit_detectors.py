"""What an audit's page shows of detectors, the best first."""

import dataclasses
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
    detectors = best_first(report)
    kinds: dict[str, str] = {}
    for detector in detectors:
        for row in detector["static"]:
            kinds.setdefault(row["images"], row["title"])
    judged = [
        (one, left)
        for one in detectors
        if not one["not_done"] and (left := _left(one, level)).most is not None
    ]
    return {
        "detectors": [_detector(one, by_file) for one in detectors],
        "judged": [_judged(one, left) for one, left in judged],
        "without": _judged(None, _left_without(report["how_easily"], level)),
        "adaptive_pace": _adaptive_pace(report),
        "kinds": [{"name": name, "title": title} for name, title in kinds.items()],
        "matrix": _matrix(detectors, list(kinds)),
    }


def best_first(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The detectors, the best first; of equal ones that of the verdict."""
    level = audit_labels.main_level(report["how_easily"])
    named = (report["verdict"]["threshold"] or {}).get("detector")

    def rank(one: Mapping[str, Any]) -> tuple:
        *left, area = _rank(one, level)
        return (*left, one["name"] != named, area)

    return sorted(report["detectors"], key=rank)


def key_figures(detectors: Sequence[Mapping[str, Any]], level: str) -> list[dict[str, str]]:
    """What the best detector leaves to all attacks, and to the adaptive one.

    Args:
        detectors: As `best_first` gives them.
        level: The confidence.
    """
    every = [(one["title"], _left(one, level)) for one in detectors if not one["not_done"]]
    figures = []
    for shares, text in (
        ({title: left.most for title, left in every}, "the attack that is best against it"),
        ({title: left.adaptive for title, left in every}, "evolution against both"),
    ):
        known = {title: share for title, share in shares.items() if share is not None}
        if known:
            title = min(known, key=lambda title: known[title]["value"])
            least = f", the best of {len(known)} detectors" if len(known) > 1 else ""
            words = f"of labels fooled in spite of {title}{least}, by {text}"
            figures.append(figure(known[title], wording.share, words))
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


@dataclasses.dataclass(frozen=True)
class _Left:
    """What a detector leaves: intervals of the share of labels fooled by images that it accepts.

    Attributes:
        cppn: By evolved CPPNs that were made without it.
        strongest: By the images of the attack, made without it, that is best against it.
        attack: How that attack's images are called.
        adaptive: By images evolved against it, too.
    """

    cppn: Mapping | None
    strongest: Mapping | None
    attack: str
    adaptive: Mapping | None

    @property
    def most(self) -> Mapping | None:
        """The highest of them."""
        found = [one for one in (self.strongest, self.adaptive) if one is not None]
        return max(found, key=lambda one: one["value"], default=None)


def _left(detector: Mapping[str, Any], level: str) -> _Left:
    static = {
        row["images"]: (row["fooled"].get(level), row["title"])
        for row in detector["static"]
        if row["images"] in _ATTACKS
    }
    adaptive = (detector["adaptive"] or {}).get("fooled", {}).get(level)
    return _strongest(static, adaptive if wording.value(adaptive) is not None else None)


def _left_without(how_easily: Mapping[str, Any], level: str) -> _Left:
    """What is left to attacks where there is no detector: all."""
    static = {
        attack["name"]: (attack["fooled"].get(level), attack["title"])
        for attack in how_easily["attacks"]
    }
    return _strongest(static, None)


def _strongest(static: Mapping[str, tuple[Mapping | None, str]], adaptive: Mapping | None) -> _Left:
    known = {
        name: (found, title)
        for name, (found, title) in static.items()
        if found is not None and wording.value(found) is not None
    }
    strongest, attack = max(known.values(), key=lambda one: one[0]["value"], default=(None, ""))
    return _Left(known.get("cppn", (None, ""))[0], strongest, attack, adaptive)


def _rank(detector: Mapping[str, Any], level: str) -> tuple:
    """Of less that is left first, to all attacks, then to the adaptive one, then by AUROC."""
    worst = {"value": 2.0}
    left = _left(detector, level)
    areas = [
        area for row in detector["static"] if (area := wording.value(row["auroc"])) is not None
    ]
    return (
        bool(detector["not_done"]),
        (left.most or worst)["value"],
        (left.adaptive or worst)["value"],
        -statistics.fmean(areas) if areas else 0.0,
    )


def _judged(detector: Mapping[str, Any] | None, left: _Left) -> dict[str, Any]:
    """A row of the table of what detectors leave; without a detector, of what there is."""
    threshold = detector["threshold"] if detector else None
    return {
        "title": detector["title"] if detector else "no detector",
        "left": left,
        "rejected": (threshold or {}).get("real_rejected") if detector else {"value": 0.0},
        "marks": _marks(left),
        "is_none": detector is None,
    }


def _marks(left: _Left) -> list[tuple[str, str]]:
    marks = []
    for kind, found, height in (
        ("strongest", left.strongest, 200),
        ("static", left.cppn, 500),
        ("adaptive", left.adaptive, 800),
    ):
        if found:
            ends = wording.bounds(found)
            if ends:
                marks.append((f"{kind} from-to", charts.span(*ends, height)))
            marks.append((kind, charts.dots([found["value"]], height)))
    return marks


def _adaptive_pace(report: Mapping[str, Any]) -> dict[str, int | None]:
    """How many images a run of evolution had, without detectors and against them."""
    without = [
        attack["images_per_run"]
        for attack in report["how_easily"]["attacks"]
        if attack["name"] == "cppn" and not attack["not_done"]
    ]
    against = [
        one["adaptive"]["images"] // len(one["adaptive"]["runs"])
        for one in report["detectors"]
        if one["adaptive"] and one["adaptive"]["runs"]
    ]
    return {
        "without": max(without, default=None),
        "least": min(against, default=None),
        "most": max(against, default=None),
    }


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
