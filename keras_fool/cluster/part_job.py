"""An evolution of several runs, of which workers make some generations of some runs at a time.

The runs are cut into parts, more than there are workers. Each part goes on by itself, a piece of
a few generations at a time, ahead of the others by about one piece. The driver holds every part
as it was after its newest answer, so that a piece can be given to any worker; one that made the
part's last piece is not sent its state again. Once a generation of all parts is there, the whole
evolution takes it.
"""

import collections
import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from evolvers import generations, map_elites, parts
from keras_fool.cluster import pool as pool_module
from keras_fool.cluster import worker
from keras_fool.cluster.model import Model
from keras_fool.models import scorer_contract
from keras_fool.runs import evolution_record, evolution_run, jobs

# More than one, so that a fast worker takes over from a slow one.
_PARTS_PER_WORKER = 2
# How long a piece is to take, in seconds, and its longest.
_PIECE_SECONDS = 2.0
_MAX_COUNT = 64


@dataclasses.dataclass(eq=False)
class _Part:
    """Some of the runs.

    Attributes:
        evolution: Them, after the newest answer.
        made: Generations that the whole evolution has not taken yet.
        failure: Why there are no more.
        holder: The number of the worker that is thought to have them as they are; None for none.
        count: How many generations the next piece has.
        is_out: Whether a piece is given.
    """

    evolution: map_elites.Evolution
    made: collections.deque[parts.Made] = dataclasses.field(default_factory=collections.deque)
    failure: worker.Failure | None = None
    holder: int | None = None
    count: int = 1
    is_out: bool = False


class PartJob(evolution_run.EvolutionJob):
    """An evolution whose runs are advanced by workers."""

    def __init__(
        self,
        evolution: map_elites.Evolution,
        scorer: scorer_contract.Scorer,
        pool: pool_module.Pool,
        model: Model,
        number: int,
        thresholds: Sequence[float] = (),
    ):
        """Prepares.

        Args:
            evolution: The runs.
            scorer: What is fooled, which scores nothing here but trial images.
            pool: The workers.
            model: What they are sent of the classifier.
            number: No other job of this command has it.
            thresholds: As `EvolutionJob` takes them.
        """
        super().__init__(evolution, scorer, thresholds)
        self._pool, self._model, self._number = pool, model, number
        self._parts: list[_Part] = []

    def begin(self, state: Mapping[str, np.ndarray] | None, note: Callable[[str], None]) -> None:
        """Cuts the runs into parts, besides."""
        super().begin(state, note)
        runs = parts.split(self.evolution.config.runs, _PARTS_PER_WORKER * self._pool.size)
        self._parts = [_Part(self.evolution.part(some)) for some in runs]

    def advance(self, until: int) -> jobs.Advance[evolution_record.Result]:
        """Takes the next generation, and says how the workers stand."""
        found = super().advance(until)
        return dataclasses.replace(found, words=f"{found.words}, {self._pool.words}")

    def interrupt(self) -> None:
        """Ends the waiting for workers."""
        self._pool.interrupted = True

    def _generation(self) -> generations.Generation:
        while not all(part.made or part.failure for part in self._parts):
            if self._pool.interrupted:
                raise jobs.JobError("the workers were told to stop.", may_pass=True)
            self._give()
            for answered in self._pool.wait():
                self._take(self._parts[answered.piece.key[1]], answered)
        for part in self._parts:
            if not part.made:
                assert part.failure is not None
                raise part.failure.as_error()
        whole = parts.joined([part.made[0] for part in self._parts], self.evolution.config.initial)
        whole[0].check_finite()
        for part in self._parts:
            part.made.popleft()
        self.evolution.take(*whole)
        return whole[0]

    def _give(self) -> None:
        """Gives idle workers pieces: of the parts that are furthest behind, their own first."""
        waiting = [part for part in self._parts if self._may_go_on(part)]
        for number in self._pool.idle:
            if not waiting:
                return
            part = min(
                waiting,
                key=lambda part: (part.evolution.generation, part.holder != number),
            )
            waiting.remove(part)
            part.is_out = True
            self._pool.give(self._piece(part), number)

    def _may_go_on(self, part: _Part) -> bool:
        is_complete = part.evolution.generation == self.evolution.config.generations
        is_ahead = len(part.made) >= part.count
        return not (part.is_out or part.failure or is_complete or is_ahead)

    def _piece(self, part: _Part) -> pool_module.Piece:
        evolution, last = part.evolution, self.evolution.config.generations
        generation, count = evolution.generation, min(part.count, last - part.evolution.generation)
        config = evolution.config

        def arguments(number: int) -> tuple:
            known = part.holder == number or generation < 0
            runs = worker.Runs(
                job=self._number,
                config=config,
                niches=evolution.archives[0].labels,
                generation=generation,
                count=count,
                state=None if known else evolution.state(),
            )
            return (*self._model.arguments, runs)

        runs = f"runs {config.first_run} to {config.first_run + config.runs - 1}"
        return pool_module.Piece(
            key=(self._number, self._parts.index(part), generation, count),
            method="advance",
            arguments=arguments,
            words=f"{runs} after generation {generation}",
        )

    def _take(self, part: _Part, answered: pool_module.Answered) -> None:
        answer = answered.answer
        part.is_out = False
        if answer.needs_state:
            part.holder = None
            return
        self._model.check(answered)
        for generation, streams in answer.made:
            part.evolution.take(generation, streams)
            part.made.append((generation, streams))
        part.holder, part.failure = answered.number, answer.failure
        if answer.made:
            wanted = round(_PIECE_SECONDS * len(answer.made) / answered.seconds)
            part.count = max(1, min(wanted, 2 * part.count, _MAX_COUNT))
