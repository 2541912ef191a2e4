"""Montages of champions with the names of their labels: a quick look, as TensorBoard shows it."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from keras_fool.sheets.sheet_drawing import INK, PAPER, cut, font, scaled, tile_size

_MAX_COLUMNS = 20
_MAX_SHOWN = 200  # of more labels, as many are shown, evenly spread
_LARGEST = 1200  # about how wide and high a montage may be
_SMALLEST_SIDE, _LARGEST_SIDE = 56, 112
_GAP, _LINE, _LETTERS = 2, 13, 10


def montage(rows: Sequence[Sequence[np.ndarray]], names: Sequence[str]) -> Image.Image:
    """Draws the champions of the first runs, each with its label's name above it.

    Args:
        rows: [runs][labels] of uint8 [height, width, channels]. Of many labels a run takes
            several lines; labels and runs that there is no room for are left out, always the
            same ones.
        names: [labels], at least as many.

    Returns:
        An RGB image, of the same size for as many images.
    """
    num_labels = len(rows[0])
    labels: Sequence[int] = range(num_labels)
    if num_labels > _MAX_SHOWN:
        labels = [number * num_labels // _MAX_SHOWN for number in range(_MAX_SHOWN)]
    columns = min(len(labels), _MAX_COLUMNS)
    side = min(_LARGEST_SIDE, max(_SMALLEST_SIDE, _LARGEST // columns - _GAP))
    width, height = tile_size(rows[0][0].shape[:2], side)
    lines = -(-len(labels) // columns)
    pitch = width + _GAP, _LINE + height + _GAP
    runs = max(1, min(len(rows), _LARGEST // (lines * pitch[1])))
    sheet = Image.new("RGB", (columns * pitch[0] - _GAP, runs * lines * pitch[1] - _GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for run in range(runs):
        for number, label in enumerate(labels):
            line, column = divmod(number, columns)
            x, y = column * pitch[0], (run * lines + line) * pitch[1]
            name = cut(names[label], _LETTERS, width)
            draw.text((x + width // 2, y), name, INK, font(_LETTERS), anchor="ma")
            sheet.paste(scaled(rows[run][label], (width, height)), (x, y + _LINE))
    return sheet
