"""What the numbers mean that a classifier gives for an image; said once, checked on data.

    confidences   a distribution over the labels: they add up to 1
    logits        their softmax is one
    sigmoid       every label has a probability of its own, whatever the others have

A single number stands for two labels: a sigmoid p for (1 - p, p), and a logit z for the
softmax of (0, z), which is the same. Several sigmoids are independent labels, and each is
fooled by its own probability.

What is said, or read off the model's last layer, must agree with what the model gives for
some images. What contradicts them is refused, never scaled into something plausible.
"""

from collections.abc import Callable

import numpy as np

CONFIDENCES, LOGITS, SIGMOID = MEANINGS = ("confidences", "logits", "sigmoid")
# How far a row of float32 confidences may add up to something else than 1.
TOLERANCE = 1e-3
# The distance from 1 to the next number in what is coarser than float32.
_COARSE = {"float16": 2.0**-10, "bfloat16": 2.0**-7}
# Outputs of a label that differ by no more than this, relative to the largest, are the same.
_SAME = 1e-6
# Confidences that are not told from 0, unlike those that float32 has only few digits of.
_TINY = 1e-30
_PERCENT_TOLERANCE = 0.5
# Rows that add up to nearly 1 were meant to.
_NEARLY = 0.1


def is_coarse(dtype: str) -> bool:
    """Whether rows that were computed in `dtype`, such as "float16", add up to 1 only roughly."""
    return dtype in _COARSE


def tolerance(dtype: str, num_outputs: int) -> float:
    """How far a row of confidences may add up to something else than 1.

    A softmax over n numbers rounds each exponential, each quotient, and log2(n) times on the
    way to their sum. Measured on rows of 2 to 10,000 labels of any sharpness, TensorFlow's
    miss 1 by at most 2.9 times the distance between neighbouring numbers.

    Args:
        dtype: What the softmax is computed in, such as "float16".
        num_outputs: How many numbers a row has.
    """
    return max(TOLERANCE, _COARSE.get(dtype, 0.0) * (2 + np.log2(max(2, num_outputs))))


def num_labels(num_outputs: int, meaning: str) -> int:
    """How many labels so many outputs stand for: two where there is one that says yes or no."""
    return 2 if num_outputs == 1 and meaning != CONFIDENCES else num_outputs


def are_independent(num_outputs: int, meaning: str) -> bool:
    """Whether labels are fooled each by its own probability, and rows add up to anything."""
    return meaning == SIGMOID and num_outputs > 1


def confidences(outputs: np.ndarray, meaning: str, dtype: str = "float32") -> np.ndarray:
    """What outputs mean, as `networks.Network.confidences` makes it with TensorFlow.

    Args:
        outputs: float32 [batch, num_outputs].
        meaning: One of `MEANINGS`.
        dtype: What they were computed in.

    Returns:
        float32 [batch, num_labels].
    """
    if meaning == LOGITS:
        if outputs.shape[1] == 1:
            outputs = np.concatenate([np.zeros_like(outputs), outputs], axis=1)
        powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)
    if meaning == SIGMOID:
        return np.concatenate([1 - outputs, outputs], axis=1) if outputs.shape[1] == 1 else outputs
    if not is_coarse(dtype):
        return outputs
    sums = outputs.sum(axis=1, keepdims=True)
    within = np.abs(sums - 1) <= tolerance(dtype, outputs.shape[1])
    return outputs / np.where(within, sums, np.float32(1))


def problem(confidences: np.ndarray, independent: bool = False) -> str | None:
    """Says, after a model's name, why these are not confidences; None where they are.

    Args:
        confidences: float32 [batch, num_labels].
        independent: Whether each label has a probability of its own.
    """
    if independent:
        # A NaN is neither below nor above, so the opposite is asked.
        if ((confidences >= 0) & (confidences <= 1)).all():
            return None
    else:
        # A NaN makes its row's sum a NaN, for which "<=" is False: one pass finds both.
        sums = confidences.sum(axis=1)
        if (np.abs(sums - 1) <= TOLERANCE).all():
            return None
    if found := not_finite(confidences):
        return found
    if independent:
        return f"returned probabilities {_range(confidences)}, not in 0..1."
    worst = sums[np.abs(sums - 1).argmax()]
    return f"returned confidences that add up to {worst:.6g}, not to 1."


