"""What the classifier makes of images that nobody made to fool it: noise, and real images."""

import dataclasses
from typing import Any

import numpy as np

from keras_fool.audits import intervals, settings
from keras_fool.detectors import outliers
from keras_fool.models import meanings, scorer_contract
from keras_fool.pages import charts
from keras_fool.studies import real_parts

RIGHT, WRONG = "real_right", "real_wrong"
_TITLES = {
    RIGHT: "real images, classified rightly",
    WRONG: "real images, classified wrongly",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Real:
    """What the classifier says of labelled images.

    Attributes:
        confidences: float32 [images]; of the surest label, or, where labels are independent, of
            the image's own.
        is_right: bool [images].
    """

    confidences: np.ndarray
    is_right: np.ndarray


def noise(scorer: scorer_contract.Scorer, chosen: settings.Settings) -> dict[str, np.ndarray]:
    """Images of each noise, by its name: uint8 [number, height, width, channels]."""
    return {
        name: outliers.noise(name, chosen.num_noise, scorer.image_shape, chosen.seed)
        for name in outliers.NAMES
    }


def real(scorer: scorer_contract.Scorer, images: real_parts.Labelled) -> Real:
    """Scores labelled images; those without finite confidences are wrong, and 0 sure."""
    scores = scorer.score(images.images)
    own = scores[np.arange(len(images)), images.labels]
    finite = scorer_contract.is_finite(scores)
    top = np.nan_to_num(scores.max(axis=1), nan=0.0)
    if scorer.independent:
        return Real(np.nan_to_num(own, nan=0.0), finite & (own >= meanings.GIVEN))
    return Real(top, finite & (scores.argmax(axis=1) == images.labels))


def report(
    scorer: scorer_contract.Scorer, noises: dict[str, np.ndarray], judged: Real | None
) -> list[dict[str, Any]]:
    """All baselines as JSON; real images only where there are some.

    Args:
        scorer: The classifier.
        noises: As `noise` gives them.
        judged: As `real` gives it; None where there are no labelled images.
    """
    found = []
    for name, images in noises.items():
        top = np.nan_to_num(scorer.score(images).max(axis=1), nan=0.0)
        found.append(_report(name, outliers.TITLES[name], top))
    if judged is not None:
        for name, chosen in ((RIGHT, judged.is_right), (WRONG, ~judged.is_right)):
            found.append(_report(name, _TITLES[name], judged.confidences[chosen]))
    return found


def _report(name: str, title: str, confidences: np.ndarray) -> dict[str, Any]:
    shares = {
        level: float(np.mean(confidences >= np.float32(threshold))) if len(confidences) else 0.0
        for level, threshold in settings.LEVELS.items()
    }
    return {
        "name": name,
        "title": title,
        "num_images": len(confidences),
        "median_confidence": intervals.number(np.median(confidences)) if len(confidences) else None,
        "share_at": {level: intervals.number(share) for level, share in shares.items()},
        "histogram": {
            "edges": list(charts.CONFIDENCE_EDGES),
            "counts": charts.binned(confidences),
        },
    }
