"""What is written of an evolution in its run folder and for TensorBoard.

    images/run_000/first/label_3.png, .../last/label_3.png
    metrics.csv      a row per run and generation; its column not_finite is there from when an
                     image had a NaN or infinite confidence
    lineage.csv      a row per elite ever accepted
    champions.csv    a row per run and label

A checkpoint builds on the tables and on the images of the first generation, which no run that
goes on could make again.
"""

import dataclasses
import io
import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from evolvers import archive, generations, genome_json, map_elites
from keras_fool import foreign_files
from keras_fool.models import scorer_contract
from keras_fool.runs import (
    champion_png,
    checksums,
    files,
    jobs,
    run_folder,
    run_kinds,
    summary_tags,
    tables,
)
from keras_fool.sheets import contact_sheets, sheet_drawing, surest

_IN_PNG = ("run", "label", "label_name", "confidence", "generation", "id")
_FIRST_SUMS = "run_folder/first_sha256"
_THRESHOLDS = (0.9, 0.99, 0.9999)

Elites = Sequence[Sequence[archive.Elite]]
Rows = list[dict[str, object]]  # of champions.csv


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    """A generation, and the archives after it.

    Attributes:
        generation: What happened.
        elites: [runs][niches]; they never change.
        confidences: float32 [runs, niches] of the elites.
    """

    generation: generations.Generation
    elites: Elites
    confidences: np.ndarray


