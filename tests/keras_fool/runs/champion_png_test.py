import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from evolvers import canvas, cppn, genome_json
from keras_fool.runs import champion_png

GENOME = cppn.Cppn(
    num_outputs=1,
    activations=np.array([0, 2], np.uint8),
    sources=np.array([0, 5], np.int32),
    targets=np.array([5, 4], np.int32),
    weights=np.array([1.25, -7.1], np.float32),
)


def champion(channels: int = 1, **about: str) -> champion_png.Champion:
    image = np.random.default_rng(0).integers(0, 256, (7, 5, channels), np.uint8)
    genome = genome_json.dumps(GENOME, canvas.Canvas(7, 5, 1))
    return champion_png.Champion(image, genome, about)


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def with_chunk(png: bytes, kind: bytes, content: bytes) -> bytes:
    """The PNG with one more chunk after its header."""
    return png[:33] + chunk(kind, content) + png[33:]


@pytest.mark.parametrize("channels", [1, 3])
def test_image_genome_and_texts_come_back(tmp_path, channels):
    original = champion(channels, run="3", label_name="Katze 猫", confidence="0.999999762")
    (tmp_path / "a.png").write_bytes(champion_png.encode(original))

    read = champion_png.read(tmp_path / "a.png")

    np.testing.assert_array_equal(read.image, original.image)
    assert read.about == original.about
    genome, shape = genome_json.loads(read.genome)
    assert shape == canvas.Canvas(7, 5, 1)
    assert genome_json.dumps(genome, shape) == original.genome


def test_same_champion_gives_the_same_bytes():
    assert champion_png.encode(champion(run="1")) == champion_png.encode(champion(run="1"))


def test_other_programs_see_the_image():
    with Image.open(io.BytesIO(champion_png.encode(champion()))) as image:
        np.testing.assert_array_equal(np.asarray(image), champion().image[..., 0])


def plain() -> bytes:
    """A PNG of no champion."""
    buffer = io.BytesIO()
    Image.new("L", (5, 7)).save(buffer, "PNG")
    return buffer.getvalue()


def bomb() -> bytes:
    """A text chunk that unpacks to 128 MiB."""
    return b"genome\0\0" + zlib.compress(b"1" * 2**27, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: b"no image", "not a PNG image"),
        (lambda: champion_png.encode(champion())[:-30], "not a PNG image"),
        (lambda: with_chunk(plain(), b"zTXt", bomb()), "not a PNG image.*too large"),
        (
            lambda: with_chunk(plain(), b"tEXt", b"genome\0" + b"1" * (2**24 + 1)),
            "16777217 characters",
        ),
        (
            lambda: with_chunk(plain(), b"tEXt", b"genome\0" + b"1" * (2**26 + 1)),
            "PNG image.*text chunks",
        ),
    ],
    ids=["other", "cut", "bomb", "long", "longer"],
)
def test_hostile_files_are_refused(tmp_path, make, message):
    path = tmp_path / "a.png"
    path.write_bytes(make())

    with pytest.raises(ValueError, match=message):
        champion_png.read(path)


def test_images_of_other_origin_are_refused(tmp_path):
    (tmp_path / "plain.png").write_bytes(plain())
    Image.new("RGBA", (5, 7)).save(tmp_path / "alpha.png")
    huge = struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)
    (tmp_path / "huge.png").write_bytes(plain()[:8] + chunk(b"IHDR", huge) + plain()[33:])

    for name, message in (
        ("plain", "no genome"),
        ("alpha", "mode RGBA"),
        ("huge", "not a PNG image.*bomb"),
    ):
        with pytest.raises(ValueError, match=message):
            champion_png.read(tmp_path / f"{name}.png")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*a\.png"):
        champion_png.read(tmp_path / "a.png")
