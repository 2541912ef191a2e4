"""What to say where a classifier seems to be given other values than it was trained on.

Most often a model was trained on 0..1 and is given 0..255: it is sure of everything then.
"""

from typing import TYPE_CHECKING, TypeGuard

import numpy as np

from keras_fool.models import scorer_contract

if TYPE_CHECKING:
    from keras_fool.models import scoring

_SURE = 0.999
_MOST = 0.5
# Where so many are right, no other preprocessing is far better.
_GOOD = 0.9
_FAR_BETTER = 0.2


def may_scale_wrongly(scorer: scorer_contract.Scorer) -> "TypeGuard[scoring.LocalScorer]":
    """Whether bytes reach a classifier's weights as they are, and might be meant not to.

    Only of a classifier on this machine it is known how bytes might be prepared otherwise.
    """
    return bool(scorer.preprocesses)


def of_random_images(scorer: scorer_contract.Scorer, images: np.ndarray) -> str | None:
    """Says that nearly every random image fools a classifier, and what may be wrong.

    Args:
        scorer: The classifier.
        images: uint8 [batch, height, width, channels] chosen at random.

    Returns:
        None where the classifier is not so sure, or scales bytes itself.
    """
    if not may_scale_wrongly(scorer):
        return None
    others = scorer.preprocesses
    share = _sure(scorer.score(images))
    if share <= _MOST:
        return None
    shares = {word: _sure(scorer.score_prepared(images, word)) for word in others}
    least = min(shares, key=lambda word: shares[word])
    said = (
        f"{scorer.name} is at least {_SURE:g} sure of {share:.0%} of {len(images)} random images, "
        "and nothing in it is known to scale bytes 0..255"
    )
    if shares[least] < share / 2:
        return (
            f"{said}: if it was trained on smaller values, say --preprocess={least} "
            f"({shares[least]:.0%} with it)."
        )
    return f"{said}. If it was trained on other values, see --preprocess."


def of_labelled_images(
    scorer: scorer_contract.Scorer, images: np.ndarray, truth: np.ndarray, accuracy: float
) -> str | None:
    """Names another preprocessing with which far more images are classified rightly.

    Args:
        scorer: The classifier.
        images: uint8 [batch, height, width, channels], some of them.
        truth: int [batch]; their labels.
        accuracy: The share of all images that are classified rightly.

    Returns:
        None where there is none.
    """
    if not may_scale_wrongly(scorer) or not len(images) or accuracy >= _GOOD:
        return None
    others = scorer.preprocesses

    def right(confidences: np.ndarray) -> float:
        finite = scorer_contract.is_finite(confidences)
        return float(np.mean((confidences.argmax(axis=1) == truth) & finite))

    now = right(scorer.score(images))
    shares = {word: right(scorer.score_prepared(images, word)) for word in others}
    best = max(shares, key=lambda word: shares[word])
    if shares[best] < now + _FAR_BETTER:
        return None
    return (
        f"with --preprocess={best} {scorer.name} is right about {shares[best]:.0%} of "
        f"{len(images)} of these images, and without about {now:.0%}: it was probably trained on "
        "such values."
    )


def _sure(confidences: np.ndarray) -> float:
    return float(np.mean(confidences.max(axis=1) >= np.float32(_SURE)))
