"""An evolution of one run, whose batches are scored by workers.

The driver breeds and draws; what it has drawn is cut into batches, one for each worker or smaller.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from evolvers import map_elites
from keras_fool.cluster import pool as pool_module
from keras_fool.cluster.model import Model
from keras_fool.models import scorer_contract
from keras_fool.runs import evolution_record, evolution_run, jobs

# Fewer images take longer to send than to score.
_MIN_IMAGES = 16


class BatchScorer:
    """Gives confidences that workers compute; for an evolution."""

    def __init__(
        self,
        scorer: scorer_contract.Scorer,
        pool: pool_module.Pool,
        model: Model,
        number: int,
    ):
        """Prepares.

        Args:
            scorer: What is fooled, which scores nothing here.
            pool: The workers.
            model: What they are sent of the classifier.
            number: No other job of this command has it.
        """
        self.labels, self.image_shape = scorer.labels, scorer.image_shape
        self._pool, self._model, self._number = pool, model, number
        self._calls = 0

    def score(self, images: np.ndarray) -> np.ndarray:
        """As a scorer on this machine does.

        Args:
            images: uint8 [batch, height, width, channels].

        Returns:
            float32 [batch, num_labels].

        Raises:
            ScorerError: As a scorer on this machine does.
            JobError: The workers cannot go on.
        """
        self._calls += 1
        count = max(1, min(self._pool.size, len(images) // _MIN_IMAGES))
        batches = np.array_split(images, count)
        waiting = [self._piece(place, batch) for place, batch in enumerate(batches)]
        rows: dict[int, np.ndarray] = {}
        while len(rows) < count:
            if self._pool.interrupted:
                self._pool.drop()
                raise jobs.JobError("the workers were told to stop.", may_pass=True)
            for number in self._pool.idle[: len(waiting)]:
                self._pool.give(waiting.pop(0), number)
            for answered in self._pool.wait():
                self._model.check(answered)
                answer = answered.answer
                if answer.failure is not None:
                    self._pool.drop()
                    raise answer.failure.as_error()
                assert answer.rows is not None  # else it has failed
                rows[answered.piece.key[-1]] = answer.rows
        return np.concatenate([rows[place] for place in range(count)])

    def _piece(self, place: int, batch: np.ndarray) -> pool_module.Piece:
        return pool_module.Piece(
            key=(self._number, self._calls, place),
            method="score",
            arguments=lambda _: (*self._model.arguments, batch),
            words=f"a batch of {len(batch)} images",
        )


class BatchJob(evolution_run.EvolutionJob):
    """An evolution whose images are scored by workers."""

    def __init__(
        self,
        evolution: map_elites.Evolution,
        scorer: scorer_contract.Scorer,
        pool: pool_module.Pool,
        model: Model,
        number: int,
        thresholds: Sequence[float] = (),
    ):
        """Gives the evolution a `BatchScorer`; the arguments as `part_job.PartJob` takes them."""
        super().__init__(evolution, scorer, thresholds)
        self._pool = pool
        evolution.scorer = BatchScorer(scorer, pool, model, number)

    def advance(self, until: int) -> jobs.Advance[evolution_record.Result]:
        """Makes the next generation, and says how the workers stand."""
        found = super().advance(until)
        return dataclasses.replace(found, words=f"{found.words}, {self._pool.words}")

    def interrupt(self) -> None:
        """Ends the waiting for workers."""
        self._pool.interrupted = True
