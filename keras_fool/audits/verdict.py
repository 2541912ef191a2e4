"""What an audit comes to, in words: the verdict, its limits, and the checks for CI.

Everything here follows from the report's figures alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from keras_fool.audits import settings
from trainers import names

Report = Mapping[str, Any]

_DIGITS = {level: level.removeprefix("0.").ljust(2, "0") for level in settings.LEVELS}
# By the name of a check, what it is about and the level.
_FOOLED = {f"fooled{digits}": level for level, digits in _DIGITS.items()}
_LEFT = {f"left{digits}": level for level, digits in _DIGITS.items()}
CHECKS = (*_FOOLED, *_LEFT)
# Shares of labels from which on words change.
_EASILY, _MOSTLY = 0.9, 0.5
_KEPT_OUT = 0.1
_MOST_NAMED = 3


def report(found: Report) -> dict[str, Any]:
    """The verdict as JSON.

    Args:
        found: The rest of the report.
    """
    strongest, best = _strongest(found), _best(found)
    fooled = _share(strongest["fooled"]) if strongest else None
    return {
        "sentence": f"{_opening(found, strongest, fooled)}, and {_ending(found, best, fooled)}.",
        "easily": _easily(found, strongest),
        "by_what": _by_what(found),
        "helps": _helps(found, best),
        "threshold": _threshold(best),
        "limits": _limits(found),
    }


def checks(found: Report, limits: Mapping[str, float]) -> list[dict[str, Any]]:
    """What --fail_over asks for, as JSON.

    Args:
        found: The report, its verdict not needed.
        limits: By names out of `CHECKS`, the largest share that passes.
    """
    made = []
    for name, limit in limits.items():
        if name in _FOOLED:
            value = _most_fooled(found, _FOOLED[name])
        else:
            value = _least_left(found, _LEFT[name])
        passed = value is not None and value <= limit
        made.append({"name": name, "value": value, "limit": limit, "passed": passed})
    return made


def failures(made: Sequence[Mapping[str, Any]]) -> str | None:
    """The checks that did not pass, in a line; None where all did."""
    words = [
        f"{check['name']} is {check['value']:.4g}, over {check['limit']:g}"
        if check["value"] is not None
        else f"{check['name']} could not be measured, and was to be at most {check['limit']:g}"
        for check in made
        if not check["passed"]
    ]
    return f"{'; '.join(words)} (--fail_over)." if words else None


def limits(text: str) -> dict[str, float]:
    """The limits in "fooled99:0.5,left99:0.2".

    Raises:
        ValueError: It names no known check, or no share.
    """
    found: dict[str, Any] = {}
    for part in text.split(","):
        name, _, value = part.strip().partition(":")
        try:
            found[name] = float(value)
        except ValueError:
            found[name] = value
    return checked_limits(found)


def checked_limits(found: Mapping[str, Any]) -> dict[str, float]:
    """Limits by name, each a share.

    Raises:
        ValueError: One is of no known check, or no share.
    """
    for name, limit in found.items():
        is_share = isinstance(limit, int | float) and not isinstance(limit, bool)
        if name not in CHECKS or not is_share or not 0 <= limit <= 1:
            raise ValueError(
                f"--fail_over takes names of checks and shares in 0..1 such as fooled99:0.5, got "
                f"{name}:{limit}. The names are {', '.join(CHECKS)}."
            )
    return {name: float(limit) for name, limit in found.items()}


def percent(share: float) -> str:
    """A share in words: only what is all of it is 100 %, and only what is nothing is 0 %."""
    if 0.995 <= share < 1:
        return "over 99 %"
    if 0 < share < 0.005:
        return "under 1 %"
    return f"{100 * share:.0f} %"


def _made(found: Report) -> list[Mapping[str, Any]]:
    return [attack for attack in found["how_easily"]["attacks"] if attack["not_done"] is None]


def _share(by_level: Mapping[str, Any], level: str = settings.SURE) -> float:
    return float(by_level[level]["value"])


def _strongest(found: Report) -> Mapping[str, Any] | None:
    def strength(attack: Mapping[str, Any]) -> tuple[float, ...]:
        shares = [_share(attack["fooled"], level) for level in (settings.SURE, "0.9", "0.5")]
        return (*shares, attack["median_confidence"]["value"])

    return max(_made(found), key=strength, default=None)


def _attacked(found: Report) -> list[Mapping[str, Any]]:
    """The detectors that were attacked together with the classifier."""
    return [each for each in _tried(found) if each["adaptive"]["not_done"] is None]


def _tried(found: Report) -> list[Mapping[str, Any]]:
    """The detectors that were fitted; where some were attacked, too, these alone."""
    every = [each for each in found["detectors"] if each["not_done"] is None]
    return [each for each in every if each["adaptive"]["not_done"] is None] or every


def left(detector: Mapping[str, Any], level: str = settings.SURE) -> tuple[float, str]:
    """What a detector leaves to the attack that is worst for it, and which one that is, in words.

    Args:
        detector: A detector that was fitted, as the report has it.
        level: The confidence.
    """
    shares = {
        row["title"]: _share(row["fooled"], level)
        for row in detector["static"]
        if row["fooled"][level] is not None
    }
    adaptive = detector["adaptive"]
    if adaptive["not_done"] is None:
        shares["evolution against it"] = _share(adaptive["fooled"], level)
    worst = max(shares, key=lambda title: shares[title], default="")
    return shares.get(worst, 1.0), names.within(worst)


def _best(found: Report) -> Mapping[str, Any] | None:
    """The detector that leaves least to the attack that is worst for it."""

    def key(each: Mapping[str, Any]) -> tuple[float, ...]:
        adaptive = each["adaptive"]
        alone = 1.0 if adaptive["not_done"] else _share(adaptive["fooled"])
        return *(left(each, level)[0] for level in (settings.SURE, "0.9", "0.9999")), alone

    return min(_tried(found), key=key, default=None)


def _most_fooled(found: Report, level: str) -> float | None:
    return max((_share(attack["fooled"], level) for attack in _made(found)), default=None)


def _least_left(found: Report, level: str) -> float | None:
    return min((left(each, level)[0] for each in _tried(found)), default=None)


def _opening(found: Report, strongest: Report | None, fooled: float | None) -> str:
    name, budget = found["model"]["name"], found["settings"]["budget"]
    within = f"within a budget of {budget:,} images"
    if strongest is None or fooled is None:
        return f"{name} was not attacked"
    labels = found["model"]["labels"]
    of_labels = f"{percent(fooled)} of labels with at least 99 % confidence"
    if fooled >= _EASILY:
        word = "is easily fooled"
    elif fooled >= _MOSTLY:
        word = "is fooled for most labels"
    elif fooled > 0:
        word = "is fooled for some labels"
    else:
        most = percent(strongest["median_confidence"]["value"])
        return (
            f"{name} was fooled for none of its {len(labels)} labels with at least 99 % confidence "
            f"{within} (the strongest attack's median confidence is {most})"
        )
    return f"{name} {word}: {within}, {names.within(strongest['title'])} fooled it for {of_labels}"


def _ending(found: Report, best: Report | None, fooled: float | None) -> str:
    if best is None:
        return "no detector was tried"
    share, worst = left(best)
    number = len(_tried(found))
    which = f"the best of {number}, {best['title']}," if number > 1 else best["title"]
    leaves = f"{which} leaves {percent(share)} of labels fooled by {worst}"
    if not fooled and not share:
        return "so no detector had anything to stop"
    if not fooled:
        return f"with a detector, {leaves}"
    if share >= _EASILY * fooled:
        return f"no detector helps: {leaves}"
    if best["adaptive"]["not_done"] is not None:
        return f"no detector was attacked, too: {leaves}"
    if share <= _KEPT_OUT:
        return f"a detector helps: {leaves}"
    return f"a detector helps in part: {leaves}"


def _easily(found: Report, strongest: Report | None) -> str:
    if strongest is None:
        return "No attack was made."
    parts = []
    for attack in _made(found):
        fooled, images = attack["fooled"][settings.SURE], attack["median_images_to"][settings.SURE]
        words = f"{attack['title']} fooled {_with_interval(fooled)} of labels with at least 99 %"
        if images["value"] is not None:
            words += f", the median one after {images['value']:,.0f} images of a run"
        parts.append(words)
    noise = [each for each in found["how_easily"]["baselines"] if each["name"] != "real_wrong"]
    noise = [each for each in noise if each["name"] != "real_right"]
    shares = [each["share_at"][settings.SURE] for each in noise]
    plain = f"Of plain noise it takes {percent(max(shares))} for some label with as much, at most."
    first, *others = parts
    return f"{'; '.join([first, *map(names.within, others)])}. {plain}"


def _by_what(found: Report) -> str:
    by_what, labels = found["by_what"], found["model"]["labels"]
    parts = []
    if len(labels) > 2:
        most = min(_MOST_NAMED, len(labels) // 2)
        for word in ("easiest", "hardest"):
            named = ", ".join(labels[number] for number in by_what[word][:most])
            parts.append(f"The {word} label{'s were' if most > 1 else ' was'} {named}.")
    parts += [
        f"{each['reference']} gives {_with_interval(each['matched'])} of the images the same label."
        for each in by_what["transfer"]
    ]
    if by_what["transfer_not_done"]:
        parts.append(by_what["transfer_not_done"])
    return " ".join(parts)


def _helps(found: Report, best: Report | None) -> str:
    if best is None:
        reasons = {each["not_done"] for each in found["detectors"]}
        return f"No detector was tried. {' '.join(sorted(reasons)[:1])}".strip()
    each = sorted(_tried(found), key=lambda one: left(one)[0])
    worst = "; ".join(f"{one['title']} {percent(left(one)[0])} ({left(one)[1]})" for one in each)
    words = (
        "Of labels with at least 99 % confidence, this is what each detector leaves fooled to the "
        f"attack that is worst for it: {worst}."
    )
    attacked = sorted(_attacked(found), key=lambda one: _share(one["adaptive"]["fooled"]))
    if not attacked:
        return f"{words} {best['adaptive']['not_done']}"
    shares = ", ".join(
        f"{one['title']} {percent(_share(one['adaptive']['fooled']))}" for one in attacked
    )
    return f"{words} Evolution against classifier and detector together alone leaves: {shares}."


def _threshold(best: Report | None) -> dict[str, Any] | None:
    if best is None:
        return None
    chosen = best["threshold"]
    kept = ("value", "low", "high", "level", "real_rejected")
    return {
        "detector": best["name"],
        "title": best["title"],
        **{name: chosen[name] for name in kept},
        "file": best["file"],
    }


def _limits(found: Report) -> list[str]:
    chosen = found["settings"]
    said = [
        f"An attack that failed within {chosen['budget']:,} images may succeed with more, and so "
        "may attacks that were not made, such as small changes of real images (adversarial "
        "examples).",
        f"Intervals of evolved images are by resampling {chosen['runs']} runs, which are few: they "
        "say how much runs differ, and hardly more.",
    ]
    if found["no_data"]:
        said.append(found["no_data"])
    elif found["data"]:
        said.append(
            f"Thresholds, and what they cost, hold for images like those of "
            f"{found['data']['name']}."
        )
    said += [
        f"{attack['title']} was not tried: {names.within(attack['not_done'])}"
        for attack in found["how_easily"]["attacks"]
        if attack["not_done"]
    ]
    attacked = _attacked(found)
    if attacked:
        said.append(
            "Detectors were attacked by evolution of CPPNs alone; a detector that withstood it may "
            "fall to another attack."
        )
        number, every = attacked[0]["adaptive"]["num_labels"], len(found["model"]["labels"])
        if number < every:
            said.append(f"Detectors were attacked for {number} of {every} labels.")
    missing = [each["title"] for each in found["detectors"] if each["not_done"]]
    if missing and len(missing) < len(found["detectors"]):
        said.append(f"Not tried, for reasons that are given there: {', '.join(missing)}.")
    return said


def _with_interval(found: Mapping[str, Any]) -> str:
    value, low, high = (found[name] for name in ("value", "low", "high"))
    if value is None:
        return "no share"
    if low is None or high is None or low == high:
        return percent(value)
    return f"{percent(value)} ({percent(low)} to {percent(high)})"
