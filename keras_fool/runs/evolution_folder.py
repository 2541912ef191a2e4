"""The run folder of an evolution: what it leaves on disk, and all that it needs to go on.

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
import io
import pathlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from PIL import Image

from evolvers import archive, canvas, genome_json, map_elites
from keras_fool.runs import champion_png, checkpoints, files, tables, workdir

_IN_PNG = ("run", "label", "label_name", "confidence", "generation", "id")
_LENGTHS = "run_folder/table_bytes"


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
        self._first_run = settings["first_run"]
        self._tables = []
        self._checkpoints = checkpoints.CheckpointFolder(path / "checkpoint")
        self._lock = workdir.opened(path, settings, about, note)

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
        files.write(self.path / workdir.CHAMPIONS, tables.champions_table(rows).encode())
        files.sync_folder(self.path)

    def close(self) -> None:
        """Closes the tables and lets other processes in."""
        with contextlib.ExitStack() as stack:
            stack.callback(self._lock.close)
            for table in self._tables:
                stack.callback(table.close)
