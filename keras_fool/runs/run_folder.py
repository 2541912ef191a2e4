"""A run folder while its run is under way: locked, continued, and in the end completed.

    config.json      every setting that shapes the result, versions, what scored
    checkpoint/      the newest complete states
    images/run_000/last/label_3.png, ...
    metrics.csv, ... tables that grow by rows
    gallery.png, and of many labels best.png
    SHA256SUMS       of all of these, and of champions.csv
    champions.csv    a row per image; written last: with it the run is complete

A run killed at any moment and started again on its folder ends with the same bytes as
one never interrupted: tables only grow and are cut back to their length at the newest
whole checkpoint, every other file appears whole in one rename. So no file holds a time.

A run that is complete goes on where a longer one is asked for, from its last checkpoint: to the
bytes of one that was as long from the start. The files that its end wrote are written again.

A checkpoint has the SHA-256 of what it builds on, such as the tables until then: where they
are other ones now, the run does not go on.
"""

import contextlib
import hashlib
import pathlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from keras_fool.runs import (
    champion_png,
    checkpoints,
    checksums,
    files,
    jobs,
    run_kinds,
    run_records,
    tables,
    workdir,
)

# The length of a table at a checkpoint in bytes, and their SHA-256; None where it is not known.
_Kept = tuple[int | None, str | None]

_IMAGES_THAT_TAKE_TIME = 100


