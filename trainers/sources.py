"""What a training needs from a data set, whether it is in memory or not."""

from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np


class Feed(Protocol):
    """The images of a training, read step by step."""

    def read(self, step: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The images and labels of some steps.

        Args:
            step: The first step.
            count: How many steps.

        Returns:
            uint8 [count, part of the batch, height, width, channels], int64 [count, part].
        """


class Source(Protocol):
    """A data set, in memory (`datasets.Dataset`) or not (`streams.Stream`)."""

    @property
    def name(self) -> str:
        """Its name in cards and messages."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the labels, in order."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of every image."""

    @property
    def picture_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of its pictures before images are cut out of them."""

    @property
    def num_train(self) -> int:
        """How many training images there are."""

    @property
    def num_test(self) -> int:
        """How many test images there are."""

    @property
    def digest(self) -> str:
        """Differs between data sets whose images, labels or order differ."""

    @property
    def mean_image(self) -> np.ndarray | None:
        """The mean training image, float32 [height, width, channels] in 0..255.

        None if the images are not in memory.
        """

    @property
    def unreadable(self) -> Mapping[str, str]:
        """The images that could not be read so far and were left out: name -> reason."""

    def with_label(
        self, name: str, label: str, train_images: np.ndarray, test_images: np.ndarray
    ) -> "Source":
        """The data set with one more label, whose images come after the others.

        Args:
            name: The name of the new data set.
            label: The name of the added label.
            train_images: uint8 [number, *picture_shape].
            test_images: Likewise.
        """

    def test_name(self, number: int) -> str:
        """The name of a test image in lists and messages: its file, if it is one."""

    def train_feed(self, seed: int, batch: int, columns: slice) -> Feed:
        """The images of every step, of a part of the batch.

        Args:
            seed: Seed of the order of the images.
            batch: How many images a step has, over all devices and processes.
            columns: The wanted part of the batch.

        Raises:
            ValueError: There are no training images.
        """

    def test_batches(
        self, batch: int, part: int = 0, parts: int = 1
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The test images in order, without those that cannot be read.

        Args:
            batch: How many images a batch has at most.
            part: Which batches are wanted: this one and every `parts`-th after it.
            parts: Into how many parts the batches are divided.

        Yields:
            uint8 [number, height, width, channels] and int64 [number].
        """
