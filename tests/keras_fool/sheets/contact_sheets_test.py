import numpy as np
import pytest

from keras_fool.sheets import contact_sheets


def champions(runs: int, niches: int, shape: tuple[int, int, int], seed: int = 0):
    rng = np.random.default_rng(seed)
    images = [[rng.integers(0, 256, shape, np.uint8) for _ in range(niches)] for _ in range(runs)]
    return images, rng.uniform(0.9, 1, (runs, niches)).astype(np.float32)


def sheet(images, confidences, **changes) -> np.ndarray:
    labels = [f"label {number}" for number in range(confidences.shape[1])]
    settings = {"title": "a title", "labels": labels} | changes
    return np.asarray(contact_sheets.contact_sheet(images, confidences, **settings))


def holds(pixels: np.ndarray, image: np.ndarray, scale: int) -> bool:
    """Whether an image is on the sheet, each of its pixels a square of `scale`."""
    tile = np.broadcast_to(image, (*image.shape[:2], 3)).repeat(scale, 0).repeat(scale, 1)
    height, width = tile.shape[:2]
    corners = np.argwhere((pixels[: 1 - height, : 1 - width] == tile[0, 0]).all(axis=2))
    return any(
        np.array_equal(pixels[y : y + height, x : x + width], tile)
        for y, x in corners
        if np.array_equal(pixels[y, x : x + width], tile[0])
    )


@pytest.mark.parametrize(
    ("runs", "shape", "scale"), [(1, (28, 28, 1), 5), (2, (40, 30, 3), 3), (50, (28, 28, 1), 3)]
)
def test_images_are_there_in_whole_enlarged_pixels(runs, shape, scale):
    images, confidences = champions(runs, 4, shape)

    pixels = sheet(images, confidences)

    for image in (images[0][0], images[0][3], images[-1][0], images[-1][3]):
        assert holds(pixels, image, scale)


@pytest.mark.parametrize(
    ("runs", "niches", "shape"),
    [(1, 1, (8, 8, 1)), (50, 10, (28, 28, 1)), (1, 1000, (64, 64, 3)), (8, 100, (32, 48, 3))],
)
def test_size_stays_reasonable(runs, niches, shape):
    height, width = sheet(*champions(runs, niches, shape)).shape[:2]

    assert 200 <= height <= 6000
    assert 600 <= width <= 3200


def test_same_champions_give_the_same_pixels():
    given = champions(2, 30, (8, 8, 1))

    np.testing.assert_array_equal(sheet(*given), sheet(*given))


@pytest.mark.parametrize(
    "change",
    [{"title": "another"}, {"labels": ["other"] * 4}, {"first_run": 7}],
    ids=lambda change: next(iter(change)),
)
def test_words_are_shown(change):
    given = champions(2, 4, (28, 28, 1))

    assert not np.array_equal(sheet(*given), sheet(*given, **change))


def test_sheets_of_low_confidences_and_of_doubts_have_a_legend():
    images, _ = champions(1, 4, (28, 28, 1))
    plain, low, sure = (
        sheet(images, np.full((1, 4), confidence, np.float32))
        for confidence in (0.995, 0.5, 0.9995)
    )
    legend = slice(28 + 42, 28 + 62)  # below title and summary

    assert len({legends[legend].tobytes() for legends in (plain, low, sure)}) == 3
    assert (plain[legend] == plain[0, 0]).all()


def test_words_longer_than_their_place_are_cut():
    given = champions(1, 3, (28, 28, 1))
    usual = sheet(*given)

    longer = sheet(*given, title="W" * 500, labels=["W" * 500] * 3)

    assert longer.shape == usual.shape
    margin = longer[:, -20:]
    assert (margin == margin[0, 0]).all()
