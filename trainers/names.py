"""Names that users give: checked when they enter, compared, found in texts, suggested.

Names of labels come from cards, files, folders and run folders, which anyone may have written.
Names that were checked here can be printed: they contain nothing that could control a terminal or
break a table or a sheet.
"""

import collections
import difflib
import unicodedata
from collections.abc import Callable, Iterable, Sequence

MAX_LENGTH = 256  # characters of a label's name
# Some scripts join letters with them, and emoji consist of several characters joined by them;
# Python counts them as not printable.
_JOINERS = "\u200c\u200d"
_MAX_SUGGESTED = 3
_MAX_LISTED = 20
_NEAR = 0.6  # similarity, as difflib counts it; the same word with one more letter has 0.9


def shown(text: object) -> str:
    r"""A text that cannot control a terminal: control characters become text such as `\x1b`."""
    return "".join(
        character
        if character.isprintable() or character in _JOINERS
        else character.encode("unicode_escape").decode("ascii")
        for character in str(text)
    )


def checked_labels(found: object, source: object) -> tuple[str, ...]:
    """Checks names of labels, which may come from anyone.

    Two labels may have the same name, as in ImageNet (two are called crane).

    Args:
        found: The names.
        source: Where they are from, for the message.

    Raises:
        ValueError: It is not a list of names, or one of them is not a text, is empty, longer than
            `MAX_LENGTH` or has characters that cannot be printed.
    """
    if not isinstance(found, list | tuple) or not found:
        raise ValueError(f"{source} must be a list of names of labels, got {_short(found)}.")
    for number, name in enumerate(found):
        if not isinstance(name, str):
            raise ValueError(f"{source}: the name of label {number} must be a text, not {name!r}.")
        if not name.strip():
            raise ValueError(f"{source}: the name of label {number} is empty.")
        if len(name) > MAX_LENGTH:
            raise ValueError(
                f"{source}: the name of label {number} has {len(name)} characters, more than "
                f"{MAX_LENGTH}: {_short(name)}."
            )
        if shown(name) != name:
            raise ValueError(
                f"{source}: the name of label {number} has characters that cannot be printed: "
                f"{name!a}."
            )
    return tuple(found)


def plain(name: str) -> str:
    """A name as others are compared with it: without capitals, underscores, wide spaces.

    One letter may be written as several characters (file systems do it); they are one here.
    """
    folded = unicodedata.normalize("NFKC", name).casefold().replace("_", " ")
    return " ".join(folded.split())


def places(wanted: Sequence[str], names: Sequence[str]) -> list[list[int]]:
    """The indices of some names among others.

    Returns:
        For each wanted name the indices of equal names; if there is none, those of all names that
        only differ in capitals, spaces and underscores.
    """
    exact, alike = collections.defaultdict(list), collections.defaultdict(list)
    for place, name in enumerate(names):
        exact[name].append(place)
        alike[plain(name)].append(place)
    return [exact.get(name) or alike.get(plain(name), []) for name in wanted]


def separated(text: str, is_one: Callable[[str], bool], separator: str = ",") -> list[str]:
    """The parts of a list; a part that is the name of something is not divided.

    Args:
        text: "a,b,c".
        is_one: Whether a part is the name of something that exists, even if it has separators. The
            longest such part is taken.
        separator: What is between the parts.

    Returns:
        The parts, without spaces around them; [""] for an empty text.
    """
    pieces, parts, start = text.split(separator), [], 0
    while start < len(pieces):
        # A part that is not such a name ends at the next separator.
        for end in range(len(pieces), start, -1):
            part = separator.join(pieces[start:end]).strip()
            if end == start + 1 or (part and is_one(part)):
                parts.append(part)
                start = end
                break
    return parts


def near(word: str, known: Iterable[str]) -> list[str]:
    """The known names that may have been meant by a word, the most likely first."""
    by_plain = collections.defaultdict(list)
    for name in known:
        by_plain[plain(name)].append(name)
    wanted = plain(word)
    alike = difflib.get_close_matches(wanted, by_plain, _MAX_SUGGESTED, _NEAR)
    if len(wanted) > 2:
        alike += [name for name in by_plain if wanted in name and name not in alike]
    return [by_plain[name][0] for name in alike[:_MAX_SUGGESTED]]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """, did you mean NAME?", with the names that may have been meant; "" if there are none."""
    alike = [shown(name) for name in near(word, known)]
    return f", did you mean {' or '.join(alike)}?" if alike else ""


def unknown(kind: str, word: str, known: Sequence[str], also: Sequence[str] = ()) -> str:
    """Says that a name is unknown, which one may have been meant, and which names are known.

    Args:
        kind: What is named, such as "data set".
        word: The unknown name.
        known: The known names; if there are many, the first ones are listed.
        also: More known names, which are suggested but not listed.
    """
    suggested = did_you_mean(word, [*known, *also])
    listed = [shown(name) for name in known[:_MAX_LISTED]]
    more = f", ... {shown(known[-1])}" if len(known) > _MAX_LISTED else ""
    begun = f"unknown {kind} {word!r}{f'{suggested} Known' if suggested else '; known'}"
    return f"{begun}: {', '.join(listed) or 'none'}{more}."


def _short(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def within(words: str) -> str:
    """Words as they stand within a sentence: with a small first letter, or an abbreviation's."""
    return words if words[1:2].isupper() else f"{words[:1].lower()}{words[1:]}"
