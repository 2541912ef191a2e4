"""What commands print as next steps, taken apart."""

import importlib
import pathlib
import re
import shlex

from absl import flags
from absl.testing import flagsaver


def found_in(text: str) -> list[list[str]]:
    """The command lines behind "next", each as [command, arguments...]; all of them possible.

    Raises:
        AssertionError: There is none, or one is not a command line, or names a path that is not
            there.
    """
    first, *others = text.partition("\nnext  ")[2].splitlines()
    lines = [first, *(line for line in others if line.startswith(" " * 13))]
    steps = []
    for line in lines:
        python, option, module, *arguments = shlex.split(line)
        assert (python, option) == ("python", "-m")
        uses = {flag.name for flag in importlib.import_module(module).USES}
        with flagsaver.flagsaver():
            left = flags.FLAGS([module, *arguments])[1:]
            assert {name for name in flags.FLAGS if flags.FLAGS[name].present} <= uses
        for path in [*left, *_paths(arguments)]:
            assert pathlib.Path(path).exists(), path
        steps.append([module.removeprefix("keras_fool."), *arguments])
    return steps


def _paths(arguments: list[str]) -> list[str]:
    """The folders and files that flags name; a name of a classifier is none, nor is a number."""
    texts = [argument.partition("=")[2] for argument in arguments]
    values = [value for text in texts for value in text.split(",")]
    return [value for value in values if re.search(r"[/.](?!\d+$)", value) and "://" not in value]
