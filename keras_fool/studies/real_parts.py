"""Real images in three parts: to fit detectors on, to choose thresholds on, to judge by.

No image is in two parts. Detectors are fitted on training images. Of the test images, every second
one is held out, and thresholds are chosen on these; the others judge. Without training images every
third test image is fitted on.
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_fool.detectors import signals
from keras_fool.studies import real_images
from trainers import sources

_MOST_BYTES = 2**29  # of the images of a part that are taken into memory
_MOST_TESTED = 10_000
_BATCH = 250


@dataclasses.dataclass(frozen=True, eq=False)
class Labelled:
    """Images and their labels, by the classifier's numbers.

    Attributes:
        images: uint8 [number, height, width, channels].
        labels: int64 [number].
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def every(self, step: int, first: int) -> "Labelled":
        """Every so manieth, from the first on."""
        return Labelled(self.images[first::step], self.labels[first::step])


@dataclasses.dataclass(frozen=True, eq=False)
class Parts:
    """Real images of a data set.

    Attributes:
        held_out: What thresholds are chosen on.
        judged: What is compared with other images.
        remark: What they are, a sentence.
        read_fitted: Gives what detectors are fitted on.
    """

    held_out: Labelled
    judged: Labelled
    remark: str
    read_fitted: Callable[[], Labelled]

    @functools.cached_property
    def fitted(self) -> Labelled:
        """What detectors are fitted on; it is read when it is first asked for."""
        return self.read_fitted()


def of(
    source: signals.Source,
    data: sources.Source,
    most_fitted: int | None = None,
    most_tested: int = _MOST_TESTED,
) -> Parts:
    """The parts of a data set.

    Args:
        source: The classifier, as `detectors.open_source` gives it.
        data: Images of its size, with its labels or some of them.
        most_fitted: How many training images are taken at most; None for as many as there are.
            In any case half a gigabyte at most. They are those that a training begins with.
        most_tested: How many test images are taken at most, from all over the data.

    Raises:
        ValueError: Classifier and data have other labels or other images, or there are fewer
            than three test images.
    """
    if tuple(data.image_shape) != tuple(source.image_shape):
        raise ValueError(
            f"{source.name} takes images of {list(source.image_shape)}, those of {data.name} are "
            f"{list(data.image_shape)} (height, width, channels)."
        )
    scorer: Any = source  # of which names and labels count here
    places = np.array(real_images.found_order(scorer, data).places)
    fits = max(1, _MOST_BYTES // math.prod(data.image_shape))
    test = _tested(data, places, min(fits, most_tested))
    if len(test) < 3:
        raise ValueError(
            f"{data.name} has {len(test)} test images that can be read: to choose thresholds "
            "and to judge, give at least 3."
        )
    read: Callable[[], Labelled]
    if data.num_train:
        number = min(fits, data.num_train, most_fitted or data.num_train)
        held_out, judged = (test.every(2, first) for first in range(2))
        read = functools.partial(_training, data, places, number)
        what = f"{number:,} of {data.num_train:,} training images"
    else:
        fitted, held_out, judged = (test.every(3, first) for first in range(3))
        read = functools.partial(test.every, 3, 0)
        what = f"{len(fitted):,} test images, as it has no training images"
    remark = (
        f"Real images are those of {data.name}: detectors are fitted on {what}, thresholds are "
        f"chosen on {len(held_out):,} test images, and {len(judged):,} others are what other "
        "images are compared with."
    )
    return Parts(held_out, judged, remark, read)


def tested(data: sources.Source, most: int) -> np.ndarray:
    """Test images from all over a data set, at most so many: uint8 [images, ...].

    Raises:
        ValueError: There are none that can be read.
    """
    found = _tested(data, np.arange(len(data.labels)), most).images
    if not len(found):
        raise ValueError(f"{data.name} has no test images that can be read.")
    return found


def _tested(data: sources.Source, places: np.ndarray, most: int) -> Labelled:
    # Batches so small that the images are from many places.
    batch = max(1, min(_BATCH, most // 20))
    every = max(1, data.num_test // most)
    parts = [part for part in data.test_batches(batch, 0, every) if len(part[0])]
    if not parts:
        return Labelled(np.zeros((0, *data.image_shape), np.uint8), np.zeros(0, np.int64))
    images, labels = (np.concatenate(column) for column in zip(*parts, strict=True))
    kept = np.arange(min(most, len(images))) * len(images) // min(most, len(images))
    return Labelled(images[kept], places[labels[kept]])


def _training(data: sources.Source, places: np.ndarray, number: int) -> Labelled:
    """The first images of a training, each once."""
    batch = min(_BATCH, number)
    feed = data.train_feed(0, batch, slice(None))
    parts = [feed.read(step, 1) for step in range(-(-number // batch))]
    images, labels = (
        np.concatenate([part[0] for part in column])[:number] for column in zip(*parts, strict=True)
    )
    return Labelled(images, places[labels])
