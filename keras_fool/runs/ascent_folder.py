"""The run folder of an ascent: what it leaves on disk, and all that it needs to go on.

    config.json      every setting that shapes the result, versions, what scored
    checkpoint/      the newest complete states
    images/run_000/last/label_3.png, .../best/, .../top1/, .../0.99/, .../0.999/, .../0.9999/
    metrics.csv      a row per image and step
    gallery.png
    SHA256SUMS       of all of these, and of champions.csv
    champions.csv    a row per image; written last: with it the run is complete

The number of a run is the seed of its noise. What `evolution_folder` says of an evolution's folder
holds of this one: killed at any moment and started again, it ends with the same bytes.
"""

import contextlib
import hashlib
import pathlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from PIL import Image

from evolvers import archive
from evolvers.ascent import config, loop, step
from keras_fool.runs import (
    ascent_tables,
    champion_png,
    checkpoints,
    checksums,
    files,
    run_records,
    tables,
    workdir,
)
from keras_fool.sheets import sheet_drawing

_METRICS_BYTES = "ascent_folder/metrics_bytes"
_METRICS_SUM = "ascent_folder/metrics_sha256"


class AscentFolder:
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
        """Creates the folder, or opens one of the same settings; see `EvolutionFolder`."""
        self.path = path
        self._note = note
        self._settings, self._about = settings, about
        self._metrics = None
        self._checkpoints = checkpoints.CheckpointFolder(path / "checkpoint")
        self._lock = workdir.opened(path, settings, about, note)

    def resume(self) -> dict[str, np.ndarray] | None:
        """Opens metrics.csv; gives the newest whole state, or None where a run begins.

        Raises:
            ValueError: There are checkpoints but none is whole, or the rows that the newest one
                builds on are missing or damaged.
        """
        arrays = self._checkpoints.resume(self._note)
        length = digest = None
        if arrays is not None:
            length, digest = self._recorded(arrays)
        else:
            run_records.announce_repair(self.path, has_state=False, note=self._note)
            if (self.path / run_records.METRICS).exists():
                self._note(f"{self.path} has no checkpoint: its run begins again.")
            # Whatever an earlier start left: what is written now is of this one.
            workdir.write_config(self.path, self._settings, self._about)
        self._metrics = files.GrowingFile(
            self.path / run_records.METRICS, ascent_tables.METRICS_HEADER, length, digest
        )
        if arrays is not None:
            run_records.announce_repair(self.path, has_state=True, note=self._note)
        return arrays

    def _recorded(self, arrays: dict[str, np.ndarray]) -> tuple[int, str | None]:
        """Length and SHA-256 of metrics.csv; None in checkpoints from before there was any."""
        length, digest = arrays.pop(_METRICS_BYTES, None), arrays.pop(_METRICS_SUM, None)
        fits = length is not None and length.shape == () and length.dtype.kind == "i"
        if digest is not None:
            fits = fits and digest.shape == () and digest.dtype.kind == "U"
        if not fits or length < 0:
            raise ValueError(f"the newest checkpoint in {self.path} is not one of an ascent.")
        return int(length), None if digest is None else str(digest)

    def append(self, trace: loop.Trace, targets: Sequence[tuple[int, int]]) -> None:
        """Adds the rows of some steps to metrics.csv."""
        self._metrics.append(ascent_tables.metrics_rows(trace, targets))

    def checkpoint(self, state: Mapping[str, np.ndarray]) -> None:
        """Makes everything so far durable: from here the run can go on."""
        length, digest = self._metrics.sync()
        builds_on = {_METRICS_BYTES: np.array(length), _METRICS_SUM: np.array(digest)}
        self._checkpoints.save(int(state["step"]), {**state, **builds_on})

    def finish(
        self,
        ascent: loop.Ascent,
        score: Callable[[np.ndarray], np.ndarray],
        labels: Sequence[str],
        draw_gallery: Callable[[np.ndarray, np.ndarray, np.ndarray], Image.Image],
    ) -> None:
        """Writes the images and what is written last, after the last checkpoint.

        Args:
            ascent: After its last step.
            score: uint8 images -> float32 [images, num_labels]: what is stored is scored.
            labels: The names of all labels.
            draw_gallery: Draws the contact sheet of the images at some places, from those, all
                images and their confidences.

        Raises:
            ValueError: No image that is stored has finite confidences.
        """
        scored, there, sums = {}, {}, {}
        for kept in config.KEPT:
            images = ascent.images(kept)
            scored[kept] = score(images)
            there[kept] = (ascent.steps(kept) != step.NEVER) & archive.is_finite(scored[kept])
            if kept == "last" and not there[kept].any():
                raise ValueError("the classifier gives none of the images finite confidences.")
            sums |= self._write_images(ascent, kept, images, there[kept], scored[kept], labels)
        complete = np.flatnonzero(there["last"])
        sheet = sheet_drawing.png(draw_gallery(complete, ascent.images("last"), scored["last"]))
        files.write(self.path / run_records.GALLERY, sheet)
        # How many checkpoints there were depends on how fast the machine was.
        self._checkpoints.keep(1)
        files.sync_folder(self.path)
        rows = [
            ascent_tables.champion_row(ascent, place, scored, there, labels) for place in complete
        ]
        champions = tables.champions_table(rows).encode()
        sums |= {
            **self._checkpoints.sums(),
            run_records.METRICS: self._metrics.sync()[1],
            run_records.GALLERY: hashlib.sha256(sheet).hexdigest(),
            workdir.CHAMPIONS: hashlib.sha256(champions).hexdigest(),
        }
        files.write(self.path / checksums.FILE, checksums.text(sums))
        files.write(self.path / workdir.CHAMPIONS, champions)
        files.sync_folder(self.path)

    def close(self) -> None:
        """Closes the table and lets other processes in."""
        with contextlib.ExitStack() as stack:
            stack.callback(self._lock.close)
            if self._metrics is not None:
                stack.callback(self._metrics.close)

    def _write_images(
        self,
        ascent: loop.Ascent,
        kept: str,
        images: np.ndarray,
        came: np.ndarray,
        scored: np.ndarray,
        labels: Sequence[str],
    ) -> dict[str, str]:
        """Writes those that came; gives their SHA-256 by name."""
        pngs = {}
        for place in np.flatnonzero(came):
            label, seed = ascent.targets[place]
            about = ascent_tables.in_png(ascent, place, kept, scored[place, label], labels)
            path = self.path / run_records.image_file(seed, label, kept)
            pngs[path] = champion_png.encode(champion_png.Champion(images[place], "", about))
        folders = {path.parent for path in pngs}
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        files.write_all(pngs)
        for folder in folders:
            files.sync_folder(folder)
        return {
            path.relative_to(self.path).as_posix(): hashlib.sha256(png).hexdigest()
            for path, png in pngs.items()
        }
