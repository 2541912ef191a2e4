"""Where a command puts a new classifier: `<output_dir>/<name>/<version>/`."""

import pathlib
import re

from keras_fool import errors


def new(output_dir: str, name: str | None, version: int) -> pathlib.Path:
    """The folder of a classifier that is not there yet.

    Args:
        output_dir: Where all classifiers are.
        name: A folder in it; None where the user gave none.
        version: A folder in that.

    Raises:
        UsageError: The name is missing or no name for a folder.
        UserError: Such a classifier is there already.
    """
    if name is None:
        raise errors.UsageError("give the classifier a --name, such as --name=mnist_a.")
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
        raise errors.UsageError(
            f"--name must be of letters, digits, '_', '-' and '.', got {name!r}."
        )
    base = pathlib.Path(output_dir) / name
    target = base / str(version)
    if target.exists():
        free = version
        while (base / str(free)).exists():
            free += 1
        raise errors.UserError(
            f"{target} is there already and was not changed. Give --version={free}, or another "
            "--name."
        )
    return target
