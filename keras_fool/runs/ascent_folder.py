"""The run folder of an ascent: what it leaves on disk, and all that it needs to go on.

    config.json      every setting that shapes the result, versions, what scored
    checkpoint/      the newest complete states
    images/run_000/last/label_3.png, .../best/, .../top1/, .../0.99/, .../0.999/, .../0.9999/
    metrics.csv      a row per image and step
    champions.csv    a row per image; written last: with it the run is complete
    gallery.png

The number of a run is the seed of its noise. What `evolution_folder` says of an evolution's folder
holds of this one: killed at any moment and started again, it ends with the same bytes.
"""

import contextlib
import pathlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from PIL import Image

from evolvers.ascent import config, loop, step
from keras_fool.runs import ascent_tables, champion_png, checkpoints, files, tables, workdir
from keras_fool.sheets import galleries

_METRICS_BYTES = "ascent_folder/metrics_bytes"


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
        self._metrics = None
        self._checkpoints = checkpoints.CheckpointFolder(path / "checkpoint")
        self._lock = workdir.opened(path, settings, about, note)

    def resume(self) -> dict[str, np.ndarray] | None:
        """Opens metrics.csv; gives the newest whole state, or None where a run begins.

        Raises:
            ValueError: There are checkpoints but none is whole, or the table is too short.
        """
        arrays = self._checkpoints.resume(self._note)
        length = None if arrays is None else int(arrays.pop(_METRICS_BYTES))
        self._metrics = files.GrowingFile(
            self.path / "metrics.csv", ascent_tables.METRICS_HEADER, length
        )
        return arrays

    def append(self, trace: loop.Trace, targets: Sequence[tuple[int, int]]) -> None:
        """Adds the rows of some steps to metrics.csv."""
        self._metrics.append(ascent_tables.metrics_rows(trace, targets))

    def checkpoint(self, state: Mapping[str, np.ndarray]) -> None:
        """Makes everything so far durable: from here the run can go on."""
        length = np.array(self._metrics.sync())
        self._checkpoints.save(int(state["step"]), {**state, _METRICS_BYTES: length})

    def finish(
        self,
        ascent: loop.Ascent,
        score: Callable[[np.ndarray], np.ndarray],
        labels: Sequence[str],
        gallery: Image.Image,
    ) -> None:
        """Writes the images and what is written last, after the last checkpoint.

        Args:
            ascent: After its last step.
            score: uint8 images -> float32 [images, num_labels]: what is stored is scored.
            labels: The names of all labels.
            gallery: The contact sheet.
        """
        scored = {}
        for kept in config.KEPT:
            images, came = ascent.images(kept), ascent.steps(kept) != step.NEVER
            scored[kept] = score(images)
            self._write_images(ascent, kept, images, came, scored[kept], labels)
        files.write(self.path / "gallery.png", galleries.png(gallery))
        # How many checkpoints there were depends on how fast the machine was.
        self._checkpoints.keep(1)
        files.sync_folder(self.path)
        rows = [
            ascent_tables.champion_row(ascent, place, scored, labels)
            for place in range(len(ascent.targets))
        ]
        files.write(self.path / workdir.CHAMPIONS, tables.champions_table(rows).encode())
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
    ) -> None:
        pngs = {}
        for place in np.flatnonzero(came):
            label, seed = ascent.targets[place]
            about = ascent_tables.in_png(ascent, place, kept, scored[place, label], labels)
            path = self.path / ascent_tables.file_name(label, seed, kept)
            pngs[path] = champion_png.encode(champion_png.Champion(images[place], "", about))
        folders = {path.parent for path in pngs}
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        files.write_all(pngs)
        for folder in folders:
            files.sync_folder(folder)
