import dataclasses
import itertools

import numpy as np
import pytest

from evolvers import activations, program
from evolvers.canvas import Canvas
from evolvers.cppn import Cppn, CppnBatch
from evolvers.render import cpu
from evolvers.render.cpu import CpuRenderer
from tests.evolvers import oracle, samples

DISTANCE, BIAS = 2, 3  # the slots of inputs
KINDS = [(1, "raw"), (1, "normalized"), (3, "raw"), (3, "normalized")]


@pytest.fixture(scope="module")
def renderer():
    renderer = CpuRenderer(threads=2)
    yield renderer
    renderer.close()


def pack(genomes: list[Cppn]) -> program.Program:
    return program.pack(CppnBatch.stack(genomes))


def drifted(channels: int) -> list[Cppn]:
    """Ten networks each of 1 to 80 mutations in a row."""
    batches = [samples.drift(channels, steps) for steps in (1, 2, 4, 8, 12, 16, 20, 30, 40, 60, 80)]
    return [batch[place] for batch in batches for place in range(0, 40, 4)]


def evolved(channels: int, coords: str) -> list[Cppn]:
    """Every second network that held a niche in short evolutions."""
    batch = samples.evolved(Canvas(12, 10, channels, coords))
    return [batch[place] for place in range(0, len(batch), 2)]


class TestOracle:
    """The compiled renderer against neat-python's network, pixel by pixel.

    They cannot agree to the last byte: float32 rounds every sum, raw coordinates make sums
    of several thousand, weights up to 10 amplify what was rounded, and a byte differs where
    the value then crosses a multiple of 1/255. Measured over the genomes below, 0 to 0.25 %
    of the bytes differ, be it from float32 sums in the genome's order or from float64: grey
    ones by 1, colours by 7 at most. (Hue counts in steps of 2 degrees, so that one byte of
    hue is up to 8.5 levels of red, green or blue.) The bounds leave room for machines that
    round otherwise.
    """

    @pytest.mark.parametrize(("channels", "coords"), KINDS)
    @pytest.mark.parametrize("single", [True, False], ids=["float32", "float64"])
    def test_evolved_networks(self, renderer, channels, coords, single):
        canvas = Canvas(12, 10, channels, coords)
        self._compare(renderer, evolved(channels, coords), canvas, single)

    @pytest.mark.parametrize(("channels", "coords"), KINDS)
    @pytest.mark.parametrize("shape", [(12, 10), (28, 28), (256, 256)])
    @pytest.mark.parametrize("single", [True, False], ids=["float32", "float64"])
    def test_drifted_networks(self, renderer, channels, coords, shape, single):
        self._compare(renderer, drifted(channels), Canvas(*shape, channels, coords), single)

    @staticmethod
    def _compare(renderer, genomes, canvas, single):
        rows, columns = np.random.default_rng(0).integers(0, canvas.shape[:2], (30, 2)).T
        pixels = list(zip(rows.tolist(), columns.tolist(), strict=True))
        images = renderer.render(pack(genomes), canvas)[:, rows, columns]
        expected = [oracle.draw(g, canvas, pixels=pixels, single=single) for g in genomes]
        difference = np.abs(images.astype(int) - expected)
        assert len(np.unique(images)) > 100
        assert np.mean(difference > 0) <= 0.005
        assert difference.max() <= (2 if canvas.channels == 1 else 17)


def reading_distances(packed: program.Program) -> tuple[program.Program, int]:
    """The same programs, whose steps also read the distance, with a weight of 0; how many do.

    Where it is the last term of an odd number, up to one, or of an even one, no sum changes.
    """
    sources, weights, ends = [], [], [0]
    for first, last in itertools.pairwise(packed.term_offsets.tolist()):
        own = packed.sources[first:last].tolist()
        sources += own
        weights += packed.weights[first:last].tolist()
        others = len(own) - own.count(BIAS)
        if others % 2 == 0 or others == 1:
            sources.append(DISTANCE)
            weights.append(0.0)
        ends.append(len(sources))
    found = dataclasses.replace(
        packed,
        term_offsets=np.array(ends, np.int64),
        sources=np.array(sources, np.int32),
        weights=np.array(weights, np.float32),
    )
    return found, len(sources) - len(packed.sources)


