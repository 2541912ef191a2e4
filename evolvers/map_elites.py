"""MAP-Elites for many runs in lockstep: all make a generation, then all make the next one.

Mouret and Clune, 2015, https://arxiv.org/abs/1504.04909, as used by Nguyen, Yosinski and Clune,
2015, https://arxiv.org/abs/1412.1897: one niche per label, parents drawn uniformly from the
elites, and a whole generation bred from the archive as it was at the generation's start. So a
generation is one batch, and the batches of all runs are scored together:

    evolution = Evolution(Config(runs=50), scorer)
    while evolution.generation < evolution.config.generations:
        report(evolution.advance())
"""

import collections
import concurrent.futures
import dataclasses
import functools
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, cast

import numpy as np

from evolvers import duplicates, emitters, stored_state
from evolvers.archive import Archive, Elite, Offers, is_finite
from evolvers.canvas import Canvas
from evolvers.config import Config
from evolvers.emitters import Emitter, Proposal
from evolvers.program import Program, concatenate
from evolvers.render.cpu import CpuRenderer

# A scorer that fails for more than half of this many images, or more, is useless; fewer images
# do not show anything.
_ENOUGH_TO_JUDGE = 16


class NotFiniteError(ValueError):
    """A scorer gave too many images NaN or infinite confidences; the same seed does so again."""


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
class Generation:
    """What happened in one generation.

    Attributes:
        number: From 0.
        median: float64 [runs]; of the confidences of a run's elites, over its niches.
        mean: float64 [runs]; likewise.
        minimum: float64 [runs]; likewise.
        maximum: float64 [runs]; likewise.
        takeovers: int64 [runs]; how many niches got a new elite.
        births: How many genomes were bred, in all runs.
        unchanged: int64 [runs]; children with their parent's program, which are not drawn.
        duplicates: int64 [runs]; images that an elite or an earlier child already had, which are
            not scored.
        not_finite: int64 [runs]; images with a NaN or infinite confidence, which win no niche.
        accepted: (run index, new elite, int64 labels whose niches it took), in the order of
            birth.
        score_seconds: How long the scorer was busy.
    """

    number: int
    median: np.ndarray
    mean: np.ndarray
    minimum: np.ndarray
    maximum: np.ndarray
    takeovers: np.ndarray
    births: int
    unchanged: np.ndarray
    duplicates: np.ndarray
    not_finite: np.ndarray
    accepted: list[tuple[int, Elite, np.ndarray]]
    score_seconds: float

    @property
    def scored(self) -> int:
        """How many images were scored, in all runs."""
        return self.births - int(self.unchanged.sum()) - int(self.duplicates.sum())

    def check_finite(self) -> None:
        """Checks that the scorer is of use.

        Raises:
            NotFiniteError: More than half of the images, if these are at least 16, have NaN or
                infinite confidences.
        """
        lost = int(self.not_finite.sum())
        if self.scored >= _ENOUGH_TO_JUDGE and 2 * lost > self.scored:
            raise NotFiniteError(
                f"returned NaN or infinite confidences for {lost} of the {self.scored} images of "
                f"generation {self.number}; did its training diverge?"
            )


@dataclasses.dataclass(frozen=True, eq=False)
class _Group:
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
    parts: list[concurrent.futures.Future["_Scores"]]
    room: np.ndarray | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class _Scores:
    """The scores of a group's images, or of a part of them."""

    confidences: np.ndarray
    images: Sequence[np.ndarray] | np.ndarray
    seconds: float

    @classmethod
    def of(cls, group: _Group) -> "_Scores":
        """Those of a whole group, once all its parts are scored."""
        parts = [part.result() for part in group.parts]
        if len(parts) == 1:
            return parts[0]
        return cls(
            np.concatenate([part.confidences for part in parts]),
            [image for part in parts for image in part.images],
            sum(part.seconds for part in parts),
        )


