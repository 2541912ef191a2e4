"""How sure a classifier is of real images, right or wrong; supplement F.

Nguyen, Yosinski and Clune, 2015, https://arxiv.org/abs/1412.1897.
"""

import dataclasses
from collections.abc import Callable
from typing import Protocol

import numpy as np

from trainers import sources

_BATCH = 256


class Scorer(Protocol):
    """Anything that gives images confidences."""

    name: str
    labels: tuple[str, ...]
    image_shape: tuple[int, int, int]

    def score(self, images: np.ndarray) -> np.ndarray:
        """float32 [batch, num_labels] for uint8 [batch, height, width, channels]."""


@dataclasses.dataclass(frozen=True, eq=False)
class RealImages:
    """What a classifier says of the test images of a data set.

    Attributes:
        truth: int64 [images]; the right labels.
        top: int64 [images]; the surest ones.
        confidences: float32 [images], of the surest labels.
        rank: int64 [images]; how many labels are surer than the right one.
    """

    truth: np.ndarray
    top: np.ndarray
    confidences: np.ndarray
    rank: np.ndarray

    @property
    def is_right(self) -> np.ndarray:
        """Whether the surest label is the right one: bool [images]."""
        return self.top == self.truth

    def groups(self) -> dict[str, np.ndarray]:
        """The confidences of all, of the rightly and of the wrongly classified images."""
        right = self.is_right
        return {
            "all real images": self.confidences,
            "classified rightly": self.confidences[right],
            "classified wrongly": self.confidences[~right],
        }

    def error_percent(self, ranks: int = 1) -> float:
        """The share of images whose right label is not among the `ranks` surest, times 100."""
        return 100 * float(np.mean(self.rank >= ranks))


def score(
    scorer: Scorer, data: sources.Source, on_images: Callable[[int], None] = lambda _: None
) -> RealImages:
    """Scores all test images of a data set.

    Args:
        scorer: The classifier.
        data: Of the same labels, in the same order.
        on_images: Told how many more images were scored.

    Raises:
        ValueError: Classifier and data have other numbers of labels or other images.
    """
    extra = len(scorer.labels) - len(data.labels)
    if extra not in (0, 1):  # a retrained one has a fooling class besides
        raise ValueError(
            f"{scorer.name} has {len(scorer.labels)} labels, {data.name} has {len(data.labels)}."
        )
    if tuple(data.image_shape) != tuple(scorer.image_shape):
        raise ValueError(
            f"{scorer.name} takes images of {_by(scorer.image_shape)}, those of {data.name} are "
            f"{_by(data.image_shape)} (height x width x channels)."
        )
    parts = []
    for images, labels in data.test_batches(_BATCH):
        if not len(images):
            continue
        confidences = scorer.score(images)
        right = confidences[np.arange(len(labels)), labels]
        parts.append(
            (
                labels,
                confidences.argmax(axis=1),
                confidences.max(axis=1),
                (confidences > right[:, np.newaxis]).sum(axis=1),
            )
        )
        on_images(len(images))
    if not parts:
        raise ValueError(f"{data.name} has no test images that can be read.")
    return RealImages(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
