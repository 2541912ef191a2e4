"""A trained network and one of random weights on colour images, each loaded once a process."""

import pathlib

import numpy as np
import pytest

from keras_fool import detectors
from tests import exploring
from tests.keras_fool.detectors import cases
from trainers import datasets


@pytest.fixture(scope="session")
def digits():
    """The shipped MNIST network, and real digits of another data set."""
    data = datasets.load("digits")
    source = detectors.open_source("mnist_a")
    images = data.train_images[:600], data.train_labels[:600], data.test_images[:150]
    return cases.Case(source, cases.signals_of("mnist_a"), *images, options={"knn": {"k": 7}})


@pytest.fixture(scope="session")
def colour_model(made_once) -> pathlib.Path:
    """A .keras file: bytes [11, 9, 3] -> 12 features -> five confidences, random weights."""

    def make(folder: pathlib.Path) -> None:
        import keras

        layers = keras.layers
        keras.utils.set_random_seed(3)
        decided = keras.initializers.RandomNormal(stddev=1.0, seed=4)
        image = keras.Input((11, 9, 3), dtype="uint8")
        x = layers.Rescaling(1 / 127.5, -1.0)(image)
        x = layers.Conv2D(6, 3, activation="relu", kernel_initializer=decided)(x)
        x = layers.Conv2D(12, 3, activation="tanh", bias_initializer=decided)(x)
        x = layers.GlobalAveragePooling2D()(x)
        x = layers.Dropout(0.5)(x)
        dense = layers.Dense(5, "softmax", kernel_initializer=decided, bias_initializer=decided)
        keras.Model(image, dense(x)).save(folder / "colour.keras")

    return made_once("colour", make) / "colour.keras"


@pytest.fixture(scope="session")
def colour(colour_model):
    """That network, and images whose colours and contrasts differ; its labels as classes."""
    rng = np.random.default_rng(5)
    low, high = np.sort(rng.integers(0, 256, (2, 330, 1, 1, 3)), axis=0)
    images = (low + (high - low) * rng.random((330, 11, 9, 3))).astype(np.uint8)
    found = cases.signals_of(str(colour_model))
    labels = found(images[:280])[1].argmax(axis=1)
    source = detectors.open_source(str(colour_model))
    return cases.Case(source, found, images[:280], labels, images[280:])


@pytest.fixture(params=exploring.most(["digits", "colour"], rare={"digits"}))
def case(request):
    return request.getfixturevalue(request.param)