class RunFolder:
    """One run folder, held by this process alone until the context is left.

    Attributes:
        path, settings, about, note: As they were given.
        image_sums: SHA-256 of the images that are written, by their names in the folder.
        champions: The rows of champions.csv; none before the run is complete.
    """

    def __init__(
        self,
        path: pathlib.Path,
        settings: Mapping[str, object],
        about: Mapping[str, object],
        note: Callable[[str], None],
    ):
        """Creates the folder, or opens one of the same settings, or of a shorter run.

        Args:
            path: The folder; its parents are made.
            settings: What shapes the result, as JSON values, nested or not.
            about: What is recorded besides.
            note: Told, in a sentence, what the user should know.

        Raises:
            ValueError: The folder holds something else, a run of other settings (the first
                that differs is named), or a run that another process is writing.
            OSError: It cannot be made or written.
        """
        self.path, self.settings, self.about, self.note = path, settings, about, note
        self.image_sums: dict[str, str] = {}
        self._tables: dict[str, files.GrowingFile] = {}
        self.champions: Sequence[Mapping] = ()
        self._table_keys = ("", "")
        self._checkpoints = checkpoints.CheckpointFolder(path / "checkpoint")
        self._lock = workdir.opened(path, settings, about, note, may_grow=True)

    def __enter__(self) -> "RunFolder":
        return self

    def __exit__(self, *_) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(self._lock.close)
            for table in self._tables.values():
                stack.callback(table.close)

    def resume(self, record: jobs.Record) -> dict[str, np.ndarray] | None:
        """Opens the tables; gives the newest whole state, or None where a run begins.

        Raises:
            ValueError: There are checkpoints but none is whole, or what the newest one builds
                on is missing or damaged.
        """
        self._table_keys = record.table_keys
        state = self._checkpoints.resume(self.note)
        if state is None:
            kept: Mapping[str, _Kept] = dict.fromkeys(record.headers, (None, None))
            run_records.announce_repair(self.path, has_state=False, note=self.note)
            if any((self.path / name).exists() for name in record.headers):
                self.note(f"{self.path} has no checkpoint: its run begins again.")
            # Whatever an earlier start left: what is written now is of this one.
            workdir.write_config(self.path, self.settings, self.about)
        else:
            kept = self._recorded_tables(state, list(record.headers))
            record.restore(state)
        for name, header in record.headers.items():
            self._tables[name] = files.GrowingFile(self.path / name, header, *kept[name])
        if state is not None:
            workdir.lengthen(self.path, self.settings)
            run_records.announce_repair(self.path, has_state=True, note=self.note)
        return state

    def _recorded_tables(
        self, state: dict[str, np.ndarray], names: Sequence[str]
    ) -> dict[str, _Kept]:
        """Lengths and SHA-256 of tables; None in checkpoints from before there were any."""
        if not names:
            return {}
        lengths, sums = (state.pop(key, None) for key in self._table_keys)
        if (
            lengths is None
            or lengths.size != len(names)
            or lengths.dtype.kind != "i"
            or (lengths < 0).any()
            or (sums is not None and (sums.size != len(names) or sums.dtype.kind != "U"))
        ):
            raise ValueError(f"the newest checkpoint in {self.path} is not one of this run.")
        digests = [None] * len(names) if sums is None else sums.ravel().tolist()
        kept = zip(lengths.ravel().tolist(), digests, strict=True)
        return dict(zip(names, kept, strict=True))

    def append(self, table: str, rows: str) -> None:
        """Adds whole lines to a table."""
        self._tables[table].append(rows)

    def rewrite(self, table: str, change: Callable[[str], str], header: str) -> None:
        """Changes a table as a whole; from the next checkpoint on it is known of.

        Args:
            table: Its file's name.
            change: Its whole text -> the new text.
            header: The first line of a new table.
        """
        path = self.path / table
        self._tables[table].sync()
        text = change(path.read_text("utf-8"))
        self._tables[table].close()
        files.write(path, text.encode())
        files.sync_folder(self.path)
        self._tables[table] = files.GrowingFile(path, header, len(text.encode()))

    def say_writing(self, count: int) -> None:
        """Says that the last images are being written, where that takes more than a moment."""
        if count >= _IMAGES_THAT_TAKE_TIME:
            self.note(f"writing {count:,} images, and drawing {run_kinds.GALLERY}.")

    def write_images(self, champions: Mapping[str, champion_png.Champion]) -> dict[str, str]:
        """Writes images as PNG files, each whole; gives their SHA-256.

        Args:
            champions: The images by their names in the folder.
        """
        pngs = {self.path / name: champion_png.encode(image) for name, image in champions.items()}
        folders = {path.parent for path in pngs}
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        files.write_all(pngs)
        for folder in folders:
            files.sync_folder(folder)
        sums = {
            path.relative_to(self.path).as_posix(): hashlib.sha256(png).hexdigest()
            for path, png in pngs.items()
        }
        self.image_sums |= sums
        return sums

    def checkpoint(
        self, state: Mapping[str, np.ndarray], of_record: Mapping[str, np.ndarray]
    ) -> None:
        """Makes everything so far durable: from here the run can go on.

        Args:
            state: The job's.
            of_record: The record's, of all that it has written.
        """
        builds_on = {}
        if self._tables:
            synced = zip(*(table.sync() for table in self._tables.values()), strict=True)
            arrays = (np.squeeze(np.array(values)) for values in synced)
            builds_on = dict(zip(self._table_keys, arrays, strict=True))
        self._checkpoints.save({**state, **builds_on, **of_record})

    def complete(self, rows: Sequence[Mapping], sheets: Mapping[str, bytes]) -> None:
        """Writes what is written last, after the last checkpoint and all images.

        Args:
            rows: Of champions.csv.
            sheets: The contact sheets, PNG files, by their names.
        """
        for name, png in sheets.items():
            files.write(self.path / name, png)
        # How many checkpoints there were depends on how fast the machine was.
        self._checkpoints.keep(1)
        files.sync_folder(self.path)
        champions = tables.champions_table(rows).encode()
        sums = {
            **self.image_sums,
            **self._checkpoints.sums(),
            **{name: table.sync()[1] for name, table in self._tables.items()},
            **{name: hashlib.sha256(png).hexdigest() for name, png in sheets.items()},
            workdir.CHAMPIONS: hashlib.sha256(champions).hexdigest(),
        }
        files.write(self.path / checksums.FILE, checksums.text(sums))
        files.write(self.path / workdir.CHAMPIONS, champions)
        files.sync_folder(self.path)
        self.champions = rows


def is_complete(path: pathlib.Path, settings: Mapping[str, object]) -> bool:
    """Whether the run of these settings in `path` is complete, with all of its files.

    One of fewer generations is not: it goes on.

    Raises:
        ValueError: The folder holds something else, or a run of other settings, or one from
            before there were checksums that is damaged.
        OSError: A file in it cannot be read.
    """
    complete = workdir.status(path, settings, may_grow=True) is workdir.Status.COMPLETE
    return complete and run_records.is_whole(path)
