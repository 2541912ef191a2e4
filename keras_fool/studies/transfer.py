"""Do images that fool one classifier fool another one? The arithmetic of Table S1.

Nguyen, Yosinski and Clune, 2015, supplement A.1, https://arxiv.org/abs/1412.1897. Every
figure compares the original, which the images were evolved on, with one other classifier.

Where labels are independent (sigmoid) there is no top-1 label: an image matches where both
classifiers give it the label that it was evolved for, each with at least 0.5, and the
confidences that are compared are those for it.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from evolvers import archive
from keras_fool.models import meanings

SURE = 0.99  # "scoring 99 %"
ROWS = (
    "(a) Top-1 matches",
    "(b) Top-1 matches scoring 99 %",
    "(c) Top-1 matches scoring higher on the original",
)


@dataclasses.dataclass(frozen=True)
class Counts:
    """How many of some images transfer.

    Attributes:
        images: All of them; one with NaN confidences fools no classifier.
        matches: Those that both classifiers give the same top-1 label, whichever.
        sure: The matches whose two top-1 confidences are both at least 0.99.
        higher: The matches whose top-1 confidence is strictly higher on the original.
    """

    images: int
    matches: int
    sure: int
    higher: int

    @property
    def percentages(self) -> tuple[float, float, float]:
        """Rows (a), (b), (c) of Table S1: of all images, of all images, of the matches.

        NaN where there is nothing to take a share of.
        """
        return (
            _percent(self.matches, self.images),
            _percent(self.sure, self.images),
            _percent(self.higher, self.matches),
        )


def count(original: np.ndarray, other: np.ndarray, own: np.ndarray | None = None) -> Counts:
    """Compares what two classifiers say of the same images.

    Args:
        original: float32 [images, num_labels] confidences of the classifier that the
            images were evolved on.
        other: float32 [images, num_labels], of the other one.
        own: Where labels are independent, int [images]; the label each was evolved for.
    """
    matches, sure, higher = _flags(original, other, own)
    return Counts(len(original), int(matches.sum()), int(sure.sum()), int(higher.sum()))


def matches(original: np.ndarray, other: np.ndarray, own: np.ndarray | None = None) -> np.ndarray:
    """Which images both classifiers give the same label: bool [images]; takes what `count` does."""
    return _flags(original, other, own)[0]


def count_by_run(
    original: np.ndarray, other: np.ndarray, runs: np.ndarray, own: np.ndarray | None = None
) -> np.ndarray:
    """`count` for the images of each run.

    Args:
        original: As `count` takes it.
        other: As `count` takes it.
        runs: int [images]; each one's run.
        own: As `count` takes it.

    Returns:
        int64 [number of different runs, 4]: the fields of `Counts`, runs ascending.
    """
    columns = np.stack([np.ones(len(runs), bool), *_flags(original, other, own)], axis=1)
    return np.stack([columns[runs == run].sum(axis=0) for run in np.unique(runs)])


def percentages(counts: np.ndarray) -> np.ndarray:
    """`Counts.percentages` of many at once.

    Args:
        counts: [..., 4]: the fields of `Counts`.

    Returns:
        float64 [..., 3].
    """
    images, matches, sure, higher = np.moveaxis(np.asarray(counts, float), -1, 0)
    with np.errstate(invalid="ignore"):
        return 100 * np.stack([matches / images, sure / images, higher / matches], axis=-1)


def both_sure(original: np.ndarray, other: np.ndarray, niches: np.ndarray) -> np.ndarray:
    """Which images both give the label they were evolved for with at least 0.99: bool [images]."""
    places = np.arange(len(niches)), niches
    return (original[places] >= SURE) & (other[places] >= SURE)


def top1(confidences: np.ndarray) -> np.ndarray:
    """The surest label of each image: int64 [images], -1 where the confidences are NaN."""
    return np.where(archive.is_finite(confidences), confidences.argmax(axis=1), -1)


def median(confidences: np.ndarray) -> float:
    """The median of those confidences that are finite; NaN where none is."""
    finite = confidences[np.isfinite(confidences)]
    return float(np.median(finite)) if len(finite) else float("nan")


def given_labels(
    confidences: np.ndarray, niches: np.ndarray, independent: bool = False
) -> np.ndarray:
    """What a classifier calls the images that were evolved for each label.

    Args:
        confidences: float32 [images, num_labels] of that classifier.
        niches: int [images]; the label each image was evolved for.
        independent: Whether an image may be given any number of labels.

    Returns:
        int64 [num_labels, num_labels]; at [evolved, given] the number of images. One with NaN
        confidences is given no label.
    """
    num_labels = confidences.shape[1]
    counts = np.zeros((num_labels, num_labels), np.int64)
    if independent:
        np.add.at(counts, niches, (confidences >= meanings.GIVEN).astype(np.int64))
        return counts
    given = top1(confidences)
    np.add.at(counts, (niches[given >= 0], given[given >= 0]), 1)
    return counts


@dataclasses.dataclass(frozen=True)
class LabelTransfer:
    """How the images of one label transfer.

    Attributes:
        label: The label that they were evolved for.
        images: How many there are.
        matches: Those that both classifiers give the same top-1 label.
        given: Those that the other one gives the label that they were evolved for.
        sure: Those that both give that label with at least 0.99.
        median: The other one's median confidence for that label, without those that are NaN.
    """

    label: int
    images: int
    matches: int
    given: int
    sure: int
    median: float


def by_label(
    original: np.ndarray, other: np.ndarray, niches: np.ndarray, independent: bool = False
) -> Sequence[LabelTransfer]:
    """The transfer of each label that images were evolved for, ascending.

    Args:
        original: As `count` takes it.
        other: Likewise.
        niches: int [images]; the label each image was evolved for.
        independent: Whether each label has a probability of its own.
    """
    matches = _flags(original, other, niches if independent else None)[0]
    given = top1(other) == niches
    if independent:
        given = other[np.arange(len(niches)), niches] >= meanings.GIVEN
    sure = both_sure(original, other, niches)
    own = other[np.arange(len(niches)), niches]
    return [
        LabelTransfer(
            label=int(label),
            images=int(chosen.sum()),
            matches=int(matches[chosen].sum()),
            given=int(given[chosen].sum()),
            sure=int(sure[chosen].sum()),
            median=median(own[chosen]),
        )
        for label in np.unique(niches)
        for chosen in [niches == label]
    ]


def _flags(
    original: np.ndarray, other: np.ndarray, own: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which are matches, sure matches, matches higher on the original: bool [images] each."""
    if own is not None:
        places = np.arange(len(own)), own
        top, others = original[places], other[places]
        matches = (top >= meanings.GIVEN) & (others >= meanings.GIVEN)
        return matches, matches & (top >= SURE) & (others >= SURE), matches & (top > others)
    given = top1(original)
    matches = (given == top1(other)) & (given >= 0)
    top, others = original.max(axis=1), other.max(axis=1)
    return matches, matches & (top >= SURE) & (others >= SURE), matches & (top > others)


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else float("nan")
