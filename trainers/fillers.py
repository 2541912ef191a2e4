"""Initial weights, drawn as by Caffe's fillers (BVLC/caffe, include/caffe/filler.hpp)."""

from collections.abc import Iterator

import keras
import numpy as np

_NUM_SEEDS = 128  # no network here has more layers that draw random numbers


def seeds(seed: int, branch: int | None = None) -> Iterator[int]:
    """A sequence of seeds, one for each layer that draws random numbers.

    Args:
        seed: The seed of the network.
        branch: Which of several independent sequences; None for that of the network itself.
    """
    key = () if branch is None else (branch,)
    drawn = np.random.SeedSequence(seed, spawn_key=key).generate_state(_NUM_SEEDS)
    return iter(drawn.tolist())


def xavier(seed: int) -> keras.initializers.Initializer:
    """Uniform in +-sqrt(3 / fan_in), where fan_in is the number of inputs of one output."""
    return keras.initializers.VarianceScaling(
        scale=1.0, mode="fan_in", distribution="uniform", seed=seed
    )


def gaussian(deviation: float, seed: int) -> keras.initializers.Initializer:
    """Normal with mean 0 and a standard deviation, not truncated."""
    return keras.initializers.RandomNormal(stddev=deviation, seed=seed)
