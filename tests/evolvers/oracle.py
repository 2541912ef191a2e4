"""The renderer as slow and as clear as it gets: neat-python's network, a pixel at a time.

In double precision it says what an image should be (but for its outputs, which are float32);
in single precision, what float32 makes of it when every sum runs in the genome's order.
"""

import colorsys
import math
import types

import neat
import numpy as np

from evolvers.canvas import Canvas
from evolvers.cppn import Cppn
from evolvers.cppn_genome import load_config


def draw(
    genome: Cppn,
    canvas: Canvas,
    size: tuple[int, int] | None = None,
    pixels: list[tuple[int, int]] | None = None,
    single: bool = False,
) -> np.ndarray:
    """Draws pixels of one genome.

    Args:
        genome: What to draw.
        canvas: What it was evolved on.
        size: Rows and columns of the picture; the canvas' own by default.
        pixels: (row, column) of those wanted; all, row by row, by default.
        single: Whether to compute in float32.

    Returns:
        uint8 [pixels, channels].
    """
    height, width = size or (canvas.height, canvas.width)
    if pixels is None:
        pixels = [(row, column) for row in range(height) for column in range(width)]
    net = _network(genome, single)
    number = np.float32 if single else float
    image = []
    for row, column in pixels:
        x, across = _place(column, width, canvas.width)
        y, down = _place(row, height, canvas.height)
        distance = math.sqrt(across * across + down * down)
        if canvas.coords == "normalized":
            x, y = across, down
        values = net.activate([number(x), number(y), number(distance), number(1)])
        image.append(_pixel([_byte(value) for value in values]))
    return np.array(image, np.uint8)


def _network(genome: Cppn, single: bool) -> neat.nn.FeedForwardNetwork:
    config = types.SimpleNamespace(genome_config=load_config(genome.num_outputs))
    net = neat.nn.FeedForwardNetwork.create(genome.to_neat(), config)
    if single:
        net.node_evals = [
            (node, _rounded(act), aggregate, bias, gain, [(i, np.float32(w)) for i, w in links])
            for node, act, aggregate, bias, gain, links in net.node_evals
        ]
    return net


def _rounded(act):
    return lambda p: np.float32(act(float(p)))


def _place(index: int, printed: int, evolved: int) -> tuple[float, float]:
    """Raw and normalised position of a row or column of a print."""
    raw = index * (evolved - 1) / (printed - 1) if printed > 1 else 0.0
    return raw, -1 + 2 * raw / (evolved - 1) if evolved > 1 else 0.0


def _byte(value: float) -> int:
    # Outputs are float32: a sigmoid saturates at 1 there, byte 255, and nowhere in float64.
    return abs(int(np.float32(255) * np.float32(value)))


def _pixel(values: list[int]) -> list[int]:
    if len(values) == 1:
        return values
    return hls_to_rgb(*values)


def hls_to_rgb(hue: int, lightness: int, saturation: int) -> list[int]:
    """Bytes to bytes; a hue byte counts two degrees, so that 180 is a full turn."""
    rgb = colorsys.hls_to_rgb((2 * hue) % 360 / 360, lightness / 255, saturation / 255)
    return [math.floor(255 * value + 0.5) for value in rgb]
