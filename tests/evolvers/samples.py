"""Genomes as mutation and evolution really make them."""

import functools

import numpy as np

from evolvers import breeding
from evolvers.canvas import Canvas
from evolvers.config import Config
from evolvers.cppn import Cppn, CppnBatch
from evolvers.cppn_genome import NUM_INPUTS, load_config
from evolvers.map_elites import Evolution
from tests.evolvers.scorers import LinearScorer

OUTPUT = NUM_INPUTS  # the number of a grey network's output node

_NAMES = ("sine", "sigmoid", "gaussian", "linear")


def network(nodes: str, edges: list[tuple], num_outputs: int = 1) -> Cppn:
    """A network by hand: activation names, outputs first, and (source, target, weight)."""
    ends = np.array([edge[:2] for edge in edges], np.int32).reshape(-1, 2)
    return Cppn(
        num_outputs,
        np.array([_NAMES.index(name) for name in nodes.split()], np.uint8),
        ends[:, 0].copy(),
        ends[:, 1].copy(),
        np.array([edge[2] for edge in edges], np.float32),
    )


def drift(channels: int, steps: int, count: int = 40, seed: int = 0) -> CppnBatch:
    """What `steps` mutations in a row make of random genomes, without any selection."""
    config, rng = load_config(channels), np.random.default_rng([seed, steps])
    genomes = breeding.initial(rng, count, config)
    for _ in range(steps):
        genomes, _ = breeding.offspring(rng, genomes, count, config)
    return genomes


@functools.cache
def evolved(canvas: Canvas) -> CppnBatch:
    """Every genome that held a niche in four short runs: about 300, of all ages."""
    scorer = LinearScorer(canvas.shape)
    config = Config(coords=canvas.coords, runs=4, initial=60, batch=60, generations=40)
    evolution = Evolution(config, scorer)
    try:
        genomes = []
        while evolution.generation < config.generations:
            genomes += [elite.genome for _, elite, _ in evolution.advance().accepted]
    finally:
        evolution.close()
    return CppnBatch.stack(genomes)
