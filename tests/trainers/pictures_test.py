import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.trainers import samples
from trainers import pictures


def slow_warp(image: np.ndarray, side: int) -> np.ndarray:
    """Bilinear between the four pixels around each new one's centre, pixel by pixel."""
    height, width, _ = image.shape
    result = np.zeros((side, side, 3))
    for row in range(side):
        for column in range(side):
            y = np.clip((row + 0.5) * height / side - 0.5, 0, height - 1)
            x = np.clip((column + 0.5) * width / side - 0.5, 0, width - 1)
            top, left = int(y), int(x)
            bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
            upper = image[top, left] * (1 - x % 1) + image[top, right] * (x % 1)
            lower = image[bottom, left] * (1 - x % 1) + image[bottom, right] * (x % 1)
            result[row, column] = upper * (1 - y % 1) + lower * (y % 1)
    return result


@pytest.mark.parametrize(("height", "width"), [(40, 30), (11, 50), (100, 90), (1, 7)])
def test_warping_interpolates_between_four_pixels(height, width):
    image = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)

    warped = pictures.warped(samples.encoded(image, "PNG"), 24)

    assert (warped.shape, warped.dtype) == ((24, 24, 3), np.uint8)
    cut = slow_warp(image.astype(float), 24) - warped  # the fraction, which is dropped
    assert cut.min() > -1e-6
    assert cut.max() < 1 + 1e-6


def test_large_jpegs_are_averaged_and_others_decoded_whole():
    rows, columns = np.indices((512, 768))
    fine = np.where((rows + columns) % 2 == 0, 40, 216).astype(np.uint8)
    content = samples.encoded(np.repeat(fine[..., None], 3, axis=2), "JPEG")

    assert np.abs(pictures.warped(content, 64).astype(int) - 128).max() < 10
    assert pictures.warped(content, 300).std() > 20  # half of it is less than twice 300


def test_a_square_of_that_size_stays_as_it_is():
    image = np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)

    np.testing.assert_array_equal(pictures.warped(samples.encoded(image, "PNG"), 32), image)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP"])
def test_kinds_of_files_are_told_by_their_content(kind):
    image = np.full((20, 30, 3), (200, 100, 50), np.uint8)

    warped = pictures.warped(samples.encoded(image, kind), 16)

    assert np.abs(warped.astype(int) - (200, 100, 50)).max() <= 6


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "CMYK", "I;16"])
def test_every_colour_model_becomes_rgb(mode):
    grey = Image.new("RGB", (20, 20), (128, 128, 128))
    special = {"I;16": Image.new("I;16", (20, 20), 128 * 256), "P": grey.quantize()}
    picture = special.get(mode) or grey.convert(mode)
    file = io.BytesIO()
    picture.save(file, "TIFF" if mode == "CMYK" else "PNG")

    warped = pictures.warped(file.getvalue(), 8)

    assert warped.shape == (8, 8, 3)
    assert mode == "1" or np.abs(warped.astype(int) - 128).max() <= 2


def exif(orientation: int) -> bytes:
    found = Image.Exif()
    found[0x0112] = orientation
    return found.tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_pictures_are_turned_as_the_camera_says(kind, orientation):
    smooth = np.indices((12, 20)).transpose(1, 2, 0) * 10
    image = np.concatenate([smooth, smooth[..., :1] // 2], axis=2).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind, exif=exif(orientation), quality=95)
    upright = ImageOps.exif_transpose(Image.open(file)).convert("RGB")

    warped = pictures.warped(file.getvalue(), 16)

    plain = pictures.warped(samples.encoded(np.asarray(upright), "PNG"), 16)
    np.testing.assert_array_equal(warped, plain)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_damaged_exif_leaves_the_picture_as_it_is():
    image = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff" + b"\x12" * 9)

    np.testing.assert_array_equal(pictures.warped(file.getvalue(), 16), image)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_grey_is_the_luminance(kind):
    image = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    content = samples.encoded(image, kind)
    rgb = pictures.warped(content, 16).astype(float)

    grey = pictures.warped(content, 16, channels=1)

    assert (grey.shape, grey.dtype) == ((16, 16, 1), np.uint8)
    np.testing.assert_allclose(grey[..., 0], rgb @ [0.299, 0.587, 0.114], atol=0.51)


def test_grey_pictures_stay_as_they_are():
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)

    grey = pictures.warped(samples.encoded(image, "PNG"), 16, channels=1)

    np.testing.assert_array_equal(grey[..., 0], image)


@pytest.mark.filterwarnings("error")
def test_a_palette_with_transparency_is_read_without_a_word():
    file = io.BytesIO()
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 200, 100, 50])
    palette.save(file, "PNG", transparency=bytes([0, 128]))

    warped = pictures.warped(file.getvalue(), 8)

    assert (warped == (200, 100, 50)).all()


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_picture_is_taken(kind):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "lime")]
    file = io.BytesIO()
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], lossless=True)

    assert (pictures.warped(file.getvalue(), 8) == (255, 0, 0)).all()


def test_colours_of_a_cmyk_jpeg_are_right():
    file = io.BytesIO()
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(file, "JPEG")

    assert np.abs(pictures.warped(file.getvalue(), 8).astype(int) - (255, 0, 0)).max() < 8


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP"])
def test_no_part_of_a_picture_is_taken_for_all_of_it(kind):
    image = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    content = samples.encoded(image, kind)

    for length in (20, len(content) // 2, len(content) * 3 // 4):
        with pytest.raises(pictures.UnreadableError) as unreadable:
            pictures.warped(content[:length], 16)
        assert "_io." not in str(unreadable.value)


@pytest.mark.slow
def test_a_large_photograph_is_no_concern_of_the_user():
    program = """
import io, sys
from PIL import Image
from trainers import pictures
file = io.BytesIO()
Image.new("1", (10_000, 10_000)).save(file, "PNG")
print(pictures.warped(file.getvalue(), 16).sum())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert (done.stdout, done.stderr) == ("0\n", "")


def test_damaged_files_are_unreadable():
    whole = samples.encoded(np.zeros((64, 64, 3), np.uint8), "JPEG")
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for content in (
        b"",
        b"\xff\xd8\xff",
        b"<html>not found</html>",
        samples.encoded(noise, "JPEG")[:-1500],
        samples.encoded(noise, "PNG")[:400],
        whole.replace(whole[2:20], b"\0" * 18),
    ):
        with pytest.raises(pictures.UnreadableError, match=r"\w+Error: "):
            pictures.warped(content, 16)


@pytest.mark.slow
def test_a_bomb_is_unreadable():
    black = Image.new("1", (20_000, 20_000))  # some kilobytes that claim 400 million pixels
    file = io.BytesIO()
    black.save(file, "PNG")

    with pytest.raises(pictures.UnreadableError, match="DecompressionBombError"):
        pictures.warped(file.getvalue(), 16)


def test_joined_pictures_stand_one_after_the_other():
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    joined = pictures.JoinedPictures(
        [
            pictures.KnownPictures(images[:3], 7),
            pictures.NoPictures(),
            pictures.KnownPictures(images[3:], 8),
        ]
    )

    found = [joined.read(number) for number in range(len(joined))]

    assert [int(image[0, 0, 0]) for image, _ in found] == [0, 1, 2, 3, 4]
    assert [label for _, label in found] == [7, 7, 7, 8, 8]
    assert joined.name(4) == "added image 1"