class Evolution:
    """`config.runs` independent runs from `config.seed`, which advance together.

    Every run draws from its own random stream, made from the seed and the run's number. So it makes
    the same images whatever other runs there are, and however the work is grouped.

    Args:
        config: The settings.
        scorer: Gives confidences; called from one thread at a time, but not always the same one.
            A `DrawingScorer` if `config.renderer` is "tf".
        niches: The numbers of the labels to fool, each once; all by default. A retrained
            classifier's fooling class has no niche.
        emitter: Proposes and draws genomes; made from `config` by default.
        skip_duplicates: Whether to score identical images only once.
        group_images: How many images are bred and drawn while as many others are scored; at
            least as many as the scorer takes at a time.
        threads: How many threads draw; by default one for each of this process's cores.
        is_part: Whether these are some of the runs of a larger evolution (`parts`), by all of
            which its scorer is judged.

    Attributes:
        scorer: The given scorer.
        generation: The number of the last complete generation; -1 before the first.
        archives: One `Archive` per run.
        not_finite: int64 [runs]; images with a NaN or infinite confidence, in all generations.

    Raises:
        ValueError: `niches` is empty, or names a label twice or one that is not there.
    """

    def __init__(
        self,
        config: Config,
        scorer: Scorer,
        niches: Sequence[int] | None = None,
        emitter: Emitter | None = None,
        skip_duplicates: bool = True,
        group_images: int = 2000,
        threads: int | None = None,
        is_part: bool = False,
    ):
        num_labels = len(scorer.labels)
        niches = range(num_labels) if niches is None else niches
        different = set(niches)
        if not niches or len(different) < len(niches) or not different <= set(range(num_labels)):
            raise ValueError(
                f"niches must be different labels in 0..{num_labels - 1}, got {list(niches)}."
            )
        self.config = config
        self.canvas = Canvas(*scorer.image_shape, config.coords)
        self.generation = -1
        self.archives = [Archive(niches) for _ in range(config.runs)]
        self.not_finite = np.zeros(config.runs, np.int64)
        self.scorer = scorer
        self._renderer = CpuRenderer(threads)
        self._emitter = emitter or emitters.emitter(config, self.canvas, self._renderer)
        self._skip_duplicates = skip_duplicates
        self._rooms: list[np.ndarray] = []  # arrays of images that are scored and offered
        self._group_images = group_images
        self._is_part = is_part
        self._streams = [
            np.random.Generator(
                np.random.PCG64(np.random.SeedSequence(config.seed, spawn_key=(run,)))
            )
            for run in range(config.first_run, config.first_run + config.runs)
        ]
        self._scoring = concurrent.futures.ThreadPoolExecutor(1, "score")

    def warm_up(self) -> None:
        """Compiles everything that the loop calls; changes no run.

        The first time on a machine this takes about 15 seconds, afterwards less than a second.
        Without this call, the first generation takes that time.
        """
        rng = np.random.default_rng(0)
        first = self._emitter.initial(rng, 2)
        elites = [first.genomes[0], first.genomes[1]]
        children = self._emitter.offspring(rng, elites, np.zeros(2, np.float32), 2, 0)
        if self.config.renderer == "cpu":
            duplicates.fresh(self._emitter.draw([first, children]), [])

    def random_images(self, count: int) -> np.ndarray:
        """Images like those with which a run begins; changes no run.

        Returns:
            uint8 [count, height, width, channels], the same for every run and seed.
        """
        drawn = self._emitter.draw([self._emitter.initial(np.random.default_rng(0), count)])
        return np.ascontiguousarray(drawn)

    def advance(self) -> Generation:
        """Breeds, draws, scores and offers one generation of every run.

        The first call makes the initial genomes and the batch of generation 0. If the scorer
        raises an exception, it is passed on, and everything is as before the call: `state` is
        that of the last complete generation.

        Raises:
            NotFiniteError: More than half of the generation's images, if these are at least 16,
                have NaN or infinite confidences, or all first images of a run have.
        """
        begun_with = self._snapshot()
        try:
            return self._advance()
        except BaseException:
            self._return_to(begun_with)
            raise

    def _advance(self) -> Generation:
        number = self.generation + 1
        rounds = [(self._breed, self.config.initial + number * self.config.batch)]
        if number == 0:
            rounds.insert(0, (self._begin, 0))
        births, seconds = 0, 0.0
        unchanged, known, takeovers, not_finite = np.zeros((4, self.config.runs), np.int64)
        accepted = []
        for propose, first_identity in rounds:
            for group, scores in self._scored(propose, number):
                seconds += scores.seconds
                births += sum(len(p.genomes) for p in group.proposals)
                lost = np.flatnonzero(~is_finite(scores.confidences))
                ends = np.cumsum([len(places) for places in group.places])
                np.add.at(not_finite, group.runs.start + np.searchsorted(ends, lost, "right"), 1)
                for run, elite, niches in self._offer(group, scores, number, first_identity):
                    takeovers[run] += len(niches)
                    accepted.append((run, elite, niches))
                for run, proposal, places in zip(
                    group.runs, group.proposals, group.places, strict=True
                ):
                    skipped = np.count_nonzero(proposal.unchanged)
                    unchanged[run] += skipped
                    known[run] += len(proposal.genomes) - skipped - len(places)
            self._check_begun()
        confidences = np.stack([archive.confidences for archive in self.archives]).astype(float)
        made = Generation(
            number=number,
            median=np.median(confidences, axis=1),
            mean=confidences.mean(axis=1),
            minimum=confidences.min(axis=1),
            maximum=confidences.max(axis=1),
            takeovers=takeovers,
            births=births,
            unchanged=unchanged,
            duplicates=known,
            not_finite=not_finite,
            accepted=accepted,
            score_seconds=seconds,
        )
        if not self._is_part:
            made.check_finite()
        self.generation = number
        self.not_finite += not_finite
        return made

    @property
    def streams(self) -> list[Mapping[str, object]]:
        """Where the runs' random streams stand: what NumPy calls the state of a bit generator."""
        return [rng.bit_generator.state for rng in self._streams]

    def take(self, made: Generation, streams: Sequence[Mapping[str, object]]) -> None:
        """Goes on by a generation that another evolution of the same runs and settings has made.

        Args:
            made: What its `advance` returned.
            streams: Its `streams` after that.

        Raises:
            ValueError: It is not the next generation, or not of so many runs.
        """
        runs = self.config.runs
        if made.number != self.generation + 1 or not len(made.median) == len(streams) == runs:
            raise ValueError(
                f"expected generation {self.generation + 1} of {runs} runs, got generation "
                f"{made.number} of {len(made.median)}."
            )
        for run, elite, labels in made.accepted:
            self.archives[run].put(elite, labels)
        for rng, position in zip(self._streams, streams, strict=True):
            rng.bit_generator.state = position
        self.not_finite += made.not_finite
        self.generation = made.number

    def part(self, runs: range) -> "Evolution":
        """Some of the runs, as they are now, as an evolution of their own.

        Args:
            runs: Their indices.

        Returns:
            An evolution that shares the scorer and what draws, to be closed with this one.
        """
        config = dataclasses.replace(
            self.config, runs=len(runs), first_run=self.config.first_run + runs.start
        )
        found = Evolution(
            config,
            self.scorer,
            self.archives[0].labels,
            self._emitter,
            self._skip_duplicates,
            self._group_images,
            is_part=True,
        )
        found.generation = self.generation
        found.not_finite = self.not_finite[runs.start : runs.stop].copy()
        for place, run in enumerate(runs):
            found.archives[place].elites = list(self.archives[run].elites)
            found.archives[place].confidences = self.archives[run].confidences.copy()
            found._streams[place].bit_generator.state = self._streams[run].bit_generator.state
        return found

    def state(self) -> dict[str, np.ndarray]:
        """Everything on which the next generations depend, besides the configuration.

        Returns:
            Arrays without objects, for `restore`. The names of the genomes' arrays begin with
            `genomes_`; `not_finite` is left out if it is 0 for all runs.
        """
        elites: list[Elite] = []
        places, runs = [], []
        for run, archive in enumerate(self.archives):
            known: dict[int, int] = {}
            for elite in archive.filled():
                if elite.identity not in known:
                    known[elite.identity] = len(elites)
                    elites.append(elite)
                    runs.append(run)
                places.append(known[elite.identity])
        genomes = dataclasses.asdict(self._emitter.stack([elite.genome for elite in elites]))
        genomes.pop("num_outputs", None)
        return {
            "generation": np.array(self.generation),
            "streams": np.array(json.dumps(self.streams)),
            "niches": np.array(places).reshape(len(self.archives), -1),
            "identity": np.array([elite.identity for elite in elites]),
            "parent": np.array([elite.parent for elite in elites]),
            "born": np.array([elite.generation for elite in elites]),
            "confidences": np.stack([elite.confidences for elite in elites]),
            "images": np.stack([elite.image for elite in elites]),
            **({"not_finite": self.not_finite.copy()} if self.not_finite.any() else {}),
            **{f"{stored_state.PREFIX}{name}": array for name, array in genomes.items()},
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continues from a `state` of an evolution with the same configuration and scorer.

        Raises:
            ValueError: It is not such a state.
        """
        stored_state.check(
            state,
            self.config,
            self.canvas,
            len(self.archives[0].elites),
            len(self.scorer.labels),
        )
        genomes = stored_state.genomes(state, self.config, self.canvas)
        # Copies, so that an elite that is replaced leaves its memory.
        elites = [
            Elite(
                int(identity),
                int(parent),
                int(born),
                genomes[place],
                confidences.copy(),
                image.copy(),
            )
            for place, (identity, parent, born, confidences, image) in enumerate(
                zip(
                    state["identity"],
                    state["parent"],
                    state["born"],
                    state["confidences"],
                    state["images"],
                    strict=True,
                )
            )
        ]
        for archive, places in zip(self.archives, state["niches"], strict=True):
            archive.elites = [elites[place] for place in places]
            archive.confidences = np.array(
                [
                    elite.confidences[label]
                    for label, elite in zip(archive.labels, archive.filled(), strict=True)
                ],
                np.float32,
            )
        for rng, value in zip(self._streams, json.loads(str(state["streams"])), strict=True):
            rng.bit_generator.state = value
        if "not_finite" in state:
            self.not_finite = state["not_finite"].copy()
        self.generation = int(state["generation"])

    def close(self) -> None:
        """Ends the threads."""
        self._scoring.shutdown(cancel_futures=True)
        self._renderer.close()

    def _snapshot(self) -> list[tuple]:
        """What a generation changes, per run; elites and their arrays never change."""
        return [
            (list(archive.elites), archive.confidences.copy(), rng.bit_generator.state)
            for archive, rng in zip(self.archives, self._streams, strict=True)
        ]

    def _return_to(self, snapshot: list[tuple]) -> None:
        for archive, rng, (elites, confidences, position) in zip(
            self.archives, self._streams, snapshot, strict=True
        ):
            archive.elites, archive.confidences = elites, confidences
            rng.bit_generator.state = position

    def _check_begun(self) -> None:
        for run, archive in enumerate(self.archives, self.config.first_run):
            if archive.elites[0] is None:
                raise NotFiniteError(
                    f"returned NaN or infinite confidences for all of the first images of run {run}"
                    "; did its training diverge?"
                )

    def _begin(self, run: int, number: int) -> Proposal:
        del number
        return self._emitter.initial(self._streams[run], self.config.initial)

    def _breed(self, run: int, number: int) -> Proposal:
        archive = self.archives[run]
        genomes = [elite.genome for elite in archive.filled()]
        return self._emitter.offspring(
            self._streams[run], genomes, archive.confidences, self.config.batch, number
        )

    def _scored(
        self, propose: Callable[[int, int], Proposal], number: int
    ) -> Iterator[tuple[_Group, _Scores]]:
        """Yields each group of runs with its scores.

        While one group is scored, the next one is bred and drawn, and while a part of one is
        scored, the next part is drawn.
        """
        runs = self.config.runs
        size = max(1, min(self._group_images // self.config.batch, -(-runs // 2)))
        waiting: collections.deque[_Group] = collections.deque()
        begun: list[concurrent.futures.Future[_Scores]] = []
        try:
            for start in range(0, runs, size):
                group = self._begun(range(start, min(start + size, runs)), propose, number, begun)
                waiting.append(group)
                if len(waiting) > 1:
                    group = waiting.popleft()
                    yield group, _Scores.of(group)
                    self._leave(group)
            for group in waiting:
                yield group, _Scores.of(group)
                self._leave(group)
        finally:  # if one failed, the others are not needed
            for part in begun:
                part.cancel()

    def _score(self, work: np.ndarray | Program) -> _Scores:
        start = time.perf_counter()
        if not len(work):
            return _Scores(np.empty((0, len(self.scorer.labels)), np.float32), (), 0.0)
        if isinstance(work, Program):
            scorer = cast(DrawingScorer, self.scorer)
            confidences, images = scorer.score_programs(work, self.canvas)
            return _Scores(confidences, images, time.perf_counter() - start)
        return _Scores(self.scorer.score(work), work, time.perf_counter() - start)

    def _begun(
        self,
        runs: range,
        propose: Callable[[int, int], Proposal],
        number: int,
        begun: list[concurrent.futures.Future[_Scores]],
    ) -> _Group:
        """A group that is bred and drawn; whatever of it is being scored is added to `begun`."""
        proposals = [propose(run, number) for run in runs]
        drawn = [np.flatnonzero(~proposal.unchanged) for proposal in proposals]
        first = len(begun)
        if self.config.renderer == "tf":
            # The images stay on the device that scores them, so their bytes cannot be compared.
            programs = concatenate([proposal.drawings for proposal in proposals])
            begun.append(self._scoring.submit(self._score, programs))
            return _Group(runs, proposals, drawn, begun[first:])
        images = self._room(sum(len(places) for places in drawn))
        seen = [duplicates.Seen(self.archives[run].elites) for run in runs]
        fresh: list[list[np.ndarray]] = [[np.zeros(0, bool)] for _ in runs]
        end = 0
        most = getattr(self.scorer, "part_images", 0)
        for cuts in _parts([len(places) for places in drawn], most):
            begin = at = end
            size = sum(cut.stop - cut.start for _, cut in cuts)
            asked = [proposals[place].cut(cut) for place, cut in cuts]
            self._emitter.draw(asked, into=images[begin : begin + size])
            for place, cut in cuts:
                stop = at + cut.stop - cut.start
                found = np.ones(stop - at, bool)
                if self._skip_duplicates:
                    found = seen[place].move_fresh(images, at, stop, end)
                fresh[place].append(found)
                at, end = stop, end + int(np.count_nonzero(found))
            begun.append(self._scoring.submit(self._score, images[begin:end]))
        drawn = [places[np.concatenate(found)] for places, found in zip(drawn, fresh, strict=True)]
        return _Group(runs, proposals, drawn, begun[first:], images)

    def _leave(self, group: _Group) -> None:
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
        return np.empty((count, *self.canvas.shape), np.uint8)

    def _offer(
        self, group: _Group, scores: _Scores, number: int, first_identity: int
    ) -> Iterator[tuple[int, Elite, np.ndarray]]:
        at = 0
        for run, proposal, places in zip(group.runs, group.proposals, group.places, strict=True):
            end = at + len(places)
            archive = self.archives[run]
            if archive.elites[0] is None:
                parents = proposal.parents[places]
            else:
                identities = np.array([elite.identity for elite in archive.filled()])
                parents = identities[proposal.parents[places]]
            offers = Offers(
                genomes=proposal.genomes,
                places=places,
                identities=first_identity + places,
                parents=parents,
                generation=number,
                image=functools.partial(_image, scores.images, at),
                confidences=scores.confidences[at:end],
            )
            for elite, niches in archive.add(offers):
                yield run, elite, niches
            at = end


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


def _image(images: Sequence[np.ndarray] | np.ndarray, at: int, offer: int) -> np.ndarray:
    """The image of an offer, of a run whose images begin at `at`."""
    return images[at + offer]
