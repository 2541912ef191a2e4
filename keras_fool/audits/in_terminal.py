"""What the command says of an audit that is complete."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from keras_fool.audits import settings, verdict
from keras_fool.studies import tables
from trainers import names


def summary(report: Mapping[str, Any], width: int) -> str:
    """The verdict, a table of attacks, one of detectors, and the limits.

    Args:
        report: The audit's.
        width: Of the lines of text, in letters.
    """
    level = settings.SURE
    made = [each for each in report["how_easily"]["attacks"] if each["not_done"] is None]
    attacks = [
        [
            attack["title"],
            _share(attack["fooled"][level]),
            _share(attack["median_confidence"], digits=4),
            _count(attack["median_images_to"][level]),
            f"{attack['images']:,}",
        ]
        for attack in made
    ]
    headings = ["attack", "labels fooled, 99 %", "median confidence", "images to 99 %", "images"]
    facts = "\n\n".join(map(tables.facts, report["model"]["facts"]))
    parts = [f"\n{facts}\n{_accuracy(report['data'], width)}"]
    parts += [_wrapped(report["verdict"]["sentence"], width), tables.aligned(headings, attacks)]
    names_of = [attack["name"] for attack in made]
    fitted = [each for each in report["detectors"] if each["not_done"] is None]
    detectors = [_detector(each, names_of) for each in fitted]
    if detectors:
        parts.append("Labels fooled at 99 % where a detector must accept the image, by attack:\n")
        headings = ["detector", "real rejected", *(attack["title"].split()[0] for attack in made)]
        headings.append("CPPN on both")
        parts.append(tables.aligned(headings, detectors))
    parts.append(_wrapped(f"{report['verdict']['easily']} {report['verdict']['by_what']}", width))
    limits = [_wrapped(words, width - 2, "- ") for words in report["verdict"]["limits"]]
    return "\n".join(parts) + "\n" + "\n".join(limits) + "\n"


def _accuracy(data: Mapping[str, Any] | None, width: int) -> str:
    """How often the classifier is right; nothing where that was not measured."""
    if data is None:
        return ""
    share = 100 * data["accuracy"]["value"]
    words = f"{share:.1f} % of {data['num_judged']:,} images of {names.shown(data['name'])}"
    others = {word: 100 * value for word, value in (data["accuracies"] or {}).items()}
    compared = ", ".join(f"{word} {value:.1f} %" for word, value in others.items())
    if len(others) > 1:
        words += f" (by preprocessing: {compared})"
    return _wrapped(f"right about   {words}", width, indent=14)


def _detector(found: Mapping[str, Any], attacks: Sequence[str]) -> list[str]:
    level = settings.SURE
    static = {row["images"]: row["fooled"][level] for row in found["static"]}
    adaptive = found["adaptive"]
    return [
        found["title"],
        _share(found["threshold"]["real_rejected"]),
        *(_share(static[attack]) for attack in attacks),
        _share(adaptive["fooled"][level]),
    ]


def _share(found: Mapping[str, Any] | None, digits: int | None = None) -> str:
    if found is None or found["value"] is None:
        return tables.NO_VALUE
    return verdict.percent(found["value"]) if digits is None else f"{found['value']:.{digits}f}"


def _count(found: Mapping[str, Any] | None) -> str:
    if found is None or found["value"] is None:
        return tables.NO_VALUE
    return f"{found['value']:,.0f}"


def _wrapped(words: str, width: int, bullet: str = "", indent: int = 0) -> str:
    return textwrap.fill(
        names.shown(words),
        width,
        initial_indent=bullet,
        subsequent_indent=" " * (indent or len(bullet)),
        break_long_words=False,
        break_on_hyphens=False,
    ) + ("" if bullet else "\n")
