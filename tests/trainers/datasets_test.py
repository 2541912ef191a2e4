import os
import pathlib

import numpy as np
import pytest
from sklearn.datasets import load_digits

from trainers import datasets, sample_order, shapes, tfds_data


@pytest.fixture(scope="module")
def digits() -> datasets.Dataset:
    return datasets.load("digits")


def test_digits_have_their_promised_form(digits):
    assert digits.train_images.shape == (1438, 28, 28, 1)
    assert digits.test_images.shape == (359, 28, 28, 1)
    assert digits.image_shape == (28, 28, 1)
    assert digits.labels == tuple("0123456789")
    for images, labels in [
        (digits.train_images, digits.train_labels),
        (digits.test_images, digits.test_labels),
    ]:
        assert (images.dtype, labels.dtype) == (np.uint8, np.int64)
        assert (images.min(), images.max()) == (0, 255)
        assert set(labels) == set(range(10))


def test_digits_are_scikit_learns_in_their_order(digits):
    source = load_digits()
    test = np.arange(1797) % 5 == 4
    images = np.zeros((1797, 28, 28, 1), np.uint8)
    images[~test], images[test] = digits.train_images, digits.test_images

    np.testing.assert_array_equal(digits.train_labels, source.target[~test])
    np.testing.assert_array_equal(digits.test_labels, source.target[test])
    # Enlarging moves no ink: the brightness of an image stays, but for the edges' weight.
    ink = images.mean(axis=(1, 2, 3)) / 255
    assert np.corrcoef(ink, source.images.mean(axis=(1, 2)) / 16)[0, 1] > 0.95


def test_digits_are_the_same_bytes_everywhere(digits):
    assert digits.digest == datasets.load("digits").digest == "3ef83002847a233c378f1896492f1e0e"


def test_digest_tells_data_sets_apart(digits):
    swapped = digits.train_images.copy()
    swapped[[0, 1]] = swapped[[1, 0]]
    other = datasets.Dataset(
        "digits",
        digits.labels,
        swapped,
        digits.train_labels,
        digits.test_images,
        digits.test_labels,
    )

    assert other.digest != digits.digest


def slow_enlarge(image: np.ndarray, side: int) -> np.ndarray:
    """Bilinear enlarging, pixel by pixel, in floats."""
    small = len(image)
    result = np.zeros((side, side))
    for row in range(side):
        for column in range(side):
            y, x = (
                np.clip((place + 0.5) * small / side - 0.5, 0, small - 1) for place in (row, column)
            )
            top, left = int(y), int(x)
            bottom, right = min(top + 1, small - 1), min(left + 1, small - 1)
            upper = image[top, left] * (1 - x % 1) + image[top, right] * (x % 1)
            lower = image[bottom, left] * (1 - x % 1) + image[bottom, right] * (x % 1)
            result[row, column] = upper * (1 - y % 1) + lower * (y % 1)
    return result


@pytest.mark.parametrize("side", [8, 16, 28, 33])
def test_enlarge_interpolates_bilinearly(side):
    images = np.random.default_rng(1).integers(0, 17, (3, 8, 8))

    enlarged = datasets.enlarge(images, side, peak=16)

    assert enlarged.shape == (3, side, side, 1)
    for image, found in zip(images, enlarged, strict=True):
        expected = slow_enlarge(image, side) * 255 / 16
        assert np.abs(found[..., 0] - expected).max() <= 0.5 + 1e-9


def test_unknown_data_set_names_the_known_ones():
    with pytest.raises(ValueError, match="unknown data set 'svhn'; known: mnist, digits, shapes"):
        datasets.load("svhn")
    with pytest.raises(ValueError, match=r"shapes, imagenet2012, folder:PATH, tfds:NAME\."):
        datasets.check_name("folder")
    for name in ("mnist", "shapes", "imagenet2012", "folder:x"):
        datasets.check_name(name)


def test_shapes_in_memory_are_those_that_are_drawn_as_a_training_goes(monkeypatch):
    monkeypatch.setattr(datasets, "_NUM_SHAPES", (40, 12))
    in_memory = datasets.load("shapes", image_size=32)
    stream = datasets.load("shapes", image_size=32, crop_size=32)

    assert in_memory.labels == stream.labels == shapes.LABELS
    assert in_memory.image_shape == stream.image_shape == (32, 32, 3)
    assert (stream.num_train, stream.num_test) == (in_memory.num_train, in_memory.num_test)
    (images, labels), (last, _) = stream.test_batches(8)
    np.testing.assert_array_equal(np.concatenate([images, last]), in_memory.test_images)
    np.testing.assert_array_equal(labels, in_memory.test_labels[:8])
    assert not {image.tobytes() for image in in_memory.train_images} & {
        image.tobytes() for image in in_memory.test_images
    }
    assert datasets.load("shapes", image_size=200).image_shape == (200, 200, 3)


