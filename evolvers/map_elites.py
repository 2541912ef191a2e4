"""MAP-Elites for many runs in lockstep: all make a generation, then all make the next one.

Mouret and Clune, 2015, https://arxiv.org/abs/1504.04909, as used by Nguyen, Yosinski and Clune,
2015, https://arxiv.org/abs/1412.1897: one niche per label, parents drawn uniformly from the
elites, and a whole generation bred from the archive as it was at the generation's start. So a
generation is one batch, and the batches of all runs are scored together:

    evolution = Evolution(Config(runs=50), scorer)
    while evolution.generation < evolution.config.generations:
        report(evolution.advance())
"""

import dataclasses
import functools
import json
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from evolvers import duplicates, emitters, stored_state
from evolvers.archive import Archive, Elite, Offers, is_finite
from evolvers.canvas import Canvas
from evolvers.config import Config
from evolvers.emitters import Emitter, Proposal
from evolvers.generations import Generation, NotFiniteError
from evolvers.pipeline import Group, Pipeline, Scorer, Scores
from evolvers.render.cpu import CpuRenderer


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
        self._pipeline = Pipeline(config, self.canvas, self._emitter, skip_duplicates, group_images)
        self._is_part = is_part
        self._streams = [
            np.random.Generator(
                np.random.PCG64(np.random.SeedSequence(config.seed, spawn_key=(run,)))
            )
            for run in range(config.first_run, config.first_run + config.runs)
        ]

    def warm_up(self) -> None:
        """Compiles everything that the loop calls; changes no run.

        The first time on a machine this takes about 15 seconds, afterwards less than a second.
        Without this call, the first generation takes that time.
        """
        rng = np.random.default_rng(0)
        first = self._emitter.initial(rng, 2)
        elites, confidences = [first.genomes[0], first.genomes[1]], np.zeros(2, np.float32)
        children = self._emitter.offspring(rng, elites, confidences, np.ones(2, np.int64), 2, 0)
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
            for group, scores in self._pipeline.scored(
                self.scorer,
                functools.partial(propose, number),
                lambda run: self.archives[run].elites,
            ):
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
            self._pipeline.skip_duplicates,
            self._pipeline.group_images,
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
        return {
            "generation": np.array(self.generation),
            "streams": np.array(json.dumps(self.streams)),
            **({"not_finite": self.not_finite.copy()} if self.not_finite.any() else {}),
            **stored_state.of_archives(self.archives, self._emitter),
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
        elites = stored_state.elites(state, self.config, self.canvas)
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
        self._pipeline.close()
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

    def _begin(self, number: int, run: int) -> Proposal:
        del number
        return self._emitter.initial(self._streams[run], self.config.initial)

    def _breed(self, number: int, run: int) -> Proposal:
        archive = self.archives[run]
        elites = archive.filled()
        return self._emitter.offspring(
            self._streams[run],
            [elite.genome for elite in elites],
            archive.confidences,
            np.array([max(1, number - elite.generation) for elite in elites]),
            self.config.batch,
            number,
        )

    def _offer(
        self, group: Group, scores: Scores, number: int, first_identity: int
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


def _image(images: Sequence[np.ndarray] | np.ndarray, at: int, offer: int) -> np.ndarray:
    """The image of an offer, of a run whose images begin at `at`."""
    return images[at + offer]