def not_finite(values: np.ndarray) -> str | None:
    """Says, after a model's name, that some are NaN or infinite; None where none are."""
    if np.isnan(values).any():
        return "returned NaN confidences; did its training diverge?"
    if np.isinf(values).any():
        return "returned infinite values; did its training diverge?"
    return None


def contradiction(
    outputs: np.ndarray,
    meaning: str,
    say: Callable[[str], str],
    *,
    dtype: str = "float32",
    sure: bool = False,
) -> str | None:
    """Says, after a model's name, why its outputs cannot mean that; None where they can.

    Args:
        outputs: float32 [images, num_outputs], for images that have little in common.
        meaning: One of `MEANINGS`.
        say: How the user says another one, such as "--outputs=logits".
        dtype: What they were computed in.
        sure: Whether the last layer can give nothing else: saturated sigmoids may add up to
            1 on all images there are.
    """
    if found := not_finite(outputs):
        return found
    if meaning == CONFIDENCES and outputs.shape[1] == 1 and _all_one(outputs):
        return (
            "has one label, of which it is sure whatever the image (the softmax of a single "
            "output is 1): it cannot be fooled."
        )
    looks = _Looks(outputs, tolerance(dtype, outputs.shape[1]))
    if looks.percentages:
        return (
            f"returned values that add up to {looks.sums.mean():.4g} for each image: they look "
            "like percentages. Divide them by 100 in the model, such as by a last layer "
            "Rescaling(1 / 100)."
        )
    if meaning == LOGITS:
        return _no_logits(looks, say)
    if meaning == SIGMOID:
        return _no_sigmoid(looks, say, sure)
    return _no_confidences(looks, say)


def _all_one(outputs: np.ndarray) -> bool:
    return bool((np.abs(outputs - 1) <= TOLERANCE).all())


class _Looks:
    """What a model's outputs look like, whatever they are said to mean."""

    def __init__(self, outputs: np.ndarray, tolerance: float):
        self.outputs = outputs
        self.single = outputs.shape[1] == 1
        self.sums = outputs.astype(np.float64).sum(axis=1)
        self.in_unit = bool(outputs.min() >= 0 and outputs.max() <= 1 + tolerance)
        add_up = np.abs(self.sums - 1) <= tolerance
        self.distribution = self.in_unit and not self.single and bool(add_up.all())
        self.percentages = bool(
            outputs.min() >= 0
            and outputs.max() > 1 + tolerance
            and not self.single
            and (np.abs(self.sums - 100) <= max(_PERCENT_TOLERANCE, 100 * tolerance)).all()
        )
        with np.errstate(over="ignore"):
            powers = np.exp(outputs.astype(np.float64)).sum(axis=1)
        self.logarithms = bool(
            not self.single
            and outputs.max() <= tolerance
            and (np.abs(powers - 1) <= 10 * tolerance).all()
        )


def _no_confidences(looks: _Looks, say: Callable[[str], str]) -> str | None:
    if looks.distribution:
        return None
    outputs = looks.outputs
    if looks.in_unit:
        if looks.single:
            return (
                "returned one number in 0..1 for each image, which leaves open what it means: "
                f"if it is the probability of the second of two labels, say {say(SIGMOID)}."
            )
        worst = looks.sums[np.abs(looks.sums - 1).argmax()]
        if (np.abs(looks.sums - 1) <= _NEARLY).all():
            return (
                f"returned confidences that add up to {worst:.6g}, not to 1: were they computed "
                "in half precision, or rounded? Let the model's softmax compute in float32."
            )
        return (
            f"returned values in 0..1 that add up to {worst:.6g}, not to 1: no distribution. If "
            f"each label has a probability of its own (a sigmoid), say {say(SIGMOID)}."
        )
    if looks.logarithms:
        return (
            "returned logarithms of confidences (negative, and their exponentials add up to 1): "
            f"say {say(LOGITS)}, and their softmax is the confidences."
        )
    if looks.single:
        return (
            f"returned one number for each image, {_range(outputs)}: if it is the logit of the "
            f"second of two labels, say {say(LOGITS)}{_or_percentages(outputs)}."
        )
    kind = "negative values" if outputs.min() < 0 else "values above 1"
    return (
        f"returned {kind} ({_range(outputs)}; a row adds up to "
        f"{looks.sums[np.abs(looks.sums - 1).argmax()]:.6g}, not to 1), which are not confidences: "
        f"if they are logits, say {say(LOGITS)}{_or_percentages(outputs)}."
    )


