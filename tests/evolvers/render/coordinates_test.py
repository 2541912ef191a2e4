import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolvers.canvas import Canvas
from evolvers.render.coordinates import grid

SIDES = st.integers(1, 400)


def own(canvas: Canvas) -> np.ndarray:
    return grid(canvas, canvas.height, canvas.width).inputs()


@pytest.mark.parametrize(
    ("side", "column", "row", "radius"),
    [
        (28, 0, 0, 1.414214),
        (28, 13, 13, 0.0523783),
        (256, 127, 128, 0.00554594),
        (256, 255, 255, 1.414214),
    ],
)
@pytest.mark.parametrize("coords", ["raw", "normalized"])
def test_radius(side, column, row, radius, coords):
    distance = own(Canvas(side, side, 1, coords))[2]
    assert distance[row, column] == pytest.approx(radius, rel=1e-6)


def test_raw_inputs_are_the_indices_and_a_bias():
    x, y, _, bias = own(Canvas(5, 7, 1))
    np.testing.assert_array_equal(x, [[0, 1, 2, 3, 4, 5, 6]] * 5)
    np.testing.assert_array_equal(y.T, [[0, 1, 2, 3, 4]] * 7)
    np.testing.assert_array_equal(bias, np.ones((5, 7)))


@given(SIDES, SIDES)
def test_raw_inputs_are_whole_numbers_for_every_size(height, width):
    axes = grid(Canvas(height, width, 1), height, width)
    np.testing.assert_array_equal(axes.x, np.arange(width))
    np.testing.assert_array_equal(axes.y, np.arange(height))


@given(SIDES)
def test_normalized_inputs_run_from_minus_one_to_one(side):
    axes = grid(Canvas(side, side + 1, 1, "normalized"), side, side + 1)
    np.testing.assert_allclose(axes.x, np.linspace(-1, 1, side + 1), rtol=0, atol=1e-7)
    assert (axes.x[0], axes.x[-1]) == (-1, 1)
    assert axes.y[0] == (-1 if side > 1 else 0)
    assert axes.y[-1] == (1 if side > 1 else 0)


@pytest.mark.parametrize("coords", ["raw", "normalized"])
@given(evolved=st.integers(2, 400), printed=st.integers(2, 5000))
def test_prints_have_the_borders_of_the_canvas(coords, evolved, printed):
    canvas = Canvas(evolved, evolved, 1, coords)
    axes = grid(canvas, printed, printed)
    mine = grid(canvas, evolved, evolved)
    for printed_axis, axis in zip(axes.arrays, mine.arrays, strict=True):
        assert len(printed_axis) == printed
        assert printed_axis.dtype == np.float32
        assert (printed_axis[0], printed_axis[-1]) == (axis[0], axis[-1])
        assert (np.diff(printed_axis) > 0).all()


def test_a_single_row_or_column_lies_in_the_middle():
    x, y, distance, _ = own(Canvas(1, 3, 1))
    assert (x.tolist(), y.tolist()) == ([[0, 1, 2]], [[0, 0, 0]])
    assert distance.tolist() == [[1, 0, 1]]
    assert own(Canvas(1, 1, 1, "normalized")).ravel().tolist() == [0, 0, 0, 1]


def test_a_print_of_one_pixel_is_finite():
    assert np.isfinite(grid(Canvas(28, 28, 1), 1, 1).inputs()).all()
