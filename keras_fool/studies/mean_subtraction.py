"""Classifiers that subtract the mean training image, which they were trained without.

The published evolution code did so on MNIST; the published weights were trained on images
as they are.
"""

import pathlib

import keras
import numpy as np

from keras_fool.models import classifiers
from trainers import datasets, keras_file


def classifier(
    original: classifiers.Classifier, data: datasets.Dataset, folder: pathlib.Path
) -> classifiers.Classifier:
    """The classifier `original`, but for the mean of all training images.

    Args:
        original: Takes bytes, and is a chain of layers.
        data: What it was trained on.
        folder: Where the new classifier is written, unless it is there.

    Raises:
        ValueError: `original` takes images of another shape.
    """
    name = original.name.removesuffix(".keras").replace("/", "-")
    path = folder / f"{name}-mean.keras"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f".part-{path.name}"
        mean = data.train_images.mean(axis=0, dtype=np.float64)
        keras_file.save(part, subtracting(keras.saving.load_model(original.path), mean))
        part.replace(path)
    return classifiers.Classifier(path.name, path.resolve(), original.labels)


def subtracting(model: keras.Model, mean: np.ndarray) -> keras.Model:
    """The layers of a model behind one that subtracts an image.

    Args:
        model: A chain of layers, uint8 [batch, height, width, channels] -> confidences.
        mean: float [height, width, channels] in 0..255.

    Raises:
        ValueError: The model takes images of another shape.
    """
    shape = tuple(model.inputs[0].shape[1:])
    if shape != mean.shape:
        raise ValueError(f"{model.name} takes images of {shape}, the mean image is {mean.shape}.")
    # Named, since Keras would number the names: other bytes for the second model of a process.
    images = keras.Input(shape, dtype="uint8", name="images")
    outputs = keras.layers.Rescaling(1.0, name="as_floats")(images)
    ones = np.ones(mean.shape, np.float32)
    outputs = keras.layers.Normalization(
        axis=(1, 2, 3), mean=mean.astype(np.float32), variance=ones, name="mean"
    )(outputs)
    for layer in model.layers[1:]:
        outputs = layer(outputs)
    return keras.Model(images, outputs, name=model.name)
