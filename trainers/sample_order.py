"""Which samples a step uses, and how they are cut: functions of the seed and the step.

Nothing depends on earlier calls, so a training that continues from any step sees the same samples
as one that was never interrupted, however many devices and processes share the batch.
"""

import dataclasses
import functools

import numpy as np

_CUTS = 1  # makes the streams of cuts differ from those of the order


@dataclasses.dataclass(frozen=True)
class Cuts:
    """How every image of a batch is cut from its picture.

    Attributes:
        tops: int64 [batch], first row.
        lefts: int64 [batch], first column.
        mirrored: bool [batch], whether left and right are exchanged after that.
    """

    tops: np.ndarray
    lefts: np.ndarray
    mirrored: np.ndarray


def sample_numbers(seed: int, num_train: int, first: int, count: int) -> np.ndarray:
    """The samples at some positions of the endless sequence of all epochs.

    Every epoch has each sample once, in a new order.

    Args:
        seed: Seed of the order.
        num_train: How many samples an epoch has.
        first: The first position.
        count: How many positions.

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
    """The cuts of one step: all positions are equally likely, and half of the images are mirrored.

    Args:
        seed: Seed of the training.
        step: The step.
        batch: How many images the step has, over all devices.
        slack: The side of the pictures minus the side of the images.
    """
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(step, _CUTS)))
    return Cuts(
        tops=random.integers(0, slack + 1, batch),
        lefts=random.integers(0, slack + 1, batch),
        mirrored=random.integers(0, 2, batch).astype(bool),
    )


@functools.lru_cache(maxsize=2)  # it takes 30 ms to shuffle an epoch of ImageNet
def _order(seed: int, num_train: int, epoch: int) -> np.ndarray:
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(epoch,)))
    order = random.permutation(num_train)
    order.flags.writeable = False
    return order
