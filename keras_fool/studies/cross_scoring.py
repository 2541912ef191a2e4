"""Champions of a run folder, scored by the classifier they fool and by others."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import overload

import numpy as np

from keras_fool.models import classifiers, label_orders, layouts, scorer_contract, scoring
from keras_fool.runs import champions as champions_module
from keras_fool.runs import scorers
from trainers import resizing

_RESIZED_AT_A_TIME = 256  # images


@dataclasses.dataclass(frozen=True, eq=False)
class CrossScores:
    """What several classifiers say of the champions of one run folder.

    Attributes:
        champions: The images and what was recorded of them.
        original: The name of the classifier that they were evolved on.
        confidences: By classifier name, the original first: float32 [champions,
            num_labels], the labels in the order of the champions'.
        taken: By the name of each classifier whose labels could not be compared by name,
            which label of it is taken for which, in words.
        independent: Whether labels of one of them have probabilities of their own.
        resized: By the name of each classifier that takes images of another size, (height,
            width) that they were resized to for it.
    """

    champions: champions_module.Champions
    original: str
    confidences: dict[str, np.ndarray]
    taken: dict[str, str] = dataclasses.field(default_factory=dict)
    independent: bool = False
    resized: dict[str, tuple[int, int]] = dataclasses.field(default_factory=dict)

    @property
    def own(self) -> np.ndarray | None:
        """The labels that images were evolved for, where they are compared by those alone."""
        return self.champions.niches if self.independent else None

    @property
    def others(self) -> list[str]:
        """The names of the classifiers that the images were not evolved on."""
        return [name for name in self.confidences if name != self.original]

    @property
    def taken_lines(self) -> list[str]:
        """`taken`, a sentence for each classifier."""
        return [
            f"the labels of {name} have no names to be found by and are taken in the order of "
            f"{self.original}'s: {words}."
            for name, words in self.taken.items()
        ]

    @property
    def resized_lines(self) -> list[str]:
        """`resized`, a sentence for each classifier."""
        height, width = self.champions.images.shape[1:3]
        return [
            f"the images of {self.original}, {height} x {width} pixels, were resized to "
            f"{new[0]} x {new[1]} for {name}, by TensorFlow's antialiased resize, and rounded to "
            "bytes."
            for name, new in self.resized.items()
        ]


def find_models(
    models: Sequence[str],
    views: classifiers.Views = classifiers.Views(),  # noqa: B008, it is frozen
) -> list[classifiers.AnyClassifier]:
    """The classifiers of --models.

    Args:
        models: Each as `classifiers.listed` gives it: as `classifiers.find` takes it, or
            several with plus signs between them, which are one ensemble.
        views: What each sees of an image, where its options do not say it.

    Raises:
        ValueError: One of them is unknown, or named twice.
    """
    found = [classifiers.find_all(classifiers.members(model, "+"), None, views) for model in models]
    for number, classifier in enumerate(found):
        if classifier.identity in [other.identity for other in found[:number]]:
            raise ValueError(f"--models names {models[number]} twice.")
    names = [classifier.name for classifier in found]
    # Two folders may each have a model.keras in them.
    return [
        dataclasses.replace(classifier, name=classifier.identity["path"])
        if names.count(classifier.name) > 1 and "path" in classifier.identity
        else classifier
        for classifier in found
    ]


class Scorers:
    """Loads each classifier once, however many folders are scored."""

    def __init__(
        self,
        *,
        resizes: bool = False,
        instead: Mapping[classifiers.AnyClassifier, classifiers.AnyClassifier] | None = None,
    ):
        """Loads none yet.

        Args:
            resizes: Whether images are resized for classifiers that take another size; who asks
                for it says so in the results.
            instead: By classifier, what is opened where the images that it is to see crops of
                are smaller than those; usually the same for whole images.
        """
        self._loaded: dict[classifiers.AnyClassifier, scorer_contract.Scorer] = {}
        self._resizes = resizes
        self._instead = instead or {}

    @property
    def notes(self) -> list[str]:
        """What the user should know of those that are loaded, in sentences."""
        return [words for scorer in self._loaded.values() for words in scorer.notes]

    @overload
    def open(
        self, classifier: classifiers.Classifier | classifiers.Ensemble
    ) -> scoring.LocalScorer: ...

    @overload
    def open(self, classifier: classifiers.AnyClassifier) -> scorer_contract.Scorer: ...

    def open(self, classifier: classifiers.AnyClassifier) -> scorer_contract.Scorer:
        """The scorer of a classifier.

        Raises:
            ValueError: As `scorers.open_scorer` does.
        """
        if classifier not in self._loaded:
            self._loaded[classifier] = self._opened(classifier)
        return self._loaded[classifier]

    def _opened(self, classifier: classifiers.AnyClassifier) -> scorer_contract.Scorer:
        try:
            return scorers.open_scorer(classifier)
        except layouts.SmallImageError:
            other = self._instead.get(classifier, classifier)
            if other == classifier:
                raise
            return scorers.open_scorer(other)

    def cross_score(
        self,
        champions: champions_module.Champions,
        models: Sequence[classifiers.AnyClassifier],
    ) -> CrossScores:
        """Scores champions on the classifier they were evolved on and on all others.

        For a classifier that takes images of another size they are resized, if that is wanted.

        Args:
            champions: The images.
            models: The classifiers; the original need not be among them.

        Raises:
            ValueError: The original is not to be found, an image is not the one that was
                recorded, a classifier takes images of other colours (or of another size, where
                they are not resized) or has another number of labels, or names them differently,
                or cannot be used.
        """
        original = champions_module.original(champions, models)
        others = [model for model in models if model != original]
        confidences: dict[str, np.ndarray] = {}
        taken: dict[str, str] = {}
        independent = False
        resized: dict[str, tuple[int, int]] = {}
        for classifier in (original, *others):
            scorer = self.open(classifier)
            independent |= scorer.independent
            if classifier is original or not self._resizes:
                champions.check_fits(scorer.name, scorer.image_shape, len(scorer.labels))
            if classifier is original:
                confidences[classifier.name] = scorer.score(champions.images)
                champions.check_scores(confidences[classifier.name])
                continue
            if scorer.image_shape[:2] != champions.images.shape[1:3]:
                resized[classifier.name] = scorer.image_shape[:2]
            scored, order = of_another(champions, original.name, scorer)
            confidences[classifier.name] = scored
            if not order.by_name or classifier.labels is None:
                taken[classifier.name] = label_orders.taken(champions.labels, scorer.labels, order)
        return CrossScores(champions, original.name, confidences, taken, independent, resized)


def of_another(
    champions: champions_module.Champions, original: str, scorer: scorer_contract.Scorer
) -> tuple[np.ndarray, label_orders.Order]:
    """What a classifier says of champions that were evolved on another one.

    Images are resized to what it takes, by TensorFlow's antialiased resize.

    Args:
        champions: The images.
        original: The name of the classifier that they were evolved on.
        scorer: Of the other one.

    Returns:
        float32 [champions, num_labels], the labels in the order of the champions', and where those
        are among the scorer's.

    Raises:
        ValueError: It takes grey images and these are in colour, or the other way round, or it has
            another number of labels, or names them differently.
    """
    champions.check_colours(scorer.name, scorer.image_shape)
    champions.check_labels(scorer.name, len(scorer.labels))
    order = label_orders.find(champions.labels, scorer.labels, original, scorer.name)
    images = _of_size(champions.images, *scorer.image_shape[:2])
    return scorer.score(images)[:, order.places], order


def _of_size(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """uint8 images [batch, height, width, channels] of another size, or of the same."""
    if images.shape[1:3] == (height, width):
        return images
    parts = range(0, len(images), _RESIZED_AT_A_TIME)
    some = [images[start : start + _RESIZED_AT_A_TIME] for start in parts]
    return np.concatenate([resizing.resized(part, height, width).numpy() for part in some])
