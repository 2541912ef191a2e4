import pathlib
import subprocess
import sys

import numpy as np
import pytest

from tests import exploring
from tests.trainers import caffe_writer as writer
from trainers import caffe_files

ROOT = pathlib.Path(__file__).parent.parent.parent
VALUES = np.random.default_rng(1).normal(size=(4, 3, 2, 5)).astype(np.float32)
MOST = 2**24


@pytest.fixture
def written(tmp_path):
    def write(content: bytes):
        path = tmp_path / "a.caffemodel"
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("generation", writer.GENERATIONS)
def test_layers_of_every_generation_are_read(generation, written):
    layers = {"conv1/7x7": [VALUES, VALUES[0, 0, 0]], "fc": [VALUES[0, 0]]}
    path = written(writer.file_of(layers, generation))

    found = caffe_files.read_layers(path, MOST)

    assert [(layer.name, len(layer.blobs)) for layer in found] == [("conv1/7x7", 2), ("fc", 1)]
    np.testing.assert_array_equal(caffe_files.array(found[0].blobs[0], "it"), VALUES)
    np.testing.assert_array_equal(caffe_files.array(found[1].blobs[0], "it"), VALUES[0, 0])


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("diff", [True, False])
def test_blobs_of_every_variant_have_the_same_values(legacy, packed, double, diff):
    blob = writer.blob(VALUES, legacy=legacy, packed=packed, double=double, diff=diff)

    found = caffe_files.array(blob, "it")

    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, VALUES)


def test_old_shapes_have_four_sides():
    bias = np.arange(7, dtype=np.float32)

    assert caffe_files.array(writer.blob(bias, legacy=True), "it").shape == (1, 1, 1, 7)
    assert caffe_files.array(writer.blob(bias), "it").shape == (7,)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1, 3, 4, 5), (3, 4, 5)),
        ((3, 4, 5), (3, 4, 5)),
        ((4, 5), (1, 4, 5)),
        ((3,), (3, 1, 1)),
        ((1, 3, 1, 1), (3, 1, 1)),
    ],
)
def test_means_are_images_or_a_value_for_each_channel(shape, expected, written):
    values = np.arange(np.prod(shape), dtype=np.float32)

    mean = caffe_files.read_mean(written(writer.blob(values.reshape(shape))))

    assert mean.shape == expected
    np.testing.assert_array_equal(mean.ravel(), values)


def test_several_images_are_no_mean(written):
    with pytest.raises(ValueError, match=r"holds values of shape \(2, 3, 4, 5\): no image"):
        caffe_files.read_mean(written(writer.blob(np.zeros((2, 3, 4, 5)))))


def dims(*sides: int) -> bytes:
    return writer.field(7, writer.field(1, b"".join(map(writer.varint, sides))))


def old_dims(*sides: int) -> bytes:
    return b"".join(writer.scalar(number, side) for number, side in enumerate(sides, start=1))


TEN = writer.numbers(5, np.ones(10), packed=True, double=False)
BAD_BLOBS = {
    "huge_shape": (
        dims(2**62) + TEN,
        r"10 values, which do not fit the shape \(4611686018427387904,\)",
    ),
    "overflowing_shape": (dims(2**32, 2**32, 10) + TEN, "10 values, which do not fit the shape"),
    "negative_shape": (dims(-2, -5) + TEN, r"10 values, which do not fit the shape \(-2, -5\)"),
    "shape_of_nothing": (dims(0), r"0 values, which do not fit the shape \(0,\)"),
    "many_sides": (dims(10, *[1] * 99) + TEN, "has a shape of too many sides"),
    "five_sides": (dims(10, 1, 1, 1, 1) + TEN, r"fit the shape \(10, 1, 1, 1, 1\)"),
    "old_huge_shape": (old_dims(2**31 - 1, 2**31 - 1, 9, 9) + TEN, "10 values, which do not fit"),
    "old_missing_sides": (
        old_dims(10) + TEN,
        r"10 values, which do not fit the shape \(10, 0, 0, 0\)",
    ),
    "no_shape": (TEN, r"10 values, which do not fit the shape \(0, 0, 0, 0\)"),
    "no_values": (dims(10), r"0 values, which do not fit the shape \(10,\)"),
    "fewer_values": (dims(11) + TEN, r"10 values, which do not fit the shape \(11,\)"),
    "half_a_value": (dims(10) + writer.field(5, bytes(41)), "it is damaged or is cut off"),
    "huge_length": (
        dims(10) + writer.key(5, writer.BYTES) + writer.varint(2**40) + bytes(40),
        "it is damaged or is cut off",
    ),
    "endless_number": (writer.key(1, 0) + b"\xff" * 20, "it is damaged or is cut off"),
    "shape_is_no_message": (writer.field(7, b"\xff") + TEN, "it is damaged or is cut off"),
    "nan": (writer.blob(np.array([1.0, np.nan])), "has values that are not finite"),
    "too_large_double": (
        writer.blob(np.array([1.0, 1e300]), double=True),
        "has values that are not finite",
    ),
}


@pytest.mark.parametrize("name", BAD_BLOBS)
def test_bad_blobs_are_refused(name):
    blob, message = BAD_BLOBS[name]

    with pytest.raises(ValueError, match=message):
        caffe_files.array(blob, "it")


