import numpy as np
import pytest

from evolvers import program, render
from evolvers.canvas import Canvas
from evolvers.direct import DirectGenome
from evolvers.render import cpu
from evolvers.render.cpu import CpuRenderer
from tests.evolvers import samples


@pytest.mark.parametrize("channels", [1, 3])
def test_at_its_own_size_a_network_draws_the_image_that_scored(channels):
    genomes = samples.drift(channels, steps=20, count=10)
    canvas = Canvas(12, 10, channels)
    renderer = CpuRenderer()
    images = renderer.render(program.pack(genomes), canvas)
    renderer.close()
    for place, image in enumerate(images):
        np.testing.assert_array_equal(render.draw(genomes[place], canvas), image)


def test_a_network_has_no_resolution():
    stripes = samples.network("sine", [(0, 4, 3.0)])
    image = render.draw(stripes, Canvas(4, 5, 1), height=2, width=4001)
    exact = np.abs(np.sin(3 * np.linspace(0, 4, 4001)))
    np.testing.assert_allclose(image[0, :, 0] / 255, exact, atol=1.5 / 255)
    np.testing.assert_array_equal(image[0], image[1])


def test_only_one_side_may_be_given():
    stripes = samples.network("sine", [(0, 4, 3.0)])
    assert render.draw(stripes, Canvas(4, 5, 1), height=9).shape == (9, 5, 1)
    assert render.draw(stripes, Canvas(4, 5, 1), width=9).shape == (4, 9, 1)


@pytest.mark.parametrize("channels", [1, 3])
class TestDirect:
    @pytest.fixture
    def genome(self, channels):
        return DirectGenome(np.random.default_rng(0).random((channels, 3, 4), dtype=np.float32))

    @pytest.fixture
    def image(self, genome, channels):
        return render.draw(genome, Canvas(3, 4, channels))

    def test_at_its_own_size_genes_are_pixels(self, genome, image, channels):
        assert image.shape == (3, 4, channels)
        if channels == 1:
            np.testing.assert_array_equal(image[:, :, 0], np.trunc(genome.genes[0] * 255))

    def test_whole_multiples_are_squares(self, genome, image, channels):
        large = render.draw(genome, Canvas(3, 4, channels), height=30, width=20)
        np.testing.assert_array_equal(large, image.repeat(10, axis=0).repeat(5, axis=1))

    def test_other_sizes_use_every_pixel_in_order(self, genome, image, channels):
        large = render.draw(genome, Canvas(3, 4, channels), height=7, width=9)
        assert large.shape == (7, 9, channels)
        rows = [0, 0, 0, 1, 1, 2, 2]
        columns = [0, 0, 0, 1, 1, 2, 2, 3, 3]
        np.testing.assert_array_equal(large, image[rows][:, columns])


@pytest.mark.parametrize("channels", [1, 3])
def test_bands_of_rows_and_small_tiles_change_no_byte(monkeypatch, channels):
    canvas = Canvas(40, 30, channels)
    genome = samples.drift(channels, 60, count=1)[0]
    whole = render.draw(genome, canvas, 333, 250)
    told = []

    monkeypatch.setattr(render, "_WORK_OF_BAND", 1000)
    monkeypatch.setattr(cpu, "_MAX_VALUES", 1)
    banded = render.draw(genome, canvas, 333, 250, told.append)

    np.testing.assert_array_equal(banded, whole)
    assert told == [1] * 333
