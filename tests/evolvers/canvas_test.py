import pytest

from evolvers.canvas import Canvas


def test_shape():
    assert Canvas(28, 20, 3).shape == (28, 20, 3)


@pytest.mark.parametrize("channels", [0, 2, 4, -1, 1.0, True, "1", None])
def test_channels_are_one_or_three(channels):
    with pytest.raises(ValueError, match=rf"channels must be 1 .* or 3 .*, got {channels!r}"):
        Canvas(28, 28, channels)


@pytest.mark.parametrize("side", [0, -1, 28.0, True, "28", None])
def test_sides_are_whole_numbers(side):
    with pytest.raises(ValueError, match=rf"whole numbers from 1, got {side!r} x 20"):
        Canvas(side, 20, 1)
    with pytest.raises(ValueError, match=rf"whole numbers from 1, got 20 x {side!r}"):
        Canvas(20, side, 1)


@pytest.mark.parametrize("coords", ["polar", "", None, []])
def test_coords_are_raw_or_normalized(coords):
    with pytest.raises(ValueError, match="coords must be raw or normalized, got "):
        Canvas(28, 28, 1, coords)
