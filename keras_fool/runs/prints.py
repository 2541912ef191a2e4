"""Champions drawn again at other sizes, from their genomes or from their pixels."""

import contextlib
from collections.abc import Callable

import numpy as np

from evolvers import compiling, cppn, genome_json, render
from evolvers.canvas import Canvas
from evolvers.cppn import Cppn
from evolvers.direct import DirectGenome
from evolvers.render import between
from keras_fool.runs import champion_png, progress
from keras_fool.sheets import sheet_drawing

LARGEST = 8192  # pixels


def draw(
    champion: champion_png.Champion,
    where: str,
    size: int,
    note: Callable[[str], None],
    *,
    smooth: bool = False,
    quiet: bool = False,
) -> np.ndarray:
    """Draws a champion at a size.

    Args:
        champion: The champion.
        where: Its file, or another name for messages.
        size: The longer side in pixels.
        note: Told, in a sentence, what the user should know: that the print is another picture
            than the image that was scored, or that something is compiled.
        smooth: Whether to enlarge the pixels that were scored, rather than draw the genome.
        quiet: Whether to show no progress.

    Returns:
        uint8 [height, width, channels].

    Raises:
        ValueError: There is no genome in it, or the genome is damaged, or drawing it would take
            hours.
    """
    with compiling.told(note):
        if smooth:
            return _smooth(champion, where, size)
        return _print(champion, where, size, note, quiet)


def _print(
    champion: champion_png.Champion,
    where: str,
    size: int,
    note: Callable[[str], None],
    quiet: bool,
) -> np.ndarray:
    """The genome, drawn at a size; a note tells where that is another picture."""
    genome, canvas = _genome(champion, where)
    height, width = _shape(canvas.shape, size)
    if quiet:
        image = render.draw(genome, canvas, height, width)
    else:
        with contextlib.closing(progress.Drawing(height)) as shown:
            image = render.draw(genome, canvas, height, width, shown.advance)
    if height > canvas.height and isinstance(genome, cppn.Cppn):
        difference = between.difference(genome, canvas)
        if difference is not None and difference >= between.VISIBLE:
            note(
                "this genome draws stripes finer than the pixels that were scored, so the print "
                "looks unlike the image that fools; --smooth enlarges that image instead."
            )
    return image


def _smooth(champion: champion_png.Champion, where: str, size: int) -> np.ndarray:
    """The pixels that were scored, enlarged."""
    scored = champion.image
    if champion.genome:
        genome, canvas = _genome(champion, where)
        if scored.shape != canvas.shape:  # the file is a print
            scored = render.draw(genome, canvas)
    return sheet_drawing.smooth(scored, *_shape(scored.shape, size))


def _genome(champion: champion_png.Champion, where: str) -> tuple[Cppn | DirectGenome, Canvas]:
    """The genome in a champion, and its canvas."""
    if not champion.genome:
        made_by = champion.about.get(champion_png.MADE_BY, "something else")
        raise ValueError(
            f"there is no genome in {where}: it was made by {made_by}; --smooth enlarges its "
            "pixels."
        )
    try:
        return genome_json.loads(champion.genome)
    except ValueError as error:
        raise ValueError(f"the genome in {where} is damaged: {error}") from error


def _shape(shape: tuple[int, ...], size: int) -> tuple[int, int]:
    """Height and width, the longer one of them `size`."""
    height, width = (max(1, round(side * size / max(shape[:2]))) for side in shape[:2])
    return height, width
