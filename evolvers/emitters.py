"""Emitters: they make the next batch of genomes from the elites of a run, in both encodings."""

import dataclasses
from collections.abc import Callable
from types import ModuleType
from typing import Generic, Protocol, TypeVar

import numpy as np

from evolvers import breeding, direct, efficient_breeding, program
from evolvers.canvas import Canvas
from evolvers.config import Config
from evolvers.cppn import Cppn, CppnBatch
from evolvers.cppn_genome import load_config
from evolvers.direct import DirectBatch, DirectGenome
from evolvers.render import coordinates
from evolvers.render.cpu import CpuRenderer
from evolvers.searches import EFFICIENT, MIXTURES, Mixture

Drawings = TypeVar("Drawings", program.Program, np.ndarray)


@dataclasses.dataclass(frozen=True, eq=False)
class Proposal(Generic[Drawings]):
    """A batch of genomes that one run proposes.

    Attributes:
        genomes: The whole batch.
        parents: int32 [batch]; the index of each one's parent among the elites, -1 for none.
        unchanged: bool [batch]; True where a genome certainly draws its parent's image.
        drawings: What is drawn: the programs, or the genes, of the genomes that are not
            unchanged, in order.
    """

    genomes: CppnBatch | DirectBatch
    parents: np.ndarray
    unchanged: np.ndarray
    drawings: Drawings

    def cut(self, places: slice) -> "Proposal[Drawings]":
        """The same with some of the drawings."""
        if places == slice(0, len(self.drawings)):
            return self
        return dataclasses.replace(self, drawings=self.drawings[places])


class Emitter(Protocol):
    """Proposes genomes and draws them. All random numbers come from the run's stream."""

    canvas: Canvas

    def initial(self, rng: np.random.Generator, count: int) -> Proposal:
        """Random genomes that fill an archive."""

    def offspring(
        self,
        rng: np.random.Generator,
        elites: list,
        confidences: np.ndarray,
        ages: np.ndarray,
        count: int,
        generation: int,
    ) -> Proposal:
        """Mutated copies of elites, one of each niche, drawn with replacement.

        Args:
            rng: The run's random stream.
            elites: The genomes, one per niche.
            confidences: float32 [niches], in [0, 1]; theirs, for their own labels.
            ages: int64 [niches], at least 1; how many generations ago each was born.
            count: How many children.
            generation: The number of the generation that is made.
        """

    def draw(self, proposals: list[Proposal], into: np.ndarray | None = None) -> np.ndarray:
        """uint8 [images, height, width, channels]: all drawings, one proposal after another.

        Args:
            proposals: Whose drawings.
            into: An array for them, of this dtype and shape; a new one by default.
        """

    def stack(self, genomes: list) -> CppnBatch | DirectBatch:
        """At least one genome, as a batch."""


class CppnEmitter:
    """Proposes networks that draw, as in the paper: see `cppn_genome` for the operators.

    Args:
        canvas: The image that they draw.
        renderer: Draws the programs.
        operators: `breeding`, or `neat_breeding`, which gives the same and is slow.
        skip_unchanged: Whether to leave out children whose program equals their parent's.
    """

    def __init__(
        self,
        canvas: Canvas,
        renderer: CpuRenderer,
        operators: ModuleType = breeding,
        skip_unchanged: bool = True,
    ):
        self.canvas = canvas
        self._renderer = renderer
        self._operators = operators
        self._skip_unchanged = skip_unchanged
        self._config = load_config(canvas.channels)

    def initial(self, rng: np.random.Generator, count: int) -> Proposal[program.Program]:
        """Networks without hidden nodes, with random weights and activations."""
        genomes = self._operators.initial(rng, count, self._config)
        return Proposal(genomes, *_no_parents(count), program.pack(genomes))

    def offspring(
        self,
        rng: np.random.Generator,
        elites: list[Cppn],
        confidences: np.ndarray,
        ages: np.ndarray,
        count: int,
        generation: int,
    ) -> Proposal[program.Program]:
        """Mutated copies; the rates are the same in every generation."""
        del generation
        parents = CppnBatch.stack(elites)
        genomes, places = self._bred(rng, parents, confidences, ages, count)
        packed = program.pack(genomes)
        if not self._skip_unchanged:
            return Proposal(genomes, places, np.zeros(count, bool), packed)
        unchanged = program.equal(packed, program.pack(parents), places)
        return Proposal(genomes, places, unchanged, packed.take(np.flatnonzero(~unchanged)))

    def _bred(
        self,
        rng: np.random.Generator,
        parents: CppnBatch,
        confidences: np.ndarray,
        ages: np.ndarray,
        count: int,
    ) -> tuple[CppnBatch, np.ndarray]:
        """The children, and int32 [count]: the index of each one's parent. All are as likely."""
        del confidences, ages
        return self._operators.offspring(rng, parents, count, self._config)

    def draw(
        self, proposals: list[Proposal[program.Program]], into: np.ndarray | None = None
    ) -> np.ndarray:
        """All programs in one call of the renderer."""
        packed = program.concatenate([proposal.drawings for proposal in proposals])
        return self._renderer.render(packed, self.canvas, into=into)

    def stack(self, genomes: list[Cppn]) -> CppnBatch:
        """The genomes as one batch."""
        return CppnBatch.stack(genomes)


