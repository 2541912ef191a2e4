"""A new classifier's folder, `<output_dir>/<name>/<version>/`, and its card.json."""

import pathlib
import re
from collections.abc import Mapping

from keras_fool import errors
from trainers import config, sources


def new(output_dir: str, name: str | None, version: int) -> pathlib.Path:
    """The folder of a classifier that does not exist yet.

    Args:
        output_dir: The folder of all classifiers.
        name: A folder in it; None if the user gave none.
        version: A folder in that.

    Raises:
        UsageError: The name is missing, or a folder cannot have it.
        UserError: Such a classifier exists.
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


def card(
    name: str,
    version: int,
    data: sources.Source,
    settings: config.Config,
    *,
    num_test: int,
    test_errors: Mapping[str, float],
    training: Mapping[str, object],
) -> dict[str, object]:
    """What card.json says of a classifier.

    Args:
        name: The classifier's name.
        version: The number of its version.
        data: What it was trained on.
        settings: How it was trained.
        num_test: Images it was tested on.
        test_errors: In per cent, by name.
        training: The settings as JSON values.
    """
    return {
        "name": name,
        "version": version,
        "dataset": data.name,
        "labels": list(data.labels),
        "image_shape": list(data.image_shape),
        "num_train": data.num_train,
        "num_test": num_test,
        **test_errors,
        "seed": settings.seed,
        "training": dict(training),
    }
