"""Draws the children of many runs and has them scored, both at the same time.

While one group of runs is scored, the next one is bred and drawn, and while a part of one is
scored, the next part is drawn. Images that are known (`duplicates`) are not scored.
"""

import collections
import concurrent.futures
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, cast

import numpy as np

from evolvers import duplicates
from evolvers.archive import Elite
from evolvers.canvas import Canvas
from evolvers.config import Config
from evolvers.emitters import Emitter, Proposal
from evolvers.program import Program, concatenate


class Scorer(Protocol):
    """Anything that gives images confidences; NaN for images that it cannot score.

    One that gives an image the same confidences in every batch may have `part_images`, an int: of
    a larger group about so many images at a time are scored, while the next ones are drawn.
    """

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of its labels."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""

    def score(self, images: np.ndarray) -> np.ndarray:
        """float32 [batch, num_labels] for uint8 [batch, height, width, channels]."""


class DrawingScorer(Scorer, Protocol):
    """A scorer that draws programs itself, on the device on which it scores them."""

    def score_programs(
        self, programs: Program, canvas: Canvas
    ) -> tuple[np.ndarray, Sequence[np.ndarray]]:
        """The confidences, and the images one by one: uint8 [height, width, channels]."""


@dataclasses.dataclass(frozen=True, eq=False)
class Group:
    """Runs whose proposals are scored together.

    Attributes:
        runs: The indices of the runs.
        proposals: One per run.
        places: One int64 array per run: the indices of the genomes that must be scored.
        parts: What comes of scoring them, one part of them after another, in this order.
        room: The array that their images are in; None for a scorer that draws.
    """

    runs: range
    proposals: list[Proposal]
    places: list[np.ndarray]
    parts: list[concurrent.futures.Future["Scores"]]
    room: np.ndarray | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Scores:
    """The scores of a group's images, or of a part of them."""

    confidences: np.ndarray
    images: Sequence[np.ndarray] | np.ndarray
    seconds: float

    @classmethod
    def of(cls, group: Group) -> "Scores":
        """Those of a whole group, once all its parts are scored."""
        parts = [part.result() for part in group.parts]
        if len(parts) == 1:
            return parts[0]
        return cls(
            np.concatenate([part.confidences for part in parts]),
            [image for part in parts for image in part.images],
            sum(part.seconds for part in parts),
        )


