"""CPPN genomes as flat arrays: what the loop breeds, packs and stores.

A `Cppn` holds exactly the same information as a `cppn_genome.CppnGenome`, and either can be made
from the other without loss. A whole batch lies in a few long arrays, one genome after another
(`CppnBatch`), so that compiled code can breed a generation in one call.
"""

import dataclasses
import graphlib
import operator
import reprlib

import numpy as np

from evolvers import activations
from evolvers.cppn_genome import NUM_INPUTS, CppnGenome

_MAX_WEIGHT = 10
# Limits for genomes from outside, so that none takes too much memory or time. Ten thousand
# generations breed some hundred nodes.
MAX_NODES, MAX_CONNECTIONS = 2**16, 2**18


@dataclasses.dataclass(frozen=True, eq=False)
class Cppn:
    """One CPPN genome. Its arrays are never changed.

    Nodes are numbered: inputs 0..3 (x, y, distance, bias), then outputs, then hidden ones.

    Attributes:
        num_outputs: 1 (grey) or 3 (hue, lightness, saturation).
        activations: uint8 [num_nodes], outputs first: indices into `activations.NAMES`.
        sources: int32 [num_connections] node numbers; parallel connections stand next to each
            other.
        targets: int32 [num_connections] node numbers.
        weights: float32 [num_connections], in [-10, 10].
    """

    num_outputs: int
    activations: np.ndarray
    sources: np.ndarray
    targets: np.ndarray
    weights: np.ndarray

    @property
    def num_nodes(self) -> int:
        """Output and hidden nodes."""
        return len(self.activations)

    @property
    def num_connections(self) -> int:
        """Connections, each of several parallel ones counted."""
        return len(self.weights)

    def to_json(self) -> dict:
        """The genome as JSON values; weights with as few digits as identify them."""
        return {
            "nodes": [activations.NAMES[index] for index in self.activations],
            "connections": [
                [int(source), int(target), float(str(weight))]
                for source, target, weight in zip(
                    self.sources, self.targets, self.weights, strict=True
                )
            ],
        }

    @classmethod
    def from_json(cls, value: dict, num_outputs: int) -> "Cppn":
        """The genome that `to_json` wrote.

        Raises:
            ValueError: `value` does not describe an acyclic network of `num_outputs` outputs, or it
                describes one of more than `MAX_NODES` nodes or `MAX_CONNECTIONS` connections.
        """
        try:
            names = list(value["nodes"])
            for what, found, limit in (
                ("nodes", len(names), MAX_NODES),
                ("connections", len(value["connections"]), MAX_CONNECTIONS),
            ):
                if found > limit:
                    raise ValueError(f"expected at most {limit} {what}, got {found}")
            edges = [
                (operator.index(source), operator.index(target), weight)
                for source, target, weight in value["connections"]
            ]
            if not all(abs(weight) <= _MAX_WEIGHT for _, _, weight in edges):
                raise ValueError(f"expected weights in [-{_MAX_WEIGHT}, {_MAX_WEIGHT}]")
            ends = np.array([edge[:2] for edge in edges], np.int32).reshape(-1, 2)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"no CPPN genome: {type(error).__name__}: {error}.") from error
        for name in names:
            if name not in activations.NAMES:
                raise ValueError(
                    f"activations must be among {', '.join(activations.NAMES)}, "
                    f"got {reprlib.repr(name)}."
                )
        genome = cls(
            num_outputs,
            np.array([activations.NAMES.index(name) for name in names], np.uint8),
            ends[:, 0].copy(),
            ends[:, 1].copy(),
            np.array([weight for _, _, weight in edges], np.float32),
        )
        genome.check_network()
        return genome

    def check_network(self) -> None:
        """Checks the graph of a genome that comes from outside.

        Raises:
            ValueError: There are too few nodes, ends are out of range, or there is a cycle.
        """
        last = NUM_INPUTS + self.num_nodes
        if self.num_nodes < self.num_outputs:
            raise ValueError(f"expected at least {self.num_outputs} nodes, got {self.num_nodes}.")
        starts_at_output = (self.sources >= NUM_INPUTS) & (
            self.sources < NUM_INPUTS + self.num_outputs
        )
        if (
            (self.sources < 0).any()
            or (self.sources >= last).any()
            or (self.targets < NUM_INPUTS).any()
            or (self.targets >= last).any()
            or starts_at_output.any()
        ):
            raise ValueError(f"expected connections among {last} nodes, not into inputs.")
        graph: graphlib.TopologicalSorter[int] = graphlib.TopologicalSorter()
        for source, target in zip(self.sources.tolist(), self.targets.tolist(), strict=True):
            graph.add(target, source)
        try:
            graph.prepare()
        except graphlib.CycleError as error:
            raise ValueError("expected a network without cycles.") from error

    def to_neat(self, key: int = 0) -> CppnGenome:
        """The genome as neat-python genes, a new object at each call."""
        keys = [*range(-1, -NUM_INPUTS - 1, -1), *range(self.num_nodes)]
        genome = CppnGenome(key)
        for place, activation in enumerate(self.activations):
            genome.add_node(place, int(activation))
        for source, target, weight in zip(self.sources, self.targets, self.weights, strict=True):
            genome.add_strand(keys[source], keys[target], float(weight))
        return genome

    @classmethod
    def from_neat(cls, genome: CppnGenome, num_outputs: int) -> "Cppn":
        """The flat form of a neat-python genome."""
        place = {-1 - number: number for number in range(NUM_INPUTS)}
        place |= {key: NUM_INPUTS + number for number, key in enumerate(genome.nodes)}
        edges = list(genome.strands())
        return cls(
            num_outputs,
            np.array(
                [activations.NAMES.index(g.activation) for g in genome.nodes.values()], np.uint8
            ),
            np.array([place[ends[0]] for ends, _ in edges], np.int32),
            np.array([place[ends[1]] for ends, _ in edges], np.int32),
            np.array([weight for _, weight in edges], np.float32),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cppn) and all(
            np.array_equal(getattr(self, field.name), getattr(other, field.name))
            for field in dataclasses.fields(self)
        )

    __hash__ = None  # type: ignore[assignment]