def _no_logits(looks: _Looks, say: Callable[[str], str]) -> str | None:
    if not looks.in_unit:
        return None
    if looks.distribution:
        return (
            "gives confidences already (its rows add up to 1), not logits: say "
            f"{say(CONFIDENCES)}, or nothing."
        )
    return (
        f"returned values that all lie in 0..1 ({_range(looks.outputs)}), which logits would not: "
        f"if they are probabilities of their own (sigmoids), say {say(SIGMOID)}."
    )


def _no_sigmoid(looks: _Looks, say: Callable[[str], str], sure: bool) -> str | None:
    if not looks.in_unit:
        what = (
            f"If it is the logit of the second of two labels, say {say(LOGITS)}."
            if looks.single
            else "If they are what a sigmoid is to be applied to, add it as the model's last "
            f"layer; if a softmax, say {say(LOGITS)}."
        )
        return (
            f"returned values {_range(looks.outputs)}: probabilities (sigmoid) lie in 0..1. {what}"
        )
    if looks.distribution and not sure:
        return (
            "gives a distribution (each row adds up to 1), not a probability of its own for each "
            f"label: say {say(CONFIDENCES)}, or nothing."
        )
    return None


# For reports.
INDEPENDENT = (
    "Labels are independent (sigmoid): a confidence is the label's own probability, and a label is "
    "given where that is at least 0.5."
)
GIVEN = 0.5


def is_constant(outputs: np.ndarray) -> bool:
    """Whether all rows of outputs are the same but for rounding.

    Each label counts by itself: a classifier that is sure that none of some images is a digit gives
    all of them 1 for that, and digits confidences that are tiny, but not the same.
    """
    spread = outputs.max(axis=0) - outputs.min(axis=0)
    return bool((spread <= _SAME * np.abs(outputs).max(axis=0)).all())


def is_saturated(outputs: np.ndarray) -> bool:
    """Whether outputs are 0 and 1 but for rounding: TensorFlow's softmax has 1e-38 instead of 0."""
    return bool(((np.abs(outputs) <= _TINY) | (np.abs(outputs - 1) <= _SAME)).all())


def is_one_hot(outputs: np.ndarray) -> bool:
    """Whether outputs are nothing but 0 and 1: they say which label, and not how surely."""
    return bool(((outputs == 0) | (outputs == 1)).all())


def constant(images: int) -> str:
    """Says, after a model's name, that so many different images made no difference to it."""
    return (
        f"gives the same for all of {images} images, plain ones, patterns and noise: it is "
        "constant, or it expects other values than it is given (see preprocess). No image "
        "could fool it."
    )


def saturated(images: int) -> str:
    """Says, after a model's name, that only rounding made its outputs for so many images equal."""
    return (
        f"gives the same for all of {images} images, nothing but 0 and 1, as what its last "
        "activation is given is so large: evolution has nothing to climb where that is so. Does it "
        "expect other values than it is given (see preprocess)?"
    )


ONE_HOT = (
    "gives nothing but 0 and 1 (one-hot): which label, and not how surely. Every confidence of 1 "
    "says no more than that, and evolution has nothing to climb."
)


def _range(values: np.ndarray) -> str:
    return f"from {values.min():.4g} to {values.max():.4g}"


def _or_percentages(outputs: np.ndarray) -> str:
    if outputs.min() >= 0 and 1 < outputs.max() <= 100:
        return "; if they are percentages, divide them by 100 in the model"
    return ""