class Pipeline:
    """Draws and scores for an evolution, a generation at a time.

    Args:
        config: The evolution's settings.
        canvas: Where images are drawn.
        emitter: Draws.
        skip_duplicates: Whether to score identical images only once.
        group_images: How many images are bred and drawn while as many others are scored.

    Attributes:
        skip_duplicates: As given.
        group_images: As given.
    """

    def __init__(
        self,
        config: Config,
        canvas: Canvas,
        emitter: Emitter,
        skip_duplicates: bool,
        group_images: int,
    ):
        self._config = config
        self._canvas = canvas
        self._emitter = emitter
        self.skip_duplicates = skip_duplicates
        self.group_images = group_images
        self._rooms: list[np.ndarray] = []  # arrays of images that are scored and offered
        self._scoring = concurrent.futures.ThreadPoolExecutor(1, "score")

    def scored(
        self,
        scorer: Scorer,
        propose: Callable[[int], Proposal],
        elites: Callable[[int], list[Elite | None]],
    ) -> Iterator[tuple[Group, Scores]]:
        """Yields each group of runs with its scores.

        What the receiver does with a group, it does while the next one is scored.

        Args:
            scorer: Gives confidences; called from one thread at a time, but not always the same
                one. A `DrawingScorer` if `config.renderer` is "tf".
            propose: The children of a run, by its index.
            elites: The elites of a run, whose images are known.
        """
        runs = self._config.runs
        size = max(1, min(self.group_images // self._config.batch, -(-runs // 2)))
        waiting: collections.deque[Group] = collections.deque()
        begun: list[concurrent.futures.Future[Scores]] = []
        try:
            for start in range(0, runs, size):
                some = range(start, min(start + size, runs))
                waiting.append(self._begun(some, scorer, propose, elites, begun))
                if len(waiting) > 1:
                    group = waiting.popleft()
                    yield group, Scores.of(group)
                    self._leave(group)
            for group in waiting:
                yield group, Scores.of(group)
                self._leave(group)
        finally:  # if one failed, the others are not needed
            for part in begun:
                part.cancel()

    def close(self) -> None:
        """Ends its thread."""
        self._scoring.shutdown(cancel_futures=True)

    def _begun(
        self,
        runs: range,
        scorer: Scorer,
        propose: Callable[[int], Proposal],
        elites: Callable[[int], list[Elite | None]],
        begun: list[concurrent.futures.Future[Scores]],
    ) -> Group:
        """A group that is bred and drawn; whatever of it is being scored is added to `begun`."""
        proposals = [propose(run) for run in runs]
        drawn = [np.flatnonzero(~proposal.unchanged) for proposal in proposals]
        first = len(begun)
        if self._config.renderer == "tf":
            # The images stay on the device that scores them, so their bytes cannot be compared.
            programs = concatenate([proposal.drawings for proposal in proposals])
            begun.append(self._scoring.submit(_score, scorer, programs, self._canvas))
            return Group(runs, proposals, drawn, begun[first:])
        images = self._room(sum(len(places) for places in drawn))
        seen = [duplicates.Seen(elites(run)) for run in runs]
        fresh: list[list[np.ndarray]] = [[np.zeros(0, bool)] for _ in runs]
        end = 0
        most = getattr(scorer, "part_images", 0)
        for cuts in _parts([len(places) for places in drawn], most):
            begin = at = end
            size = sum(cut.stop - cut.start for _, cut in cuts)
            asked = [proposals[place].cut(cut) for place, cut in cuts]
            self._emitter.draw(asked, into=images[begin : begin + size])
            for place, cut in cuts:
                stop = at + cut.stop - cut.start
                found = np.ones(stop - at, bool)
                if self.skip_duplicates:
                    found = seen[place].move_fresh(images, at, stop, end)
                fresh[place].append(found)
                at, end = stop, end + int(np.count_nonzero(found))
            begun.append(self._scoring.submit(_score, scorer, images[begin:end], self._canvas))
        drawn = [places[np.concatenate(found)] for places, found in zip(drawn, fresh, strict=True)]
        return Group(runs, proposals, drawn, begun[first:], images)

    def _leave(self, group: Group) -> None:
        """Keeps the room of a group whose elites have their own copies of their images."""
        if group.room is not None:
            self._rooms.append(group.room)

    def _room(self, count: int) -> np.ndarray:
        """An array for so many images: one that is not used any more, if there is one.

        The system clears the memory of new ones page by page, which takes as long as drawing half
        of an image.
        """
        for place, images in enumerate(self._rooms):
            if len(images) >= count:
                return self._rooms.pop(place)
        self._rooms.clear()  # too small
        return np.empty((count, *self._canvas.shape), np.uint8)


def _score(scorer: Scorer, work: np.ndarray | Program, canvas: Canvas) -> Scores:
    start = time.perf_counter()
    if not len(work):
        return Scores(np.empty((0, len(scorer.labels)), np.float32), (), 0.0)
    if isinstance(work, Program):
        drawing = cast(DrawingScorer, scorer)
        confidences, images = drawing.score_programs(work, canvas)
        return Scores(confidences, images, time.perf_counter() - start)
    return Scores(scorer.score(work), work, time.perf_counter() - start)


def _parts(counts: Sequence[int], most: int) -> list[list[tuple[int, slice]]]:
    """Which images of a group are drawn, and scored, together.

    Args:
        counts: How many images each run has.
        most: How many there are together; 0 for all.

    Returns:
        For each part the places of its runs among these, with slices of their images. The parts of
        a run are of about equal size: scorers meet few shapes.
    """
    if not most or sum(counts) <= most:
        return [[(place, slice(0, count)) for place, count in enumerate(counts)]]
    found = []
    for place, count in enumerate(counts):
        parts = max(1, -(-count // most))
        size = -(-count // parts)
        for part in range(parts):
            cut = slice(min(count, part * size), min(count, (part + 1) * size))
            found.append([(place, cut)])
    return found
