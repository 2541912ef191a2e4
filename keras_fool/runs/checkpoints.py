"""Complete states of a run on disk: the two newest, each known to be whole or not.

A checkpoint is one `.npz` without objects, named `generation_<number>-<digest>.npz` by
the SHA-256 of its bytes, so that it and its checksum appear in the same rename.
"""

import pathlib
import re
import zipfile
import zlib
from collections.abc import Callable

import numpy as np

from keras_fool import foreign_files
from keras_fool.runs import files

# What reading a file that is not an `.npz` file raises.
_UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)
# What counts in the states of evolutions, ascents and trainings.
_NUMBERS = ("generation", "step")
_KEPT = 2
_NAME = re.compile(r"generation_(\d+)-([0-9a-f]{32})\.npz")


class CheckpointFolder:
    """The checkpoints of one run."""

    def __init__(self, folder: pathlib.Path):
        self._folder = folder
        # Oldest first; only what this process has written or read.
        self._whole: list[pathlib.Path] = []

    def newest(self) -> tuple[dict[str, np.ndarray] | None, list[pathlib.Path]]:
        """Reads the newest checkpoint that is whole.

        Returns:
            Its arrays, or None where no checkpoint was ever written, and the damaged
            checkpoints that are newer.

        Raises:
            ValueError: There are checkpoints, and none is whole.
        """
        damaged: list[pathlib.Path] = []
        for path in self._paths():
            arrays = _read(path)
            if arrays is not None:
                self._whole = [path]
                return arrays, damaged
            damaged.append(path)
        if damaged:
            raise ValueError(
                f"no checkpoint in {self._folder} is whole "
                f"({', '.join(path.name for path in damaged)} damaged): the run cannot be "
                "continued; remove that folder to begin it again."
            )
        return None, []

    def resume(self, note: Callable[[str], None]) -> dict[str, np.ndarray] | None:
        """The newest whole checkpoint's arrays; `note` is told of damaged ones.

        Raises:
            ValueError: There are checkpoints, and none is whole.
        """
        arrays, damaged = self.newest()
        if damaged:
            note(
                f"{' and '.join(path.name for path in damaged)} in {self._folder} is damaged; "
                "going on from the checkpoint before."
            )
        return arrays

    def save(self, arrays: dict[str, np.ndarray]) -> None:
        """Adds a checkpoint and removes all but the newest two that are whole.

        Args:
            arrays: A state; it holds the number of its generation or step.

        Raises:
            OSError: It could not be written; the earlier ones stay.
        """
        self._folder.mkdir(exist_ok=True)
        part = self._folder / "newest.npz.part"
        try:
            with files.named(part), files.create(part) as file:
                np.savez(file, allow_pickle=False, **arrays)
            path = self._folder / f"generation_{_counted(arrays)[0]:08d}-{_digest(part)}.npz"
            files.rename(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        files.sync_folder(self._folder)
        self._whole = [*(other for other in self._whole if other != path), path]
        self.keep(_KEPT)

    def keep(self, number: int) -> None:
        """Removes all but the newest `number` checkpoints that are whole."""
        self._whole = self._whole[-number:]
        for path in self._paths():
            if path not in self._whole:
                path.unlink()

    def sums(self) -> dict[str, str]:
        """The SHA-256 of the checkpoints there are, by their names in the run folder."""
        return {
            f"{self._folder.name}/{path.name}": foreign_files.sha256(path) for path in self._paths()
        }

    def _paths(self) -> list[pathlib.Path]:
        """What has a checkpoint's name, newest first."""
        found = [path for path in self._folder.glob("*.npz") if _NAME.fullmatch(path.name)]
        return sorted(found, key=lambda path: path.name, reverse=True)


def _read(path: pathlib.Path) -> dict[str, np.ndarray] | None:
    """The arrays of a checkpoint; None where it is not what was written."""
    named = _NAME.fullmatch(path.name)
    if named is None:
        return None
    number, digest = named.groups()
    try:
        if _digest(path) != digest:
            return None
        with zipfile.ZipFile(path) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                return None  # a small file could ask for any amount of memory
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        counted = _counted(arrays)
    except (*_UNREADABLE, TypeError):
        return None
    return arrays if counted == [int(number)] else None


def _counted(arrays: dict[str, np.ndarray]) -> list[int]:
    """The number of a state's generation or step."""
    return [int(arrays[name]) for name in _NUMBERS if name in arrays]


def _digest(path: pathlib.Path) -> str:
    return foreign_files.sha256(path)[:32]
