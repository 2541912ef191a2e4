"""The labels and seeds that a user names on a command line."""

import difflib
import re
from collections.abc import Sequence

ALL = "all"
_MOST_FOR_ALL = 100
_SUGGESTIONS = 3


def labels(words: Sequence[str], names: Sequence[str]) -> list[int]:
    """The places of labels, in the order given.

    Args:
        words: Each a label's number or its name (capitals and underscores do not matter),
            or the one word "all".
        names: All names, in order.

    Raises:
        ValueError: A label is unknown (the nearest names are suggested), ambiguous or named
            twice, or all are more than 100.
    """
    if list(words) == [ALL]:
        if len(names) > _MOST_FOR_ALL:
            raise ValueError(
                f"all {len(names)} labels are more than {_MOST_FOR_ALL}: name those that are meant."
            )
        return list(range(len(names)))
    places = [_place(word, names) for word in words]
    for number, place in enumerate(places):
        if place in places[:number]:
            raise ValueError(f"label {place} ({names[place]}) is named twice.")
    return places


def seeds(words: Sequence[str]) -> list[int]:
    """The seeds that words such as "0" and "2-4" name, each once, ascending.

    Raises:
        ValueError: A word is neither.
    """
    found = set()
    for word in words:
        numbers = re.fullmatch(r"([0-9]+)(?:-([0-9]+))?", word)
        if numbers is None:
            raise ValueError(f"seeds are numbers such as 0,3,10-19, not {word!r}.")
        first, last = numbers[1], numbers[2] or numbers[1]
        found.update(range(int(first), int(last) + 1))
    if not found:
        raise ValueError(f"no seed is in {','.join(words)!r}.")
    return sorted(found)


def _place(word: str, names: Sequence[str]) -> int:
    plain = [_plain(name) for name in names]
    matching = [place for place, name in enumerate(plain) if name == _plain(word)]
    # Digits are names as well: those of MNIST are their own numbers.
    if len(matching) == 1:
        return matching[0]
    if matching:
        numbers = " and ".join(map(str, matching))
        raise ValueError(f"{word!r} is the name of labels {numbers}: say which by its number.")
    if word.isdecimal():
        if int(word) < len(names):
            return int(word)
        raise ValueError(f"there is no label {word}: they are numbered 0 to {len(names) - 1}.")
    by_name = dict(zip(plain, names, strict=True))
    near = difflib.get_close_matches(_plain(word), plain, _SUGGESTIONS, cutoff=0.5)
    if near:
        suggested = "near it: " + ", ".join(by_name[name] for name in dict.fromkeys(near))
    else:
        more = f", ... {names[-1]}" if len(names) > _SUGGESTIONS else ""
        suggested = "known: " + ", ".join(names[:_SUGGESTIONS]) + more
    raise ValueError(f"unknown label {word!r}; {suggested}.")


def _plain(name: str) -> str:
    return name.replace("_", " ").strip().lower()
