"""The mean of the data that a classifier was trained on, as far as it is known.

An ascent begins there, and its regularisers pull back to it.
"""

from collections.abc import Sequence

import numpy as np

from keras_fool.models import classifiers, preprocessing

_BLACK, _MIDDLE = 0.0, 127.5


def known(
    classifier: classifiers.Classifier | classifiers.Ensemble, num_channels: int
) -> tuple[float, ...]:
    """The mean that a classifier subtracts; of an ensemble, the mean of its members'.

    Where nothing is subtracted, black for grey images (drawn on an empty ground, as digits
    are) and the middle of all greys for colour.

    Args:
        classifier: Whose data it is.
        num_channels: 1 or 3.

    Returns:
        A value in 0..255 per channel.
    """
    neutral = (_BLACK if num_channels == 1 else _MIDDLE,) * num_channels
    subtracted = [preprocessing.METHODS[member.preprocess].mean for member in classifier.members]
    means = [(mean or neutral)[:num_channels] for mean in subtracted]
    return tuple(float(value) for value in np.mean(means, axis=0))


def picture_of(offsets: np.ndarray) -> np.ndarray:
    """An image minus the data mean, for display: 0 is the middle grey, nothing is clipped.

    As Figures S5 to S9 of Nguyen et al., 2015, show theirs: one factor for the whole image,
    the largest with which all of it fits.

    Args:
        offsets: float [height, width, channels].

    Returns:
        uint8 [height, width, channels].
    """
    largest = 2 * np.abs(offsets).max()
    return np.rint(255 * (0.5 + offsets / (largest or 1))).astype(np.uint8)


def given(values: Sequence[str], num_channels: int) -> tuple[float, ...]:
    """The mean that a user gives: one number for all channels, or one for each.

    Raises:
        ValueError: They are not numbers in 0..255, or not as many as channels.
    """
    try:
        numbers = tuple(float(value) for value in values)
    except ValueError:
        numbers = ()
    if len(numbers) == 1:
        numbers *= num_channels
    if len(numbers) != num_channels or not all(0 <= number <= 255 for number in numbers):
        raise ValueError(
            f"the mean must be one number in 0..255 or {num_channels} with commas between them, "
            f"got {','.join(values)}."
        )
    return numbers
