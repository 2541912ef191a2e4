"""Names that users give: checked where they enter, compared, found in texts, suggested.

Names of labels come out of cards, files, folders and run folders, which may be anyone's. What
is checked here is text that can be printed, so that none of it can do anything to a terminal,
a table or a sheet.
"""

import collections
import difflib
import unicodedata
from collections.abc import Callable, Iterable, Sequence

LONGEST = 256  # characters of a label's name
# Scripts join their letters with them, and emoji are made of several; Python prints neither.
_JOINERS = "\u200c\u200d"
_MOST_SUGGESTED = 3
_MOST_LISTED = 20
_NEAR = 0.6  # how alike, as difflib counts it; the same word with a letter more has 0.9


def shown(text: object) -> str:
    r"""A text that a terminal shows and does not obey: control characters become `\x1b`."""
    return "".join(
        character
        if character.isprintable() or character in _JOINERS
        else character.encode("unicode_escape").decode("ascii")
        for character in str(text)
    )


def checked_labels(found: object, source: object) -> tuple[str, ...]:
    """Names of labels that may come from anyone.

    Two labels may have one name, as in ImageNet (two are called crane).

    Args:
        found: What there is.
        source: Where it is from, for the message.

    Raises:
        ValueError: It is no list of names, or one of them is no text, empty, longer than
            `LONGEST` or has characters that cannot be printed.
    """
    if not isinstance(found, list | tuple) or not found:
        raise ValueError(f"{source} must be a list of names of labels, got {_short(found)}.")
    for number, name in enumerate(found):
        if not isinstance(name, str):
            raise ValueError(f"{source}: the name of label {number} must be a text, not {name!r}.")
        if not name.strip():
            raise ValueError(f"{source}: the name of label {number} is empty.")
        if len(name) > LONGEST:
            raise ValueError(
                f"{source}: the name of label {number} has {len(name)} characters, more than "
                f"{LONGEST}: {_short(name)}."
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
    """Where each of some names stands among others.

    Returns:
        For each the places of the very name, or where it is not there of all names that are
        alike but for capitals, spaces and underscores.
    """
    exact, alike = collections.defaultdict(list), collections.defaultdict(list)
    for place, name in enumerate(names):
        exact[name].append(place)
        alike[plain(name)].append(place)
    return [exact.get(name) or alike.get(plain(name), []) for name in wanted]


def separated(text: str, is_one: Callable[[str], bool], separator: str = ",") -> list[str]:
    """The parts of a list, none of which is cut where it is one thing as it stands.

    Args:
        text: "a,b,c".
        is_one: Whether a part is the name of something that exists, whatever is in it. The
            longest part that is one is taken.
        separator: What stands between parts.

    Returns:
        The parts, without spaces around them; [""] of an empty text.
    """
    pieces, parts, start = text.split(separator), [], 0
    while start < len(pieces):
        # What no thing is called that way ends at the next separator.
        for end in range(len(pieces), start, -1):
            part = separator.join(pieces[start:end]).strip()
            if end == start + 1 or (part and is_one(part)):
                parts.append(part)
                start = end
                break
    return parts


def near(word: str, known: Iterable[str]) -> list[str]:
    """The known names that a word may have been meant for, the likeliest first."""
    by_plain = collections.defaultdict(list)
    for name in known:
        by_plain[plain(name)].append(name)
    wanted = plain(word)
    alike = difflib.get_close_matches(wanted, by_plain, _MOST_SUGGESTED, _NEAR)
    if len(wanted) > 2:
        alike += [name for name in by_plain if wanted in name and name not in alike]
    return [by_plain[name][0] for name in alike[:_MOST_SUGGESTED]]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A question for what a word may have been meant, a comma before it; nothing if unclear."""
    alike = [shown(name) for name in near(word, known)]
    return f", did you mean {' or '.join(alike)}?" if alike else ""


def unknown(kind: str, word: str, known: Sequence[str], also: Sequence[str] = ()) -> str:
    """Says that a name is unknown, which one may have been meant, and which there are.

    Args:
        kind: What it should be the name of, such as "data set".
        word: What was given.
        known: The names that there are; of many, the first ones are listed.
        also: Further ones, which are suggested and not listed.
    """
    suggested = did_you_mean(word, [*known, *also])
    listed = [shown(name) for name in known[:_MOST_LISTED]]
    more = f", ... {shown(known[-1])}" if len(known) > _MOST_LISTED else ""
    begun = f"unknown {kind} {word!r}{f'{suggested} Known' if suggested else '; known'}"
    return f"{begun}: {', '.join(listed) or 'none'}{more}."


def _short(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
