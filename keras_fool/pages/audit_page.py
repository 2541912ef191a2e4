"""The page of an audit: one HTML file, from audit.json and the PNG files beside it.

It opens from a folder, asks nothing of any network, and shows all it has without its program,
which only sorts and filters. Names in it are data: a policy in the page allows no other style and
no other program than its own.
"""

import base64
import functools
import hashlib
import importlib.resources
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import jinja2
import markupsafe

from keras_fool.pages import audit_detectors, audit_labels, pictures, wording
from keras_fool.sheets import captions, surest
from trainers import names

SECTIONS = (
    ("verdict", "Verdict"),
    ("model", "What was understood"),
    ("easily", "How easily"),
    ("gallery", "By what"),
    ("real", "Real against fooling"),
    ("detectors", "Detectors"),
    ("transfer", "Transfer"),
    ("limits", "Limits"),
    ("again", "Run it again"),
)
# Bytes of a page of up to ten labels, and of a thousand labels or more: below 2 MB and 10 MB.
_FEW_BYTES, _MANY_BYTES = 1_900_000, 9_500_000
_LEAST_PICTURE_BYTES = 1_000_000  # whatever the words take
# Where pictures go, once it is known how much room the words leave. No name can contain it, as
# names are escaped.
_SPRITES, _REDUCED = "<!--sprites-->", "<!--reduced-->"
# Functions of `wording` that templates call.
_WORDING = (
    *("confidence", "brief", "percent", "share", "count", "number", "threshold"),
    *("prose", "begun", "duration", "day", "value", "bounds"),
)
_MAX_CARDS = 3000
_MAX_STRIP = 10


def html(report: Mapping[str, Any], folder: pathlib.Path) -> str:
    """The page of an audit; the same report and files give the same text.

    Args:
        report: What is in audit.json, valid under its schema.
        folder: Where the PNG files are that it names.

    Raises:
        FileNotFoundError: One of them is not there.
        ValueError: One of them cannot be shown, or its name leads out of the folder.
    """
    attacks, labels = report["how_easily"]["attacks"], report["model"]["labels"]
    extremes = [*report["by_what"]["hardest"], *reversed(report["by_what"]["easiest"])]
    titles = {attack["name"]: attack["title"] for attack in attacks}
    images, left_out = _shown_images(report)
    shown = pictures.find(folder, _files(report, images))
    cards = [_card(image, titles, shown) for image in images]
    words = _template("audit.html").render(
        **{name: report[name] for name in ("settings", "made", "model", "data", "no_data")},
        verdict=report["verdict"],
        checks=report["checks"],
        transfer=[_transfer(one) for one in report["by_what"]["transfer"]],
        transfer_not_done=report["by_what"]["transfer_not_done"],
        titles=titles,
        sections=SECTIONS,
        interval_level=wording.threshold("0.95"),
        sprites=markupsafe.Markup(_SPRITES),
        reduced=markupsafe.Markup(_REDUCED),
        cards=cards,
        left_out=left_out,
        strip=_strip(cards, len(labels), titles),
        key_figures=_key_figures(report),
        hardest=[labels[number] for number in report["by_what"]["hardest"]],
        easiest=[labels[number] for number in report["by_what"]["easiest"]],
        **audit_labels.view(report["how_easily"], extremes),
        **audit_detectors.view(report, shown),
    )
    return _with_pictures(words, shown.values(), len(labels))


def _with_pictures(words: str, shown: Iterable[pictures.Picture], num_labels: int) -> str:
    different = list({picture.key: picture for picture in shown}.values())
    part = min(1.0, max(0.0, (num_labels - 10) / 990))
    left = _FEW_BYTES + part * (_MANY_BYTES - _FEW_BYTES) - len(words.encode())
    uris, reduced = pictures.uris(different, max(round(left), _LEAST_PICTURE_BYTES))
    sprites = _template("sprites.html").render(sprites=zip(different, uris, strict=True))
    note = ""
    if reduced is not None:
        largest = max(max(one.width, one.height) for one in different)
        smaller = f"reduced to {reduced} pixels" if reduced < largest else "compressed with loss"
        note = f", {smaller} here: the PNG files have all"
    return words.replace(_SPRITES, sprites, 1).replace(_REDUCED, note, 1)