class TestActivations:
    """The kernel's own functions against float64."""

    EXACT = {  # noqa: RUF012
        activations.SINE: np.sin,
        activations.SIGMOID: lambda p: np.tanh(p / 2),
        activations.GAUSSIAN: lambda p: np.exp(-p * p),
        activations.LINEAR: lambda p: np.clip(p, -3, 3) / 3,
    }

    @staticmethod
    def activate(kind: int, arguments: np.ndarray) -> np.ndarray:
        values = np.array(arguments, np.float32)
        cpu._activate(np.uint8(kind), values, len(values))
        return values

    @pytest.fixture(params=[1, 10, 100, 1000, 20000])
    def arguments(self, request):
        """Up to what sums of raw coordinates reach, and the neighbours of the zeros of sine."""
        spread = np.random.default_rng(0).uniform(-request.param, request.param, 200_000)
        quarters = np.arange(int(request.param / (np.pi / 2)) + 1) * (np.pi / 2)
        close = quarters.astype(np.float32)
        return np.concatenate(
            [spread.astype(np.float32), close, np.nextafter(close, 0), np.nextafter(close, 1e9)]
        )

    @pytest.mark.parametrize("kind", EXACT)
    def test_are_within_two_millionths(self, kind, arguments):
        exact = self.EXACT[kind](arguments.astype(np.float64))
        values = self.activate(kind, arguments)
        assert np.abs(values - exact).max() < 2e-6

    @pytest.mark.parametrize("kind", EXACT)
    def test_are_exactly_odd_or_even(self, kind, arguments):
        values = self.activate(kind, arguments)
        mirrored = values if kind == activations.GAUSSIAN else -values
        np.testing.assert_array_equal(self.activate(kind, -arguments), mirrored)

    @pytest.mark.parametrize("kind", EXACT)
    def test_make_no_byte_above_255(self, kind, arguments):
        values = self.activate(kind, arguments)
        assert np.trunc(np.abs(values) * np.float32(255)).max() <= 255

    def test_are_exact_where_it_shows(self):
        values = {kind: self.activate(kind, [0, 3, -3, 1e6, -1e6]).tolist() for kind in self.EXACT}
        assert values[activations.LINEAR] == [0, 1, -1, 1, -1]
        assert values[activations.SIGMOID][0] == 0
        assert values[activations.SIGMOID][3:] == [1, -1]
        assert values[activations.GAUSSIAN][0] == 1
        assert values[activations.SINE][0] == 0


class TestBytes:
    @pytest.mark.parametrize(
        ("value", "byte"),
        [(0, 0), (0.5, 127), (-0.5, 127), (0.9999, 254), (1, 255), (-1, 255), (0.0039, 0)],
    )
    def test_values_are_truncated_and_lose_their_sign(self, renderer, value, byte):
        # A linear output gives a third of what it gets; the bias brings it.
        constant = samples.network("linear", [(3, 4, 3 * value)])
        images = renderer.render(pack([constant]), Canvas(4, 3, 1))
        assert np.unique(images).tolist() == [byte]

    def test_rule_on_every_value(self, renderer):
        weights = np.random.default_rng(0).uniform(-3, 3, 2000).astype(np.float32)
        constants = [samples.network("linear", [(3, 4, weight)]) for weight in weights]
        images = renderer.render(pack(constants), Canvas(1, 1, 1)).ravel()
        exact = np.abs(255 * (weights.astype(float) / 3))
        clear = np.abs(exact - np.round(exact)) > 1e-4  # float32 cannot tell which side
        assert clear.sum() > 1990
        np.testing.assert_array_equal(images[clear], np.trunc(exact[clear]))


