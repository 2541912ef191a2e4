import numpy as np
import pytest

from keras_fool.audits import data, settings
from keras_fool.models import in_memory
from keras_fool.studies import real_parts
from trainers import datasets

CHOSEN = settings.Settings(quick=True)


@pytest.fixture(scope="module")
def scorer():
    def brightness(images):
        light = images.mean(axis=(1, 2, 3)) / 255
        return np.stack([1 - light, light], axis=1)

    return in_memory.Classifier(brightness, image_shape=(4, 4, 1)).open()


def numbered(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images that are all different, and labels."""
    images = np.zeros((count, 4, 4, 1), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 1, 0] = np.arange(count) % 256, np.arange(count) // 256
    return images, np.arange(count) % 2


def as_set(part: real_parts.Labelled) -> set[bytes]:
    return {image.tobytes() for image in part.images}


@pytest.mark.parametrize("count", [7, 600, 3000])
def test_no_image_is_in_two_parts(scorer, count):
    parts = data.of_arrays(scorer, *numbered(count), None, None, CHOSEN)

    sets = [as_set(part) for part in (parts.fitted, parts.held_out, parts.judged)]
    assert len(set().union(*sets)) == sum(map(len, sets)) == min(count, 1000)
    assert max(map(len, sets)) - min(map(len, sets)) <= 1
    assert "no training images" in parts.remark


def test_detectors_are_fitted_on_training_images_where_there_are_some(scorer):
    train = numbered(2500)[0] + np.array(1, np.uint8)

    parts = data.of_arrays(scorer, *numbered(300), train, numbered(2500)[1], CHOSEN)

    assert as_set(parts.fitted) <= {image.tobytes() for image in train}
    assert len(parts.fitted) == 2000
    assert len(parts.held_out) == len(parts.judged) == 150


def test_the_same_seed_divides_alike_and_another_one_does_not(scorer):
    images = numbered(300)
    one, same = (data.of_arrays(scorer, *images, None, None, CHOSEN) for _ in range(2))
    other = data.of_arrays(scorer, *images, None, None, settings.Settings(quick=True, seed=2))

    np.testing.assert_array_equal(one.judged.images, same.judged.images)
    assert one.digest == same.digest == other.digest
    assert as_set(one.judged) != as_set(other.judged)


def test_a_data_set_gives_training_and_test_images_in_the_classifiers_numbers():
    labels = tuple("9876543210")

    class Scorer:
        name, image_shape, independent = "backwards", (28, 28, 1), False

    Scorer.labels = labels
    digits = datasets.load("digits")

    parts = data.of_source(Scorer(), digits, CHOSEN)

    train = {
        image.tobytes(): label
        for image, label in zip(digits.train_images, digits.train_labels, strict=True)
    }
    for image, label in zip(parts.fitted.images, parts.fitted.labels, strict=True):
        assert label == 9 - train[image.tobytes()]
    assert len(parts.fitted) == digits.num_train
    tested = {image.tobytes() for image in digits.test_images}
    assert as_set(parts.held_out) | as_set(parts.judged) <= tested
    assert not as_set(parts.held_out) & as_set(parts.judged)


@pytest.mark.parametrize(
    ("images", "labels", "fact"),
    [
        (np.zeros((5, 4, 5, 1), np.uint8), np.zeros(5, int), "4, 4, 1"),
        (np.zeros((5, 4, 4, 1)), np.zeros(5, int), "uint8"),
        (np.zeros((5, 4, 4, 1), np.uint8), np.zeros(4, int), r"\[5\]"),
        (np.zeros((5, 4, 4, 1), np.uint8), np.full(5, 2), r"0\.\.1"),
        (np.zeros((5, 4, 4, 1), np.uint8), np.zeros(5), "whole numbers"),
        (np.zeros((5, 4, 4, 1), np.uint8), None, "none"),
        (np.zeros((2, 4, 4, 1), np.uint8), np.zeros(2, int), "3 parts"),
    ],
)
def test_images_that_do_not_suit_are_refused(scorer, images, labels, fact):
    with pytest.raises(ValueError, match=fact):
        data.of_arrays(scorer, images, labels, None, None, CHOSEN)


def test_mnist_is_not_downloaded(scorer, tmp_path):
    found = data.find("mnist", scorer, str(tmp_path), CHOSEN)

    assert "mnist" in found
    assert "--data_dir" in found
    assert not list(tmp_path.rglob("*"))
