"""The run folder: everything that a run leaves on disk, and all that it needs to go on.

    config.json      every setting that shapes the result, versions, what scored
    checkpoint/      the newest complete states
    images/run_000/first/label_3.png, .../last/label_3.png
    metrics.csv      a row per run and generation
    lineage.csv      a row per elite ever accepted
    champions.csv    a row per run and label; written last: with it the run is complete
    gallery.png

A run killed at any moment and started again on its folder ends with the same bytes as
one never interrupted: tables only grow and are cut back to their length at the newest
whole checkpoint, every other file appears whole in one rename. So no file holds a time.
"""

import contextlib
import enum
import fcntl
import importlib.metadata
import io
import json
import pathlib
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO

import numpy as np
from PIL import Image

from evolvers import archive, canvas, genome_json, map_elites
from keras_fool import champion_png, checkpoints, files, tables

_VERSIONS_OF = ("keras_fool", "tensorflow", "keras", "numpy", "numba", "neat-python", "pillow")
_IN_PNG = ("run", "label", "label_name", "confidence", "generation", "id")
CHAMPIONS = "champions.csv"
CONFIG = "config.json"
_LOCK = ".lock"
_LENGTHS = "run_folder/table_bytes"


class RunFolder:
    """One run folder, held by this process alone.

    Attributes:
        path: The folder.
    """

    def __init__(
        self,
        path: pathlib.Path,
        settings: Mapping[str, object],
        about: Mapping[str, object],
        note: Callable[[str], None],
    ):
        """Creates the folder, or opens one of the same settings.

        Args:
            path: The folder; its parents are made.
            settings: What shapes the result, as JSON values, nested or not.
            about: What is recorded besides.
            note: Told, in a sentence, what the user should know.

        Raises:
            ValueError: The folder holds something else, a run of other settings, or a
                run that another process is writing.
            OSError: It cannot be made or written.
        """
        self.path = path
        self._note = note
        self._first_run = settings["first_run"]
        self._tables = []
        self._checkpoints = checkpoints.CheckpointFolder(path / "checkpoint")
        self._lock = opened(path, settings, about, note)

    def resume(self) -> dict[str, np.ndarray] | None:
        """Opens the tables; gives the newest whole state, or None where a run begins.

        Raises:
            ValueError: There are checkpoints but none is whole, or a table is too short.
        """
        arrays = self._checkpoints.resume(self._note)
        metrics, lineage = (None, None) if arrays is None else arrays.pop(_LENGTHS).tolist()
        self._tables = [
            files.GrowingFile(self.path / "metrics.csv", tables.METRICS_HEADER, metrics),
            files.GrowingFile(self.path / "lineage.csv", tables.LINEAGE_HEADER, lineage),
        ]
        return arrays

    def append(self, generation: map_elites.Generation) -> None:
        """Adds a generation's rows to metrics.csv and lineage.csv."""
        metrics, lineage = self._tables
        metrics.append(tables.metrics_rows(generation, self._first_run))
        lineage.append(tables.lineage_rows(generation, self._first_run))

    def write_champions(
        self,
        when: str,
        elites: Sequence[Sequence[archive.Elite]],
        labels: Sequence[str],
        shape: canvas.Canvas,
    ) -> list[dict]:
        """Writes the champions of all runs as PNG files.

        Args:
            when: "first" or "last", the folder's name.
            elites: [runs][niches].
            labels: The names of all labels.
            shape: What they were drawn on.

        Returns:
            The rows of champions.csv.
        """
        rows = []
        for run, champions in enumerate(elites, self._first_run):
            folder = self.path / "images" / f"run_{run:03d}" / when
            folder.mkdir(parents=True, exist_ok=True)
            pngs = {}
            for label, elite in enumerate(champions):
                path = folder / f"label_{label}.png"
                row = tables.champion_row(
                    run, label, elite, labels, path.relative_to(self.path).as_posix()
                )
                about = {name: str(row[name]) for name in _IN_PNG}
                genome = genome_json.dumps(elite.genome, shape)
                champion = champion_png.Champion(elite.image, genome, about)
                pngs[path] = champion_png.encode(champion)
                rows.append(row)
            files.write_all(pngs)
            files.sync_folder(folder)
        return rows

    def checkpoint(self, generation: int, state: Mapping[str, np.ndarray]) -> None:
        """Makes everything so far durable: from here the run can go on."""
        lengths = np.array([table.sync() for table in self._tables])
        self._checkpoints.save(generation, {**state, _LENGTHS: lengths})

    def finish(self, rows: Sequence[Mapping], gallery: Image.Image) -> None:
        """Writes what is written last, after the last checkpoint, and completes the run.

        Args:
            rows: What `write_champions("last", ...)` returned.
            gallery: The contact sheet.
        """
        png = io.BytesIO()
        gallery.save(png, "PNG")
        files.write(self.path / "gallery.png", png.getvalue())
        # How many checkpoints there were depends on how fast the machine was.
        self._checkpoints.keep(1)
        files.sync_folder(self.path)
        files.write(self.path / CHAMPIONS, tables.champions_table(rows).encode())
        files.sync_folder(self.path)

    def close(self) -> None:
        """Closes the tables and lets other processes in."""
        with contextlib.ExitStack() as stack:
            stack.callback(self._lock.close)
            for table in self._tables:
                stack.callback(table.close)


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
