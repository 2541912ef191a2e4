import dataclasses

import numpy as np
import pytest

from keras_fool.sheets import tile_sheets
from keras_fool.sheets.tile_sheets import Tile


def image(seed: int, shape: tuple[int, int, int] = (6, 5, 3)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def tiles(rows: int, columns: int, caption: tuple[str, ...] = ()) -> list[list[Tile]]:
    return [[Tile(image(10 * row + c), caption) for c in range(columns)] for row in range(rows)]


def places(sheet: np.ndarray, wanted: np.ndarray) -> list[tuple[int, int]]:
    """Where on a sheet an image stands."""
    height, width = wanted.shape[:2]
    corners = np.argwhere((sheet[: 1 - height, : 1 - width] == wanted[0, 0]).all(axis=2))
    return [
        (y, x)
        for y, x in corners.tolist()
        if np.array_equal(sheet[y : y + height, x : x + width], wanted)
    ]


def test_images_alone_stand_edge_to_edge():
    rows = tiles(2, 3)

    sheet = np.asarray(tile_sheets.sheet(rows))

    expected = np.concatenate([np.concatenate([t.image for t in row], axis=1) for row in rows])
    np.testing.assert_array_equal(sheet, expected)


def test_rows_and_columns_are_in_line_and_gaps_stay_empty():
    rows = tiles(2, 3, ("99 %",))
    rows[0][1] = None

    sheet = np.asarray(
        tile_sheets.sheet(
            rows, title="t", row_names=("first", "second"), column_names=("a", "b", "c")
        )
    )

    ((y, x),) = places(sheet, rows[0][0].image)
    ((y_right, x_right),) = places(sheet, rows[0][2].image)
    ((y_below, x_below),) = places(sheet, rows[1][0].image)
    assert y == y_right < y_below
    assert x == x_below < x_right
    gap = sheet[y : y + 6, x + 10 : x_right - 2]
    assert (gap == gap[0, 0]).all()


def test_images_grow_in_whole_pixels():
    sheet = np.asarray(tile_sheets.sheet([[Tile(image(1))]], side=20))

    np.testing.assert_array_equal(sheet, image(1).repeat(3, 0).repeat(3, 1))


def test_blocks_stand_side_by_side():
    rows = tiles(5, 2, ("x",))

    one = np.asarray(tile_sheets.sheet(rows, title="t"))
    two = np.asarray(tile_sheets.sheet(rows, title="t", blocks=2))

    assert two.shape[0] < one.shape[0]
    (first,) = places(two, rows[0][0].image)
    (fourth,) = places(two, rows[3][0].image)
    assert fourth[0] == first[0]
    assert fourth[1] > first[1]


@pytest.mark.parametrize(
    "change",
    [
        {"title": "another"},
        {"subtitle": "another"},
        {"row_names": ("another",)},
        {"column_names": ("another", "b")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_words_are_shown(change):
    words = {"title": "t", "subtitle": "s", "row_names": ("r",), "column_names": ("a", "b")}
    rows = tiles(1, 2, ("caption",))

    usual = np.asarray(tile_sheets.sheet(rows, side=60, **words))
    other = np.asarray(tile_sheets.sheet(rows, side=60, **words | change))

    assert usual.shape != other.shape or not np.array_equal(usual, other)


def test_captions_are_shown_each_line_of_them():
    row = [Tile(image(1), ("9", "run 3")), Tile(image(2), ("9", "run 3"))]
    sheets = [
        np.asarray(tile_sheets.sheet([[row[0], dataclasses.replace(row[1], **change)]], side=60))
        for change in (
            {},
            {"caption": ("8", "run 3")},
            {"caption": ("9", "run 4")},
            {"confidence": 0.5},
        )
    ]

    assert all(not np.array_equal(sheets[0], other) for other in sheets[1:])


def test_title_shrinks_before_it_is_cut():
    rows = tiles(1, 1)
    title = "[a try at scale 0.1] " + "w" * 30

    sheet = np.asarray(tile_sheets.sheet(rows, title=title))

    other = np.asarray(tile_sheets.sheet(rows, title=title[:-1] + "v"))
    assert not np.array_equal(sheet, other)


def test_a_sheet_beyond_all_bounds_is_refused():
    large = Tile(np.broadcast_to(np.uint8(0), (8192, 8192, 1)))

    with pytest.raises(ValueError, match="5 images of 8192 x 8192 pixels make a sheet of"):
        tile_sheets.sheet([[large] * 5])
