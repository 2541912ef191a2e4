"""Image classification data sets of TensorFlow Datasets, on small ones that are prepared here."""

import numpy as np
import pytest
import tensorflow as tf

from tests.trainers import tfds_samples
from tests.trainers.tfds_samples import picture
from trainers import datasets, tfds_data


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> str:
    folder = str(tmp_path_factory.mktemp("tfds"))
    for kind in tfds_samples.KINDS:
        kind(data_dir=folder).download_and_prepare()
    return folder


@pytest.fixture(scope="module")
def fixed(prepared) -> datasets.Dataset:
    return datasets.load("tfds:door_fixed", prepared)


@pytest.fixture(scope="module")
def grey(prepared) -> datasets.Dataset:
    return datasets.load("tfds:door_grey", prepared)


def sorted_rows(images: np.ndarray) -> np.ndarray:
    rows = images.reshape(len(images), -1)
    return rows[np.lexsort(rows.T)]


def test_images_of_one_size_are_kept_byte_by_byte(prepared, fixed):
    data = fixed

    assert (data.name, data.labels) == ("tfds:door_fixed", ("cat", "dog", "eel"))
    assert (data.num_train, data.num_test, data.image_shape) == (12, 8, (6, 4, 3))
    for place, images in enumerate((data.train_images, data.test_images)):
        written = np.stack([picture(place, number, (6, 4, 3)) for number in range(len(images))])
        np.testing.assert_array_equal(sorted_rows(images), sorted_rows(written))
    again = datasets.load("tfds:door_fixed:1.0.0", prepared)
    np.testing.assert_array_equal(data.train_images, again.train_images)
    assert np.bincount(data.train_labels).tolist() == [4, 4, 4]


def test_other_sizes_are_resized_with_antialiasing(prepared, fixed):
    data = datasets.load("tfds:door_fixed", prepared, image_size=3)

    resized = tf.image.resize(fixed.test_images, (3, 3), antialias=True)
    np.testing.assert_array_equal(data.test_images, np.round(resized).astype(np.uint8))
    np.testing.assert_array_equal(data.test_labels, fixed.test_labels)


def test_without_a_test_split_the_last_tenth_is_for_testing(prepared):
    data = datasets.load("tfds:door_sizes", prepared, image_size=5)

    assert (data.num_train, data.num_test) == (11, 1)
    assert data.image_shape == (5, 5, 3)


def test_colours_that_a_classifier_takes(prepared, grey):
    colour = datasets.load("tfds:door_grey", prepared, image_size=6, channels=3, test_only=True)

    (images, labels), *others = colour.test_batches(100)
    assert not others
    np.testing.assert_array_equal(images, grey.test_images.repeat(3, axis=3))
    np.testing.assert_array_equal(labels, grey.test_labels)
    assert datasets.load("tfds:door_fixed", prepared, channels=1).image_shape == (6, 4, 1)


def test_crops_are_cut_as_those_of_pictures(prepared, grey):
    data = datasets.load("tfds:door_grey", prepared, image_size=6, crop_size=4)

    images, _ = next(data.test_batches(100))
    np.testing.assert_array_equal(images, grey.test_images[:, 1:5, 1:5])
    trained, _ = data.train_feed(1, 4, slice(None)).read(0, 1)
    assert trained.shape == (1, 4, 4, 4, 1)
    assert data.digest != grey.digest


@pytest.mark.parametrize(
    ("name", "options", "facts"),
    [
        ("door_unlabelled", {}, ("no image classification",)),
        ("door_fixd", {}, ("no data set 'door_fixd'", "did you mean door_fixed")),
        ("door_fixed:9.9.9", {}, ("door_fixed:9.9.9",)),
        ("door_fixed", {"crop_size": 3}, ("6 x 4", "--image_size")),
        ("door_sizes", {"image_size": 8192}, ("GiB", "smaller --image_size", "folder:PATH")),
        ("cifar10", {}, ("not prepared in", "cannot be downloaded", "--data_dir")),
    ],
)
def test_what_cannot_be_loaded_is_said_in_one_line(prepared, monkeypatch, name, options, facts):
    monkeypatch.setattr(tfds_data, "_HOST", "http://127.0.0.1:9")  # nobody listens there

    with pytest.raises(ValueError, match=name.partition(":")[0]) as raised:
        datasets.load(f"tfds:{name}", prepared, **options)

    assert "\n" not in str(raised.value)
    for fact in facts:
        assert fact in str(raised.value)


def test_names():
    datasets.check_name("tfds:imagenette/160px")
    assert datasets.short_name("tfds:imagenette/160px:1.0.0") == "imagenette-160px-1.0.0"
    assert datasets.default_sizes("tfds:cifar10", 32) == (32, None)
    with pytest.raises(ValueError, match="needs a name"):
        datasets.check_name("tfds:")
