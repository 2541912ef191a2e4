"""Initial weights, as Caffe's fillers draw them (BVLC/caffe, include/caffe/filler.hpp)."""

from collections.abc import Iterator

import keras
import numpy as np

_MOST_SEEDS = 128  # more than any network here has layers that draw


def seeds(seed: int, branch: int | None = None) -> Iterator[int]:
    """A row of seeds, one for each layer that draws something.

    Args:
        seed: That of the network.
        branch: Which of several independent rows; None is the network's own.
    """
    key = () if branch is None else (branch,)
    drawn = np.random.SeedSequence(seed, spawn_key=key).generate_state(_MOST_SEEDS)
    return iter(drawn.tolist())


def xavier(seed: int) -> keras.initializers.Initializer:
    """Uniform in +-sqrt(3 / fan_in), where fan_in is the number of inputs of one output."""
    return keras.initializers.VarianceScaling(
        scale=1.0, mode="fan_in", distribution="uniform", seed=seed
    )


def gaussian(deviation: float, seed: int) -> keras.initializers.Initializer:
    """Normal around 0 with a standard deviation, not truncated."""
    return keras.initializers.RandomNormal(stddev=deviation, seed=seed)
