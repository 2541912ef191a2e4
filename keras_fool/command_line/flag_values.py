"""Values of shared flags that need more of a check than their type, refused in one line."""

import pathlib
from collections.abc import Iterable
from typing import Any

from absl import flags

from keras_fool import errors
from keras_fool.command_line import common_flags, flag_groups, path_flags
from keras_fool.models import label_names
from trainers import datasets


def given(holders: Iterable[flags.FlagHolder | flag_groups.Told]) -> dict[str, Any]:
    """The values of those flags that are given, as `keras_fool.fool` takes them, by name."""
    found = (flags.FLAGS[holder.name] for holder in holders)
    return {flag.name: flag.value for flag in found if flag.present and flag.value is not None}


def dataset() -> str:
    """--dataset, where a command needs one.

    Raises:
        UsageError: It is missing, or there is no data set of that name.
    """
    name = common_flags.DATASET.value
    if name is None:
        raise errors.UsageError(f"give --dataset ({', '.join(datasets.NAMES)}).")
    with errors.reported(ValueError, as_error=errors.UsageError):
        datasets.check_name(name)
    return name


def labels() -> tuple[str, ...] | None:
    """The names in the file --label_names; None without it.

    Raises:
        ValueError: As `label_names.read` does.
    """
    path = common_flags.LABEL_NAMES.value
    return None if path is None else label_names.read(pathlib.Path(path))


def run_folders() -> list[pathlib.Path]:
    """--images, where a command needs run folders.

    Raises:
        UsageError: It is missing, or names an empty folder.
    """
    if not common_flags.IMAGES.value:
        raise errors.UsageError("give --images=RUN_FOLDER, a folder that evolve or ascend wrote.")
    with errors.reported(ValueError, as_error=errors.UsageError):
        return path_flags.run_folders(common_flags.IMAGES.value)


def score_batch() -> int | None:
    """--score_batch; None for auto.

    Raises:
        UsageError: It is neither auto nor a number from 1.
    """
    value = common_flags.SCORE_BATCH.value
    if value == "auto":
        return None
    if not value.isdecimal() or int(value) < 1:
        raise errors.UsageError(f"--score_batch must be auto or at least 1, got {value!r}.")
    return int(value)


def new_output(default: str, suffix: str = "") -> pathlib.Path:
    """--output, which is replaced only with --overwrite.

    Args:
        default: What is written without --output.
        suffix: How a file's name must end.

    Raises:
        UsageError: The name ends otherwise.
        UserError: It exists, and --overwrite is not given.
    """
    output = pathlib.Path(common_flags.OUTPUT.value or default)
    if not output.name.endswith(suffix):
        raise errors.UsageError(f"--output must end in {suffix}, got {output}.")
    if output.exists() and not common_flags.OVERWRITE.value:
        raise errors.UserError(f"{output} exists; choose another --output, or give --overwrite.")
    return output


def workdir(default: pathlib.Path) -> pathlib.Path:
    """--workdir, or the folder that a command works in without it."""
    given = common_flags.WORKDIR.value
    return default if given is None else pathlib.Path(given)
