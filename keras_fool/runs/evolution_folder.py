"""The run folder of an evolution: what it leaves on disk, and all that it needs to go on.

    config.json      every setting that shapes the result, versions, what scored
    checkpoint/      the newest complete states
    images/run_000/first/label_3.png, .../last/label_3.png
    metrics.csv      a row per run and generation; its column not_finite is there from when an
                     image had a NaN or infinite confidence
    lineage.csv      a row per elite ever accepted
    gallery.png
    SHA256SUMS       of all of these, and of champions.csv
    champions.csv    a row per run and label; written last: with it the run is complete

A run killed at any moment and started again on its folder ends with the same bytes as
one never interrupted: tables only grow and are cut back to their length at the newest
whole checkpoint, every other file appears whole in one rename. So no file holds a time.

A checkpoint has the SHA-256 of what it builds on, the tables until then and the images of the
first generation: where they are other ones now, the run does not go on.
"""

import contextlib
import hashlib
import io
import itertools
import pathlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from PIL import Image

from evolvers import archive, canvas, genome_json, map_elites
from keras_fool import foreign_files
from keras_fool.runs import (
    champion_png,
    checkpoints,
    checksums,
    files,
    run_records,
    tables,
    workdir,
)

_IN_PNG = ("run", "label", "label_name", "confidence", "generation", "id")
_TABLES = (run_records.METRICS, run_records.LINEAGE)
_LENGTHS = "run_folder/table_bytes"
_TABLE_SUMS = "run_folder/table_sha256"
_FIRST_SUMS = "run_folder/first_sha256"


