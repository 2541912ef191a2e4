import base64
import io
import os

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from keras_fool.pages import pictures


def decoded(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


def save(path, pixels, **texts):
    info = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        info.add_text(name, text)
    Image.fromarray(pixels).save(path, pnginfo=info)


@pytest.mark.parametrize("shape", [(28, 28), (12, 30, 3)])
def test_pictures_that_fit_keep_their_pixels_and_lose_their_texts(tmp_path, shape):
    pixels = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    save(tmp_path / "a.png", pixels, genome="x" * 100_000)

    found = pictures.find(tmp_path, ["a.png"])
    uris, reduced = pictures.uris(list(found.values()), 10_000)

    assert reduced is None
    np.testing.assert_array_equal(decoded(uris[0]), pixels)
    assert (found["a.png"].height, found["a.png"].width) == shape[:2]


def test_equal_pixels_are_one_picture_and_others_are_not(tmp_path):
    pixels = np.arange(24, dtype=np.uint8).reshape(4, 6)
    save(tmp_path / "a.png", pixels, one="a")
    save(tmp_path / "b.png", pixels, other="b")
    save(tmp_path / "c.png", pixels.reshape(6, 4))
    save(tmp_path / "d.png", pixels + 1)

    found = pictures.find(tmp_path, ["a.png", "b.png", "c.png", "d.png", "a.png"])

    assert found["a.png"] == found["b.png"]
    assert len({picture.key for picture in found.values()}) == 3


@pytest.mark.parametrize("max_bytes", [60_000, 30_000, 15_000])
def test_pictures_that_do_not_fit_are_reduced_until_they_do(tmp_path, max_bytes):
    random = np.random.default_rng(1)
    for number in range(10):
        save(tmp_path / f"{number}.png", random.integers(0, 256, (128, 128, 3), np.uint8))
    found = pictures.find(tmp_path, [f"{number}.png" for number in range(10)])

    uris, reduced = pictures.uris(list(found.values()), max_bytes)

    assert sum(map(len, uris)) < max_bytes
    assert max(decoded(uri).shape[0] for uri in uris) == min(reduced, 128)


def test_at_their_smallest_pictures_are_taken_whatever_they_need(tmp_path):
    save(tmp_path / "a.png", np.random.default_rng(1).integers(0, 256, (64, 64), np.uint8))

    uris, reduced = pictures.uris(list(pictures.find(tmp_path, ["a.png"]).values()), 1)

    assert decoded(uris[0]).shape[:2] == (reduced, reduced)
    assert pictures.uris([], 1) == ([], None)


@pytest.mark.parametrize("name", ["../a.png", "/etc/hostname", "x/../../a.png", "..\\a.png"])
def test_names_that_lead_out_of_the_folder_are_refused(tmp_path, name):
    save(tmp_path / "a.png", np.zeros((2, 2), np.uint8))
    inner = tmp_path / "inner"
    inner.mkdir()

    with pytest.raises(ValueError, match="inside"):
        pictures.find(inner, [name])


def test_links_that_lead_out_of_the_folder_are_refused(tmp_path):
    save(tmp_path / "a.png", np.zeros((2, 2), np.uint8))
    inner = tmp_path / "inner"
    inner.mkdir()
    os.symlink(tmp_path / "a.png", inner / "a.png")

    with pytest.raises(ValueError, match="inside"):
        pictures.find(inner, ["a.png"])


def test_files_that_are_not_there_or_no_png_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing\.png"):
        pictures.find(tmp_path, ["missing.png"])
    Image.new("L", (4, 4)).save(tmp_path / "really.png", "GIF")
    (tmp_path / "empty.png").touch()
    save(tmp_path / "cut.png", np.random.default_rng(1).integers(0, 256, (40, 40), np.uint8))
    os.truncate(tmp_path / "cut.png", 800)
    save(tmp_path / "wide.png", np.zeros((1, 5000), np.uint8))
    for name in ("really.png", "empty.png", "cut.png", "wide.png"):
        with pytest.raises(ValueError, match=name):
            pictures.find(tmp_path, [name])