class EfficientEmitter(CppnEmitter):
    """Proposes networks that draw, with fewer images: see `efficient_genome`.

    Args:
        canvas: The image that they draw.
        renderer: Draws the programs.
        mixture: How children are made.
        offspring: `efficient_breeding.offspring`, or `neat_breeding.efficient_offspring`, which
            gives the same and is slow.
    """

    def __init__(
        self,
        canvas: Canvas,
        renderer: CpuRenderer,
        mixture: Mixture = MIXTURES[EFFICIENT],
        offspring: Callable = efficient_breeding.offspring,
    ):
        super().__init__(canvas, renderer)
        self._mixture = mixture
        self._make = offspring
        grid = coordinates.grid(canvas, canvas.height, canvas.width)
        ends = grid.x[0], grid.x[-1], grid.y[0], grid.y[-1]
        self._extent = tuple(float(end) for end in ends)

    def _bred(
        self,
        rng: np.random.Generator,
        parents: CppnBatch,
        confidences: np.ndarray,
        ages: np.ndarray,
        count: int,
    ) -> tuple[CppnBatch, np.ndarray]:
        waits = ages * count / len(ages)
        return self._make(
            rng, parents, confidences, waits, count, self._config, self._mixture, self._extent
        )


class DirectEmitter:
    """Proposes pixels that mutate: see `direct`."""

    def __init__(self, canvas: Canvas, renderer: CpuRenderer):
        self.canvas = canvas
        self._renderer = renderer

    def initial(self, rng: np.random.Generator, count: int) -> Proposal[np.ndarray]:
        """White noise."""
        shape = (self.canvas.channels, self.canvas.height, self.canvas.width)
        genomes = direct.initial(rng, count, shape)
        return Proposal(genomes, *_no_parents(count), genomes.genes)

    def offspring(
        self,
        rng: np.random.Generator,
        elites: list[DirectGenome],
        confidences: np.ndarray,
        ages: np.ndarray,
        count: int,
        generation: int,
    ) -> Proposal[np.ndarray]:
        """Mutated copies; the rate halves every 1000 generations."""
        del confidences, ages
        genomes, places = direct.offspring(rng, DirectBatch.stack(elites), count, generation)
        return Proposal(genomes, places, np.zeros(count, bool), genomes.genes)

    def draw(
        self, proposals: list[Proposal[np.ndarray]], into: np.ndarray | None = None
    ) -> np.ndarray:
        """All genes in one call of the renderer."""
        genes = [proposal.drawings for proposal in proposals]
        joined = genes[0] if len(genes) == 1 else np.concatenate(genes)
        return self._renderer.render_pixels(joined, into)

    def stack(self, genomes: list[DirectGenome]) -> DirectBatch:
        """The genomes as one batch."""
        return DirectBatch.stack(genomes)


def emitter(config: Config, canvas: Canvas, renderer: CpuRenderer) -> Emitter:
    """The emitter of an evolution's encoding and search."""
    if config.encoding == "direct":
        return DirectEmitter(canvas, renderer)
    if config.search in MIXTURES:
        return EfficientEmitter(canvas, renderer, MIXTURES[config.search])
    return CppnEmitter(canvas, renderer)


def _no_parents(count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full(count, -1, np.int32), np.zeros(count, bool)
