"""Labels, seeds and runs that a user names."""

import operator
import re
from collections.abc import Iterable, Sequence

from trainers import names as names_module

ALL = "all"
_MAX_FOR_ALL = 100
_MAX_UNSAID = 20


def labels(text: str, names: Sequence[str]) -> list[int]:
    """The places of labels, in the order given.

    Args:
        text: Labels with commas between them, each a label's number or its name (which may
            have commas in it; capitals and underscores do not matter), or the one word "all".
        names: All names, in order.

    Raises:
        ValueError: A label is unknown (the nearest names are suggested), ambiguous or named
            twice, or all are more than 100.
    """
    known = {names_module.plain(name) for name in names}
    words = names_module.separated(text, lambda part: names_module.plain(part) in known)
    if words == [ALL] and ALL not in known:
        if len(names) > _MAX_FOR_ALL:
            raise ValueError(
                f"all {len(names)} labels are more than {_MAX_FOR_ALL}: name those that are meant."
            )
        return list(range(len(names)))
    found = names_module.places(words, names)
    places = [_place(word, there, names) for word, there in zip(words, found, strict=True)]
    _check_different(places, names)
    return places


def given(wanted: str | int | Sequence[str | int], names: Sequence[str]) -> list[int]:
    """The places of labels, in the order given.

    Args:
        wanted: A text as `labels` takes it; or a number or name, or several of them, where a
            number is a label's number and a text its name, or else its number.
        names: All names, in order.

    Raises:
        TypeError: One is neither a whole number nor text.
        ValueError: As `labels` says, or there is none.
    """
    if isinstance(wanted, str):
        return labels(wanted, names)
    each = list(wanted) if isinstance(wanted, Iterable) else [wanted]
    if not each:
        raise ValueError("no labels are given: at least one is needed.")
    places = [_given(label, names) for label in each]
    _check_different(places, names)
    return places


def some(wanted: str | int | Sequence[str | int] | None, names: Sequence[str]) -> list[int]:
    """The same, of what is done for few labels: all where they are few, and nothing is said.

    Args:
        wanted: As `given` takes it; None for nothing said.
        names: All names, in order.

    Raises:
        TypeError: As `given` says.
        ValueError: Likewise, or there are more than 20.
    """
    if wanted is not None:
        return given(wanted, names)
    if len(names) > _MAX_UNSAID:
        raise ValueError(f"give --labels: which of the {len(names)} are meant.")
    return list(range(len(names)))


def numbers(words: Sequence[str], flag: str) -> list[int]:
    """The numbers that words such as "0" and "2-4" name, each once, ascending.

    Args:
        words: The words.
        flag: What the user gave them by, for messages.

    Raises:
        ValueError: A word is no number and no range, or there is none.
    """
    found: set[int] = set()
    for word in words:
        matched = re.fullmatch(r"([0-9]+)(?:-([0-9]+))?", word)
        if matched is None:
            raise ValueError(f"{flag} takes numbers such as 0,3,10-19, not {word!r}.")
        first, last = matched[1], matched[2] or matched[1]
        found.update(range(int(first), int(last) + 1))
    if not found:
        raise ValueError(f"{flag} names no number in {','.join(words)!r}.")
    return sorted(found)


def _given(label: object, names: Sequence[str]) -> int:
    if isinstance(label, str):
        return _place(label, names_module.places([label], names)[0], names)
    if isinstance(label, bool) or not hasattr(label, "__index__"):
        raise TypeError(f"a label is its number or its name, got {label!r}.")
    number = operator.index(label)
    if not 0 <= number < len(names):
        raise ValueError(f"there is no label {number}: they are numbered 0 to {len(names) - 1}.")
    return number


def _check_different(places: Sequence[int], names: Sequence[str]) -> None:
    for number, place in enumerate(places):
        if place in places[:number]:
            raise ValueError(f"label {place} ({names[place]}) is named twice.")


def _place(word: str, found: Sequence[int], names: Sequence[str]) -> int:
    # Digits are names as well: those of MNIST are their own numbers.
    if len(found) == 1:
        return found[0]
    if found:
        numbers = " and ".join(map(str, found))
        raise ValueError(f"{word!r} is the name of labels {numbers}: say which by its number.")
    if word.isdecimal():
        if int(word) < len(names):
            return int(word)
        raise ValueError(f"there is no label {word}: they are numbered 0 to {len(names) - 1}.")
    raise ValueError(names_module.unknown("label", word, names))
