"""Sheets of chosen images: rows and columns with names, places that may stay empty.

Unlike a contact sheet, which is a run's own and fits its images to the page, a sheet of
tiles is made for print: the images have the size that was asked for.
"""

import dataclasses
from collections.abc import Callable, Sequence

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
    tile_size,
)

MOST_PIXELS = 2**28  # of a sheet; three bytes each, and as many again while it is written
_SMALLEST_LETTERS = 10
_SMALLEST_TITLE = 13
_NARROWEST = 640  # where a title must fit


@dataclasses.dataclass(frozen=True, eq=False)
class Later:
    """An image that is drawn when its place on the sheet is there: one at a time is held.

    Attributes:
        shape: (height, width, channels).
        draw: Gives it, uint8.
    """

    shape: tuple[int, int, int]
    draw: Callable[[], np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False)
class Tile:
    """An image and the words below it.

    Attributes:
        image: uint8 [height, width, channels], or how to draw it.
        caption: Lines below it; may be empty.
        confidence: In [0, 1], a further line below these; None for none.
    """

    image: np.ndarray | Later
    caption: tuple[str, ...] = ()
    confidence: float | None = None


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where tiles stand on a sheet; all sizes in pixels.

    Attributes:
        tile: Width and height of an image.
        rows: Rows of tiles in a block.
        columns: Columns of tiles in a block.
        blocks: Blocks side by side, each with the names of its own rows.
        row_names: Width of the longest name of a row.
        column_names: Whether columns have names.
        captions: Lines below each image.
        heading: Whether there is a title.
        legend: Whether what stands below images is explained, below the title.
    """

    tile: tuple[int, int]
    rows: int
    columns: int
    blocks: int = 1
    row_names: int = 0
    column_names: bool = False
    captions: int = 0
    heading: bool = True
    legend: bool = False

    @property
    def letters(self) -> int:
        """The size of captions and names, in keeping with the tiles'."""
        return max(_SMALLEST_LETTERS, 8 + self.tile[0] // 22)

    @property
    def gap(self) -> int:
        """Between tiles; none in a montage without a word."""
        return max(4, self.tile[0] // 16) if self.captions or self.heading else 0

    @property
    def margin(self) -> int:
        """Around everything."""
        return 2 * max(14, self.letters) if self.gap else 0

    @property
    def pitch(self) -> tuple[int, int]:
        """From a tile to the next one: right, down."""
        caption = round(1.4 * self.letters * self.captions)
        return self.tile[0] + self.gap, self.tile[1] + caption + self.gap

    @property
    def room(self) -> int:
        """The width that a line below an image may have, apart from the next one's."""
        return self.pitch[0] - min(self.gap, self.letters // 2)

    @property
    def left(self) -> int:
        """What the names of rows take at the left of each block."""
        return self.row_names + 2 * self.gap if self.row_names else 0

    @property
    def block(self) -> int:
        """The width of a block, and from it to the next one."""
        return self.left + self.columns * self.pitch[0] + self.margin - self.gap

    @property
    def title(self) -> int:
        """The size of the title's letters."""
        return max(20, self.letters)

    @property
    def top(self) -> int:
        """Where tiles begin."""
        heading = round(3.2 * self.title) if self.heading else 0
        heading += round(0.9 * self.title) if self.legend else 0
        return self.margin + heading + (2 * self.letters if self.column_names else 0)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the sheet."""
        return (
            max(self.margin + self.blocks * self.block, _NARROWEST if self.heading else 1),
            self.top + self.rows * self.pitch[1] - self.gap + self.margin,
        )


def sheet(
    rows: Sequence[Sequence[Tile | None]],
    *,
    title: str = "",
    subtitle: str = "",
    row_names: Sequence[str] = (),
    column_names: Sequence[str] = (),
    side: int | None = None,
    blocks: int = 1,
) -> Image.Image:
    """Draws a sheet; the same tiles give the same pixels.

    Args:
        rows: [rows][columns]; rows may differ in length, None leaves a place empty.
        title: The first line.
        subtitle: The second one, smaller.
        row_names: [rows], at the left; none by default.
        column_names: [columns], above; none by default.
        side: The longer side of an image on the sheet: small images grow to whole
            multiples of their pixels, large ones shrink. Their own size by default.
        blocks: Into how many blocks side by side the rows are divided.

    Returns:
        An RGB image.

    Raises:
        ValueError: The sheet would have more than `MOST_PIXELS`.
    """
    tiles = [tile for row in rows for tile in row if tile is not None]
    shape = tiles[0].image.shape[:2]
    confidences = [tile.confidence for tile in tiles if tile.confidence is not None]
    layout = Layout(
        tile_size(shape, side or max(shape)),
        rows=-(-len(rows) // blocks),
        columns=max(map(len, rows)),
        blocks=blocks,
        column_names=bool(column_names),
        captions=max(len(tile.caption) + (tile.confidence is not None) for tile in tiles),
        heading=bool(title),
        legend=bool(title) and bool(confidences) and any(captions.legend(confidences)),
    )
    names = [font(layout.letters, True).getlength(name) for name in row_names]
    layout = dataclasses.replace(layout, row_names=round(max(names, default=0)))
    width, height = layout.size
    if width * height > MOST_PIXELS:
        raise ValueError(
            f"{len(tiles)} images of {shape[1]} x {shape[0]} pixels make a sheet of {width} x "
            f"{height}, more than {MOST_PIXELS:,} pixels: choose fewer or smaller ones."
        )
    paper = Image.new("RGB", layout.size, PAPER)
    draw = ImageDraw.Draw(paper)
    if title:
        _draw_heading(draw, layout, title, subtitle, confidences)
    letters = font(layout.letters)
    below = captions.below_images(confidences, lambda text: letters.getlength(text) <= layout.room)
    lines = iter(below)
    for number, row in enumerate(rows):
        block, line = divmod(number, layout.rows)
        x = layout.margin + block * layout.block + layout.left
        y = layout.top + line * layout.pitch[1]
        if line == 0:
            _draw_column_names(draw, layout, x, column_names)
        if row_names:
            place = (x - 2 * layout.gap, y + layout.tile[1] // 2)
            draw.text(place, row_names[number], INK, font(layout.letters, True), anchor="rm")
        for tile in row:
            if tile is not None:
                confidence = () if tile.confidence is None else (next(lines),)
                _draw_tile(paper, draw, layout, (x, y), tile, (*tile.caption, *confidence))
            x += layout.pitch[0]
    return paper


def _draw_heading(
    draw: ImageDraw.ImageDraw,
    layout: Layout,
    title: str,
    subtitle: str,
    confidences: Sequence[float],
) -> None:
    width = layout.size[0] - 2 * layout.margin
    x = y = layout.margin
    size = fitting(title, layout.title, width, smallest=_SMALLEST_TITLE, bold=True)
    draw.text((x, y), cut(title, size, width, bold=True), INK, font(size, True))
    small = fitting(subtitle, round(0.65 * layout.title), width, smallest=_SMALLEST_LETTERS)
    draw.text((x, y + round(1.4 * layout.title)), cut(subtitle, small, width), FAINT, font(small))
    if layout.legend:
        draw_legend(draw, (x, y + round(2.35 * layout.title)), confidences, width)


def _draw_column_names(
    draw: ImageDraw.ImageDraw, layout: Layout, x: int, names: Sequence[str]
) -> None:
    letters = font(layout.letters, True)
    for number, name in enumerate(names):
        middle = x + number * layout.pitch[0] + layout.tile[0] // 2
        text = cut(name, layout.letters, layout.tile[0], bold=True)
        draw.text((middle, layout.top - layout.letters // 2), text, INK, letters, anchor="ms")


def _draw_tile(
    paper: Image.Image,
    draw: ImageDraw.ImageDraw,
    layout: Layout,
    at: tuple[int, int],
    tile: Tile,
    lines: Sequence[str],
) -> None:
    (x, y), (width, height) = at, layout.tile
    if layout.gap:
        draw.rectangle((x - 1, y - 1, x + width, y + height), outline=LINE)
    image = tile.image.draw() if isinstance(tile.image, Later) else tile.image
    paper.paste(scaled(image, layout.tile), (x, y))
    low = tile.confidence is not None and captions.is_low(tile.confidence)
    for number, line in enumerate(lines):
        size = fitting(line, layout.letters, layout.room, smallest=_SMALLEST_LETTERS)
        text = cut(line, size, layout.room)
        place = (x + width // 2, y + height + round((0.25 + 1.3 * number) * layout.letters))
        draw.text(place, text, WEAK if low else FAINT, font(size), anchor="ma")
