"""Champions of a run folder, scored by the classifier they fool and by others."""

import dataclasses
from collections.abc import Sequence
from typing import overload

import numpy as np

from keras_fool.models import classifiers, label_orders, scorer_contract, scoring
from keras_fool.runs import champions as champions_module
from keras_fool.runs import scorers


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
    """

    champions: champions_module.Champions
    original: str
    confidences: dict[str, np.ndarray]
    taken: dict[str, str] = dataclasses.field(default_factory=dict)
    independent: bool = False

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

    def __init__(self) -> None:
        self._loaded: dict[classifiers.AnyClassifier, scorer_contract.Scorer] = {}

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
            self._loaded[classifier] = scorers.open_scorer(classifier)
        return self._loaded[classifier]

    def cross_score(
        self,
        champions: champions_module.Champions,
        models: Sequence[classifiers.AnyClassifier],
    ) -> CrossScores:
        """Scores champions on the classifier they were evolved on and on all others.

        Args:
            champions: The images.
            models: The classifiers; the original need not be among them.

        Raises:
            ValueError: The original is not to be found, an image is not the one that was
                recorded, a classifier takes other images or has another number of
                labels, or names them differently, or cannot be used.
        """
        original = champions_module.original(champions, models)
        others = [model for model in models if model != original]
        confidences: dict[str, np.ndarray] = {}
        taken: dict[str, str] = {}
        independent = False
        for classifier in (original, *others):
            scorer = self.open(classifier)
            independent |= scorer.independent
            champions.check_fits(scorer.name, scorer.image_shape, len(scorer.labels))
            if classifier is original:
                confidences[classifier.name] = scorer.score(champions.images)
                champions.check_scores(confidences[classifier.name])
                continue
            order = label_orders.find(
                champions.labels, scorer.labels, original.name, classifier.name
            )
            scored = scorer.score(champions.images)
            confidences[classifier.name] = scored[:, order.places]
            if not order.by_name or classifier.labels is None:
                taken[classifier.name] = label_orders.taken(champions.labels, scorer.labels, order)
        return CrossScores(champions, original.name, confidences, taken, independent)
