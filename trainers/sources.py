"""What a training needs of a data set, whether that is in memory or not."""

from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np


class Feed(Protocol):
    """What a training reads its images from."""

    def read(self, step: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The images and labels of some steps.

        Args:
            step: The first one.
            count: How many.

        Returns:
            uint8 [count, part of the batch, height, width, channels], int64 [count, part].
        """


class Source(Protocol):
    """A data set, in memory (`datasets.Dataset`) or not (`streams.Stream`).

    Attributes:
        name: What cards and messages call it.
        labels: The names of the labels, in order.
        image_shape: (height, width, channels) of every image.
        num_train: Training images.
        num_test: Test images.
        digest: Tells apart data sets whose images, labels or order differ.
        mean_image: The mean training image, float32 [height, width, channels] in 0..255;
            None where the images are not in memory.
        unreadable: What could not be read so far and was left out: name -> reason.
    """

    name: str
    labels: tuple[str, ...]
    image_shape: tuple[int, int, int]
    num_train: int
    num_test: int
    digest: str
    mean_image: np.ndarray | None
    unreadable: Mapping[str, str]

    def test_name(self, number: int) -> str:
        """What lists and messages call a test image: its file, where it is one."""

    def train_feed(self, seed: int, batch: int, columns: slice) -> Feed:
        """The images of every step, in a part of the batch.

        Args:
            seed: Seed of their order.
            batch: Images of a step, over all devices and processes.
            columns: The part of the batch that is wanted here.

        Raises:
            ValueError: There are no training images.
        """

    def test_batches(
        self, batch: int, part: int = 0, parts: int = 1
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The test images in order, without those that cannot be read.

        Args:
            batch: Images of a batch at most.
            part: Which batches are wanted here: this one and every `parts`-th after it.
            parts: Into how many parts the batches are divided.

        Yields:
            uint8 [number, height, width, channels] and int64 [number].
        """
