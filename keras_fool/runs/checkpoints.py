"""Complete states of a run on disk: the two newest, each known to be whole or not.

A checkpoint is one `.npz` without objects, named `generation_<number>-<digest>.npz` by
the SHA-256 of its bytes, so that it and its checksum appear in the same rename.
"""

import hashlib
import pathlib
import re
from collections.abc import Callable

import numpy as np

from keras_fool.runs import files

_KEPT = 2
_NAME = re.compile(r"generation_(\d+)-([0-9a-f]{32})\.npz")


class CheckpointFolder:
    """The checkpoints of one run."""

    def __init__(self, folder: pathlib.Path):
        self._folder = folder
        self._whole = []  # oldest first; only what this process has written or read

    def newest(self) -> tuple[dict[str, np.ndarray] | None, list[pathlib.Path]]:
        """Reads the newest checkpoint that is whole.

        Returns:
            Its arrays, or None where no checkpoint was ever written, and the damaged
            checkpoints that are newer.

        Raises:
            ValueError: There are checkpoints, and none is whole.
        """
        damaged = []
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

    def save(self, generation: int, arrays: dict[str, np.ndarray]) -> None:
        """Adds a checkpoint and removes all but the newest two that are whole.

        Raises:
            OSError: It could not be written; the earlier ones stay.
        """
        self._folder.mkdir(exist_ok=True)
        part = self._folder / "newest.npz.part"
        try:
            with files.named(part), open(part, "wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
            path = self._folder / f"generation_{generation:08d}-{_digest(part)}.npz"
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

    def _paths(self) -> list[pathlib.Path]:
        """What has a checkpoint's name, newest first."""
        found = [path for path in self._folder.glob("*.npz") if _NAME.fullmatch(path.name)]
        return sorted(found, key=lambda path: path.name, reverse=True)


def _read(path: pathlib.Path) -> dict[str, np.ndarray] | None:
    """The arrays of a checkpoint; None where it is not what was written."""
    if _digest(path) != _NAME.fullmatch(path.name)[2]:
        return None
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


def _digest(path: pathlib.Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]
