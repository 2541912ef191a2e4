"""What is written of an ascent in its run folder and for TensorBoard.

    images/run_000/last/label_3.png, .../best/, .../top1/, .../0.99/, .../0.999/, .../0.9999/
    metrics.csv      a row per image and step
    champions.csv    a row per image

The number of a run is the seed of its noise.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from PIL import Image

from evolvers import archive
from evolvers.ascent import config, loop, step
from keras_fool import errors
from keras_fool.models import scoring
from keras_fool.runs import (
    ascent_tables,
    champion_png,
    jobs,
    run_folder,
    run_kinds,
    summary_tags,
)
from keras_fool.sheets import sheet_drawing, surest, tile_sheets
from keras_fool.sheets.captions import both
from keras_fool.sheets.sheet_drawing import squarish

_MAX_COLUMNS = 20
_THRESHOLDS = (0.99, 0.9999)
_LARGEST, _WIDEST = 160, 3000  # pixels


class AscentRecord(jobs.Record[loop.Trace]):
    """What is written of an ascent."""

    headers: Mapping[str, str] = {run_kinds.METRICS: ascent_tables.METRICS_HEADER}
    table_keys = ("ascent_folder/metrics_bytes", "ascent_folder/metrics_sha256")

    def __init__(
        self, folder: run_folder.RunFolder, ascent: loop.Ascent, scorer: scoring.LocalScorer
    ):
        """Prepares; nothing is written yet.

        Args:
            folder: Where.
            ascent: The images.
            scorer: What is fooled.
        """
        self._folder = folder
        self._ascent = ascent
        self._scorer = scorer

    def write(self, result: loop.Trace) -> None:
        """Adds the rows of some steps."""
        rows = ascent_tables.metrics_rows(result, self._ascent.targets)
        self._folder.append(run_kinds.METRICS, rows)

    def scalars(self, result: loop.Trace, seconds: float) -> Iterator[tuple[int, dict[str, float]]]:
        """The figures of each step, over all images."""
        for index, every in enumerate(result.confidence):
            values = summary_tags.of_confidences(every[np.isfinite(every)], "images", _THRESHOLDS)
            if index == len(result.confidence) - 1:
                values["image_steps_per_second"] = result.confidence.size / seconds
            yield result.first + index, values

    def overview(self) -> jobs.Images:
        """The images as they are, a row per seed."""
        images = self._ascent.images("last")
        labels = list(dict.fromkeys(label for label, _ in self._ascent.targets))
        rows = [
            list(images[start : start + len(labels)])
            for start in range(0, len(images), len(labels))
        ]
        return jobs.Images(rows, [self._scorer.labels[label] for label in labels])

    def finish(self) -> None:
        """Scores and writes the images and the gallery, and completes the run folder."""
        with errors.reported(ValueError):
            self._finish()
        ascent = self._ascent
        lost = ascent.not_finite()
        if (lost >= 0).any():
            never = np.count_nonzero((lost >= 0) & (ascent.steps("last") < 0))
            left_out = f"; {never} of them had none and are left out" if never else ""
            self._folder.note(
                f"{self._scorer.name} gave NaN or infinite confidences or gradients for "
                f"{np.count_nonzero(lost >= 0)} of {len(lost)} images: they stopped at their best "
                f"image until then{left_out}."
            )

    def _finish(self) -> None:
        ascent, labels = self._ascent, self._scorer.labels
        scored, there = {}, {}
        self._folder.say_writing(len(ascent.targets))
        for kept in config.KEPT:
            images = ascent.images(kept)
            scored[kept] = self._scorer.score(images)  # what is stored is scored
            there[kept] = (ascent.steps(kept) != step.NEVER) & archive.is_finite(scored[kept])
            if kept == "last" and not there[kept].any():
                raise ValueError("the classifier gives none of the images finite confidences.")
            self._write_images(kept, images, there[kept], scored[kept])
        complete = np.flatnonzero(there["last"])
        sheets = self._sheets(complete, ascent.images("last"), scored["last"])
        rows = [
            ascent_tables.champion_row(ascent, place, scored, there, labels)
            for place in complete.tolist()
        ]
        self._folder.complete(
            rows, {name: sheet_drawing.png(sheet) for name, sheet in sheets.items()}
        )

    def _write_images(
        self, kept: str, images: np.ndarray, came: np.ndarray, scored: np.ndarray
    ) -> None:
        """Writes those that came."""
        champions = {}
        for place in np.flatnonzero(came).tolist():
            label, seed = self._ascent.targets[place]
            about = ascent_tables.in_png(
                self._ascent, place, kept, scored[place, label], self._scorer.labels
            )
            name = run_kinds.image_file(seed, label, kept)
            champions[name] = champion_png.Champion(images[place], "", about)
        self._folder.write_images(champions)

    def _sheets(
        self, places: np.ndarray, images: np.ndarray, confidences: np.ndarray
    ) -> dict[str, Image.Image]:
        """By name, the sheet of all images and, of many labels, that of the surest ones."""
        labels = self._scorer.labels
        targets = [self._ascent.targets[place] for place in places]
        images, confidences = images[places], confidences[places]
        own = confidences[np.arange(len(targets)), [label for label, _ in targets]]
        names = [(labels[label], f"seed {seed}") for label, seed in targets]
        tiles = [tile_sheets.Tile(*tile) for tile in zip(images, names, own.tolist(), strict=True)]
        title = f"{self._scorer.name} fooled by gradient ascent"
        num_labels = len({label for label, _ in targets})
        columns = num_labels if num_labels < len(tiles) <= _MAX_COLUMNS else squarish(len(tiles))
        sheets = {}
        sheets[run_kinds.GALLERY] = tile_sheets.sheet(
            [tiles[start : start + columns] for start in range(0, len(tiles), columns)],
            title=title,
            subtitle=f"{len(tiles)} images after {self._ascent.config.steps} steps; median "
            f"confidence {both(np.median(own))}; lowest {both(own.min())}",
            side=min(_LARGEST, _WIDEST // columns),
        )
        if num_labels > surest.MANY_LABELS:
            sheets[run_kinds.BEST] = surest.sheet(list(images), own, names, targets, title)
        return sheets