def _template(name: str) -> jinja2.Template:
    return _environment().get_template(name)


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("keras_fool.pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {word: getattr(wording, word) for word in _WORDING}
    environment.globals["within"] = names.within
    environment.globals |= {
        "name_of": wording.name,
        "whole": names.shown,
        "needed": _needed,
    }
    style, program = _asset("audit.css"), _asset("audit.js")
    policy = {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": _hash(style),
        "script-src": _hash(program),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    environment.globals |= {
        "css": markupsafe.Markup(style),
        "js": markupsafe.Markup(program),
        "policy": markupsafe.Markup("; ".join(f"{what} {who}" for what, who in policy.items())),
    }
    return environment


def _asset(name: str) -> str:
    file = importlib.resources.files("keras_fool.pages") / "assets" / name
    return file.read_text("utf-8").strip()


def _hash(text: str) -> str:
    """What a Content-Security-Policy calls an inline style or program by."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"


def _shown_images(report: Mapping[str, Any]) -> tuple[list[Mapping], int]:
    """The images of the gallery, the surest first, and how many are not among them."""
    every = sorted(report["by_what"]["images"], key=lambda image: -image["confidence"])
    images = every
    if len(report["model"]["labels"]) > surest.MANY_LABELS:
        images = list(
            {(image["number"], image["attack"]): image for image in reversed(every)}.values()
        )
        images.sort(key=lambda image: (-image["confidence"], image["number"]))
    images = images[:_MAX_CARDS]
    return images, len(every) - len(images)


def _files(report: Mapping[str, Any], images: list[Mapping]) -> list[str]:
    files = [image["file"] for image in images]
    for detector in report["detectors"]:
        files += audit_detectors.shown_files(detector)
    return files


def _card(
    image: Mapping[str, Any], titles: Mapping[str, str], shown: Mapping[str, pictures.Picture]
) -> dict[str, Any]:
    title = titles.get(image["attack"], image["attack"])
    label = wording.name(image["label"])
    sure = wording.confidence(image["confidence"])
    return {
        **image,
        "picture": shown[image["file"]],
        "title": title,
        "is_low": captions.is_low(image["confidence"]),
        "words": f"{names.shown(title)} for {label}: confidence {sure}",
    }


def _strip(cards: list[dict], num_labels: int, attacks: Iterable[str]) -> list[dict]:
    """The surest images of the first attack that made any: one per label, in their order.

    Of many labels, those of the surest different images.
    """
    found: list[dict] = next(
        (of_one for name in attacks if (of_one := [c for c in cards if c["attack"] == name])), []
    )
    best: dict[int, dict] = {}
    for card in found:  # the surest first
        best.setdefault(card["number"], card)
    if num_labels <= _MAX_STRIP:
        return [best[number] for number in sorted(best)]
    different: dict[str, dict] = {}
    for card in best.values():
        different.setdefault(card["picture"].key, card)
    return list(different.values())[:_MAX_STRIP]


def _transfer(one: Mapping[str, Any]) -> dict:
    total = sum(found["num_images"] for found in one["by_attack"].values())
    return {**one, "num_images": total}


def _key_figures(report: Mapping[str, Any]) -> list[dict]:
    """The figures below the verdict."""
    level = audit_labels.main_level(report["how_easily"])
    done = [attack for attack in report["how_easily"]["attacks"] if not attack["not_done"]]
    figures = []
    if done:
        best = max(done, key=functools.partial(_strength, level))
        figures.append(
            audit_detectors.figure(
                best["fooled"].get(level),
                wording.share,
                f"of labels fooled with at least {wording.threshold(level)} by "
                f"{names.within(best['title'])}",
            )
        )
        figures.append(
            audit_detectors.figure(
                best["median_images_to"].get(level),
                _needed_number,
                "images until then, the median over labels and runs (of "
                f"{wording.count(best['images_per_run'])} in a run)",
            )
        )
    return figures + audit_detectors.key_figures(audit_detectors.best_first(report), level)


def _strength(level: str, attack: Mapping[str, Any]) -> tuple[float, ...]:
    """By the share of labels fooled; of equal ones by that at lower levels, as in the verdict."""
    levels = (level, "0.9", "0.5")
    shares = (wording.value(attack["fooled"].get(each)) or 0.0 for each in levels)
    return (*shares, wording.value(attack["median_confidence"]) or 0.0)


def _needed_number(number: float | None) -> str:
    return "not reached" if number is None else wording.count(number)


def _needed(found: Mapping | None) -> markupsafe.Markup:
    """Images needed, with an interval, of which an end may lie beyond what was made."""
    text = _needed_number(wording.value(found))
    if not found or found["low"] is None:
        return markupsafe.escape(text)
    high = "not reached" if found["high"] is None else wording.count(found["high"])
    return markupsafe.Markup("{} <small>{} to {}</small>").format(
        text, wording.count(found["low"]), high
    )
