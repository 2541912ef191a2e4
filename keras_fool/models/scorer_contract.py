"""What every scorer promises, checked where confidences come in."""

import numpy as np

# From this batch size up, the confidences of an image do not depend on the batch it is
# in (the smallest batches go through other kernels); the tests hold it.
SMALLEST_BATCH = 16
# How far a row of confidences may add up to something else than 1.
TOLERANCE = 1e-3


class ScorerError(ValueError):
    """What a model returned is no confidences; the message names the model."""


def problem(confidences: np.ndarray, logits: str) -> str | None:
    """Says, after a model's name, why these are no confidences; None where they are.

    Args:
        confidences: float32 [batch, num_labels].
        logits: How the user says that the outputs are logits.
    """
    # A NaN makes its row's sum a NaN, for which "<=" is False: one pass finds both.
    sums = confidences.sum(axis=1)
    if (np.abs(sums - 1) <= TOLERANCE).all():
        return None
    if np.isnan(sums).any():
        return "returned NaN confidences; did its training diverge?"
    worst = sums[np.abs(sums - 1).argmax()]
    return (
        f"returned confidences that add up to {worst:.6g}, not to 1; if its outputs are "
        f"logits, say {logits}."
    )


def negative(confidences: np.ndarray, logits: str) -> str | None:
    """Says, after a model's name, that some are negative; None where none are.

    Args:
        confidences: float32 [batch, num_labels].
        logits: How the user says that the outputs are logits.
    """
    if confidences.min() >= 0:
        return None
    return f"returned negative confidences; if its outputs are logits, say {logits}."


def trial_images(shape: tuple[int, int, int]) -> np.ndarray:
    """Images that show a model's defects before a run begins rather than in its midst.

    Args:
        shape: (height, width, channels).

    Returns:
        uint8 [16, height, width, channels]: black, white and noise, always the same.
    """
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (SMALLEST_BATCH, *shape), np.uint8)
    images[0], images[1] = 0, 255
    return images
