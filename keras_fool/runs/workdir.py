"""The run folder, whatever runs in it: its settings, its lock, how far it is.

    config.json      every setting that shapes the result, versions, what scored
    champions.csv    written last: with it the run is complete

What else is in it say `evolution_folder`, `ascent_folder` and `training_folder`.
"""

import contextlib
import enum
import fcntl
import importlib.metadata
import json
import pathlib
import platform
from collections.abc import Callable, Iterator, Mapping
from typing import IO

from keras_fool.runs import files

_VERSIONS_OF = ("keras_fool", "tensorflow", "keras", "numpy", "numba", "neat-python", "pillow")
CHAMPIONS = "champions.csv"
CONFIG = "config.json"
_LOCK = ".lock"


def opened(
    path: pathlib.Path,
    settings: Mapping[str, object],
    about: Mapping[str, object],
    note: Callable[[str], None],
) -> IO[str]:
    """Creates a folder with its config.json, or opens one of the same settings.

    Args:
        path: The folder; its parents are made.
        settings: What shapes the result, as JSON values, nested or not.
        about: What is recorded besides.
        note: Told, in a sentence, what the user should know.

    Returns:
        What holds the folder for this process alone, until it is closed.

    Raises:
        ValueError: The folder holds something else, or what other settings made, or
            another process is writing it.
        OSError: It cannot be made or written.
    """
    status(path, settings)
    path.mkdir(parents=True, exist_ok=True)
    lock = _locked(path)
    try:
        config = path / CONFIG
        if status(path, settings) is Status.NEW:  # once more, now that nobody else writes
            content = {"settings": settings, **about, "versions": versions()}
            files.write(config, (json.dumps(content, indent=2) + "\n").encode())
            files.sync_folder(path)
        else:
            _compare_versions(json.loads(config.read_text("utf-8"))["versions"], note)
    except BaseException:
        lock.close()
        raise
    return lock


class Status(enum.Enum):
    """How far the run of a folder is."""

    NEW = "new"
    BEGUN = "begun"
    COMPLETE = "complete"


def status(path: pathlib.Path, settings: Mapping[str, object]) -> Status:
    """Looks whether a run of these settings can begin or go on in a folder; writes nothing.

    Raises:
        ValueError: The folder holds something else, or a run of other settings.
    """
    config = path / CONFIG
    if not config.is_file():
        ours = {_LOCK, f".{CONFIG}.part"}
        if path.is_dir() and any(entry.name not in ours for entry in path.iterdir()):
            raise ValueError(f"{path} holds other files and no run; choose another --workdir.")
        return Status.NEW
    there = dict(flat(_begun(config)["settings"]))
    here = dict(flat(json.loads(json.dumps(settings))))
    for name in [*here, *there]:
        if there.get(name) != here.get(name):
            raise ValueError(
                f"{path} holds a run of other settings: {name} is {there.get(name)!r} there and "
                f"{here.get(name)!r} here. Give the settings it was begun with, or another "
                "--workdir."
            )
    return Status.COMPLETE if (path / CHAMPIONS).is_file() else Status.BEGUN


def recorded_settings(path: pathlib.Path) -> Mapping[str, object] | None:
    """The settings that the run of a folder was begun with; None where there is none.

    Raises:
        ValueError: They are damaged.
    """
    config = path / CONFIG
    return _begun(config)["settings"] if config.is_file() else None


def _begun(config: pathlib.Path) -> dict:
    try:
        begun = json.loads(config.read_text("utf-8"))
        dict(flat(begun["settings"]))
        begun["versions"].items()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{config} is damaged ({error!r}): the run cannot be continued."
        ) from error
    return begun


def flat(settings: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """The innermost values of nested settings, named like `scorer.sha256`."""
    for name, value in settings.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value = dict(enumerate(value))
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def versions() -> dict[str, str]:
    """The versions that results may depend on."""
    found = {"python": platform.python_version()}
    for name in _VERSIONS_OF:
        # keras_fool itself need not be installed: it runs in its checkout, too.
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def _compare_versions(begun: Mapping[str, str], note: Callable[[str], None]) -> None:
    for name, version in versions().items():
        if begun.get(name, version) != version:
            note(
                f"this run was begun with {name} {begun[name]} and goes on with "
                f"{version}: its last digits may depend on that."
            )


def _locked(path: pathlib.Path) -> IO[str]:
    """The lock file, held until it is closed or this process ends, however it ends."""
    lock = open(path / _LOCK, "w")  # noqa: SIM115
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise ValueError(f"another process is writing {path}; wait for it, or stop it.") from None
    return lock
