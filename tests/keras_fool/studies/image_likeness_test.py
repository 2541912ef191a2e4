import numpy as np
import pytest

from keras_fool.studies import image_likeness


def test_mean_image_of_each_label():
    images = np.zeros((2, 3, 4, 5, 1), np.uint8)
    images[0, 1] = 10
    images[1, 1] = 21

    means = image_likeness.mean_images(images)

    assert means.shape == (3, 4, 5, 1)
    assert means.dtype == np.uint8
    assert (means[1] == 16).all()  # 15.5, to the even one
    assert not means[[0, 2]].any()


def test_correlations_are_those_of_numpy():
    images = np.random.default_rng(1).integers(0, 256, (5, 4, 6, 6, 1), np.uint8)

    matrix = image_likeness.correlations(images)

    each = [np.corrcoef(run.reshape(4, -1)) for run in images]
    np.testing.assert_allclose(matrix, np.median(each, axis=0), atol=1e-12)


def test_an_image_of_one_shade_is_like_no_other():
    images = np.random.default_rng(1).integers(0, 256, (1, 3, 6, 6, 1), np.uint8)
    images[0, 1] = 77

    matrix = image_likeness.correlations(images)

    assert (matrix[1] == 0).all()


def test_stripes_are_shares_of_the_variance():
    images = np.zeros((3, 4, 8, 8, 1), np.uint8)
    images[:, 0, :, ::2] = 200  # vertical bars
    images[:, 1, 5] = 200  # a horizontal bar in the lower half
    images[:, 2, 1] = 200  # in the upper half
    images[:, 3] = np.random.default_rng(1).integers(0, 256, (8, 8, 1))

    stripes = image_likeness.stripes(images)

    np.testing.assert_allclose(stripes[:3], [[1, 0], [0, 1], [0, 0]], atol=1e-9)
    assert (stripes[3] < 0.5).all()


def test_most_alike_pairs_come_first():
    matrix = np.array([[1, 0.2, 0.9], [0.2, 1, -0.5], [0.9, -0.5, 1]])

    assert image_likeness.most_alike(matrix, "abc", 2) == [
        ("a and c", pytest.approx(0.9)),
        ("a and b", pytest.approx(0.2)),
    ]
