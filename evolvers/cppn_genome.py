"""The CPPN genome: a neat-python genome with the paper's own operators.

Nguyen, Yosinski and Clune, 2015 (https://arxiv.org/abs/1412.1897) mutate CPPNs differently
from NEAT: weights change by polynomial mutation, a split connection is removed and both halves
get its weight, connections may run in parallel, and there are no crossover and no innovation
numbers.

This is the readable version of the operators, on neat-python's genes. `breeding` is the same,
compiled for whole generations; it makes the same children from the same random stream, draw for
draw (a test checks that).
"""

import functools
import importlib.resources
from collections.abc import Iterator

import neat
import numpy as np
from neat.attributes import FloatAttribute, StringAttribute
from neat.genes import BaseGene, DefaultConnectionGene

from evolvers import activations

NUM_INPUTS = 4  # x, y, distance from the centre, bias


class CppnNodeGene(BaseGene):
    """A node: its activation of the weighted sum of its inputs; no bias, no gain."""

    _gene_attributes = [StringAttribute("activation", options="")]  # noqa: RUF012
    bias = 0.0
    response = 1.0
    aggregation = "sum"

    def distance(self, other: "CppnNodeGene", config: neat.DefaultGenome) -> float:
        """neat-python's weight coefficient if the activations differ, otherwise 0."""
        return (self.activation != other.activation) * config.compatibility_weight_coefficient


class CppnConnectionGene(DefaultConnectionGene):
    """All connections from one node to another.

    In the paper, connections may run in parallel, and simply add up: `strands` holds
    their weights, one or more, and `weight`, which neat-python reads, is their sum.
    """

    _gene_attributes = [FloatAttribute("weight")]  # noqa: RUF012
    enabled = True

    def __init__(self, key: tuple[int, int], innovation: int | None = None):
        super().__init__(key, _innovation(key) if innovation is None else innovation)
        self.strands: tuple[float, ...] = (0.0,)

    @property
    def weight(self) -> float:
        """The sum of the strands; setting it leaves one strand."""
        return sum(self.strands)

    @weight.setter
    def weight(self, value: float) -> None:
        self.strands = (float(value),)

    def copy(self) -> "CppnConnectionGene":
        """A new gene with the same strands."""
        copied = type(self)(self.key, self.innovation)
        copied.strands = self.strands
        return copied

    def distance(self, other: "CppnConnectionGene", config: neat.DefaultGenome) -> float:
        """The difference of the weights times neat-python's weight coefficient."""
        return abs(self.weight - other.weight) * config.compatibility_weight_coefficient


class CppnGenomeConfig(neat.genome.DefaultGenomeConfig):
    """neat-python's genome settings, the paper's activations and a random stream.

    Attributes:
        rng: The stream from which `CppnGenome.configure_new` and `mutate` draw when
            neat-python calls them; this project's code passes the stream as an argument.
    """

    def __init__(self, params: dict, section_name: str = "CppnGenome"):
        super().__init__(params, section_name)
        for name, function in activations.FUNCTIONS.items():
            self.add_activation(name, function)
        self.rng: np.random.Generator | None = None


