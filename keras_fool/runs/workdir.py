"""The run folder, whatever runs in it: its settings, its lock, how far it is.

    config.json      every setting that shapes the result, versions, what scored
    champions.csv    written last: with it the run is complete

`run_folder` says what else is in it. A folder may come from anyone: `config` reads it, and
`opened` looks for links before anything is written.
"""

import contextlib
import enum
import fcntl
import hashlib
import importlib.metadata
import json
import os
import pathlib
import platform
from collections.abc import Callable, Iterator, Mapping
from typing import IO

from keras_fool import foreign_files
from keras_fool.runs import environment, files

_VERSIONS_OF = ("keras_fool", "tensorflow", "keras", "numpy", "numba", "neat-python", "pillow")
CHAMPIONS = "champions.csv"
CONFIG = "config.json"
_LOCK = ".lock"
_SHA256, _ENVIRONMENT = "sha256", "environment"
# Where the classifier was found does not belong to a run: it may move.
_NOT_HASHED = (_SHA256, "classifier_spec", "classifier_path")
# What is recorded besides the settings and must be the same to go on.
_COMPARED = ("labels", "image_shape")
# How long a run is: it goes on where more is asked for, to what a longer run had come to.
_LENGTHS = ("generations",)
# What an evolution's settings call the number of its operators (`evolvers.searches.OPERATORS`).
_OPERATORS = "operators"


def opened(
    path: pathlib.Path,
    settings: Mapping[str, object],
    about: Mapping[str, object],
    note: Callable[[str], None],
    *,
    may_grow: bool = False,
) -> IO[bytes]:
    """Creates a folder with its config.json, or opens one of the same settings.

    Args:
        path: The folder; its parents are made.
        settings: What shapes the result, as JSON values, nested or not.
        about: What is recorded besides.
        note: Told, in a sentence, what the user should know.
        may_grow: As `status` takes it.

    Returns:
        What holds the folder for this process alone, until it is closed.

    Raises:
        ValueError: The folder holds something else, or what other settings or another
            environment made, or links, or another process is writing it.
        OSError: It cannot be made or written.
    """
    status(path, settings, may_grow=may_grow)
    path.mkdir(parents=True, exist_ok=True)
    files.refuse_links(path)
    lock = _locked(path)
    try:
        # Once more, now that no other process writes.
        if status(path, settings, may_grow=may_grow) is Status.NEW:
            write_config(path, settings, about)
        else:
            begun = config(path)
            for name in _COMPARED:
                here = json.loads(json.dumps(about.get(name)))
                if name in about and begun.get(name, here) != here:
                    raise ValueError(
                        f"{path} was begun with other {name}: {foreign_files.shown(begun[name])} "
                        f"there and {foreign_files.shown(here)} here."
                    )
            if _computes_here(settings):
                environment.compare(begun.get(_ENVIRONMENT), path)
            _compare_versions(begun["versions"], note)
            spec = about.get("classifier_spec")
            if spec is not None and begun.get("classifier_spec", spec) != spec:  # it has moved
                _write(path, {**begun, "classifier_spec": spec})
    except BaseException:
        lock.close()
        raise
    return lock


def write_config(
    path: pathlib.Path, settings: Mapping[str, object], about: Mapping[str, object]
) -> None:
    """Writes the config.json of a run that begins now.

    Raises:
        OSError: It cannot be written.
    """
    content = {
        "settings": settings,
        **about,
        _ENVIRONMENT: environment.recorded() if _computes_here(settings) else {},
        "versions": versions(),
    }
    content = json.loads(json.dumps(content))
    _write(path, {**content, _SHA256: _digest(content)})


def lengthen(path: pathlib.Path, settings: Mapping[str, object]) -> None:
    """Makes a run longer, where these settings ask for more: complete before, it is so no more.

    Args:
        path: The folder, opened with `settings`; what a longer run builds on is known to be there.
        settings: As `opened` took them.

    Raises:
        OSError: A file cannot be written or removed.
    """
    begun = config(path)
    here = json.loads(json.dumps(settings))
    if begun["settings"] == here:
        return
    (path / CHAMPIONS).unlink(missing_ok=True)  # first: with it a run is complete
    files.sync_folder(path)
    begun["settings"] = here
    if _SHA256 in begun:
        begun[_SHA256] = _digest(begun)
    _write(path, begun)


