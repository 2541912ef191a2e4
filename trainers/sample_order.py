"""Which samples a step learns, and how they are cut: functions of the seed and the step.

Nothing has a memory, so a training that goes on from any step sees what one never
interrupted sees there, however many devices and processes share the batch.
"""

import dataclasses
import functools

import numpy as np

_CUTS = 1  # tells the streams of cuts from those of the order


@dataclasses.dataclass(frozen=True)
class Cuts:
    """How every image of a batch is cut from its picture.

    Attributes:
        tops: int64 [batch], first row.
        lefts: int64 [batch], first column.
        mirrored: bool [batch], whether left and right change places then.
    """

    tops: np.ndarray
    lefts: np.ndarray
    mirrored: np.ndarray


def sample_numbers(seed: int, num_train: int, first: int, count: int) -> np.ndarray:
    """Which samples are learned at some places of the endless order of all epochs.

    Every epoch has each sample once, in an order of its own.

    Args:
        seed: Seed of the order.
        num_train: Samples of an epoch.
        first: The first place.
        count: How many places.

    Returns:
        int64 [count], each in 0..num_train-1.
    """
    epochs = range(first // num_train, (first + count - 1) // num_train + 1)
    begin = first - epochs[0] * num_train
    orders = [_order(seed, num_train, epoch) for epoch in epochs]
    if len(orders) == 1:
        return orders[0][begin : begin + count]
    return np.concatenate(orders)[begin : begin + count]


def random_cuts(seed: int, step: int, batch: int, slack: int) -> Cuts:
    """The cuts of one step: every place equally often, every other image mirrored.

    Args:
        seed: Seed of the training.
        step: Its step.
        batch: Images of the step, over all devices.
        slack: How much longer the pictures' sides are than the images'.
    """
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(step, _CUTS)))
    return Cuts(
        tops=random.integers(0, slack + 1, batch),
        lefts=random.integers(0, slack + 1, batch),
        mirrored=random.integers(0, 2, batch).astype(bool),
    )


@functools.lru_cache(maxsize=2)  # an epoch of ImageNet takes 30 ms to shuffle
def _order(seed: int, num_train: int, epoch: int) -> np.ndarray:
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(epoch,)))
    order = random.permutation(num_train)
    order.flags.writeable = False
    return order
