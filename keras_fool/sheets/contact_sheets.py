"""Contact sheets of champions: a row per run, a column per label, confidences below.

With more labels than a row takes, each run becomes a block of rows and every image
carries its own label. However many there are, the sheet stays of a size that a screen
and a mail take: images shrink, and of too many runs the first are shown.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from keras_fool.sheets import captions
from keras_fool.sheets.sheet_drawing import (
    FAINT,
    INK,
    LINE,
    PAPER,
    WEAK,
    cut,
    draw_legend,
    fitting,
    font,
    scaled,
    squarish,
    tile_size,
)

_MAX_COLUMNS = 20  # labels that stand side by side under headings
_WIDEST, _HIGHEST = 3200, 6000  # pixels
_NARROWEST = 640
_LARGEST_TILE, _SMALLEST_TILE = 140, 40
_MARGIN = 28
_GAP = 10


@dataclasses.dataclass(frozen=True)
class _Layout:
    """Where tiles stand; sizes in pixels."""

    tile: tuple[int, int]  # width, height of an image on the sheet
    columns: int
    lines: int  # rows of tiles per run
    runs: int
    wrapped: bool
    left: int  # what run names take

    @property
    def pitch(self) -> tuple[int, int]:
        """From a tile to the next one: right, down."""
        return self.tile[0] + _GAP, self.tile[1] + (34 if self.wrapped else 20) + _GAP

    @property
    def letters(self) -> int:
        """The size of what stands below images."""
        return 12 if self.tile[0] >= 52 else 10

    @property
    def block(self) -> int:
        """The height of a run."""
        return self.lines * self.pitch[1] + (26 if self.wrapped and self.runs > 1 else 0)

    @property
    def top(self) -> int:
        """Where tiles begin: below the title, and headings where there are any."""
        return _MARGIN + 76 + (0 if self.wrapped else 24)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the sheet."""
        width = 2 * _MARGIN + self.left + self.columns * self.pitch[0] - _GAP
        return max(width, _NARROWEST), self.top + self.runs * self.block - _GAP + _MARGIN


def contact_sheet(
    images: Sequence[Sequence[np.ndarray]],
    confidences: np.ndarray,
    labels: Sequence[str],
    title: str,
    first_run: int = 0,
) -> Image.Image:
    """Draws the champions of all runs; the same champions give the same pixels.

    Args:
        images: [runs][niches] of uint8 [height, width, channels].
        confidences: [runs, niches] in [0, 1].
        labels: The names of the niches, at least as many.
        title: The first line.
        first_run: The number of the first run.

    Returns:
        An RGB image.
    """
    num_runs, num_niches = confidences.shape
    layout = _layout(num_runs, num_niches, images[0][0].shape[:2])
    sheet = Image.new("RGB", layout.size, PAPER)
    draw = ImageDraw.Draw(sheet)
    width = layout.size[0] - 2 * _MARGIN
    size = fitting(title, 20, width, smallest=12, bold=True)
    title = cut(title, size, width, bold=True)
    draw.text((_MARGIN, _MARGIN - 4), title, INK, font(size, True))
    summary = _summary(confidences, layout.runs)
    size = fitting(summary, 13, width, smallest=10)
    draw.text((_MARGIN, _MARGIN + 24), cut(summary, size, width), FAINT, font(size))
    shown = confidences[: layout.runs].ravel().tolist()
    draw_legend(draw, (_MARGIN, _MARGIN + 44), shown, width)
    letters = font(layout.letters)
    texts = captions.below_images(
        shown, lambda text: letters.getlength(text) <= layout.pitch[0] - 4
    )
    if not layout.wrapped:
        for niche in range(num_niches):
            x = _MARGIN + layout.left + niche * layout.pitch[0] + layout.tile[0] // 2
            name = cut(labels[niche], 15, layout.tile[0], bold=True)
            draw.text((x, layout.top - 9), name, INK, font(15, True), anchor="ms")
    for run in range(layout.runs):
        of_run = slice(run * num_niches, (run + 1) * num_niches)
        below = list(zip(shown[of_run], texts[of_run], strict=True))
        _draw_run(sheet, layout, run, images[run], below, labels, first_run)
    return sheet


def _layout(num_runs: int, num_niches: int, shape: tuple[int, int]) -> _Layout:
    wrapped = num_niches > _MAX_COLUMNS
    columns = squarish(num_niches) if wrapped else num_niches
    lines = -(-num_niches // columns)
    left = 62 if num_runs > 1 and not wrapped else 0
    layout = None
    for runs in range(num_runs, 0, -1):
        # The largest tile that fits decides; only if none does, fewer runs are shown.
        for side in range(_LARGEST_TILE, _SMALLEST_TILE - 1, -4):
            layout = _Layout(tile_size(shape, side), columns, lines, runs, wrapped, left)
            if layout.size[0] <= _WIDEST and layout.size[1] <= _HIGHEST:
                return layout
    assert layout is not None  # there is at least one run
    return layout


def _draw_run(
    sheet: Image.Image,
    layout: _Layout,
    run: int,
    images: Sequence[np.ndarray],
    below: Sequence[tuple[float, str]],
    labels: Sequence[str],
    first_run: int,
) -> None:
    draw = ImageDraw.Draw(sheet)
    width, height = layout.tile
    top = layout.top + run * layout.block
    if layout.left:
        place = (_MARGIN, top + height // 2)
        draw.text(place, f"run {first_run + run}", FAINT, font(13), anchor="lm")
    elif layout.runs > 1:
        draw.text((_MARGIN, top), f"run {first_run + run}", INK, font(15, True))
        top += 26
    for niche, (image, (confidence, text)) in enumerate(zip(images, below, strict=True)):
        line, column = divmod(niche, layout.columns)
        x = _MARGIN + layout.left + column * layout.pitch[0]
        y = top + line * layout.pitch[1]
        draw.rectangle((x - 1, y - 1, x + width, y + height), outline=LINE)
        sheet.paste(scaled(image, layout.tile), (x, y))
        y += height + 4
        if layout.wrapped:
            name = cut(labels[niche], 11, layout.pitch[0] - 2)
            draw.text((x + width // 2, y), name, INK, font(11), anchor="ma")
            y += 14
        colour = WEAK if captions.is_low(confidence) else FAINT
        draw.text((x + width // 2, y), text, colour, font(layout.letters), anchor="ma")


def _summary(confidences: np.ndarray, shown: int) -> str:
    runs = f"{len(confidences)} runs, " if len(confidences) > 1 else ""
    rest = f" (first {shown} runs shown)" if shown < len(confidences) else ""
    return (
        f"{runs}{confidences.size} champions; median confidence "
        f"{captions.both(np.median(confidences))}; lowest {captions.both(confidences.min())}{rest}"
    )
