"""How sure a classifier is of real images, right or wrong; supplement F.

Nguyen, Yosinski and Clune, 2015, https://arxiv.org/abs/1412.1897.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from evolvers import archive
from keras_fool.models import applications, label_orders, meanings
from keras_fool.models.scorer_contract import Scorer
from trainers import sources

_BATCH = 256
_IMAGENET = "imagenet2012"


@dataclasses.dataclass(frozen=True, eq=False)
class RealImages:
    """What a classifier says of the test images of a data set.

    Attributes:
        files: [images]; what the data set calls them, which is their files where it has some.
        truth: int64 [images]; the right labels, by the classifier's numbers.
        top: int64 [images]; the surest ones, -1 where the confidences are NaN.
        confidences: float32 [images], of the surest labels; NaN likewise.
        rank: int64 [images]; how many labels are surer than the right one; all of them likewise.
        own: float32 [images], of the right labels; NaN likewise.
        independent: Whether each label has a probability of its own: then an image is
            classified rightly where its label's is at least 0.5, and that is what counts.
        order: In words, how the labels of classifier and data were found in each other.
    """

    files: tuple[str, ...]
    truth: np.ndarray
    top: np.ndarray
    confidences: np.ndarray
    rank: np.ndarray
    own: np.ndarray
    order: str
    independent: bool = False

    @property
    def is_right(self) -> np.ndarray:
        """Whether the surest label is the right one, or the right one is given: bool [images]."""
        return self.own >= meanings.GIVEN if self.independent else self.top == self.truth

    @property
    def accuracy(self) -> float:
        """The share of images that are classified rightly."""
        return float(np.mean(self.is_right))

    @property
    def is_finite(self) -> np.ndarray:
        """Whether the classifier gave confidences at all, not NaN: bool [images]."""
        return self.top >= 0

    def groups(self) -> dict[str, np.ndarray]:
        """The confidences of all, of the rightly and of the wrongly classified images.

        Those that are NaN are in none of them.
        """
        right, finite = self.is_right, self.is_finite
        confidences = self.own if self.independent else self.confidences
        return {
            "all real images": confidences[finite],
            "classified rightly": confidences[right],
            "classified wrongly": confidences[~right & finite],
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
        data: Of the same labels, which are found by their names (of some of them, too) where
            both have names, and else are in the same order.
        on_images: Told how many more images were scored.

    Raises:
        ValueError: Classifier and data have other labels or other images.
    """
    order = found_order(scorer, data)
    if tuple(data.image_shape) != tuple(scorer.image_shape):
        raise ValueError(
            f"{scorer.name} takes images of {_by(scorer.image_shape)}, those of {data.name} are "
            f"{_by(data.image_shape)} (height x width x channels)."
        )
    places, parts = np.array(order.places), []
    for images, labels in data.test_batches(_BATCH):
        if not len(images):
            continue
        labels = places[labels]
        confidences = scorer.score(images)
        right = confidences[np.arange(len(labels)), labels]
        finite = archive.is_finite(confidences)
        surer = (confidences > right[:, np.newaxis]).sum(axis=1)
        parts.append(
            (
                labels,
                np.where(finite, confidences.argmax(axis=1), -1),
                confidences.max(axis=1),
                np.where(finite, surer, confidences.shape[1]),
                right,
            )
        )
        on_images(len(images))
    if not parts:
        raise ValueError(f"{data.name} has no test images that can be read.")
    files = (data.test_name(number) for number in range(data.num_test))
    truth, top, top_confidences, rank, own = map(np.concatenate, zip(*parts, strict=True))
    return RealImages(
        tuple(file for file in files if file not in data.unreadable),
        truth,
        top,
        top_confidences,
        rank,
        own,
        order=said(order, scorer, data),
        independent=scorer.independent,
    )


def found_order(scorer: Scorer, data: sources.Source) -> label_orders.Order:
    """Where the data's labels are among the classifier's.

    Raises:
        ValueError: They are not; or there are no names, and their numbers differ.
    """
    labels, index = data.labels, applications.imagenet_ids() or ()
    # Folders of ImageNet are named by WordNet's ids, of which Keras has a table.
    by_id = {wordnet_id: place for place, (wordnet_id, _) in enumerate(index)}
    is_imagenet = tuple(scorer.labels[: len(index)]) == tuple(name for _, name in index)
    if is_imagenet and all(label in by_id for label in labels):
        return label_orders.Order(tuple(by_id[label] for label in labels), by_name=True)
    extra = len(scorer.labels) - len(labels)
    if label_orders.are_numbers(scorer.labels) and extra not in (0, 1):
        raise ValueError(  # a retrained one also has a fooling class
            f"{scorer.name} has {len(scorer.labels)} labels, {data.name} has {len(labels)}."
        )
    if data.name == _IMAGENET and extra in (0, 1):  # whose order all networks have
        return label_orders.Order(tuple(range(len(labels))), by_name=False)
    order = label_orders.find(labels, scorer.labels, data.name, scorer.name)
    if not order.by_name and extra not in (0, 1):
        raise ValueError(
            f"{scorer.name} has {len(scorer.labels)} labels, {data.name} has {len(labels)}, and "
            "they have no names in common."
        )
    return order


def said(order: label_orders.Order, scorer: Scorer, data: sources.Source) -> str:
    """How the labels of classifier and data were found in each other, in words."""
    if order.by_name and not label_orders.are_numbers(scorer.labels):
        return f"The labels of {data.name} were found among those of {scorer.name} by their names."
    pairs = label_orders.taken(data.labels, scorer.labels, order)
    how = "by their numbers" if order.by_name else "in their order"
    return (
        f"The labels of {data.name} were taken for those of {scorer.name} {how}, without names: "
        f"{pairs}."
    )


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