class EvolutionFolder:
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
        self._settings, self._about = settings, about
        self._first_run = settings["first_run"]
        self._tables = []
        # SHA-256 by file, of the images of the first and of the last generation.
        self._first_sums, self._last_sums = {}, {}
        self._counts_not_finite = False
        self._checkpoints = checkpoints.CheckpointFolder(path / "checkpoint")
        self._lock = workdir.opened(path, settings, about, note)

    def resume(self) -> dict[str, np.ndarray] | None:
        """Opens the tables; gives the newest whole state, or None where a run begins.

        Raises:
            ValueError: There are checkpoints but none is whole, or what the newest one builds
                on is missing or damaged.
        """
        arrays = self._checkpoints.resume(self._note)
        if arrays is None:
            run_records.announce_repair(self.path, has_state=False, note=self._note)
            self._begin()
            return None
        lengths, table_sums = self._recorded_tables(arrays)
        self._first_sums = self._recorded_firsts(arrays.pop(_FIRST_SUMS, None))
        self._counts_not_finite = "not_finite" in arrays
        if not self._counts_not_finite:
            self._take_column_away()
        headers = (tables.METRICS_HEADER, tables.LINEAGE_HEADER)
        for name, header, length, digest in zip(_TABLES, headers, lengths, table_sums, strict=True):
            table = files.GrowingFile(self.path / name, header, length, digest)
            self._tables.append(table)
        run_records.announce_repair(self.path, has_state=True, note=self._note)
        return arrays

    def _begin(self) -> None:
        if (self.path / _TABLES[0]).exists():
            self._note(f"{self.path} has no checkpoint: its run begins again.")
        # Whatever an earlier start left: what is written now is of this one.
        workdir.write_config(self.path, self._settings, self._about)
        self._tables = [
            files.GrowingFile(self.path / run_records.METRICS, tables.METRICS_HEADER),
            files.GrowingFile(self.path / run_records.LINEAGE, tables.LINEAGE_HEADER),
        ]

    def _recorded_tables(self, arrays: dict[str, np.ndarray]) -> tuple[list[int], list[str | None]]:
        """Lengths and SHA-256 of the tables; None in checkpoints from before there were any."""
        lengths, sums = arrays.pop(_LENGTHS, None), arrays.pop(_TABLE_SUMS, None)
        fits = lengths is not None and lengths.shape == (2,) and lengths.dtype.kind == "i"
        if sums is not None:
            fits = fits and sums.shape == (2,) and sums.dtype.kind == "U"
        if not fits or (lengths < 0).any():
            raise ValueError(f"the newest checkpoint in {self.path} is not one of an evolution.")
        return lengths.tolist(), [None, None] if sums is None else sums.tolist()

    def _recorded_firsts(self, sums: np.ndarray | None) -> dict[str, str]:
        """SHA-256 of the first generation's images, which must be there."""
        runs = range(self._first_run, self._first_run + self._settings["runs"])
        niches = range(self._settings.get("num_niches", len(self._about["labels"])))
        names = [
            run_records.image_file(run, label, "first")
            for run, label in itertools.product(runs, niches)
        ]
        if sums is None:  # from before there were any
            for name in names:
                champion_png.check_whole(self.path / name)
            return {name: foreign_files.sha256(self.path / name) for name in names}
        if sums.shape != (len(names), 32) or sums.dtype != np.uint8:
            raise ValueError(f"the newest checkpoint in {self.path} is not one of this run.")
        recorded = {name: bytes(row).hex() for name, row in zip(names, sums, strict=True)}
        if wrong := checksums.wrong(self.path, names, recorded):
            others = f", and so are {len(wrong) - 1} others" if len(wrong) > 1 else ""
            raise ValueError(
                f"{self.path / wrong[0]} is missing or damaged{others}: the run cannot be "
                "continued without the images of its first generation. Put copies in place, or "
                "begin again in another --workdir."
            )
        return recorded

    def append(self, generation: map_elites.Generation) -> None:
        """Adds a generation's rows to metrics.csv and lineage.csv."""
        if generation.not_finite.any() and not self._counts_not_finite:
            self._add_column()
        metrics, lineage = self._tables
        metrics.append(
            tables.metrics_rows(generation, self._first_run, not_finite=self._counts_not_finite)
        )
        lineage.append(tables.lineage_rows(generation, self._first_run))

    def _add_column(self) -> None:
        """Gives metrics.csv its column not_finite; from the next checkpoint on it is known of."""
        self._tables[0].sync()
        text = tables.with_not_finite(self._metrics.read_text("utf-8"))
        self._tables[0].close()
        self._replace_metrics(text)
        self._tables[0] = files.GrowingFile(
            self._metrics, tables.METRICS_HEADER, len(text.encode())
        )
        self._counts_not_finite = True

    def _take_column_away(self) -> None:
        """Undoes that, where the run was killed before there was a checkpoint."""
        if not self._metrics.is_file():
            return
        text = foreign_files.content(self._metrics).decode("utf-8", "replace")
        if tables.counts_not_finite(text):
            self._replace_metrics(tables.without_not_finite(text))

    def _replace_metrics(self, text: str) -> None:
        files.write(self._metrics, text.encode())
        files.sync_folder(self.path)

    @property
    def _metrics(self) -> pathlib.Path:
        return self.path / run_records.METRICS

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
        sums = self._first_sums if when == "first" else self._last_sums
        for run, champions in enumerate(elites, self._first_run):
            folder = self.path / "images" / f"run_{run:03d}" / when
            folder.mkdir(parents=True, exist_ok=True)
            pngs = {}
            for label, elite in enumerate(champions):
                name = run_records.image_file(run, label, when)
                path = self.path / name
                row = tables.champion_row(run, label, elite, labels, name)
                about = {name: str(row[name]) for name in _IN_PNG}
                genome = genome_json.dumps(elite.genome, shape)
                champion = champion_png.Champion(elite.image, genome, about)
                pngs[path] = champion_png.encode(champion)
                sums[name] = hashlib.sha256(pngs[path]).hexdigest()
                rows.append(row)
            files.write_all(pngs)
            files.sync_folder(folder)
        return rows

    def checkpoint(self, generation: int, state: Mapping[str, np.ndarray]) -> None:
        """Makes everything so far durable: from here the run can go on."""
        lengths, table_sums = zip(*(table.sync() for table in self._tables), strict=True)
        first_sums = [list(bytes.fromhex(digest)) for digest in self._first_sums.values()]
        builds_on = {
            _LENGTHS: np.array(lengths),
            _TABLE_SUMS: np.array(table_sums),
            _FIRST_SUMS: np.array(first_sums, np.uint8),
        }
        self._checkpoints.save(generation, {**state, **builds_on})

    def finish(self, rows: Sequence[Mapping], gallery: Image.Image) -> None:
        """Writes what is written last, after the last checkpoint, and completes the run.

        Args:
            rows: What `write_champions("last", ...)` returned.
            gallery: The contact sheet.
        """
        png = io.BytesIO()
        gallery.save(png, "PNG")
        files.write(self.path / run_records.GALLERY, png.getvalue())
        # How many checkpoints there were depends on how fast the machine was.
        self._checkpoints.keep(1)
        files.sync_folder(self.path)
        champions = tables.champions_table(rows).encode()
        sums = {
            **self._first_sums,
            **self._last_sums,
            **self._checkpoints.sums(),
            **{name: table.sync()[1] for name, table in zip(_TABLES, self._tables, strict=True)},
            run_records.GALLERY: hashlib.sha256(png.getvalue()).hexdigest(),
            workdir.CHAMPIONS: hashlib.sha256(champions).hexdigest(),
        }
        files.write(self.path / checksums.FILE, checksums.text(sums))
        files.write(self.path / workdir.CHAMPIONS, champions)
        files.sync_folder(self.path)

    def close(self) -> None:
        """Closes the tables and lets other processes in."""
        with contextlib.ExitStack() as stack:
            stack.callback(self._lock.close)
            for table in self._tables:
                stack.callback(table.close)
