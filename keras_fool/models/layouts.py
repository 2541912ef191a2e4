"""How a network takes its image: its size, its channels, and where in the shape those stand."""

import dataclasses
import math
from collections.abc import Sequence

from keras_fool.models import classifiers

_CHANNELS = (1, 3, 4)
# Values of an image that fit into memory sixteen times, with what a network makes of them.
_MOST_VALUES = 2**26


class SmallImageError(ValueError):
    """Images are smaller than what a network takes of them."""


@dataclasses.dataclass(frozen=True)
class Layout:
    """The image that a network takes.

    Attributes:
        height: In pixels.
        width: In pixels.
        channels: 1 (grey), 3 (RGB) or 4 (RGB and alpha).
        channels_first: Whether the network takes [batch, channels, height, width].
    """

    height: int
    width: int
    channels: int
    channels_first: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape that the network takes, without the batch."""
        if self.channels_first:
            return self.channels, self.height, self.width
        return self.height, self.width, self.channels

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the images that are given: RGB where there is an alpha."""
        return self.height, self.width, min(self.channels, 3)

    @property
    def has_alpha(self) -> bool:
        """Whether a fourth channel, which is full (opaque), is added to RGB images."""
        return self.channels == 4


def find(
    name: str, shapes: Sequence[Sequence[int | None] | None], views: classifiers.Views
) -> Layout:
    """The layout of a model's only input.

    Args:
        name: The model's, for messages.
        shapes: Of all its inputs, with the batch; None for an unknown size, or an unknown shape.
        views: Their image size fixes what a model of any size takes.

    Raises:
        ValueError: It does not take one image, or of any size, and none is given.
    """
    shape = shapes[0] if len(shapes) == 1 else None
    channels, first = _channels(shape)
    if shape is None or channels is None:
        raise ValueError(
            f"{name} must take one image [batch, height, width, 1, 3 or 4], but takes "
            f"{listed(shapes) or 'no known one'}."
        )
    height, width = shape[2:] if first else shape[1:3]
    if height is None or width is None:
        height, width = _fixed(name, (height, width), views)
    found = Layout(height, width, channels, first)
    if math.prod(found.shape) > _MOST_VALUES:
        raise ValueError(
            f"{name} takes images of {math.prod(found.shape):,} values, {list(found.shape)}; at "
            f"most {_MOST_VALUES:,} fit."
        )
    return found


def listed(shapes: Sequence[Sequence[int | None] | None]) -> str:
    """Shapes for a message."""
    return " and ".join("an unknown shape" if s is None else str(list(s)) for s in shapes)


def _channels(shape: Sequence[int | None] | None) -> tuple[int | None, bool]:
    """How many channels there are, and whether they come first; None where it is no image."""
    if shape is None or len(shape) != 4:
        return None, False
    if shape[3] in _CHANNELS:
        return shape[3], False
    return (shape[1], True) if shape[1] in _CHANNELS else (None, False)


def _fixed(
    name: str, sides: tuple[int | None, int | None], views: classifiers.Views
) -> tuple[int, int]:
    if views.image_size is None:
        raise ValueError(f"{name} takes images of any size: say which, such as --image_size=224.")
    if views.crops > 1 and not views.crop_size:
        raise ValueError(
            f"{name} takes images of any size: say how large its {views.crops} crops are, such as "
            f"--crop_size={views.image_size * 7 // 8}."
        )
    side = views.crop_size or views.image_size
    if any(known not in (None, side) for known in sides):
        raise ValueError(
            f"{name} takes images of {_side(sides[0])} x {_side(sides[1])} pixels, which are not "
            f"{side} x {side}."
        )
    return side, side


def _side(side: int | None) -> str:
    return "any number of" if side is None else str(side)