@dataclasses.dataclass(frozen=True, eq=False)
class CppnBatch:
    """CPPN genomes, one after another.

    Attributes:
        num_outputs: 1 (grey) or 3 (colour).
        node_offsets: int64 [batch + 1]; the activations of genome i are those from offset i up to
            offset i + 1.
        activations: uint8 [all nodes].
        edge_offsets: int64 [batch + 1]; the same for its connections.
        sources: int32 [all connections].
        targets: int32 [all connections].
        weights: float32 [all connections].
    """

    num_outputs: int
    node_offsets: np.ndarray
    activations: np.ndarray
    edge_offsets: np.ndarray
    sources: np.ndarray
    targets: np.ndarray
    weights: np.ndarray

    @classmethod
    def stack(cls, genomes: list[Cppn]) -> "CppnBatch":
        """A batch of copies of `genomes`: at least one, and all grey or all colour."""
        return cls(
            genomes[0].num_outputs,
            offsets([genome.num_nodes for genome in genomes]),
            np.concatenate([genome.activations for genome in genomes]),
            offsets([genome.num_connections for genome in genomes]),
            np.concatenate([genome.sources for genome in genomes]),
            np.concatenate([genome.targets for genome in genomes]),
            np.concatenate([genome.weights for genome in genomes]),
        )

    def __len__(self) -> int:
        return len(self.node_offsets) - 1

    def __getitem__(self, index: int) -> Cppn:
        nodes = slice(self.node_offsets[index], self.node_offsets[index + 1])
        edges = slice(self.edge_offsets[index], self.edge_offsets[index + 1])
        return Cppn(
            self.num_outputs,
            self.activations[nodes].copy(),
            self.sources[edges].copy(),
            self.targets[edges].copy(),
            self.weights[edges].copy(),
        )

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """The six arrays in the order in which compiled code takes them."""
        return (
            self.node_offsets,
            self.activations,
            self.edge_offsets,
            self.sources,
            self.targets,
            self.weights,
        )


def offsets(lengths: list[int]) -> np.ndarray:
    """int64 [n + 1]: 0, then the running sum of `lengths`."""
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