def nested(depth: int) -> bytes:
    """Messages in messages, as groups, which take two bytes each."""
    return writer.key(9, 3) * depth + writer.key(9, 4) * depth


BAD_FILES = {
    "empty": (b"", "has no layer with weights"),
    "text": (b"name: 'net' layer { name: 'conv1' }\n" * 100, "is not a file of Caffe's weights"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(5000), "is not a file of Caffe's weights"),
    "zeros": (bytes(5000), "is not a file of Caffe's weights"),
    "deep": (nested(100_000), "is not a file of Caffe's weights"),
    "huge_length": (
        writer.key(100, writer.BYTES) + writer.varint(2**62) + b"abc",
        "is not a file of Caffe's weights or is cut off",
    ),
    "layer_is_no_message": (writer.net([b"\xff\xff"]), "is damaged: a layer or is cut off"),
    "old_layer_is_no_message": (
        writer.net([writer.field(1, b"\xff")], "v1"),
        "is damaged: a layer or is cut off",
    ),
    "without_weights": (writer.file_of({}), "has no layer with weights"),
    "many_layers": (writer.key(100, 2) + b"\0", None),  # repeated below
}
BAD_FILES["many_layers"] = (BAD_FILES["many_layers"][0] * 1_000_000, "has more than 10,000 layers")


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_refused(name, written):
    content, message = BAD_FILES[name]

    with pytest.raises(ValueError, match=message):
        caffe_files.read_layers(written(content), MOST)


def test_too_large_files_are_not_read(written):
    with pytest.raises(ValueError, match="has 101 bytes; such a file has 100 at most"):
        caffe_files.read_layers(written(bytes(101)), 100)


def test_names_of_layers_are_fit_to_be_shown(written):
    long, odd = "x" * 1000, "a\nb\x1b[31m"
    path = written(writer.file_of({long: [VALUES], odd: [VALUES]}))

    names = [layer.name for layer in caffe_files.read_layers(path, MOST)]

    assert names == ["x" * 60 + "...", "a?b?[31m"]


def test_damaged_bytes_are_read_or_refused_but_never_crash(written):
    """Whatever a byte becomes, the answer is layers or a ValueError."""
    content = writer.file_of({"conv1": [VALUES, VALUES[0, 0, 0]]}, "v1", legacy=True)
    rng = np.random.default_rng(3)
    refused = 0
    for _ in range(500):
        damaged = bytearray(content)
        place = rng.integers(0, 60) if rng.random() < 0.5 else rng.integers(len(content))
        damaged[place] = rng.integers(256)
        try:
            for layer in caffe_files.read_layers(written(bytes(damaged)), MOST):
                for blob in layer.blobs:
                    caffe_files.array(blob, "it")
        except ValueError:
            refused += 1
    assert 50 < refused < 450


# Reads a file in a process of its own, and prints by how many KiB its memory grew at most.
# (The maximum that getrusage knows would begin with that of the process that starts it.)
MEASURE = """
import pathlib, re, sys
from trainers import caffe_files

def most():
    return int(re.search("VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1])

caffe_files.read_layers(pathlib.Path(sys.argv[1]), 2**30)
path = pathlib.Path(sys.argv[2])
before = most()
try:
    for layer in caffe_files.read_layers(path, 2**30):
        for blob in layer.blobs:
            caffe_files.array(blob, "it")
except ValueError:
    pass
print(most() - before)
"""
HOSTILE = {  # each made where it is needed: every process that collects tests reads this file
    "huge_length": lambda: BAD_FILES["huge_length"][0],
    "huge_blob": lambda: writer.net([writer.layer("conv1", [BAD_BLOBS["huge_length"][0]])]),
    "huge_shape": lambda: writer.net([writer.layer("conv1", [BAD_BLOBS["huge_shape"][0]])]),
    "overflowing_shape": lambda: writer.net(
        [writer.layer("conv1", [BAD_BLOBS["overflowing_shape"][0]])]
    ),
    "deep": lambda: nested(1_000_000),
    "empty_layers": lambda: (writer.key(2, 2) + b"\0") * 2_000_000,
    "empty_blobs": lambda: writer.net([writer.layer("conv1", [b""] * 1_000_000)]),
    "many_sides": lambda: writer.net([writer.layer("conv1", [dims(*[1] * 2_000_000) + TEN])]),
    "unpacked": lambda: writer.file_of({"conv1": [np.ones((100, 100))]}, packed=False) * 80,
}


@pytest.mark.skipif(not pathlib.Path("/proc/self/status").exists(), reason="needs Linux")
@pytest.mark.parametrize(
    "name", exploring.most(HOSTILE, rare={"many_sides", "empty_layers", "empty_blobs"})
)
def test_hostile_files_take_no_more_memory_than_their_size_allows(name, tmp_path):
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_bytes(writer.file_of({"conv1": [VALUES]}))
    content = HOSTILE[name]()
    bad.write_bytes(content)

    measured = subprocess.run(
        [sys.executable, "-c", MEASURE, good, bad],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert measured.returncode == 0, measured.stderr
    assert int(measured.stdout) * 1024 < 40 * len(content) + 2**23
