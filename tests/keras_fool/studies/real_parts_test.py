"""Real images in three parts: none in two of them, the labels those of the images."""

import numpy as np
import pytest

from keras_fool import detectors
from keras_fool.studies import real_parts
from trainers import datasets


def whole(images: np.ndarray) -> list[bytes]:
    return [image.tobytes() for image in images]


@pytest.fixture(scope="module")
def source():
    return detectors.open_source("mnist_a")


def test_with_training_images(source):
    data = datasets.load("digits")

    parts = real_parts.of(source, data)

    assert sorted(whole(parts.fitted.images)) == sorted(whole(data.train_images))
    known = dict(zip(whole(data.train_images), data.train_labels, strict=True))
    assert [known[image] for image in whole(parts.fitted.images)] == parts.fitted.labels.tolist()
    np.testing.assert_array_equal(parts.held_out.images, data.test_images[::2])
    np.testing.assert_array_equal(parts.held_out.labels, data.test_labels[::2])
    np.testing.assert_array_equal(parts.judged.images, data.test_images[1::2])
    np.testing.assert_array_equal(parts.judged.labels, data.test_labels[1::2])
    assert "1,438 of 1,438 training images" in parts.remark


def test_fewer_of_each(source):
    parts = real_parts.of(source, datasets.load("digits"), most_fitted=100, most_tested=50)
    assert len(parts.fitted) == 100
    assert len(set(whole(parts.fitted.images))) == 100
    assert (len(parts.held_out), len(parts.judged)) == (25, 25)


def test_without_training_images(source, monkeypatch):
    data = datasets.load("digits")
    monkeypatch.setattr(datasets.Dataset, "num_train", 0)

    parts = real_parts.of(source, data)

    for first, part in enumerate((parts.fitted, parts.held_out, parts.judged)):
        np.testing.assert_array_equal(part.images, data.test_images[first::3])
        np.testing.assert_array_equal(part.labels, data.test_labels[first::3])
    assert "no training images" in parts.remark


def test_images_of_another_size_are_refused(source):
    images, labels = np.zeros((4, 20, 20, 1), np.uint8), np.zeros(4, np.int64)
    data = datasets.Dataset("small", tuple("0123456789"), images, labels, images, labels)
    with pytest.raises(ValueError, match=r"takes images of \[28, 28, 1\], those of small"):
        real_parts.of(source, data)
    data = datasets.Dataset(
        "few", tuple("0123456789"), *[np.zeros((2, 28, 28, 1), np.uint8), labels[:2]] * 2
    )
    with pytest.raises(ValueError, match="2 test images"):
        real_parts.of(source, data)


def test_some_test_images_are_from_all_over_the_data():
    data = datasets.load("digits")
    found = whole(real_parts.tested(data, 60))
    places = [whole(data.test_images).index(image) for image in found]
    assert len(found) == 60
    assert places == sorted(places)
    assert max(places) > 0.8 * data.num_test
