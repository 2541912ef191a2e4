import numpy as np
import pytest

from evolvers import canvas, render
from evolvers.render import between
from tests.evolvers.samples import network


def weights(periods: float, square: canvas.Canvas) -> list[tuple[int, int, float]]:
    """Connections that draw stripes: so many from the left border to the right one."""
    return [(0, 4, 2 * np.pi * periods / (square.width - 1)), (3, 4, 0.4)]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("periods", "visible"), [(0.5, False), (2, False), (27, True), (54, True)])
def test_stripes_are_seen_between_pixels_where_there_are_any(periods, visible, channels):
    square = canvas.Canvas(28, 28, channels)
    outputs = range(4, 4 + channels)
    genome = network(
        " ".join(["sine"] * channels),
        [(a, out, w) for a, _, w in weights(periods, square) for out in outputs],
        channels,
    )

    assert (between.difference(genome, square) >= between.VISIBLE) == visible


def test_it_is_what_the_mean_of_a_finer_print_differs_by():
    square = canvas.Canvas(9, 12, 1)
    genome = network("sine gaussian", [(0, 5, 1.25), (5, 4, -7.1), (2, 4, 2.0)])
    fine = render.draw(genome, square, 5 * 8 + 1, 5 * 11 + 1)[..., 0].astype(float)
    scored = render.draw(genome, square)[..., 0].astype(float)
    np.testing.assert_array_equal(fine[::5, ::5], scored)

    differences = []
    for row in range(9):
        for column in range(12):
            rows = np.clip(np.arange(5 * row - 2, 5 * row + 3), 0, 40)
            columns = np.clip(np.arange(5 * column - 2, 5 * column + 3), 0, 55)
            differences.append(abs(fine[np.ix_(rows, columns)].mean() - scored[row, column]))

    assert between.difference(genome, square) == pytest.approx(np.mean(differences), abs=1e-3)
