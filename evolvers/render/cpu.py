"""The compiled renderer: programs -> images on all cores of a CPU.

A step that depends on the column alone, or on the row alone, is computed once for each column or
row. Then a tile of pixels goes through the rest of a program before the next tile begins, so that
all values stay in the nearest caches. Every inner loop runs over the pixels of a tile, which the
compiler turns into vector instructions. The sine and exponential of the standard library are calls
that cannot be vectorised. Polynomials with a range reduction replace them, within 2e-6 of the true
value for arguments up to tens of thousands, which raw coordinates need.

Kernels run without the interpreter's lock, and the work is distributed to plain threads, because
Numba's own thread pools do not allow calls from two threads at a time.
"""

import concurrent.futures
import itertools
import os

import numpy as np

from evolvers.activations import GAUSSIAN, LINEAR, SIGMOID, SINE
from evolvers.canvas import Canvas
from evolvers.compiling import compiled
from evolvers.cppn_genome import NUM_INPUTS
from evolvers.program import Program
from evolvers.render import coordinates

_TILE = 2048  # pixels; with 800, large images take a quarter to a third longer
_MAX_VALUES = 2**22  # values of a thread's tile in all slots, four bytes each
_MAX_AXIS_VALUES = 2**24  # values along both axes; with more, all is computed for every pixel
_LANES = 32  # pixels that the widest unrolled vector loop takes at a time
_BIAS = NUM_INPUTS - 1
_PARTS = 15 * 255  # of a level of red, green and blue
# What a slot depends on; 0 for neither.
_COLUMN, _ROW, _BOTH = np.uint8(1), np.uint8(2), np.uint8(3)

_f32 = np.float32
_ONE_OVER_PI = _f32(1 / np.pi)
# Pi in three parts (Cody and Waite): a multiple of the first two is exact in float32.
_PI_A = _f32(3.140625)
_PI_B = _f32(9.67502593994140625e-4)
_PI_C = _f32(1.509957990978376432e-7)
_LOG2_E = _f32(1.4426950408889634)
_LN2_A = _f32(0.693359375)
_LN2_B = _f32(-2.12194440e-4)
_ROUND = _f32(12582912.0)  # 1.5 * 2^23: adding and subtracting it rounds to a whole number


