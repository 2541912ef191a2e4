"""What an ascent's steps leave behind, and when.

All of it is written on one thread of its own, in order, while the next steps are computed.
"""

import time
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from evolvers.ascent import loop, step
from keras_fool.models import scoring
from keras_fool.runs import ascent_folder, background, summaries
from keras_fool.sheets import tile_sheets
from keras_fool.sheets.sheet_drawing import HIGH_CONFIDENCE, percent, squarish

# The images of a checkpoint are large: a hundred of ImageNet's size take 120 MB.
_CHECKPOINT_SECONDS = 60
_MOST_NAMED = 5
_MOST_COLUMNS = 20
_THRESHOLDS = (0.99, 0.9999)
_LARGEST, _WIDEST = 160, 3000  # pixels


class AscentRecorder:
    """Records an ascent in a run folder and for TensorBoard."""

    def __init__(
        self,
        ascent: loop.Ascent,
        folder: ascent_folder.AscentFolder,
        events: summaries.Summaries,
        scorer: scoring.LocalScorer,
        note: Callable[[str], None],
        *,
        checkpoint_steps: int | None = None,
    ):
        """Prepares; nothing is written yet.

        Args:
            ascent: The images, restored where they go on.
            folder: Their folder, after `resume`.
            events: Where TensorBoard looks.
            scorer: What is fooled.
            note: Told, in a sentence, what the user should know.
            checkpoint_steps: Steps between checkpoints; None for a minute's. No result
                depends on it.
        """
        self._ascent = ascent
        self._folder = folder
        self._events = events
        self._scorer = scorer
        self._note = note
        self._checkpoint_steps = checkpoint_steps
        self._writer = background.BackgroundWriter()
        self._saved = ascent.step
        self._saved_at = self._reported_at = time.monotonic()
        self._stopped, self._lost = ascent.stopped(), ascent.not_finite()

    def steps_to_checkpoint(self) -> int:
        """How many steps may be taken before `on_steps` wants to know of them."""
        every = self._checkpoint_steps
        return self._ascent.config.steps if every is None else every - self._ascent.step % every

    def on_steps(self, trace: loop.Trace) -> None:
        """Records what `Ascent.advance` returned.

        Raises:
            OSError: Something recorded earlier could not be written.
        """
        now = time.monotonic()
        rate = trace.confidence.size / (now - self._reported_at)
        self._reported_at = now
        self._writer.submit(self._folder.append, trace, self._ascent.targets)
        self._writer.submit(self._write_scalars, trace, rate)
        self._say_what_stopped()
        if self._ascent.step == self._ascent.config.steps or self._is_due(now):
            self.checkpoint()

    def checkpoint(self) -> None:
        """Hands over the state of the last step, if that has not been done yet.

        Raises:
            OSError: Something recorded earlier could not be written.
        """
        if self._ascent.step == self._saved:
            return
        self._saved, self._saved_at = self._ascent.step, time.monotonic()
        last = self._ascent.images("last")
        self._writer.submit(self._events.images, self._saved - 1, self._rows(last))
        self._writer.submit(self._folder.checkpoint, self._ascent.state())
        self._writer.submit(self._events.flush)

    def wait(self) -> None:
        """Waits until everything handed over is on disk.

        Raises:
            OSError: Something could not be written; the checkpoints before it stay.
        """
        self._writer.wait()

    def finish(self) -> None:
        """Scores and writes the images and the gallery, and completes the run folder.

        Raises:
            ValueError: The model gave no image finite confidences.
            OSError: Something could not be written; the checkpoints stay.
        """
        self._writer.wait()
        self._folder.finish(self._ascent, self._scorer.score, self._scorer.labels, self._gallery)

    def close(self) -> None:
        """Ends the thread, after what it is at."""
        self._writer.finish()

    def _is_due(self, now: float) -> bool:
        if self._checkpoint_steps is not None:
            return self._ascent.step % self._checkpoint_steps == 0
        return now - self._saved_at >= _CHECKPOINT_SECONDS

    def _say_what_stopped(self) -> None:
        self._stopped = self._say(
            self._ascent.stopped(),
            self._stopped,
            "the gradient is 0 everywhere, so these images stay as they are",
        )
        self._lost = self._say(
            self._ascent.not_finite(),
            self._lost,
            "the confidences or the gradient are not finite, so these images go back to their best",
        )

    def _say(self, steps: np.ndarray, before: np.ndarray, what: str) -> np.ndarray:
        """Names the images that have a step now and had none before; returns `steps`."""
        new = np.flatnonzero((steps != step.NEVER) & (before == step.NEVER))
        named = [
            f"{self._scorer.labels[label]} of seed {seed} (step {steps[place]})"
            for place in new[:_MOST_NAMED]
            for label, seed in [self._ascent.targets[place]]
        ]
        if named:
            more = f" and {len(new) - _MOST_NAMED} more" if len(new) > _MOST_NAMED else ""
            self._note(f"{what}: {', '.join(named)}{more}.")
        return steps

    def _write_scalars(self, trace: loop.Trace, rate: float) -> None:
        for index, every in enumerate(trace.confidence):
            confidences = every[np.isfinite(every)]
            values = {
                "confidence/median": np.median(confidences),
                "confidence/mean": confidences.mean(dtype=np.float64),
                "confidence/max": confidences.max(),
                "confidence/min": confidences.min(),
                **{
                    f"images/share_at_least_{threshold:g}": np.mean(
                        confidences >= np.float32(threshold)
                    )
                    for threshold in _THRESHOLDS
                },
            }
            if index == len(trace.confidence) - 1:
                values["image_steps_per_second"] = rate
            self._events.values(trace.first + index, values)

    def _rows(self, images: np.ndarray) -> Sequence[Sequence[np.ndarray]]:
        """Images in rows, one per seed."""
        num_labels = len({label for label, _ in self._ascent.targets})
        return [
            list(images[start : start + num_labels]) for start in range(0, len(images), num_labels)
        ]

    def _gallery(
        self, places: np.ndarray, images: np.ndarray, confidences: np.ndarray
    ) -> Image.Image:
        labels = self._scorer.labels
        targets = [self._ascent.targets[place] for place in places]
        images, confidences = images[places], confidences[places]
        tiles = []
        for image, (label, seed), row in zip(images, targets, confidences, strict=True):
            caption = (labels[label], f"{percent(row[label])}, seed {seed}")
            tiles.append(tile_sheets.Tile(image, caption, bool(row[label] < HIGH_CONFIDENCE)))
        num_labels = len({label for label, _ in targets})
        columns = num_labels if num_labels < len(tiles) <= _MOST_COLUMNS else squarish(len(tiles))
        own = confidences[np.arange(len(tiles)), [label for label, _ in targets]]
        return tile_sheets.sheet(
            [tiles[start : start + columns] for start in range(0, len(tiles), columns)],
            title=f"{self._scorer.name} fooled by gradient ascent",
            subtitle=f"{len(tiles)} images after {self._ascent.config.steps} steps; median "
            f"confidence {percent(np.median(own))}, lowest {percent(own.min())}",
            side=min(_LARGEST, _WIDEST // columns),
        )
