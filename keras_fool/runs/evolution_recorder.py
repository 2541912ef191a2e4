"""What a run's generations leave behind, and when.

All of it is written on one thread of its own, in order. Elites never change, so what a
generation hands over are references; only a checkpoint copies, every few seconds.
"""

import time
from collections.abc import Sequence

import numpy as np

from evolvers import archive, map_elites
from keras_fool.runs import background, evolution_folder, summaries
from keras_fool.sheets import contact_sheets

_CHECKPOINT_SECONDS = 10
# Writing a checkpoint of a thousand colour images takes a while: then they are rarer, so that
# it is at most this share of the time.
_CHECKPOINT_SHARE = 0.05


class EvolutionRecorder:
    """Records an evolution in a run folder and for TensorBoard."""

    def __init__(
        self,
        evolution: map_elites.Evolution,
        folder: evolution_folder.EvolutionFolder,
        events: summaries.Summaries,
        labels: Sequence[str],
        *,
        title: str,
        checkpoint_every: int | None = None,
        montage_every: int = 20,
    ):
        """Prepares; nothing is written yet.

        Args:
            evolution: The runs, restored where they go on.
            folder: Its folder, after `resume`.
            events: Where TensorBoard looks.
            labels: The names of the scorer's labels.
            title: The gallery's first line.
            checkpoint_every: Generations between checkpoints; None for every 10
                seconds, or more where writing takes long. No result depends on it.
            montage_every: Generations between TensorBoard's montages.
        """
        self._evolution = evolution
        self._folder = folder
        self._events = events
        self._labels = labels
        self._title = title
        self._checkpoint_every = checkpoint_every
        self._montage_every = montage_every
        self._writer = background.BackgroundWriter()
        self._saved = evolution.generation
        self._saved_at = self._reported_at = time.monotonic()
        self._seconds_to_save = 0.0

    def on_generation(self, generation: map_elites.Generation) -> None:
        """Records what `Evolution.advance` returned.

        Raises:
            OSError: Something recorded earlier could not be written.
        """
        now = time.monotonic()
        rate = generation.births / (now - self._reported_at)
        self._reported_at = now
        number, submit = generation.number, self._writer.submit
        confidences = np.stack([archive.confidences for archive in self._evolution.archives])
        submit(self._folder.append, generation)
        submit(self._events.scalars, generation, confidences, rate)
        last = number == self._evolution.config.generations
        if last or number % self._montage_every == 0:
            submit(self._events.montage, number, self._elites())
        if number == 0:
            # Before the first checkpoint: no run that goes on could make them again.
            submit(self._write_champions, "first", self._elites())
        if last or self._is_due(now):
            self.checkpoint()

    def checkpoint(self) -> None:
        """Hands over the state of the last generation, if that has not been done yet.

        Raises:
            OSError: Something recorded earlier could not be written.
        """
        if self._evolution.generation == self._saved:
            return
        self._saved, self._saved_at = self._evolution.generation, time.monotonic()
        self._writer.submit(self._save, self._saved, self._evolution.state())
        self._writer.submit(self._events.flush)

    def wait(self) -> None:
        """Waits until everything handed over is on disk.

        Raises:
            OSError: Something could not be written; the checkpoints before it stay.
        """
        self._writer.wait()

    def finish(self) -> None:
        """Writes the last champions and the gallery, and completes the run folder.

        Raises:
            OSError: Something could not be written; the checkpoints stay.
        """
        self._writer.submit(self._complete, self._elites())
        self._writer.wait()

    def close(self) -> None:
        """Ends the thread, after what it is at."""
        self._writer.finish()

    def _save(self, generation: int, state: dict[str, np.ndarray]) -> None:
        begun = time.monotonic()
        self._folder.checkpoint(generation, state)
        self._seconds_to_save = time.monotonic() - begun

    def _is_due(self, now: float) -> bool:
        if self._checkpoint_every is not None:
            return self._evolution.generation % self._checkpoint_every == 0
        between = max(_CHECKPOINT_SECONDS, self._seconds_to_save / _CHECKPOINT_SHARE)
        return now - self._saved_at >= between

    def _elites(self) -> list[list[archive.Elite]]:
        return [list(archive.elites) for archive in self._evolution.archives]

    def _write_champions(self, when: str, elites: list[list[archive.Elite]]) -> list[dict]:
        return self._folder.write_champions(when, elites, self._labels, self._evolution.canvas)

    def _complete(self, elites: list[list[archive.Elite]]) -> None:
        rows = self._write_champions("last", elites)
        sheet = contact_sheets.contact_sheet(
            [[elite.image for elite in champions] for champions in elites],
            np.array(
                [
                    [elite.confidences[niche] for niche, elite in enumerate(champions)]
                    for champions in elites
                ]
            ),
            self._labels,
            self._title,
            self._evolution.config.first_run,
        )
        self._folder.finish(rows, sheet)
