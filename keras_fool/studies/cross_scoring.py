"""Champions of a run folder, scored by the classifier they fool and by others."""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from keras_fool.models import classifiers, model_specs, scoring
from keras_fool.runs import champions as champions_module


@dataclasses.dataclass(frozen=True, eq=False)
class CrossScores:
    """What several classifiers say of the champions of one run folder.

    Attributes:
        champions: The images and what was recorded of them.
        original: The name of the classifier that they were evolved on.
        confidences: By classifier name, the original first: float32 [champions,
            num_labels].
    """

    champions: champions_module.Champions
    original: str
    confidences: dict[str, np.ndarray]

    @property
    def others(self) -> list[str]:
        """The names of the classifiers that the images were not evolved on."""
        return [name for name in self.confidences if name != self.original]


def find_models(
    models: Sequence[str],
    views: classifiers.Views = classifiers.Views(),  # noqa: B008, it is frozen
) -> list[classifiers.AnyClassifier]:
    """The classifiers of --models.

    Args:
        models: Each as `classifiers.find` takes it, or several with plus signs between
            them, which are one ensemble.
        views: What each sees of an image, where its options do not say it.

    Raises:
        ValueError: One of them is unknown, or named twice.
    """
    models = model_specs.rejoined(models)
    found = [classifiers.find_all(_joined(model), None, views) for model in models]
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


def _joined(model: str) -> str:
    """An ensemble `a+b` as `find_all` takes it; a file may have a plus sign in its name."""
    exists = pathlib.Path(model_specs.parse(model).what).exists()
    return model if exists or "://" in model else model.replace("+", ",")


class Scorers:
    """Loads each classifier once, however many folders are scored."""

    def __init__(self):
        self._loaded = {}

    def open(self, classifier: classifiers.AnyClassifier) -> scoring.LocalScorer:
        """The scorer of a classifier.

        Raises:
            ValueError: As `scoring.LocalScorer` does.
        """
        if classifier not in self._loaded:
            self._loaded[classifier] = scoring.open_scorer(classifier)
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
                labels, or cannot be used.
        """
        original = champions_module.original(champions, models)
        others = [model for model in models if model != original]
        confidences = {}
        for classifier in (original, *others):
            scorer = self.open(classifier)
            champions.check_fits(scorer.name, scorer.image_shape, len(scorer.labels))
            confidences[classifier.name] = scorer.score(champions.images)
            if classifier is original:
                champions.check_scores(confidences[classifier.name])
        return CrossScores(champions, original.name, confidences)
