"""Flags under the names that they had until 0.1.0, which work for one release more."""

import itertools
from collections.abc import Iterator, Mapping, Sequence

from absl import flags

from keras_fool import errors

_OF_ANY_MODEL = {"from_logits": "outputs=logits"}
# By command: old name -> new name; with a value, the old one was a flag without a value.
RENAMED = {
    "ascend": {
        **_OF_ANY_MODEL,
        "image_batch": "score_batch",
        "steps_per_checkpoint": "checkpoint_every",
    },
    "confidence": _OF_ANY_MODEL,
    "evolve": {**_OF_ANY_MODEL, "batch": "batch_size"},
    "export": _OF_ANY_MODEL,
    "gallery": {"image_size": "size", "most_runs": "max_runs", "only_labels": "labels"},
    "retrain": {"run_generations": "generations"},
    "train": {"checkpoint_steps": "checkpoint_every", "iterations": "steps"},
}


def replaced(words: Sequence[str], command: str) -> tuple[list[str], list[str]]:
    """A command line in today's names.

    Args:
        words: All that stands behind the program's name.
        command: The command, such as "evolve".

    Returns:
        The words, and what to tell the user of each old name.

    Raises:
        UsageError: A flag is given by its old and by its new name.
    """
    renamed = RENAMED.get(command, {})
    found, told, given = [], {}, set()
    for name, group in _grouped(words, renamed):
        if name not in renamed:
            given.add(name)
            found += group
            continue
        new, has_value, _ = renamed[name].partition("=")
        told[new] = f"--{name} is now --{renamed[name]}"
        if not has_value:
            found += [group[0].replace(name, new, 1), *group[1:]]
        elif _is_true(group[0]):
            found.append(f"--{renamed[name]}")
    for new, words_of_it in told.items():
        if new in given:
            raise errors.UsageError(f"{words_of_it}, and both are given: give the new one alone.")
    return found, list(told.values())


def _grouped(
    words: Sequence[str], renamed: Mapping[str, str]
) -> Iterator[tuple[str | None, list[str]]]:
    """The words of each flag with its name, as absl reads them; None names other words."""
    left = iter(words)
    for word in left:
        name, equals, _ = word.lstrip("-").partition("=")
        if not word.startswith("-") or not name:
            yield None, [word]
            if word == "--":
                yield None, list(left)
            continue
        positive = name.removeprefix("no")
        if "=" in renamed.get(positive, ""):
            yield positive, [word]
        elif not equals and (name in renamed or _takes_value(name)):
            yield name, [word, *itertools.islice(left, 1)]
        else:
            yield name, [word]


def _takes_value(name: str) -> bool:
    return name in flags.FLAGS and not flags.FLAGS[name].boolean


def _is_true(word: str) -> bool:
    """Whether a word such as --flag, --noflag or --flag=false turns its flag on."""
    name, _, value = word.lstrip("-").partition("=")
    return not name.startswith("no") and value.lower() not in ("false", "f", "no", "n", "0")