class CpuRenderer:
    """Draws batches of programs with a pool of threads."""

    def __init__(self, threads: int | None = None):
        self._threads = threads or len(os.sched_getaffinity(0))
        self._pool = concurrent.futures.ThreadPoolExecutor(self._threads, "render")

    def render(
        self,
        program: Program,
        canvas: Canvas,
        height: int | None = None,
        width: int | None = None,
        rows: slice = slice(None),
        into: np.ndarray | None = None,
    ) -> np.ndarray:
        """Draws every program of a batch.

        Args:
            program: The batch; grey or colour, as `canvas` says.
            canvas: The canvas on which the genomes were evolved.
            height: Rows to draw; those of the canvas by default.
            width: Columns to draw; likewise.
            rows: Which of the rows; all by default.
            into: A contiguous array for the images; a new one by default.

        Returns:
            uint8 [batch, rows, width, channels]. An image depends neither on the other images of
            its batch nor on the number of threads, and a row not on the other rows.
        """
        height, width = height or canvas.height, width or canvas.width
        grid = coordinates.grid(canvas, height, width).select_rows(rows)
        shape = (len(program), len(grid.y), width, canvas.channels)
        images = np.empty(shape, np.uint8) if into is None else into
        pixels = len(grid.y) * width
        max_slots = NUM_INPUTS + np.diff(program.step_offsets).max(initial=0)
        tiles = -(-pixels // max(_LANES, min(_TILE, _MAX_VALUES // max_slots)))
        tile = -(-pixels // (tiles * _LANES)) * _LANES
        tiles = -(-pixels // tile)
        split = bool(max_slots * (len(grid.y) + width) <= _MAX_AXIS_VALUES)
        jobs = [
            self._pool.submit(_render, program.arrays, grid.arrays, split, tile, *part, images)
            for part in _shares(len(program), tiles, self._threads)
        ]
        for job in jobs:
            job.result()
        return images

    def render_pixels(self, genes: np.ndarray, into: np.ndarray | None = None) -> np.ndarray:
        """Draws direct genomes.

        Args:
            genes: float32 [batch, channels, height, width] in [0, 1]: grey, or hue,
                lightness and saturation.
            into: A contiguous array for the images; a new one by default.

        Returns:
            uint8 [batch, height, width, channels].
        """
        batch, channels, height, width = genes.shape
        images = np.empty((batch, height, width, channels), np.uint8) if into is None else into
        ends = np.linspace(0, batch, self._threads + 1).astype(int).tolist()
        jobs = [
            self._pool.submit(_render_pixels, genes[i:j], images[i:j])
            for i, j in itertools.pairwise(ends)
        ]
        for job in jobs:
            job.result()
        return images

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown()


def _shares(batch: int, tiles: int, threads: int) -> list[tuple[int, int, int, int]]:
    """Splits [batch] x [tiles] into rectangles of about equal work, a few per thread."""
    wanted = 2 * threads if batch * tiles >= 64 else min(threads, batch * tiles)
    by_program = min(batch, wanted)
    by_tile = min(tiles, -(-wanted // by_program)) if by_program else 0
    rows = np.linspace(0, batch, by_program + 1).astype(int).tolist()
    columns = np.linspace(0, tiles, by_tile + 1).astype(int).tolist()
    return [
        (rows[i], rows[i + 1], columns[j], columns[j + 1])
        for i in range(by_program)
        for j in range(by_tile)
    ]


_compiled = compiled(fastmath={"contract"}, error_model="numpy")


@_compiled
def _sine(p):
    turns = p * _ONE_OVER_PI
    whole = np.int32(np.rint(turns))
    k = _f32(whole)
    r = ((p - k * _PI_A) - k * _PI_B) - k * _PI_C
    r = r * _f32(np.int32(1 - 2 * (whole & 1)))  # sin(r + k pi) = (-1)^k sin(r)
    s = r * r
    series = _f32(2.6083159809786593541503e-06)
    series = series * s + _f32(-0.0001981069071916863322258)
    series = series * s + _f32(0.00833307858556509017944336)
    series = series * s + _f32(-0.166666597127914428710938)
    return r + r * (s * series)


@_compiled
def _exp_of_minus(q):
    """exp(-q) for q >= -87; 0 up to rounding from 87 on."""
    p = -min(q, _f32(87.0))
    k = np.rint(p * _LOG2_E)
    r = (p - k * _LN2_A) - k * _LN2_B
    series = _f32(1.9875691500e-4)
    series = series * r + _f32(1.3981999507e-3)
    series = series * r + _f32(8.3334519073e-3)
    series = series * r + _f32(4.1665795894e-2)
    series = series * r + _f32(1.6666665459e-1)
    series = series * r + _f32(5.0000001201e-1)
    power = np.int32(np.int32(np.int32(k) + 127) << 23).view(np.float32)  # 2^k
    return (series * r * r + r + _f32(1.0)) * power


@_compiled
def _activate(kind, values, length):
    if kind == SINE:
        for i in range(length):
            values[i] = _sine(values[i])
    elif kind == SIGMOID:
        for i in range(length):
            p = values[i]
            e = _exp_of_minus(abs(p))
            # tanh(|p| / 2) with the sign of p: no large exponential, and odd exactly.
            values[i] = np.copysign((_f32(1.0) - e) / (_f32(1.0) + e), p)
    elif kind == GAUSSIAN:
        for i in range(length):
            values[i] = _exp_of_minus(values[i] * values[i])
    elif kind == LINEAR:
        for i in range(length):
            values[i] = min(max(values[i], _f32(-3.0)), _f32(3.0)) * _f32(1 / 3)


@_compiled
def _add_two(into, a, weight_a, b, weight_b, start, length):
    for i in range(length):
        into[i] = start + weight_a * a[i] + weight_b * b[i]


@_compiled
def _add_one(into, a, weight_a, start, length):
    for i in range(length):
        into[i] = start + weight_a * a[i]


@_compiled
def _add_one_more(into, a, weight_a, length):
    for i in range(length):
        into[i] += weight_a * a[i]


@_compiled
def _add_two_more(into, a, weight_a, b, weight_b, length):
    for i in range(length):
        into[i] += weight_a * a[i] + weight_b * b[i]


@_compiled
def _fill(into, value, length):
    for i in range(length):
        into[i] = value


@_compiled
def _byte(value):
    return np.int32(abs(value * _f32(255.0)))


@_compiled
def _find_axes(arrays, index, split, axes, spread):
    """What each slot depends on, and which ones the pixels of a tile need from an axis."""
    steps, _, terms, sources, _, outputs = arrays
    axes[0], axes[1], axes[2], axes[_BIAS] = _COLUMN, _ROW, _BOTH, 0
    spread[:NUM_INPUTS] = False
    begin = steps[index]
    for step in range(begin, steps[index + 1]):
        slot = NUM_INPUTS + step - begin
        axes[slot], spread[slot] = 0 if split else _BOTH, False
        for term in range(terms[step], terms[step + 1]):
            axes[slot] |= axes[sources[term]]
        if axes[slot] == _BOTH:
            for term in range(terms[step], terms[step + 1]):
                spread[sources[term]] = True
    for output in outputs[index]:
        spread[output] = True


@_compiled
def _copy(into, values, length):
    for i in range(length):
        into[i] = values[i]


@_compiled
def _distances(into, across, down, length):
    for i in range(length):
        into[i] = np.sqrt(across[i] * across[i] + down * down)


@_compiled
def _spread(slot, axis, columns, rows, grid, first, last, length, into):
    """Gives the pixels of a tile the values of their columns, or of their rows, or distances."""
    _, _, across, down = grid
    row, column, at = first // len(across), first % len(across), 0
    while first + at < last:
        count = min(len(across) - column, last - first - at)
        if axis == _BOTH:
            _distances(into[at:], across[column:], down[row], count)
        elif axis == _ROW:
            _fill(into[at:], rows[slot, row], count)
        else:
            _copy(into[at:], columns[slot, column:], count)
        row, column, at = row + 1, 0, at + count
    _fill(into[at:], _f32(0.0), length - at)  # computed with the others, and not used


@_compiled
def _run(arrays, index, axes, axis, values, length):
    """Computes the steps that depend on an axis, or on both, in all places along it."""
    steps, kinds, terms, sources, weights, _ = arrays
    for step in range(steps[index], steps[index + 1]):
        slot = NUM_INPUTS + step - steps[index]
        if axes[slot] != axis and (axis == _BOTH or axes[slot] != 0):
            continue
        into = values[slot]
        first, last = terms[step], terms[step + 1]
        start = _f32(0.0)
        for term in range(first, last):
            if sources[term] == _BIAS:
                start += weights[term]
        pending, begun = -1, False
        for term in range(first, last):
            if sources[term] == _BIAS:
                continue
            if pending < 0:
                pending = term
                continue
            a, b = values[sources[pending]], values[sources[term]]
            if begun:
                _add_two_more(into, a, weights[pending], b, weights[term], length)
            else:
                _add_two(into, a, weights[pending], b, weights[term], start, length)
            pending, begun = -1, True
        if pending >= 0:
            a = values[sources[pending]]
            if begun:
                _add_one_more(into, a, weights[pending], length)
            else:
                _add_one(into, a, weights[pending], start, length)
        elif not begun:
            _fill(into, start, length)
        _activate(kinds[step], into, length)


@_compiled
def _grey(value, image):
    for i in range(len(image)):
        image[i] = _byte(value[i])


@_compiled
def _level(lightness, reach, hue, shift):
    """One of red, green and blue, from whole numbers, of which float32 holds every product."""
    from_top = hue + _f32(shift - 90)
    from_top = abs(from_top - _f32(180.0) * np.rint(from_top * _f32(1 / 180)))
    share = min(max(_f32(45.0) - from_top, _f32(-15.0)), _f32(15.0))
    exact = lightness * _f32(_PARTS) - reach * share
    return np.uint8(np.int32(exact * _f32(1 / _PARTS) + _f32(0.5)))


@_compiled
def _hls_to_rgb(hues, lightnesses, saturations, image):
    """The paper's 8-bit HLS -> RGB: hue bytes count 2 degrees each, so 180 is a full turn.

    With hue H in twelfths of the circle, R, G and B are the same function
    L - S min(L, 1 - L) max(-1, min(k - 3, 9 - k, 1)) of k = (H + 0, 8, 4) mod 12. In bytes it
    counts in parts of 15 x 255, and none is half way between two levels: rounding decides nothing.
    """
    for i in range(len(image) // 3):
        hue = np.trunc(abs(hues[i] * _f32(255.0)))
        lightness = np.trunc(abs(lightnesses[i] * _f32(255.0)))
        reach = np.trunc(abs(saturations[i] * _f32(255.0)))
        reach *= min(lightness, _f32(255.0) - lightness)
        # Two of the 2^24 colours had a level of blue more when this was computed in fractions, and
        # runs go on with the same bytes.
        odd = hue == _f32(244.0) and reach == _f32(211.0 * 103.0)
        at = np.uint64(3) * np.uint64(i)  # unsigned: stores without checks, which are vectorised
        image[at] = _level(lightness, reach, hue, 0)
        image[at + np.uint64(1)] = _level(lightness, reach, hue, 120)
        image[at + np.uint64(2)] = _level(lightness, reach, hue, 60) + np.uint8(odd)


@_compiled
def _render(arrays, grid, split, tile, program0, program1, tile0, tile1, images):
    steps, outputs = arrays[0], arrays[5]
    _, height, width, channels = images.shape
    pixels = height * width
    slots = NUM_INPUTS
    for index in range(program0, program1):
        slots = max(slots, NUM_INPUTS + steps[index + 1] - steps[index])
    axes, spread = np.empty(slots, np.uint8), np.empty(slots, np.bool_)
    columns = _axis_values(grid[0], 0, slots if split else NUM_INPUTS)
    rows = _axis_values(grid[1], 1, slots if split else NUM_INPUTS)
    values = np.empty((slots, tile), np.float32)
    flat = images.reshape(images.size)
    held = -1  # the tile of which some inputs are there
    there = np.zeros(NUM_INPUTS, np.bool_)
    for index in range(program0, program1):
        _find_axes(arrays, index, split, axes, spread)
        _run(arrays, index, axes, _COLUMN, columns, columns.shape[1])
        _run(arrays, index, axes, _ROW, rows, rows.shape[1])
        for number in range(tile0, tile1):
            first, last = number * tile, min((number + 1) * tile, pixels)
            length = -(-(last - first) // _LANES) * _LANES
            if number != held:
                there[:] = False
                held = number
            for slot in range(NUM_INPUTS + steps[index + 1] - steps[index]):
                is_input = slot < NUM_INPUTS
                if not spread[slot] or (there[slot] if is_input else axes[slot] == _BOTH):
                    continue
                _spread(slot, axes[slot], columns, rows, grid, first, last, length, values[slot])
                if is_input:
                    there[slot] = True
            _run(arrays, index, axes, _BOTH, values, length)
            at = index * pixels
            image = flat[channels * (at + first) : channels * (at + last)]
            output = outputs[index]
            if channels == 1:
                _grey(values[output[0]], image)
            else:
                _hls_to_rgb(values[output[0]], values[output[1]], values[output[2]], image)


@_compiled
def _axis_values(inputs, slot, slots):
    """Values of all slots along an axis, of which one input is known."""
    length = -(-len(inputs) // _LANES) * _LANES
    values = np.empty((slots, length), np.float32)
    values[slot, : len(inputs)] = inputs
    values[slot, len(inputs) :] = 0
    return values


@_compiled
def _render_pixels(genes, images):
    batch, channels, height, width = genes.shape
    for index in range(batch):
        values = genes[index].reshape(channels, height * width)
        image = images[index].reshape(height * width * channels)
        if channels == 1:
            _grey(values[0], image)
        else:
            _hls_to_rgb(values[0], values[1], values[2], image)
