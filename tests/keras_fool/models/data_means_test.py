import pathlib

import numpy as np
import pytest

from keras_fool.models import data_means, preprocessing
from keras_fool.models.classifiers import Classifier, Ensemble


def classifier(preprocess: str) -> Classifier:
    return Classifier(f"{preprocess}.keras", pathlib.Path(preprocess), preprocess=preprocess)


@pytest.mark.parametrize(
    ("preprocess", "channels", "mean"),
    [
        ("bgr", 3, (123, 117, 104)),
        ("caffe", 3, (123.68, 116.779, 103.939)),
        ("torch", 3, (123.675, 116.28, 103.53)),
        ("tf", 3, (127.5,) * 3),
        ("tf", 1, (127.5,)),
        ("none", 3, (127.5,) * 3),
        ("unit", 3, (127.5,) * 3),
        ("none", 1, (0,)),
        ("unit", 1, (0,)),
    ],
)
def test_of_a_classifier(preprocess, channels, mean):
    assert data_means.known(classifier(preprocess), channels) == pytest.approx(mean)


@pytest.mark.parametrize("preprocess", ["bgr", "caffe", "torch", "tf"])
def test_the_network_sees_the_mean_as_zero(preprocess):
    mean = np.array(data_means.known(classifier(preprocess), 3), np.float32)

    seen = preprocessing.METHODS[preprocess].apply(mean[None, None, None])

    np.testing.assert_allclose(seen, np.zeros((1, 1, 1, 3)), atol=1e-5)


def test_of_an_ensemble():
    ensemble = Ensemble((classifier("bgr"), classifier("tf")))

    assert data_means.known(ensemble, 3) == pytest.approx((125.25, 122.25, 115.75))


def test_given():
    assert data_means.given(["33.3"], 1) == (33.3,)
    assert data_means.given(["7"], 3) == (7, 7, 7)
    assert data_means.given(["1", "2.5", "255"], 3) == (1, 2.5, 255)


@pytest.mark.parametrize("values", [["x"], ["256"], ["-1"], ["1", "2"], ["nan"], []])
def test_what_is_no_mean(values):
    with pytest.raises(ValueError, match=r"the mean must be one number in 0\.\.255 or 3"):
        data_means.given(values, 3)


def test_images_less_the_mean():
    offsets = np.array([[[0.0], [-0.5]], [[0.1], [0.0]]])

    # The largest offset, -0.5, becomes 0: a factor of 1.
    shown = data_means.picture_of(offsets)

    assert shown[..., 0].tolist() == [[128, 0], [153, 128]]


def test_an_image_that_is_the_mean():
    assert (data_means.picture_of(np.zeros((2, 2, 3))) == 128).all()
