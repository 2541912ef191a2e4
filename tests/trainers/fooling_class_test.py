import numpy as np
import pytest

from tests.trainers import samples
from trainers import datasets, fooling_class, image_folder


def images(count: int, first: int = 0) -> np.ndarray:
    """Different images of 4x3, each all of one number."""
    return np.arange(first, first + count, dtype=np.uint8)[:, None, None, None] * np.ones(
        (1, 4, 3, 1), np.uint8
    )


@pytest.fixture
def data() -> datasets.Dataset:
    labels = np.array([0, 1, 1, 0, 1])
    return datasets.Dataset("pair", ("a", "b"), images(5), labels, images(2, 50), labels[:2])


def test_adds_behind_the_others_as_the_next_label(data):
    added = fooling_class.add(data, images(3, 100), images(2, 200))

    assert added.labels == ("a", "b", "fooling")
    assert added.name == "pair+fooling"
    np.testing.assert_array_equal(added.train_labels, [0, 1, 1, 0, 1, 2, 2, 2])
    np.testing.assert_array_equal(added.test_labels, [0, 1, 2, 2])
    np.testing.assert_array_equal(added.train_images[:5], data.train_images)
    np.testing.assert_array_equal(added.train_images[5:], images(3, 100))
    np.testing.assert_array_equal(added.test_images[:2], data.test_images)
    np.testing.assert_array_equal(added.test_images[2:], images(2, 200))
    assert added.digest != data.digest


def test_refuses_an_image_in_both_parts(data):
    with pytest.raises(ValueError, match="2 of the test images are among the training images"):
        fooling_class.add(data, images(5, 100), images(4, 103))


def test_refuses_other_shapes_and_a_second_fooling_class(data):
    with pytest.raises(ValueError, match=r"test_images must be uint8 \[number, 4, 3, 1\]"):
        fooling_class.add(data, images(1, 9), images(1)[:, :3])
    with pytest.raises(ValueError, match=r"train_images .* got float64"):
        fooling_class.add(data, images(1, 9).astype(float), images(1))
    with pytest.raises(ValueError, match="has a label 'fooling' already"):
        fooling_class.add(fooling_class.add(data, images(1, 9), images(1)), images(1), images(0))


def test_adds_to_pictures_that_are_read_as_a_training_goes(tmp_path):
    folder = samples.picture_folder(tmp_path / "shapes")
    stream = image_folder.load(str(folder), 16, 12)
    noise = np.random.default_rng(1).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    np.save(tmp_path / "noise.npy", noise)
    mapped = np.load(tmp_path / "noise.npy", mmap_mode="r")

    added = fooling_class.add(stream, mapped[:3], mapped[3:])

    assert added.labels == ("circle", "cross", "fooling")
    assert added.name == "folder:shapes+fooling"
    assert (added.num_train, added.num_test) == (15, 8)
    assert added.image_shape == (12, 12, 3)
    *_, (images, labels) = added.test_batches(8)
    np.testing.assert_array_equal(images[6:], noise[3:, 2:14, 2:14])
    assert labels[6:].tolist() == [2, 2]
    with pytest.raises(ValueError, match=r"train_images must be uint8 \[number, 16, 16, 3\]"):
        fooling_class.add(stream, noise[:3, :12, :12], noise[3:])