class TestColour:
    """Hue, lightness and saturation bytes to red, green and blue."""

    @staticmethod
    def draw(renderer, hls: np.ndarray) -> np.ndarray:
        # Genes in the middle of a byte's range, as direct genomes have them.
        genes = np.minimum((np.transpose(hls) + 0.5) / 255, 1).astype(np.float32, order="C")
        return renderer.render_pixels(genes[np.newaxis, :, np.newaxis])[0, 0]

    @pytest.mark.parametrize(
        ("hls", "bgr"),
        [
            ((0, 128, 255), (1, 1, 255)),
            ((60, 128, 255), (1, 255, 1)),
            ((90, 64, 128), (96, 96, 32)),
            ((180, 128, 255), (1, 1, 255)),
            ((200, 128, 255), (1, 170, 255)),
            ((255, 128, 255), (128, 255, 1)),
            ((255, 200, 100), (200, 222, 178)),
            ((77, 51, 204), (56, 92, 10)),
        ],
    )
    def test_reference_vectors_of_opencv(self, renderer, hls, bgr):
        assert self.draw(renderer, [hls])[0].tolist() == list(reversed(bgr))

    def test_no_lightness_is_black_and_full_lightness_white(self, renderer):
        hue, saturation = np.meshgrid(np.arange(256), np.arange(256))
        for lightness, byte in ((0, 0), (255, 255)):
            hls = np.stack([hue, np.full_like(hue, lightness), saturation], axis=-1)
            assert np.unique(self.draw(renderer, hls.reshape(-1, 3))).tolist() == [byte]

    def test_no_saturation_is_grey(self, renderer):
        hls = np.array([[7 * level % 256, level, 0] for level in range(256)])
        np.testing.assert_array_equal(
            self.draw(renderer, hls), np.arange(256)[:, np.newaxis].repeat(3, axis=1)
        )

    def test_agrees_with_colorsys(self, renderer):
        # No value is half way between two levels, so that rounding decides nothing.
        hls = np.random.default_rng(0).integers(0, 256, (30_000, 3))
        expected = np.array([oracle.hls_to_rgb(*triple) for triple in hls.tolist()])
        np.testing.assert_array_equal(self.draw(renderer, hls), expected)

    @pytest.mark.slow
    def test_every_colour_is_exact_but_two(self, renderer):
        # In whole numbers, parts of 15 * 255; see `cpu._hls_to_rgb` for the two.
        hue, lightness = np.meshgrid(np.arange(256), np.arange(256))
        turned = [(hue + shift) % 180 for shift in (0, 120, 60)]
        shares = np.array([np.clip(45 - abs(turn - 90), -15, 15) for turn in turned])
        wrong = []
        for saturation in range(256):
            reach = saturation * np.minimum(lightness, 255 - lightness)
            exact = (2 * (3825 * lightness - reach * shares) + 3825) // (2 * 3825)
            hls = np.stack([hue, lightness, np.full_like(hue, saturation)], axis=-1).reshape(-1, 3)
            drawn = self.draw(renderer, hls).reshape(256, 256, 3)
            differs = np.argwhere(drawn != exact.transpose(1, 2, 0))
            wrong += [(int(h), int(level), saturation, int(c)) for level, h, c in differs]
        assert wrong == [(244, 103, 211, 2), (244, 152, 211, 2)]

    def test_a_network_draws_what_its_bytes_say(self, renderer):
        hls = np.random.default_rng(0).integers(0, 256, (200, 3))
        constants = [
            samples.network(
                "linear linear linear",
                [
                    (3, 4 + output, 3 * min((byte + 0.5) / 255, 1))
                    for output, byte in enumerate(row)
                ],
                num_outputs=3,
            )
            for row in hls.tolist()
        ]
        images = renderer.render(pack(constants), Canvas(1, 1, 3)).reshape(-1, 3)
        np.testing.assert_array_equal(images, self.draw(renderer, hls))