def _write(path: pathlib.Path, content: Mapping[str, object]) -> None:
    files.write(path / CONFIG, (json.dumps(content, indent=2) + "\n").encode())
    files.sync_folder(path)


def config(path: pathlib.Path) -> dict:
    """The content of config.json: `settings`, `versions`, and what else was recorded.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged, or was changed since it was written.
    """
    file = path / CONFIG
    begun = foreign_files.json_object(file)
    for name in ("settings", "versions"):
        if not isinstance(begun.get(name), dict):
            raise ValueError(f"{file} is damaged: expected an object {name} in it.")
    for name, version in begun["versions"].items():
        if not isinstance(version, str):
            raise ValueError(f"{file} is damaged: expected text as version of {name!r}.")
    hashed = is_hashed(begun) or _SHA256 in begun
    if hashed and begun.get(_SHA256) != _digest(begun):
        raise ValueError(
            f"{file} is damaged: it is not what was written, as its {_SHA256} does not fit. Put "
            "a copy of the file in its place."
        )
    return begun


def is_hashed(begun: Mapping[str, object]) -> bool:
    """Whether a folder with this config.json has checksums; those of before have none."""
    return _ENVIRONMENT in begun


def _digest(content: Mapping[str, object]) -> str:
    hashed = {name: value for name, value in content.items() if name not in _NOT_HASHED}
    return hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest()


def _computes_here(settings: Mapping[str, object]) -> bool:
    """Whether what is scored or trained is computed by this process: not by an endpoint."""
    scorer = settings.get("scorer")
    return not (isinstance(scorer, Mapping) and "endpoint" in scorer)


class Status(enum.Enum):
    """How far the run of a folder is."""

    NEW = "new"
    BEGUN = "begun"
    COMPLETE = "complete"


def status(path: pathlib.Path, settings: Mapping[str, object], *, may_grow: bool = False) -> Status:
    """How far the run of these settings in a folder is; writes nothing.

    Args:
        path: The folder.
        settings: As `opened` takes them.
        may_grow: Whether a run of fewer generations is the same one, that has only begun.

    Raises:
        ValueError: The folder holds something else, or a run of other settings, or a longer one.
    """
    if not (path / CONFIG).is_file():
        ours = {_LOCK, f".{CONFIG}.part"}
        if path.is_dir() and any(entry.name not in ours for entry in path.iterdir()):
            raise ValueError(f"{path} holds other files and no run; choose another --workdir.")
        return Status.NEW
    there = dict(flat(config(path)["settings"]))
    here = dict(flat(json.loads(json.dumps(settings))))
    longer = False
    for name in [*here, *there]:
        if there.get(name) != here.get(name):
            begun, wanted = there.get(name), here.get(name)
            if may_grow and name in _LENGTHS and type(begun) is int and type(wanted) is int:
                if begun < wanted:
                    longer = True
                    continue
                raise ValueError(
                    f"{path} holds a run of {begun} {name}, more than {wanted}: "
                    f"--{name} can be raised, not lowered. Choose another --workdir for a shorter "
                    "run."
                )
            if name == _OPERATORS:  # which nobody can set
                raise ValueError(
                    f"{path} holds a run of another version of keras_fool, which bred other "
                    "children with these settings. Go on with that version, or choose another "
                    "--workdir."
                )
            raise ValueError(
                f"{path} holds a run of other settings: {name} is "
                f"{foreign_files.shown(there.get(name))} there and "
                f"{foreign_files.shown(here.get(name))} here. Give the settings it was begun "
                "with, or another --workdir."
            )
    complete = (path / CHAMPIONS).is_file() and not longer
    return Status.COMPLETE if complete else Status.BEGUN


def recorded_settings(path: pathlib.Path) -> Mapping[str, object] | None:
    """The settings that the run of a folder was begun with; None where there is none.

    Raises:
        ValueError: They are damaged.
    """
    return config(path)["settings"] if (path / CONFIG).is_file() else None


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
                f"this run was begun with {name} {foreign_files.shown(begun[name])[1:-1]} and "
                f"goes on with {version}: its last digits may depend on that."
            )


def _locked(path: pathlib.Path) -> IO[bytes]:
    """The lock file, held until it is closed or this process ends, however it ends."""
    with files.named(path / _LOCK):
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        lock = open(os.open(path / _LOCK, flags, 0o666), "r+b", buffering=0)  # noqa: SIM115
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise ValueError(f"another process is writing {path}; wait for it, or stop it.") from None
    return lock
