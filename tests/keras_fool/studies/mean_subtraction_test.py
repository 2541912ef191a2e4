import types

import keras
import numpy as np
import pytest

from keras_fool.models import classifiers, scoring
from keras_fool.studies import mean_subtraction


@pytest.fixture
def bytes_in_floats() -> keras.Model:
    """A chain that gives what it is given: the share of each of three pixels, and the rest."""
    images = keras.Input((1, 3, 1), dtype="uint8")
    outputs = keras.layers.Flatten()(keras.layers.Rescaling(1 / 256)(images))
    return keras.Model(images, outputs)


def test_mean_is_subtracted_before_the_bytes_are_scaled(bytes_in_floats):
    images = np.array([[[[0], [100], [255]]], [[[7], [7], [7]]]], np.uint8)
    mean = np.array([[[1.5], [100.0], [0.25]]])

    outputs = mean_subtraction.subtracting(bytes_in_floats, mean)(images).numpy()

    expected = (images.astype(np.float64) - mean).reshape(2, 3) / 256
    np.testing.assert_allclose(outputs, expected, atol=1e-6)


def test_other_shapes_are_refused(bytes_in_floats):
    with pytest.raises(ValueError, match=r"takes images of \(1, 3, 1\), the mean image is \(2"):
        mean_subtraction.subtracting(bytes_in_floats, np.zeros((2, 3, 1)))


def test_classifier_is_written_once_and_scores(tiny_model, tmp_path):
    images = np.random.default_rng(1).integers(0, 256, (40, 12, 10, 1), np.uint8)
    data = types.SimpleNamespace(train_images=images)
    original = classifiers.find(str(tiny_model))

    made = mean_subtraction.classifier(original, data, tmp_path / "made")

    written = made.path.read_bytes()
    assert mean_subtraction.classifier(original, data, tmp_path / "again").path.read_bytes() == (
        written
    ), "the same bytes, or evolutions on it could not go on"
    assert mean_subtraction.classifier(original, None, tmp_path / "made") == made
    plain, subtracting = (scoring.LocalScorer(one).score(images) for one in (original, made))
    assert subtracting.shape == plain.shape
    assert np.abs(subtracting - plain).max() > 0.01
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["tiny-mean.keras"]