class TestIndependence:
    """An image's bits depend on its genome, canvas and size only."""

    @pytest.fixture(params=[1, 3])
    def genomes(self, request):
        return drifted(request.param)

    def test_of_the_batch(self, renderer, genomes):
        canvas = Canvas(28, 28, genomes[0].num_outputs)
        images = renderer.render(pack(genomes), canvas)
        order = np.random.default_rng(0).permutation(len(genomes))
        shuffled = renderer.render(pack([genomes[place] for place in order]), canvas)
        np.testing.assert_array_equal(shuffled, images[order])
        for place in range(0, len(genomes), 7):
            alone = renderer.render(pack([genomes[place]]), canvas)
            np.testing.assert_array_equal(alone[0], images[place])

    @pytest.mark.parametrize("threads", [1, 3, 8])
    @pytest.mark.parametrize(("count", "shape"), [(110, (28, 28)), (2, (60, 70)), (1, (7, 5))])
    def test_of_the_number_of_threads(self, renderer, genomes, threads, count, shape):
        canvas = Canvas(*shape, genomes[0].num_outputs)
        packed = pack(genomes[-count:])
        other = CpuRenderer(threads)
        images = other.render(packed, canvas)
        other.close()
        np.testing.assert_array_equal(images, renderer.render(packed, canvas))

    @pytest.mark.parametrize("tile", [1, 100, 10**6])
    def test_of_the_tiles(self, renderer, genomes, tile, monkeypatch):
        canvas = Canvas(31, 29, genomes[0].num_outputs)
        images = renderer.render(pack(genomes), canvas)
        monkeypatch.setattr(cpu, "_TILE", tile)
        np.testing.assert_array_equal(renderer.render(pack(genomes), canvas), images)

    @pytest.mark.parametrize(("shape", "coords"), [((28, 28), "raw"), ((97, 41), "normalized")])
    def test_of_what_is_computed_once_for_an_axis(self, renderer, genomes, shape, coords):
        canvas = Canvas(*shape, genomes[0].num_outputs, coords)
        packed = pack(genomes)
        images = renderer.render(packed, canvas)
        for_pixels, changed = reading_distances(packed)
        assert changed > 100
        np.testing.assert_array_equal(renderer.render(for_pixels, canvas), images)

    def test_of_the_memory_for_axes(self, renderer, genomes, monkeypatch):
        canvas = Canvas(31, 29, genomes[0].num_outputs)
        images = renderer.render(pack(genomes), canvas)
        monkeypatch.setattr(cpu, "_MAX_AXIS_VALUES", 0)
        np.testing.assert_array_equal(renderer.render(pack(genomes), canvas), images)

    def test_direct_images_of_the_number_of_threads(self, renderer):
        genes = np.random.default_rng(0).random((5, 3, 9, 8), dtype=np.float32)
        other = CpuRenderer(threads=7)
        images = other.render_pixels(genes)
        other.close()
        np.testing.assert_array_equal(images, renderer.render_pixels(genes))


class TestPrints:
    @pytest.mark.parametrize(("channels", "coords"), KINDS)
    def test_twice_as_fine_keeps_every_other_pixel(self, renderer, channels, coords):
        # From border to border 2n - 1 pixels halve the steps of n: halves are exact.
        packed = pack(drifted(channels))
        canvas = Canvas(33, 17, channels, coords)
        images = renderer.render(packed, canvas)
        fine = renderer.render(packed, canvas, 65, 33)
        assert fine.shape == (110, 65, 33, channels)
        np.testing.assert_array_equal(fine[:, ::2, ::2], images)

    @pytest.mark.parametrize(("channels", "coords"), KINDS)
    def test_a_large_print_is_what_the_oracle_draws(self, renderer, channels, coords):
        canvas, size = Canvas(28, 20, channels, coords), (300, 500)
        genomes = evolved(channels, coords)[-20:]
        rows, columns = np.random.default_rng(0).integers(0, size, (50, 2)).T
        pixels = list(zip(rows.tolist(), columns.tolist(), strict=True))
        prints = renderer.render(pack(genomes), canvas, *size)[:, rows, columns]
        expected = [oracle.draw(genome, canvas, size, pixels) for genome in genomes]
        difference = np.abs(prints.astype(int) - expected)
        assert len(np.unique(prints)) > 100
        # Places between whole numbers are rounded too: 0.2 % of the grey bytes differ by 1.
        assert np.mean(difference > 0) <= 0.01
        assert difference.max() <= (2 if channels == 1 else 17)


def test_an_empty_batch_draws_nothing(renderer):
    nothing = pack(drifted(1)).take(np.zeros(0, np.int64))
    assert renderer.render(nothing, Canvas(5, 4, 1)).shape == (0, 5, 4, 1)
    assert renderer.render_pixels(np.zeros((0, 3, 5, 4), np.float32)).shape == (0, 5, 4, 3)


def test_direct_pixels_lie_where_their_genes_do(renderer):
    genes = np.zeros((1, 1, 3, 4), np.float32)
    genes[0, 0, 1, 2] = 1
    image = renderer.render_pixels(genes)[0, :, :, 0]
    assert image.tolist() == [[0, 0, 0, 0], [0, 0, 255, 0], [0, 0, 0, 0]]
