import numpy as np
import pytest

from keras_fool.sheets import montages


def champions(runs: int, labels: int, shape: tuple[int, int, int]):
    rng = np.random.default_rng(0)
    return [[rng.integers(0, 256, shape, np.uint8) for _ in range(labels)] for _ in range(runs)]


def places(sheet: np.ndarray, image: np.ndarray, scale: int) -> list[tuple[int, int]]:
    """Where on a sheet an image stands, each of its pixels a square of `scale`."""
    tile = np.broadcast_to(image, (*image.shape[:2], 3)).repeat(scale, 0).repeat(scale, 1)
    height, width = tile.shape[:2]
    corners = np.argwhere((sheet[: 1 - height, : 1 - width] == tile[0, 0]).all(axis=2))
    return [
        (y, x)
        for y, x in corners.tolist()
        if np.array_equal(sheet[y : y + height, x : x + width], tile)
    ]


def test_a_run_is_a_row_and_a_label_a_column():
    rows = champions(2, 3, (28, 28, 1))

    sheet = np.asarray(montages.montage(rows, ["a", "b", "c"]))

    found = [[places(sheet, image, 4)[0] for image in row] for row in rows]
    assert [len({y for y, _ in row}) for row in found] == [1, 1]
    assert [len({x for _, x in column}) for column in zip(*found, strict=True)] == [1, 1, 1]
    assert found[0][0] < found[0][1] < found[0][2] < found[1][0]


def test_names_stand_above_their_images():
    rows = champions(1, 3, (28, 28, 1))
    usual, other = (np.asarray(montages.montage(rows, ["a", name, "c"])) for name in "bd")

    changed = np.argwhere((usual != other).any(axis=2))
    ((top, left),) = places(usual, rows[0][1], 4)
    assert len(changed)
    assert (changed[:, 0] < top).all()
    assert (changed[:, 1] >= left).all()
    assert (changed[:, 1] < left + 112).all()


@pytest.mark.parametrize(
    ("runs", "labels", "scale"), [(1, 1000, 2), (100, 10, 4), (1, 23, 2), (3, 300, 2), (1, 1, 4)]
)
def test_montages_stay_small_and_names_never_cross_images(runs, labels, scale):
    rows = champions(runs, labels, (28, 28, 1))

    sheet = montages.montage(rows, ["W" * 50] * labels)

    assert max(sheet.size) <= 1300
    assert len(places(np.asarray(sheet), rows[0][0], scale)) == 1
