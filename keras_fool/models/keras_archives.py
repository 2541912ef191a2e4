"""What a .keras file says of itself, read without Keras and before memory is spent on it.

A .keras file is a ZIP archive: config.json describes the layers, model.weights.h5 holds
their weights. It may come from a stranger.
"""

import json
import pathlib
import zipfile
from collections.abc import Iterator, Mapping

from keras_fool.models import keras_h5, model_formats

CONFIG, WEIGHTS = model_formats.CONFIG, "model.weights.h5"
_MOST_MEMBERS = 10_000


def check(path: pathlib.Path) -> dict:
    """Checks that a file can be loaded without harm.

    Args:
        path: A .keras file.

    Returns:
        Its config.json.

    Raises:
        ValueError: It is not a .keras file, or would unpack to far more than it holds. The
            message names it.
        OSError: It cannot be read.
    """
    found = config(path)
    with zipfile.ZipFile(path) as archive:
        if WEIGHTS in archive.namelist() and archive.getinfo(WEIGHTS).file_size < 2**31:
            _check_weights(path, archive)
    return found


def config(path: pathlib.Path) -> dict:
    """The description of the layers, config.json.

    Raises:
        ValueError: As `check` does, the weights not looked into.
        OSError: It cannot be read.
    """
    if words := model_formats.refusal(path):
        raise ValueError(f"{path} {words}")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{_no_model(path)} the file is not a Keras archive{_cut(path)}.")
    try:
        with zipfile.ZipFile(path) as archive:
            _check_sizes(path, archive.infolist())
            if CONFIG not in archive.namelist():
                raise ValueError(f"there is no {CONFIG} in it")
            size = archive.getinfo(CONFIG).file_size
            if size > keras_h5.LARGEST_CONFIG:
                most = keras_h5.LARGEST_CONFIG
                raise ValueError(f"its {CONFIG} has {size:,} bytes, and at most {most:,} are read")
            found = json.loads(archive.read(CONFIG))
    except RecursionError:
        raise ValueError(f"{_no_model(path)} its {CONFIG} is nested too deep.") from None
    except (ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"{_no_model(path)} {reason.removesuffix('.')}.") from None
    if not isinstance(found, dict) or "class_name" not in found:
        raise ValueError(f"{_no_model(path)} its {CONFIG} describes no model.")
    return found


def objects(config: object) -> Iterator[Mapping]:
    """Every layer, function and so on that a config.json describes, the outer ones first."""
    left = [config]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            if "class_name" in value:
                yield value
            left.extend(reversed(value.values()))
        elif isinstance(value, list):
            left.extend(reversed(value))


def _cut(path: pathlib.Path) -> str:
    with open(path, "rb") as file:
        was_one = file.read(2) == b"PK"
    return " any more: it is cut off or damaged" if was_one else ""


def _no_model(path: pathlib.Path) -> str:
    return f"{path} is not a model that loads safely:"


def _check_sizes(path: pathlib.Path, members: list[zipfile.ZipInfo]) -> None:
    if len(members) > _MOST_MEMBERS:
        raise ValueError(f"it has {len(members):,} members, at most {_MOST_MEMBERS:,} are usual")
    packed, unpacked = path.stat().st_size, sum(member.file_size for member in members)
    if unpacked > max(keras_h5.WORTH_A_LOOK, keras_h5.MAX_EXPANSION * packed):
        raise ValueError(
            f"its {packed:,} bytes unpack to {unpacked:,}; weights never shrink to less than a "
            f"{keras_h5.MAX_EXPANSION}th"
        )


def _check_weights(path: pathlib.Path, archive: zipfile.ZipFile) -> None:
    try:
        problem = keras_h5.weights_problem_of(archive.read(WEIGHTS))
    except (OSError, RuntimeError, ValueError, KeyError, zipfile.BadZipFile) as error:
        problem = f"its weights are damaged: {error}."
    if problem:
        raise ValueError(f"{_no_model(path)} {problem}")


def weight_bytes(path: pathlib.Path) -> int:
    """How large the file of weights in an archive is."""
    with zipfile.ZipFile(path) as archive:
        return archive.getinfo(WEIGHTS).file_size if WEIGHTS in archive.namelist() else 0
