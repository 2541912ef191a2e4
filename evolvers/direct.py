"""The direct encoding: pixels are the genome.

Nguyen, Yosinski and Clune, 2015 (https://arxiv.org/abs/1412.1897): one gene in [0, 1] per
grey value, or per hue, lightness and saturation of a pixel. A mutation picks each gene
with a probability that starts at 0.1 and halves every 1000 generations, and changes the picked
genes by Deb's polynomial mutation with distribution index 15. There is no crossover.
"""

import base64
import dataclasses
import math
import zlib

import numpy as np

from evolvers.breeding import polynomial_delta
from evolvers.compiling import compiled

_FIRST_RATE = 0.1
_HALVING = 1000  # generations


@dataclasses.dataclass(frozen=True, eq=False)
class DirectGenome:
    """One image as genes.

    Attributes:
        genes: float32 [channels, height, width] in [0, 1]. Never changed.
    """

    genes: np.ndarray

    def to_json(self) -> dict:
        """The genome as JSON values: the float32 genes, compressed with zlib, in base64."""
        packed = zlib.compress(self.genes.astype("<f4").tobytes())
        return {"genes": base64.b64encode(packed).decode("ascii")}

    @classmethod
    def from_json(cls, value: dict, shape: tuple[int, int, int]) -> "DirectGenome":
        """The genome that `to_json` wrote.

        Args:
            value: JSON values.
            shape: (channels, height, width).

        Raises:
            ValueError: `value` does not hold that many genes in [0, 1].
        """
        expected = 4 * math.prod(shape)
        try:
            inflater = zlib.decompressobj()
            # One byte more than expected is enough to see that there are too many.
            raw = inflater.decompress(base64.b64decode(value["genes"]), expected + 1)
        except (KeyError, TypeError, ValueError, OverflowError, zlib.error) as error:
            raise ValueError(f"no direct genome: {type(error).__name__}: {error}.") from error
        if len(raw) != expected:
            raise ValueError(f"expected {expected // 4} genes for {shape}, got another number.")
        genes = np.frombuffer(raw, "<f4").astype(np.float32).reshape(shape)
        if not ((genes >= 0) & (genes <= 1)).all():
            raise ValueError("expected genes in [0, 1].")
        return cls(genes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DirectGenome) and np.array_equal(self.genes, other.genes)

    __hash__ = None  # type: ignore[assignment]


@dataclasses.dataclass(frozen=True, eq=False)
class DirectBatch:
    """Direct genomes, one after another.

    Attributes:
        genes: float32 [batch, channels, height, width] in [0, 1].
    """

    genes: np.ndarray

    @classmethod
    def stack(cls, genomes: list[DirectGenome]) -> "DirectBatch":
        """A batch of copies of `genomes`: at least one, and all of the same shape."""
        return cls(np.stack([genome.genes for genome in genomes]))

    def __len__(self) -> int:
        return len(self.genes)

    def __getitem__(self, index: int) -> DirectGenome:
        return DirectGenome(self.genes[index].copy())


def mutation_rate(generation: int) -> float:
    """The probability that a gene is mutated: 0.1, halved every 1000 generations."""
    return _FIRST_RATE * 0.5 ** (generation // _HALVING)


def initial(rng: np.random.Generator, count: int, shape: tuple[int, int, int]) -> DirectBatch:
    """Random genomes: every gene uniform in [0, 1).

    Args:
        rng: The run's random stream.
        count: How many genomes.
        shape: (channels, height, width).
    """
    return DirectBatch(rng.random((count, *shape), dtype=np.float32))


def offspring(
    rng: np.random.Generator, parents: DirectBatch, count: int, generation: int
) -> tuple[DirectBatch, np.ndarray]:
    """Mutated copies of parents drawn uniformly, with replacement.

    Args:
        rng: The run's random stream.
        parents: The elites, one per niche.
        count: How many children.
        generation: Determines the mutation rate.

    Returns:
        The children, and int32 [count]: the index of each one's parent in `parents`.
    """
    flat = parents.genes.reshape(len(parents), -1)
    children, chosen = _offspring(rng, flat, count, mutation_rate(generation))
    return DirectBatch(children.reshape(count, *parents.genes.shape[1:])), chosen


@compiled()
def _offspring(rng, parents, count, rate):
    num_genes = parents.shape[1]
    children = np.empty((count, num_genes), np.float32)
    chosen = np.empty(count, np.int32)
    for child in range(count):
        chosen[child] = int(rng.random() * len(parents))
        genes = children[child]
        genes[:] = parents[chosen[child]]
        # The gap to the next picked gene has a geometric distribution, so one draw per picked gene
        # is enough.
        gene = int(np.log(1 - rng.random()) / np.log(1 - rate))
        while gene < num_genes:
            moved = np.float64(genes[gene]) + polynomial_delta(rng.random())
            genes[gene] = min(max(moved, 0.0), 1.0)
            gene += 1 + int(np.log(1 - rng.random()) / np.log(1 - rate))
    return children, chosen
