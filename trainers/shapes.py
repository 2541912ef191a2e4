"""Drawn shapes in colour: a data set without files, for any image size.

Ten shapes of random position, size, angle and colour on a shaded, noisy background. An image
depends only on a seed and its number: everything random in it is a hash of the two
(Steele, Lea and Flood, 2014, https://doi.org/10.1145/2660193.2660195).
"""

from collections.abc import Callable

import numpy as np

LABELS = (
    *("arrow", "bar", "circle", "crescent", "cross"),
    *("heart", "ring", "square", "star", "triangle"),
)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_NUM_DRAWN = 16  # random numbers of an image, besides its noise
_PIXELS_AT_ONCE = 2**15  # arrays of this size stay in a processor's cache
_MIN_SIZE, _MAX_SIZE = 0.4, 0.8  # half the size of a shape, relative to half the image's side
_MAX_NOISE = 24  # of 255


def labels_of(numbers: np.ndarray) -> np.ndarray:
    """The labels of images, from their numbers: int64 [batch], indices of `LABELS`."""
    return numbers % len(LABELS)


def draw(seed: int, numbers: np.ndarray, side: int) -> np.ndarray:
    """Draws images.

    Args:
        seed: Another seed gives other images.
        numbers: int64 [batch], the numbers of the images; each is the same in every batch.
        side: Height and width in pixels.

    Returns:
        uint8 [batch, side, side, 3], RGB. A byte may differ by one between processors.
    """
    images = np.empty((len(numbers), side, side, 3), np.uint8)
    labels = labels_of(numbers)
    at_once = max(1, _PIXELS_AT_ONCE // side**2)
    for label, outline in enumerate(_OUTLINES):
        places = np.flatnonzero(labels == label)
        for start in range(0, len(places), at_once):
            part = places[start : start + at_once]
            images[part] = _drawn(seed, numbers[part], side, outline)
    return images


def _drawn(seed: int, numbers: np.ndarray, side: int, outline: Callable) -> np.ndarray:
    """Images that all show one shape: uint8 [batch, side, side, 3]."""
    streams = _mixed(_mixed(np.array([seed], np.uint64)) + numbers.astype(np.uint64))
    random = (_words(streams, 0, _NUM_DRAWN) >> np.uint64(40)).astype(np.float32) / np.float32(
        2**24
    )
    scalars = random[..., np.newaxis, np.newaxis]  # [batch, drawn, 1, 1]
    centres = (np.arange(side, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / side) - 1
    x, y = centres[np.newaxis, np.newaxis, :], centres[np.newaxis, :, np.newaxis]

    size = _MIN_SIZE + (_MAX_SIZE - _MIN_SIZE) * scalars[:, 0]
    cosine, sine = _direction(scalars[:, 1])
    right, down = ((1 - size) * (2 * scalars[:, drawn] - 1) for drawn in (2, 3))
    x_in_shape, y_in_shape = (x - right) / size, (y - down) / size
    along = cosine * x_in_shape + sine * y_in_shape
    across = cosine * y_in_shape - sine * x_in_shape
    # Distances are relative to half the size of the shape. The edge is a ramp of one pixel.
    covered = outline(along, across)
    covered *= size * np.float32(-side / 2)
    covered += np.float32(0.5)
    np.clip(covered, 0, 1, out=covered)

    cosine, sine = _direction(scalars[:, 4])
    shade = cosine * x + sine * y
    noise = _words(streams, _NUM_DRAWN, -(-3 * side * side // 8)).view(np.uint8)
    noise = noise[:, : 3 * side * side].reshape(-1, 3, side, side)
    strength = scalars[:, 5] * np.float32(_MAX_NOISE / 127.5)
    image = np.empty((len(numbers), side, side, 3), np.uint8)
    for channel in range(3):
        ground = 255 * scalars[:, 6 + channel]
        # Towards the farther end of the range, so that every shape can be seen.
        target = np.where(ground < 128, np.float32(255), np.float32(0))
        colour = ground + (target - ground) * (0.3 + 0.7 * scalars[:, 9 + channel])
        values = shade * (40 * (2 * scalars[:, 12 + channel] - 1)) + ground
        values += covered * (colour - values)
        values += (noise[:, channel] - np.float32(127.5)) * strength
        values += np.float32(0.5)
        image[..., channel] = np.clip(values, 0, 255, out=values)
    return image


def _direction(turn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosine and sine of an angle, given as a share of a full turn."""
    angle = np.float32(2 * np.pi) * turn
    return np.cos(angle), np.sin(angle)


def _words(streams: np.ndarray, first: int, count: int) -> np.ndarray:
    """`count` random words of streams, from word `first` on: uint64 [batch, count]."""
    counters = np.arange(first + 1, first + count + 1, dtype=np.uint64) * _GOLDEN
    return _mixed(streams[:, np.newaxis] + counters)


def _mixed(words: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser, which makes counters look random."""
    words = words + _GOLDEN
    words ^= words >> np.uint64(30)
    words *= np.uint64(0xBF58476D1CE4E5B9)
    words ^= words >> np.uint64(27)
    words *= np.uint64(0x94D049BB133111EB)
    words ^= words >> np.uint64(31)
    return words


# Outlines: approximate signed distances to a shape that fills [-1, 1] x [-1, 1], negative inside.


def _radius(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.sqrt(x * x + y * y)  # four times as fast as np.hypot


def _box(x: np.ndarray, y: np.ndarray, half_width: float, half_height: float) -> np.ndarray:
    return np.maximum(np.abs(x) - half_width, np.abs(y) - half_height)


def _polygon(x: np.ndarray, y: np.ndarray, sides: int, inner_radius: float) -> np.ndarray:
    """A regular polygon with a corner at the right."""
    return np.maximum.reduce(_edges(x, y, sides, inner_radius))


def _edges(x: np.ndarray, y: np.ndarray, sides: int, inner_radius: float) -> list[np.ndarray]:
    angles = (2 * np.arange(sides) + 1) * np.pi / sides
    return [
        np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y - inner_radius
        for angle in angles
    ]


def _arrow(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    head = np.maximum((np.abs(y) + x - 1) * np.float32(np.sqrt(0.5)), -x)
    return np.minimum(head, _box(x + 0.45, y, 0.5, 0.22))


def _bar(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _box(x, y, 1, 0.24)


def _circle(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _radius(x, y) - np.float32(0.9)


def _crescent(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    bite = np.float32(0.75) - _radius(x - np.float32(0.45), y)
    return np.maximum(_radius(x, y) - np.float32(0.95), bite)


def _cross(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.minimum(_box(x, y, 0.95, 0.28), _box(x, y, 0.28, 0.95))


def _heart(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    sideways, lowered = np.abs(x), y + np.float32(0.1)
    tip = (sideways + np.abs(lowered) - np.float32(0.86)) * np.float32(np.sqrt(0.5))
    # The upper edges of the square are the diameters of the two lobes.
    lobes = _radius(sideways - np.float32(0.43), lowered - np.float32(0.43))
    return np.minimum(tip, lobes - np.float32(0.43 * np.sqrt(2)))


def _ring(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.abs(_radius(x, y) - np.float32(0.72)) - np.float32(0.2)


def _square(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _box(x, y, 0.75, 0.75)


def _star(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Five points: a pixel is inside if it is inside at least four edges of a pentagon."""
    largest = second = np.array(-np.inf, np.float32)
    for edge in _edges(x, y, 5, 0.309):
        second = np.maximum(second, np.minimum(largest, edge))
        largest = np.maximum(largest, edge)
    return second


def _triangle(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _polygon(x, y, 3, 0.5)


_OUTLINES = (
    *(_arrow, _bar, _circle, _crescent, _cross),
    *(_heart, _ring, _square, _star, _triangle),
)
