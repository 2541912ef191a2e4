"""Attacks on a classifier and a detector together: a confidence counts only where it accepts.

A detector that tells fooling images from real ones may only be in the way of images that were not
made to pass it. So evolution is given the detector: `evolve --detector=FILE`. Most defences that
looked good before fall to such attacks (Tramer et al., 2020, https://arxiv.org/abs/2002.08347).

An image that the detector accepts, by the threshold in its file, has the confidences that the
classifier gives it. One that it rejects has the confidence 0 in every respect but one: below any
confidence there is an order of rejected images, by how near they are to the threshold and how sure
the classifier is, so that evolution finds images that are accepted where the first ones are not.
"""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from keras_fool import foreign_files
from keras_fool.detectors import detector, signals, storage, thresholds
from keras_fool.models import classifiers, drawing_scorer

# What a rejected image's confidences are below, all of them.
REJECTED_BELOW = 1e-30


class Defence:
    """A detector in a file, with its threshold, before the classifier is loaded.

    Attributes:
        path: The file.
        settings: What of it shapes a run, as JSON: the detector, its parameters, its threshold and
            the file's SHA-256.
    """

    def __init__(self, path: str | pathlib.Path, kinds: Sequence[type[detector.Detector]]):
        """Reads the card.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It is not a detector's file, or no threshold was chosen.
        """
        self.path = pathlib.Path(path)
        self._kinds = kinds
        card = storage.read_card(self.path, kinds)
        if card.threshold is None:
            raise ValueError(
                f"{path} has no threshold: choose one on held-out real images by "
                "detector.threshold(0.95, images), and save it again."
            )
        self._threshold = card.threshold
        self.settings: dict[str, object] = {
            "name": card.kind.name,
            "parameters": card.parameters,
            "threshold": dataclasses.asdict(card.threshold),
            "sha256": foreign_files.sha256(self.path),
        }

    @property
    def remark(self) -> str:
        """What a reader of confidences should know, in a sentence."""
        chosen = self._threshold
        return (
            f"A confidence counts only where {self.settings['name']} accepts the image: from a "
            f"score of {chosen.value:.6g} on, which {chosen.accepted:.1%} of real images have."
        )

    def open(
        self,
        classifier: classifiers.AnyClassifier,
        score_batch: int | None = None,
        *,
        draws: bool = False,
    ) -> "AdaptiveScorer":
        """The scorer of classifier and detector together.

        Args:
            classifier: The one that the detector was fitted on.
            score_batch: The largest number of images in one call of the model.
            draws: Whether it draws CPPNs, too.

        Raises:
            ValueError: The classifier is an endpoint or a function, or cannot be used, or is
                another one than the detector was fitted on, or the file is damaged.
        """
        if not classifier.in_graph:
            what = "an endpoint" if classifier.is_remote else "a function"
            raise ValueError(
                f"a detector is for classifiers in TensorFlow, and {classifier.name} is {what}: "
                "leave --detector out."
            )
        kind = AdaptiveDrawingScorer if draws else AdaptiveScorer
        scorer = kind(classifier, score_batch=score_batch)
        scorer.defend(storage.read(self.path, scorer, self._kinds))
        return scorer

    def over(self, scorer: signals.SignalScorer) -> "AdaptiveScorer":
        """The same of a classifier that is loaded already.

        Args:
            scorer: The classifier's.

        Raises:
            ValueError: It is another one than the detector was fitted on, or the file is damaged.
        """
        found = scorer.shared_by(AdaptiveScorer)
        found.defend(storage.read(self.path, found, self._kinds))
        return found


class AdaptiveScorer(signals.SignalScorer):
    """Scores images with a classifier, and lets count what a detector accepts.

    Confidences and scores come from one pass of the network.
    """

    _detector: detector.Detector
    _chosen: thresholds.Threshold

    def defend(self, by: detector.Detector) -> None:
        """Takes a detector, which has this scorer as its source and has a threshold."""
        assert by.operating_point is not None
        self._detector, self._chosen = by, by.operating_point

    @property
    def row_length(self) -> int:
        """One more than there are labels: the last number is the detector's score."""
        return len(self.labels) + 1

    def _traced(self, images: tf.Tensor) -> tf.Tensor:
        self.traces += 1
        found = self.signals(images)
        scores = self._detector.from_signals(images, found)
        return tf.concat([found.confidences, scores[:, tf.newaxis]], axis=1)

    def _checked(self, rows: np.ndarray) -> np.ndarray:
        confidences = super()._checked(np.ascontiguousarray(rows[:, :-1]))
        return counted(confidences, rows[:, -1], self._chosen)


class AdaptiveDrawingScorer(AdaptiveScorer, drawing_scorer.DrawingScorer):
    """The same, which draws CPPNs where it scores them."""


def counted(
    confidences: np.ndarray, scores: np.ndarray, chosen: thresholds.Threshold
) -> np.ndarray:
    """What confidences count where a detector may reject the image.

    Args:
        confidences: float32 [batch, num_labels] in [0, 1].
        scores: float32 [batch], the detector's.
        chosen: Its threshold.

    Returns:
        float32 [batch, num_labels]: the confidences themselves, at least `REJECTED_BELOW`, of
        accepted images. Of rejected ones 1e-30 c^(1/4) / (1 + gap / spread), which is less, for
        confidence c, the gap between threshold and score, and the spread of real images' scores:
        higher for a surer image, and for one that is nearer to the threshold. 0 where there is no
        score; NaN where there is no confidence.
    """
    accepted = scores >= np.float32(chosen.value)
    least = np.float32(REJECTED_BELOW)
    found = np.maximum(confidences, least)
    if accepted.all():
        return found
    rejected = ~accepted
    gap = (chosen.value - scores[rejected].astype(np.float64)) / max(chosen.spread, 1e-12)
    nearness = np.where(np.isfinite(gap), 1 / (1 + np.abs(gap)), 0)
    sureness = np.clip(confidences[rejected], 0, 1).astype(np.float64) ** 0.25
    below = REJECTED_BELOW * (1 - 1e-6) * sureness * nearness[:, np.newaxis]
    found[rejected] = below.astype(np.float32)
    return found
