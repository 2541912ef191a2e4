"""The surest of many images, large: what a run of many labels is looked at for."""

from collections.abc import Hashable, Sequence

import numpy as np
from PIL import Image

from keras_fool.sheets import tile_sheets

MANY_LABELS = 40  # of more labels than that, a run has a sheet of the surest images
_COUNT = 24
_COLUMNS = 6
_SIDE = 208  # pixels: the sheet fits on a screen


def places(
    confidences: np.ndarray, same: Sequence[Hashable], count: int | None = None
) -> list[int]:
    """Which images are the surest, each different image once; of equals the first.

    Args:
        confidences: [images] in [0, 1].
        same: [images], equal for images that are the same one.
        count: How many at most; all by default.
    """
    found: dict[Hashable, int] = {}
    for place in np.argsort(-np.asarray(confidences), kind="stable").tolist():
        found.setdefault(same[place], place)
    return list(found.values())[:count]


def sheet(
    images: Sequence[np.ndarray],
    confidences: np.ndarray,
    names: Sequence[tuple[str, ...]],
    same: Sequence[Hashable],
    title: str,
) -> Image.Image:
    """Draws the 24 surest images.

    Args:
        images: Each uint8 [height, width, channels].
        confidences: [images] in [0, 1].
        names: What stands below each image, besides its confidence.
        same: As `places` takes it.
        title: The first line.

    Returns:
        An RGB image.
    """
    shown = places(confidences, same, _COUNT)
    tiles = [
        tile_sheets.Tile(images[place], names[place], float(confidences[place])) for place in shown
    ]
    return tile_sheets.sheet(
        [tiles[start : start + _COLUMNS] for start in range(0, len(tiles), _COLUMNS)],
        title=title,
        subtitle=f"the {len(shown)} surest of {len(images)} images, each different one once",
        side=_SIDE,
    )