def test_shapes_have_both_splits_of_every_label(monkeypatch):
    monkeypatch.setattr(datasets, "_NUM_SHAPES", (200, 20))
    data = datasets.load("shapes")

    assert data.train_images.shape == (200, 64, 64, 3)
    assert np.bincount(data.train_labels).tolist() == [20] * 10
    assert np.bincount(data.test_labels).tolist() == [2] * 10


def test_data_of_a_size_of_its_own_takes_no_other():
    with pytest.raises(ValueError, match="the images of digits have a size of their own"):
        datasets.load("digits", image_size=32)
    assert datasets.default_sizes("digits", 227) == (None, None)


def test_pictures_are_cropped_for_the_networks_of_imagenet():
    assert datasets.default_sizes("imagenet2012", 227) == (256, 227)
    assert datasets.default_sizes("folder:x", 64) == (64, None)


def test_batches_of_the_test_are_in_order(digits):
    images, labels = zip(*digits.test_batches(100), strict=True)

    assert [len(part) for part in images] == [100, 100, 100, 59]
    np.testing.assert_array_equal(np.concatenate(images), digits.test_images)
    np.testing.assert_array_equal(np.concatenate(labels), digits.test_labels)
    second = list(digits.test_batches(100, part=1, parts=3))
    assert len(second) == 1
    np.testing.assert_array_equal(second[0][0], images[1])


def test_feed_gives_the_samples_of_the_order(digits):
    numbers = sample_order.sample_numbers(5, 1438, 3 * 64, 2 * 64).reshape(2, 64)

    images, labels = digits.train_feed(5, 64, slice(16, 32)).read(3, 2)

    np.testing.assert_array_equal(images, digits.train_images[numbers[:, 16:32]])
    np.testing.assert_array_equal(labels, digits.train_labels[numbers[:, 16:32]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_images": np.zeros((4, 8, 8, 1))}, r"train_images of d must be uint8 .*float64"),
        ({"test_images": np.zeros((2, 8, 9, 1), np.uint8)}, r"must be \[8, 8, 1\].*\[8, 9, 1\]"),
        ({"test_images": np.zeros((0, 8, 8, 1), np.uint8)}, r"got uint8 \[0, 8, 8, 1\]"),
        ({"train_labels": np.zeros(3, np.int64)}, r"train_labels of d must be int64 \[4\]"),
        ({"train_labels": np.zeros(4, np.int32)}, r"got int32 \[4\]"),
        ({"test_labels": np.array([0, 2])}, r"test_labels of d must be in 0\.\.1, got 0\.\.2"),
    ],
)
def test_arrays_of_another_form_are_refused(change, message):
    arrays = {
        "train_images": np.zeros((4, 8, 8, 1), np.uint8),
        "train_labels": np.zeros(4, np.int64),
        "test_images": np.zeros((2, 8, 8, 1), np.uint8),
        "test_labels": np.zeros(2, np.int64),
    }
    datasets.Dataset("d", ("a", "b"), **arrays)
    with pytest.raises(ValueError, match=message):
        datasets.Dataset("d", ("a", "b"), **arrays | change)


def test_mnist_that_cannot_be_had_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(tfds_data, "_HOST", "http://127.0.0.1:9")  # nobody listens there

    with pytest.raises(ValueError, match=r"not prepared in .*cannot be downloaded") as raised:
        datasets.load("mnist", str(tmp_path))

    for remedy in ("--data_dir", "TFDS_DATA_DIR", "--dataset=digits"):
        assert remedy in str(raised.value)
    assert str(tmp_path) in str(raised.value)


def prepared_mnist() -> bool:
    folder = os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")
    return any(pathlib.Path(folder).expanduser().glob("mnist/*/dataset_info.json"))


@pytest.mark.slow
@pytest.mark.skipif(not prepared_mnist(), reason="MNIST is not prepared in $TFDS_DATA_DIR")
def test_mnist_is_the_one_everybody_has():
    mnist = datasets.load("mnist")

    assert mnist.train_images.shape == (60_000, 28, 28, 1)
    assert mnist.test_images.shape == (10_000, 28, 28, 1)
    assert mnist.train_images.mean() == pytest.approx(33.3184, abs=1e-4)
    assert np.bincount(mnist.train_labels).tolist() == [
        *(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
    ]
    assert mnist.train_labels[:10].tolist() == [4, 1, 0, 7, 8, 1, 2, 7, 1, 6]