class CppnGenome(neat.DefaultGenome):
    """A CPPN as neat-python genes, initialised and mutated as in the paper.

    Weights are float32 values in [-10, 10]. Node keys are neat-python's: inputs -1..-4,
    outputs 0.., hidden nodes above. The order of `nodes` and `connections` is part of the
    genome, because random draws select genes by their place in it.
    """

    connections: dict[tuple[int, int], "CppnConnectionGene"]

    @classmethod
    def parse_config(cls, param_dict: dict) -> CppnGenomeConfig:
        """The genome settings from a section of a .cfg file."""
        param_dict["node_gene_type"] = CppnNodeGene
        param_dict["connection_gene_type"] = CppnConnectionGene
        return CppnGenomeConfig(param_dict)

    def configure_new(
        self, config: CppnGenomeConfig, rng: np.random.Generator | None = None
    ) -> None:
        """Begins without hidden nodes, with every input connected to every output."""
        rng = _stream(config, rng)
        for key in config.output_keys:
            self.add_node(key, draw(rng, len(activations.NAMES)))
        for source in config.input_keys:
            for target in config.output_keys:
                self.add_strand(source, target, _draw_weight(config, rng))

    def mutate(
        self,
        config: CppnGenomeConfig,
        rng: np.random.Generator | None = None,
        share: float = 1.0,
    ) -> None:
        """Changes this genome by the paper's six operators, once each, in its order.

        Args:
            config: The paper's rates.
            rng: The run's random stream.
            share: Of the paper's rates, at which each weight and each activation changes, in
                [0, 1].
        """
        rng = _stream(config, rng)
        self._mutate_weights(config, rng, config.weight_mutate_rate * share)
        self._mutate_activations(rng, config.activation_mutate_rate * share)
        if rng.random() < config.conn_add_prob:
            self._mutate_add_connection(config, rng)
        if rng.random() < config.conn_delete_prob and self.connections:
            self._take_strand(draw(rng, self.num_strands))
        if rng.random() < config.node_add_prob and self.connections:
            self._mutate_add_node(rng)
        hidden = [key for key in self.nodes if key >= config.num_outputs]
        if rng.random() < config.node_delete_prob and hidden:
            self._delete_node(hidden[draw(rng, len(hidden))])

    def copy(self) -> "CppnGenome":
        """A copy that can be mutated without changing this one."""
        copied = type(self)(self.key)
        # The operators replace genes and never change them, so genomes can share them.
        copied.nodes = dict(self.nodes)
        copied.connections = dict(self.connections)
        return copied

    @property
    def num_strands(self) -> int:
        """Connections, parallel ones counted singly."""
        return sum(len(gene.strands) for gene in self.connections.values())

    def strands(self) -> Iterator[tuple[tuple[int, int], float]]:
        """Yields the (key, weight) of every single connection, in order."""
        for key, gene in self.connections.items():
            for weight in gene.strands:
                yield key, weight

    def _mutate_weights(
        self, config: CppnGenomeConfig, rng: np.random.Generator, rate: float
    ) -> None:
        span = config.weight_max_value - config.weight_min_value
        for key, gene in list(self.connections.items()):
            weights = list(gene.strands)
            for place, weight in enumerate(weights):
                if rng.random() < rate:
                    moved = weight + span * polynomial_delta(rng.random())
                    moved = min(max(moved, config.weight_min_value), config.weight_max_value)
                    weights[place] = float(np.float32(moved))
            if tuple(weights) != gene.strands:
                self.replace(key, weights)

    def _mutate_activations(self, rng: np.random.Generator, rate: float) -> None:
        for key in list(self.nodes):
            if rng.random() < rate:
                self.add_node(key, draw(rng, len(activations.NAMES)))

    def _mutate_add_connection(self, config: CppnGenomeConfig, rng: np.random.Generator) -> None:
        hidden = [key for key in self.nodes if key >= config.num_outputs]
        sources = [*config.input_keys, *hidden]
        source = sources[draw(rng, len(sources))]
        barred = self._ancestors(source) | {source}
        # Nothing starts at an output, so there is always at least one target.
        targets = [key for key in self.nodes if key not in barred]
        target = targets[draw(rng, len(targets))]
        self.add_strand(source, target, _draw_weight(config, rng))

    def _mutate_add_node(self, rng: np.random.Generator) -> None:
        (source, target), weight = self._take_strand(draw(rng, self.num_strands))
        key = max(self.nodes) + 1
        self.add_node(key, draw(rng, len(activations.NAMES)))
        self.add_strand(source, key, weight)
        self.add_strand(key, target, weight)

    def _delete_node(self, key: int) -> None:
        del self.nodes[key]
        self.connections = {ends: g for ends, g in self.connections.items() if key not in ends}

    def _ancestors(self, key: int) -> set[int]:
        found: set[int] = set()
        frontier = {key}
        while frontier:
            frontier = {a for a, b in self.connections if b in frontier} - found
            found |= frontier
        return found

    def add_node(self, key: int, activation: int) -> None:
        """Adds a node, or gives one another activation: an index into `activations.NAMES`."""
        gene = CppnNodeGene(key)
        gene.activation = activations.NAMES[activation]
        self.nodes[key] = gene

    def add_strand(self, source: int, target: int, weight: float) -> None:
        """Adds a connection, parallel to those that there are."""
        gene = self.connections.get((source, target))
        self.replace((source, target), [*(gene.strands if gene else ()), weight])

    def _take_strand(self, place: int) -> tuple[tuple[int, int], float]:
        for key, gene in self.connections.items():
            if place < len(gene.strands):
                weights = list(gene.strands)
                weight = weights.pop(place)
                if weights:
                    self.replace(key, weights)
                else:
                    del self.connections[key]
                return key, weight
            place -= len(gene.strands)
        raise IndexError("no connection at that place")

    def replace(self, key: tuple[int, int], weights: list[float]) -> None:
        """Gives the connections between two nodes other weights, at least one."""
        gene = CppnConnectionGene(key)
        gene.strands = tuple(weights)
        self.connections[key] = gene


def polynomial_delta(r: float) -> float:
    """Deb's polynomial mutation with distribution index 15, which ignores the bounds.

    Args:
        r: Uniform in [0, 1).

    Returns:
        The change of a gene whose range is 1: in [-1, 1], symmetric, of mean size 1/17.
    """
    # The exponent 1 / (15 + 1) is four square roots, which are the same on every machine.
    if r < 0.5:
        return float(np.sqrt(np.sqrt(np.sqrt(np.sqrt(2 * r)))) - 1)
    return float(1 - np.sqrt(np.sqrt(np.sqrt(np.sqrt(2 * (1 - r))))))


@functools.cache
def load_config(channels: int) -> CppnGenomeConfig:
    """The paper's settings for grey (1) or colour (3) images, through neat-python.

    Raises:
        ValueError: `channels` is neither 1 nor 3.
    """
    if channels not in (1, 3):
        raise ValueError(f"channels must be 1 (grey) or 3 (colour), got {channels}.")
    name = "cppn_gray.cfg" if channels == 1 else "cppn_color.cfg"
    with importlib.resources.as_file(importlib.resources.files("evolvers") / name) as path:
        config = neat.Config(
            CppnGenome,
            neat.DefaultReproduction,
            neat.DefaultSpeciesSet,
            neat.DefaultStagnation,
            str(path),
        )
    return config.genome_config


def _stream(config: CppnGenomeConfig, rng: np.random.Generator | None) -> np.random.Generator:
    rng = config.rng if rng is None else rng
    if rng is None:
        raise ValueError("CppnGenome needs a random stream: pass rng or set config.rng.")
    return rng


def draw(rng: np.random.Generator, count: int) -> int:
    """A whole number in 0..count - 1."""
    return int(rng.random() * count)


def _draw_weight(config: CppnGenomeConfig, rng: np.random.Generator) -> float:
    span = config.weight_max_value - config.weight_min_value
    return float(np.float32(config.weight_min_value + span * rng.random()))


def _innovation(key: tuple[int, int]) -> int:
    # The paper has no innovation numbers. neat-python needs one per gene, the same for the
    # same ends: Cantor's pairing of the two keys, which begin at -NUM_INPUTS.
    a, b = key[0] + NUM_INPUTS, key[1] + NUM_INPUTS
    return (a + b) * (a + b + 1) // 2 + b
