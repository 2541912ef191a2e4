"""Labels of one list found in another one: by their names, or, without names, by their order.

Two classifiers may know the same labels in different orders, and so may a classifier and a
data set. Whatever compares their labels by number would be wrong without a word.
"""

import dataclasses
from collections.abc import Sequence

from trainers import names

_MOST_NAMED = 3


@dataclasses.dataclass(frozen=True)
class Order:
    """Where the labels of one list stand in another one.

    Attributes:
        places: int [labels]; by label of the one list, its place in the other, each once.
        by_name: Whether their names say so; if not, label 0 is taken for label 0, and so on.
    """

    places: tuple[int, ...]
    by_name: bool

    @property
    def is_same(self) -> bool:
        """Whether every label has its own place."""
        return self.places == tuple(range(len(self.places)))


def are_numbers(labels: Sequence[str]) -> bool:
    """Whether labels are called by their own numbers, which is what those without names are."""
    return all(label == str(number) for number, label in enumerate(labels))


def find(labels: Sequence[str], among: Sequence[str], labels_of: str, among_of: str) -> Order:
    """Finds labels among others.

    Args:
        labels: Their names, in order.
        among: The names among which each is looked for; there may be more of them.
        labels_of: Whose `labels` are, for the message.
        among_of: Likewise for `among`.

    Returns:
        Where each is. By name where each of them is there, but for capitals, spaces and
        underscores; in their order where one of the lists has numbers for names and no
        name is in both.

    Raises:
        ValueError: Some labels are not there, or not once; the message names them.
    """
    numbers = tuple(range(len(labels)))
    if len(labels) <= len(among) and tuple(labels) == tuple(among[: len(labels)]):
        return Order(numbers, by_name=True)  # even where two labels have one name
    found = names.places(labels, among)
    missing = [label for label, places in zip(labels, found, strict=True) if not places]
    unsure = [label for label, places in zip(labels, found, strict=True) if len(places) > 1]
    taken = [places[0] for places in found if len(places) == 1]
    twice = [among[place] for place in set(taken) if taken.count(place) > 1]
    if not missing and not unsure and not twice:
        return Order(tuple(taken), by_name=True)
    has_numbers = are_numbers(labels) or are_numbers(among)
    if has_numbers and len(missing) == len(labels) and len(labels) <= len(among):
        return Order(numbers, by_name=False)
    if missing:
        hints = [_with_hint(label, among) for label in missing[:_MOST_NAMED]]
        more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
        problem = f"has no {', '.join(hints)}{more}, which {labels_of} has"
    else:
        several = (unsure or twice)[0]
        problem = f"has {several} for more than one label, or {labels_of} has"
    raise ValueError(
        f"{among_of} {problem}: labels are compared by their names, so each must have the same "
        "one in both, or one of them must have none. --label_names gives a classifier others."
    )


def taken(labels: Sequence[str], among: Sequence[str], order: Order) -> str:
    """Which label is taken for which, for a user to look at: "0 = circle, 1 = cross"."""
    pairs = [f"{among[place]} = {label}" for label, place in zip(labels, order.places, strict=True)]
    shortened = [*pairs[:_MOST_NAMED], "...", pairs[-1]] if len(pairs) > 10 else pairs
    return ", ".join(shortened)


def _with_hint(label: str, among: Sequence[str]) -> str:
    hint = names.did_you_mean(label, among).removeprefix(", ")
    return f"{label} ({hint})" if hint else label


def check_same(name: str, known: Sequence[str] | None, given: Sequence[str]) -> None:
    """Other names for labels are the user's choice; the same in another order are an error.

    Args:
        name: The classifier's.
        known: The names that its labels have already; None for none.
        given: The names that the user gives them.

    Raises:
        ValueError: They are.
    """
    if known is None or len(known) != len(given):
        return
    plain = [[names.plain(label) for label in some] for some in (known, given)]
    if plain[0] != plain[1] and sorted(plain[0]) == sorted(plain[1]):
        first = next(place for place in range(len(known)) if plain[0][place] != plain[1][place])
        raise ValueError(
            f"the labels of {name} have these names already, in another order: label "
            f"{first} is {known[first]}, not {given[first]}."
        )
