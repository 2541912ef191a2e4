import numpy as np
import pytest

from trainers import datasets, fooling_class


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
