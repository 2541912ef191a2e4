"""Flags that are paths, or texts with paths in them: where `~` is the user's folder.

Shells replace `~` only where a word begins, so not in --flag=~/folder.
"""

import os
import pathlib
import re

from absl import flags

from keras_fool import errors
from trainers import names

# Where a path begins in a classifier's name, a data set's or a list.
_BEGINNINGS = re.compile(r"(?:^|(?<=[,:+=]))~[^/,:+=]*(?=/|,|$)")


class Path(flags.ArgumentParser):
    """Parses one path."""

    def parse(self, argument: str) -> str:
        """The path, with the user's folder for `~`.

        Raises:
            ValueError: It is empty.
        """
        if not argument:
            raise ValueError("a path is missing")
        return os.path.expanduser(argument)

    def flag_type(self) -> str:
        """What the flag is."""
        return "path"


class Paths(flags.ArgumentParser):
    """Parses texts with paths in them: `a.keras,~/b.keras:tf`, `folder:~/photographs`."""

    def parse(self, argument: str) -> str:
        """The text, with the user's folder for `~` wherever a path begins."""
        if os.path.exists(argument):
            return argument
        return _BEGINNINGS.sub(lambda found: os.path.expanduser(found[0]), argument)

    def flag_type(self) -> str:
        """What the flag is."""
        return "paths"


def run_folders(text: str) -> list[pathlib.Path]:
    """The folders in "a,b"; one that exists may have commas in its name.

    Raises:
        MisuseError: One is empty.
    """
    found = names.separated(text, os.path.exists)
    if "" in found:
        raise errors.MisuseError(f"--images={text} names an empty folder between its commas.")
    return [pathlib.Path(path) for path in found]
