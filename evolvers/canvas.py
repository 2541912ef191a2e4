"""The size and colour of the image that a genome draws."""

import dataclasses
import reprlib


@dataclasses.dataclass(frozen=True)
class Canvas:
    """The form of the image as which a genome was evolved; other sizes sample the same picture.

    Attributes:
        height: Rows, in pixels.
        width: Columns, in pixels.
        channels: 1 (grey) or 3 (colour).
        coords: "raw" or "normalized", see `config.Config`.
    """

    height: int
    width: int
    channels: int
    coords: str = "raw"

    def __post_init__(self):
        # JSON and foreign models may contain 1.0 and true, which are equal to 1.
        if type(self.channels) is not int or self.channels not in (1, 3):
            raise ValueError(
                f"channels must be 1 (grey) or 3 (colour), got {reprlib.repr(self.channels)}."
            )
        for side in (self.height, self.width):
            if type(side) is not int or side < 1:
                raise ValueError(
                    "height and width must be whole numbers from 1, "
                    f"got {reprlib.repr(self.height)} x {reprlib.repr(self.width)}."
                )
        if self.coords not in ("raw", "normalized"):
            raise ValueError(f"coords must be raw or normalized, got {reprlib.repr(self.coords)}.")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the image."""
        return self.height, self.width, self.channels
