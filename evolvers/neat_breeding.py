"""Breeding with neat-python's genes: what `breeding` and `efficient_breeding` do, one by one.

A hundred times slower, and equal to the last bit: the version to read, to change first, and to
compare the compiled one with.
"""

import numpy as np

from evolvers import efficient_genome
from evolvers.cppn import Cppn, CppnBatch
from evolvers.cppn_genome import CppnGenome, CppnGenomeConfig
from evolvers.searches import Mixture


def initial(rng: np.random.Generator, count: int, config: CppnGenomeConfig) -> CppnBatch:
    """Random genomes; see `breeding.initial`."""
    genomes = []
    for key in range(count):
        genome = CppnGenome(key)
        genome.configure_new(config, rng)
        genomes.append(Cppn.from_neat(genome, config.num_outputs))
    return CppnBatch.stack(genomes)


def offspring(
    rng: np.random.Generator, parents: CppnBatch, count: int, config: CppnGenomeConfig
) -> tuple[CppnBatch, np.ndarray]:
    """Mutated copies of parents; see `breeding.offspring`."""
    genes = [parents[place].to_neat(key=place) for place in range(len(parents))]
    chosen, children = [], []
    for _ in range(count):
        place = int(rng.random() * len(parents))
        child = genes[place].copy()
        child.mutate(config, rng)
        chosen.append(place)
        children.append(Cppn.from_neat(child, config.num_outputs))
    return CppnBatch.stack(children), np.array(chosen, np.int32)


def efficient_offspring(
    rng: np.random.Generator,
    parents: CppnBatch,
    confidences: np.ndarray,
    waits: np.ndarray,
    count: int,
    config: CppnGenomeConfig,
    mixture: Mixture,
    extent: tuple[float, float, float, float],
) -> tuple[CppnBatch, np.ndarray]:
    """Changed copies of parents; see `efficient_breeding.offspring`."""
    genes = [parents[place].to_neat(key=place) for place in range(len(parents))]
    sums = np.cumsum(efficient_genome.chances(confidences, waits, mixture))
    shares = efficient_genome.spot_shares(confidences, mixture)
    chosen, children = [], []
    for _ in range(count):
        place = int(np.searchsorted(sums, int(rng.random() * sums[-1]), side="right"))
        child = genes[place].copy()
        if rng.random() < shares[place]:
            efficient_genome.add_spot(child, config, extent, rng)
        else:
            rate = config.weight_mutate_rate
            share = efficient_genome.weight_share(child.num_strands, rate, mixture)
            child.mutate(config, rng, share)
        chosen.append(place)
        children.append(Cppn.from_neat(child, config.num_outputs))
    return CppnBatch.stack(children), np.array(chosen, np.int32)
