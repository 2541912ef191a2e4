"""Detectors of a classifier, fitted on real images, with thresholds chosen on others."""

from collections.abc import Mapping, Sequence

import numpy as np

from keras_fool import detectors
from keras_fool.detectors import detector, judged, signals, thresholds
from keras_fool.models import scorer_contract
from keras_fool.studies import real_parts


def lacking(source: signals.Source) -> dict[str, str]:
    """By the names of detectors that need what a classifier does not give, why: a sentence."""
    found = {}
    for name in detectors.NAMES:
        try:
            detectors.check_needs(name, source)
        except ValueError as error:
            found[name] = str(error).partition(" What can be used: ")[0]
    return found


def fit(
    source: signals.Source,
    parts: real_parts.Parts,
    names: Sequence[str] = detectors.NAMES,
    parameters: Mapping[str, Mapping[str, float]] | None = None,
    level: float = 0.95,
    left_out: dict[str, str] | None = None,
) -> dict[str, detector.Detector]:
    """Detectors by name, each with a threshold: one pass of the network for each part.

    Args:
        source: The classifier, as `detectors.open_source` gives it.
        parts: Real images.
        names: Which detectors.
        parameters: As `detectors.fit_all` takes them.
        level: The share of held-out images that a threshold accepts.
        left_out: Gets, by their names, why detectors cannot be fitted on these images; by default
            that is an error.

    Raises:
        ValueError: As `detectors.fit_all` does, or a detector has no threshold, or none can be
            fitted.
    """

    def fitted_all(some: Sequence[str]) -> dict[str, detector.Detector]:
        images, labels = parts.fitted.images, parts.fitted.labels
        return detectors.fit_all(source, images, labels, some, parameters)

    try:
        fitted = fitted_all(names)
    except ValueError as failed:
        if left_out is None or isinstance(failed, scorer_contract.ScorerError):
            raise
        fitted = {}
        for name in names:
            try:
                fitted |= fitted_all([name])
            except ValueError as error:
                if isinstance(error, scorer_contract.ScorerError):  # the classifier failed
                    raise
                left_out[name] = str(error)
        if not fitted:
            raise
    _, scores = detectors.score_all(list(fitted.values()))(parts.held_out.images)
    for name, each in fitted.items():
        each.operating_point = thresholds.choose(scores[name], level)
    return fitted


def judge(
    fitted: Mapping[str, detector.Detector], parts: real_parts.Parts, dataset: str
) -> judged.Judged:
    """What detectors say of the real images that are to judge them, in one pass of the network.

    Raises:
        ValueError: One of them has no finite score.
    """
    confidences, scores = detectors.score_all(list(fitted.values()))(parts.judged.images)
    for name, values in scores.items():
        if lost := np.count_nonzero(~np.isfinite(values)):
            raise ValueError(f"{name} gives {lost} of {len(values)} real images no finite score.")
    right = confidences.argmax(axis=1) == parts.judged.labels
    return judged.Judged(dataset, confidences.max(axis=1), right, scores)
