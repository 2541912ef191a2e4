"""What every scorer promises, checked where confidences come in."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from evolvers.archive import is_finite
from keras_fool.models import meanings

# Images that a model is tried on; of fewer it says little that they have no confidences.
NUM_TRIED = 16
# How many images of each kind `more_images` has.
_OF_A_KIND = 16


class Scorer(Protocol):
    """Gives images confidences, wherever it runs; for one caller at a time, from any thread."""

    @property
    def name(self) -> str:
        """What reports call the classifier."""

    @property
    def identity(self) -> Mapping[str, object]:
        """What determines its confidences, as JSON."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of its labels."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""

    @property
    def independent(self) -> bool:
        """Whether each label has a probability of its own, so that rows may add up to anything."""

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know about it, in sentences."""

    @property
    def score_batch(self) -> int:
        """The largest number of images that are scored together."""

    @property
    def preprocesses(self) -> Sequence[str]:
        """Other ways of preparing bytes that might be meant, where they are known."""

    def score(self, images: np.ndarray) -> np.ndarray:
        """The confidence of every label for every image.

        Args:
            images: [batch, height, width, channels] uint8, 0..255.

        Returns:
            [batch, num_labels] float32; a row is NaN where the model gave no finite confidences.

        Raises:
            ScorerError: The model gives no confidences.
        """


class ScorerError(ValueError):
    """What a model returned are not confidences; the message names the model.

    Attributes:
        may_pass: Whether the same images may be scored another time, as those that an
            endpoint was asked for while it was down. The same run on this machine meets the
            same images again, and what is wrong with them.
    """

    may_pass = False


def blank(confidences: np.ndarray) -> np.ndarray:
    """Fills the rows that hold a NaN or an infinite value with NaN, in place.

    Such an image has no confidences: it fools no classifier and does not affect other images.

    Args:
        confidences: float32 [batch, num_labels].

    Returns:
        bool [batch]; the rows that are finite.
    """
    finite = is_finite(confidences)
    if not finite.all():
        confidences[~finite] = np.nan
    return finite


def mostly_blank(finite: np.ndarray) -> str | None:
    """Says, after a model's name, that it gave most images no confidences; else None.

    Args:
        finite: bool [batch]; as `blank` returns it.
    """
    lost = np.count_nonzero(~finite)
    if 2 * lost <= len(finite):
        return None
    return (
        f"returned NaN or infinite confidences for {lost} of {len(finite)} images; did its "
        "training diverge?"
    )


def problem(confidences: np.ndarray, independent: bool = False) -> str | None:
    """Says, after a model's name, why these are not confidences; None where they are.

    Args:
        confidences: float32 [batch, num_labels]; finite.
        independent: Whether each label has a probability of its own.
    """
    return meanings.problem(confidences, independent)


def trial_images(shape: tuple[int, int, int]) -> np.ndarray:
    """Images that show a model's defects before a run begins.

    Args:
        shape: (height, width, channels).

    Returns:
        uint8 [16, height, width, channels]: black, white and noise, always the same.
    """
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (NUM_TRIED, *shape), np.uint8)
    images[0], images[1] = 0, 255
    return images


def more_images(shape: tuple[int, int, int]) -> np.ndarray:
    """Images of other kinds, for models that gave the same for all of `trial_images`.

    Args:
        shape: (height, width, channels).

    Returns:
        uint8 [64, height, width, channels]: plain ones, gradients, stripes and dark noise,
        always the same.
    """
    height, width, channels = shape
    generator = np.random.default_rng(1)
    rows, columns = np.mgrid[:height, :width][..., None] / max(height, width)
    found = []
    for number in range(_OF_A_KIND):
        found.append(np.broadcast_to(generator.integers(0, 256, channels), shape))
        down, right = generator.normal(size=(2, channels))
        slope = down * rows + right * columns
        low, high = slope.min(), slope.max()
        found.append(255 * (slope - low) / max(high - low, 1e-9))
        wave = np.sin(2 * np.pi * (number + 1) * (down * rows + right * columns))
        found.append(127.5 * (1 + wave))
        found.append(generator.integers(0, 2 ** (1 + number % 8), shape))
    return np.stack(found).astype(np.uint8)