class EvolutionRecord(jobs.Record[Result]):
    """What is written of an evolution."""

    headers: Mapping[str, str] = {
        run_kinds.METRICS: tables.METRICS_HEADER,
        run_kinds.LINEAGE: tables.LINEAGE_HEADER,
    }
    table_keys = ("run_folder/table_bytes", "run_folder/table_sha256")

    def __init__(
        self,
        folder: run_folder.RunFolder,
        evolution: map_elites.Evolution,
        scorer: scorer_contract.Scorer,
        *,
        title: str,
        montage_every: int = 20,
    ):
        """Prepares; nothing is written yet.

        Args:
            folder: Where.
            evolution: The runs.
            scorer: What is fooled.
            title: The gallery's first line.
            montage_every: Generations between TensorBoard's montages.
        """
        self._folder = folder
        self._evolution = evolution
        self._scorer = scorer
        self._title = title
        self._montage_every = montage_every
        self._first_run = evolution.config.first_run
        self._niches = evolution.archives[0].labels
        self._names = [scorer.labels[label] for label in self._niches]
        self._first_sums: dict[str, str] = {}
        self._counts_not_finite = False

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Takes back the SHA-256 of the first images, which must be there."""
        self._first_sums = self._recorded_firsts(state.pop(_FIRST_SUMS, None))
        self._folder.image_sums |= self._first_sums
        self._counts_not_finite = "not_finite" in state
        if not self._counts_not_finite:
            self._take_column_away()

    def write(self, result: Result) -> None:
        """Adds a generation's rows, and writes the first champions."""
        generation = result.generation
        if generation.not_finite.any() and not self._counts_not_finite:
            self._folder.rewrite(run_kinds.METRICS, tables.with_not_finite, tables.METRICS_HEADER)
            self._counts_not_finite = True
        metrics = tables.metrics_rows(
            generation, self._first_run, not_finite=self._counts_not_finite
        )
        self._folder.append(run_kinds.METRICS, metrics)
        lineage = tables.lineage_rows(generation, self._first_run)
        self._folder.append(run_kinds.LINEAGE, lineage)
        if generation.number == 0:
            self._first_sums = self._write_champions("first", result.elites)[1]

    def scalars(self, result: Result, seconds: float) -> Iterator[tuple[int, dict[str, float]]]:
        """A generation's figures, pooled over all runs."""
        generation = result.generation
        values = {
            **summary_tags.of_confidences(result.confidences, "niches", _THRESHOLDS),
            "takeovers": generation.takeovers.sum(),
            "images_per_second": generation.births / seconds,
        }
        yield generation.number, values

    def pictures(self, result: Result) -> jobs.Images | None:
        """The champions, a row per run, now and then and of the last generation."""
        number = result.generation.number
        if number % self._montage_every and number != self._evolution.config.generations:
            return None
        return jobs.Images(_images(result.elites), self._names)

    def state(self) -> dict[str, np.ndarray]:
        """The SHA-256 of the first images."""
        sums = [list(bytes.fromhex(digest)) for digest in self._first_sums.values()]
        return {_FIRST_SUMS: np.array(sums, np.uint8)}

    def finish(self) -> None:
        """Writes the last champions and the gallery, and completes the run folder."""
        elites = [archive.filled() for archive in self._evolution.archives]
        self._folder.say_writing(sum(map(len, elites)))
        rows, _ = self._write_champions("last", elites)
        confidences = np.stack([archive.confidences for archive in self._evolution.archives])
        sheet = contact_sheets.contact_sheet(
            _images(elites), confidences, self._names, self._title, self._first_run
        )
        png = io.BytesIO()
        sheet.save(png, "PNG")
        sheets = {run_kinds.GALLERY: png.getvalue()}
        if confidences.shape[1] > surest.MANY_LABELS:
            sheets[run_kinds.BEST] = self._surest(elites, confidences)
        self._folder.complete(rows, sheets)
        if lost := self._evolution.not_finite.sum():
            self._folder.note(
                f"{self._scorer.name} gave {lost} image{'s' if lost > 1 else ''} NaN or "
                "infinite confidences; they won no niche, and metrics.csv counts them "
                "(not_finite)."
            )

    def _surest(self, elites: Elites, confidences: np.ndarray) -> bytes:
        """The sheet of the surest images of all runs, as a PNG file."""
        images, names, same = [], [], []
        for run, champions in enumerate(elites, self._first_run):
            of_run = (f"run {run}",) if len(elites) > 1 else ()
            for label, elite in zip(self._names, champions, strict=True):
                images.append(elite.image)
                names.append((label, *of_run))
                same.append((run, elite.identity))
        sheet = surest.sheet(images, confidences.ravel(), names, same, self._title)
        return sheet_drawing.png(sheet)

    def _write_champions(self, when: str, elites: Elites) -> tuple[Rows, dict[str, str]]:
        """Writes the champions of all runs.

        Args:
            when: "first" or "last", the folder's name.
            elites: [runs][niches].

        Returns:
            The rows of champions.csv, and the SHA-256 of the files by name.
        """
        rows: Rows = []
        sums: dict[str, str] = {}
        for run, champions in enumerate(elites, self._first_run):
            images = {}
            for label, elite in zip(self._niches, champions, strict=True):
                name = run_kinds.image_file(run, label, when)
                row = tables.champion_row(run, label, elite, self._scorer.labels, name)
                about = {column: str(row[column]) for column in _IN_PNG}
                genome = genome_json.dumps(elite.genome, self._evolution.canvas)
                images[name] = champion_png.Champion(elite.image, genome, about)
                rows.append(row)
            sums |= self._folder.write_images(images)
        return rows, sums

    def _recorded_firsts(self, sums: np.ndarray | None) -> dict[str, str]:
        """SHA-256 of the first generation's images, which must be there."""
        path, evolution = self._folder.path, self._evolution
        runs = range(self._first_run, self._first_run + evolution.config.runs)
        names = [
            run_kinds.image_file(run, label, "first")
            for run, label in itertools.product(runs, self._niches)
        ]
        if sums is None:  # from before there were any
            for name in names:
                champion_png.check_whole(path / name)
            return {name: foreign_files.sha256(path / name) for name in names}
        if sums.shape != (len(names), 32) or sums.dtype != np.uint8:
            raise ValueError(f"the newest checkpoint in {path} is not one of this run.")
        recorded = {name: bytes(row).hex() for name, row in zip(names, sums, strict=True)}
        if wrong := checksums.wrong(path, names, recorded):
            others = f", and so are {len(wrong) - 1} others" if len(wrong) > 1 else ""
            raise ValueError(
                f"{path / wrong[0]} is missing or damaged{others}: the run cannot be "
                "continued without the images of its first generation. Put copies in place, or "
                "begin again in another --workdir."
            )
        return recorded

    def _take_column_away(self) -> None:
        """Undoes that metrics.csv got its column, where no checkpoint came after it."""
        path = self._folder.path / run_kinds.METRICS
        if not path.is_file():
            return
        text = foreign_files.content(path).decode("utf-8", "replace")
        if tables.counts_not_finite(text):
            files.write(path, tables.without_not_finite(text).encode())
            files.sync_folder(self._folder.path)


def _images(elites: Elites) -> list[list[np.ndarray]]:
    return [[elite.image for elite in champions] for champions in elites]
