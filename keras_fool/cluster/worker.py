"""What runs on the machines of a cluster: advances some runs, or scores a batch.

A `Worker` is an ordinary object, which Ray makes an actor of. It knows neither files nor other
workers, and gives the same answer whenever it is asked the same: it may be lost at any time.
"""

import contextlib
import dataclasses
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from evolvers import config as evolvers_config
from evolvers import generations, map_elites, parts
from keras_fool.cluster import build, shipping
from keras_fool.models import scorer_contract

# How many parts' runs a worker keeps; others are sent to it again.
_KEPT = 4
_GROUP_IMAGES = 2000  # as on one machine


@dataclasses.dataclass(frozen=True)
class Start:
    """What a worker says of itself when it has started.

    Attributes:
        place: The name of its machine, and its process.
        build: What `build.here` gives there.
    """

    place: str
    build: Mapping[str, str]


@dataclasses.dataclass(frozen=True, eq=False)
class Runs:
    """Some runs to advance.

    Attributes:
        job: Which evolution they belong to, a number of the driver's own.
        config: Its settings, with the numbers of these runs.
        niches: The numbers of the labels to fool.
        generation: The last generation that is done; -1 where none is.
        count: How many generations to make.
        state: Theirs after that generation; None where the worker is thought to have it, or none
            is done.
    """

    job: int
    config: evolvers_config.Config
    niches: Sequence[int]
    generation: int
    count: int
    state: Mapping[str, np.ndarray] | None


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why a generation or a batch cannot be made; asked again, the same happens.

    Attributes:
        words: What `ScorerError` or `NotFiniteError` says.
        is_finite: Whether it is a `ScorerError`.
    """

    words: str
    is_finite: bool = True

    def as_error(self) -> Exception:
        """The exception that one machine would raise."""
        if self.is_finite:
            return scorer_contract.ScorerError(self.words)
        return generations.NotFiniteError(self.words)


@dataclasses.dataclass(frozen=True, eq=False)
class Answer:
    """What came of a piece.

    Attributes:
        answers: The digest of the scorer's confidences for trial images; None where it could not
            be opened.
        made: Generations, in order.
        rows: float32 [batch, num_labels] of a batch.
        failure: Why it ended there; None where it is complete.
        needs_state: Whether it must be asked again with the runs' state.
    """

    answers: str | None
    made: Sequence[parts.Made] = ()
    rows: np.ndarray | None = None
    failure: Failure | None = None
    needs_state: bool = False


class Worker:
    """One process that scores."""

    def __init__(self, threads: int, tensorflow_threads: int, *, has_gpus: bool = False):
        """Loads TensorFlow.

        Args:
            threads: How many threads draw: the cores that the worker has.
            tensorflow_threads: With how many the command's TensorFlow computes, as the last bits of
                confidences depend on it; they share the worker's cores.
            has_gpus: Whether it computes on those that Ray gives it; else on none that is there.
        """
        if not has_gpus:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        import tensorflow as tf

        with contextlib.suppress(RuntimeError):  # it was used before, as in a test
            tf.config.threading.set_intra_op_parallelism_threads(tensorflow_threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
            for gpu in tf.config.list_physical_devices("GPU"):  # which several workers may share
                tf.config.experimental.set_memory_growth(gpu, True)
        self._threads = threads
        self._opened: tuple[str, scorer_contract.Scorer, str] | None = None
        self._evolutions: dict[tuple[int, int], map_elites.Evolution] = {}

    def start(self) -> Start:
        """Says that it is there, and what it is."""
        return Start(f"{socket.gethostname()} (process {os.getpid()})", build.here())

    def advance(self, model: str, shipped: Sequence[Any], runs: Runs) -> Answer:
        """Makes some generations of some runs.

        Args:
            model: The SHA-256 of what was shipped.
            shipped: What `fetch` makes that of, in a list: it is fetched where it is not here.
            runs: Which runs, from where, and how far.
        """
        return self._with_scorer(model, shipped, lambda scorer: self._advance(scorer, runs))

    def score(self, model: str, shipped: Sequence[Any], images: np.ndarray) -> Answer:
        """Scores a batch.

        Args:
            model: As `advance` takes it.
            shipped: Likewise.
            images: uint8 [batch, height, width, channels].
        """
        return self._with_scorer(
            model, shipped, lambda scorer: Answer(None, rows=scorer.score(images))
        )

    def fetch(self, shipped: Sequence[Any]) -> shipping.Shipped:
        """What was shipped, out of Ray's object store."""
        import ray

        return ray.get(shipped[0])

    def _with_scorer(
        self,
        model: str,
        shipped: Sequence[Any],
        use: Callable[[scorer_contract.Scorer], Answer],
    ) -> Answer:
        """What comes of using the scorer, and what that answers to trial images."""
        if self._opened is None or self._opened[0] != model:
            self._forget()
            try:
                scorer = shipping.opened(self.fetch(shipped))
            except ValueError as error:
                return Answer(None, failure=Failure(str(error)))
            self._opened = (model, scorer, shipping.answers(scorer))
        _, scorer, answers = self._opened
        try:
            return dataclasses.replace(use(scorer), answers=answers)
        except scorer_contract.ScorerError as error:
            return Answer(answers, failure=Failure(str(error)))

    def _advance(self, scorer: scorer_contract.Scorer, runs: Runs) -> Answer:
        evolution = self._evolution(scorer, runs)
        if evolution is None:
            return Answer(None, needs_state=True)
        made: list[parts.Made] = []
        for _ in range(runs.count):
            try:
                generation = evolution.advance()
            except scorer_contract.ScorerError as error:
                return Answer(None, made, failure=Failure(str(error)))
            except generations.NotFiniteError as error:
                return Answer(None, made, failure=Failure(str(error), is_finite=False))
            made.append((generation, evolution.streams))
        return Answer(None, made)

    def _evolution(self, scorer: scorer_contract.Scorer, runs: Runs) -> map_elites.Evolution | None:
        """The runs at the generation that is asked for; None where their state is not here."""
        key = (runs.job, runs.config.first_run)
        evolution = self._evolutions.pop(key, None)
        if evolution is not None and evolution.generation != runs.generation:
            evolution.close()
            evolution = None
        if evolution is None:
            if runs.state is None and runs.generation >= 0:
                return None
            evolution = map_elites.Evolution(
                runs.config,
                scorer,
                runs.niches,
                group_images=max(_GROUP_IMAGES, getattr(scorer, "score_batch", 0)),
                threads=self._threads,
                is_part=True,
            )
            if runs.state is not None:
                # Copies: arrays from Ray's object store keep all of the state there.
                evolution.restore({name: array.copy() for name, array in runs.state.items()})
        self._evolutions[key] = evolution  # the newest last
        while len(self._evolutions) > _KEPT:
            self._evolutions.pop(next(iter(self._evolutions))).close()
        return evolution

    def _forget(self) -> None:
        """Lets go of another model and its runs."""
        self._opened = None
        while self._evolutions:
            self._evolutions.popitem()[1].close()
