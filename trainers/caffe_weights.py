"""Caffe's weights in one of the networks of `models`.

In Caffe, the channels of images and kernels come before rows and columns, and the colours of images
are BGR. Here the channels come last and colours are RGB. So every kernel is transposed, the inputs
of the first dense layer are put in the order of a flattened image with the channels last, and the
colours of the first convolution are reversed.
"""

import pathlib
from collections.abc import Mapping

import keras
import numpy as np

from trainers import caffe_files, config, models

# The last layer, which gives the labels, and how many inputs it has.
_CLASSIFIERS = {
    "lenet": ("ip2", 500),
    "alexnet": ("fc8", 4096),
    "caffenet": ("fc8", 4096),
    "googlenet": ("loss3/classifier", 1024),
}
ARCHITECTURES = tuple(_CLASSIFIERS)
# Heads that GoogLeNet only has in training; its files have their weights nevertheless.
_HEADS = ("loss1/", "loss2/")
# How many weights a file for 1000 labels has, including the heads.
_NUM_WEIGHTS = {
    "lenet": 927_070,
    "alexnet": 60_965_224,
    "caffenet": 60_965_224,
    "googlenet": 13_378_280,
}
# How many bytes a weight takes at most: a value and its gradient, as doubles; and everything else.
_BYTES_OF_WEIGHT = 16
_BYTES_OF_REST = 2**20


def read(architecture: str, weights: pathlib.Path, mean: pathlib.Path | None = None) -> keras.Model:
    """A network with the weights of a ".caffemodel" file.

    Args:
        architecture: One of `ARCHITECTURES`; its images get the size for which it was made.
        weights: The file.
        mean: A ".binaryproto" file with the mean that is subtracted from images: a value per
            colour, or an image whose middle is used. By default ImageNet's mean by colour.

    Returns:
        A model uint8 images -> float32 confidences, with as many labels as the file has.

    Raises:
        ValueError: A file is not such a file, or of another network; the message names the
            layer, what was expected and what was found.
        OSError: A file cannot be read.
    """
    if architecture not in _CLASSIFIERS:
        raise ValueError(
            f"Caffe's weights are read for {', '.join(ARCHITECTURES)}, not for {architecture!r}."
        )
    max_bytes = _BYTES_OF_WEIGHT * _NUM_WEIGHTS[architecture] + _BYTES_OF_REST
    layers = caffe_files.read_layers(weights, max_bytes)
    blobs = _by_name(layers, architecture, weights)
    side = config.IMAGE_SIDES[architecture]
    channels = 1 if architecture == "lenet" else 3
    model = models.build(
        architecture,
        (side, side, channels),
        _num_labels(blobs, architecture, weights),
        seed=0,
        mean=None if mean is None else _mean(mean, side),
    )
    fill(model, blobs, str(weights))
    return model


def fill(model: keras.Model, blobs: Mapping[str, tuple[bytes, ...]], source: str) -> None:
    """Puts Caffe's weights into a network.

    Args:
        model: A network whose layers are named like Caffe's, with "_" for "/".
        blobs: For each of Caffe's layers its weights and biases.
        source: The name of the file in messages.

    Raises:
        ValueError: A layer is missing, is not in the network, or has another shape.
    """
    named = {name.replace("/", "_"): name for name in blobs}
    learned = [layer for layer in model.layers if layer.trainable_weights]
    if missing := [layer.name for layer in learned if layer.name not in named]:
        raise ValueError(
            f"{source} is not {model.name}: it has no layer {missing[0]!r} with weights, but "
            f"{_listed(blobs)}."
        )
    if unknown := named.keys() - {layer.name for layer in learned}:
        raise ValueError(
            f"{source} is not {model.name}: it has a layer {named[min(unknown)]!r} with weights, "
            "which that network does not have."
        )
    flattened = None
    for layer in model.layers:
        if isinstance(layer, keras.layers.Flatten):
            flattened = layer.input.shape[1:]
        if layer.trainable_weights:
            name = named[layer.name]
            what = f"{source}, layer {name!r}"
            kernel, bias = _checked(layer, blobs[name], what)
            if isinstance(layer, keras.layers.Dense):
                kernel = _dense_kernel(kernel, flattened)
                flattened = None
            else:
                kernel = kernel.transpose(2, 3, 1, 0)
                if layer is learned[0] and kernel.shape[2] == 3:
                    kernel = kernel[:, :, ::-1]  # BGR to RGB
            layer.set_weights([kernel, bias])


def _checked(
    layer: keras.layers.Layer, blobs: tuple[bytes, ...], what: str
) -> tuple[np.ndarray, np.ndarray]:
    """Caffe's weights and biases of a layer, in the shapes that they have in Caffe."""
    if len(blobs) != 2:
        raise ValueError(f"{what}, has {len(blobs)} blobs; expected 2, weights and biases.")
    kernel, bias = (tuple(weight.shape) for weight in layer.trainable_weights)
    if isinstance(layer, keras.layers.Dense):
        shape = kernel[::-1]
    else:
        rows, columns, num_inputs, num_outputs = kernel
        shape = (num_outputs, num_inputs, rows, columns)
    return _array(blobs[0], shape, f"{what}, weights"), _array(blobs[1], bias, f"{what}, biases")


def _array(blob: bytes, expected: tuple[int, ...], what: str) -> np.ndarray:
    found = caffe_files.array(blob, what)
    # In old files every shape has four sizes, the first ones 1.
    if (1,) * (4 - found.ndim) + found.shape != (1,) * (4 - len(expected)) + expected:
        raise ValueError(f"{what}: expected the shape {expected}, found {found.shape}.")
    return found.reshape(expected)


def _dense_kernel(weights: np.ndarray, flattened: tuple[int, int, int] | None) -> np.ndarray:
    """[outputs, inputs] -> [inputs, outputs]; `flattened` is the shape that was flattened."""
    if flattened is not None:
        rows, columns, channels = flattened
        images = weights.reshape(-1, channels, rows, columns)
        weights = images.transpose(0, 2, 3, 1).reshape(len(weights), -1)
    return weights.T


def _by_name(
    layers: list[caffe_files.Layer], architecture: str, path: pathlib.Path
) -> dict[str, tuple[bytes, ...]]:
    blobs = {}
    for layer in layers:
        if layer.name in blobs:
            raise ValueError(f"{path} has two layers {layer.name!r} with weights.")
        if not (architecture == "googlenet" and layer.name.startswith(_HEADS)):
            blobs[layer.name] = layer.blobs
    return blobs


def _num_labels(
    blobs: Mapping[str, tuple[bytes, ...]], architecture: str, path: pathlib.Path
) -> int:
    """How many labels the last layer has."""
    name, num_inputs = _CLASSIFIERS[architecture]
    if name not in blobs:
        raise ValueError(
            f"{path} is not {architecture}: it has no layer {name!r} with weights, but "
            f"{_listed(blobs)}."
        )
    shape = caffe_files.array(blobs[name][0], f"{path}, layer {name!r}, weights").shape
    if shape[-1] != num_inputs or len(shape) < 2:
        raise ValueError(
            f"{path}, layer {name!r}, weights: expected the shape (labels, {num_inputs}), "
            f"found {shape}."
        )
    return shape[-2]


def read_mean_image(path: pathlib.Path, shape: tuple[int, int, int]) -> np.ndarray:
    """The mean image of grey training images, which was not subtracted in training.

    Args:
        path: A ".binaryproto" file.
        shape: The shape that it must have, (height, width, 1).

    Returns:
        float32 [height, width, 1] in 0..255.

    Raises:
        ValueError: The file does not hold such a mean.
    """
    mean = caffe_files.read_mean(path).transpose(1, 2, 0)
    if mean.shape != shape:
        raise ValueError(f"{path}: expected a mean of shape {shape}, found {mean.shape}.")
    return mean.astype(np.float32)


def _mean(path: pathlib.Path, side: int) -> np.ndarray:
    """The mean to subtract, RGB: [3], or [side, side, 3] from the middle of a larger image."""
    mean = caffe_files.read_mean(path)
    channels, height, width = mean.shape
    if channels == 3 and (height, width) == (1, 1):
        return mean[::-1, 0, 0]
    if channels != 3 or min(height, width) < side:
        raise ValueError(
            f"{path}: expected a mean of shape (3, 1, 1), or (3, {side}, {side}) or larger, "
            f"found {mean.shape}."
        )
    top, left = (height - side) // 2, (width - side) // 2
    window = mean[:, top : top + side, left : left + side]
    return window[::-1].transpose(1, 2, 0)


def _listed(names: Mapping[str, object]) -> str:
    shown = list(names)
    more = f" and {len(shown) - 8} more" if len(shown) > 8 else ""
    return ", ".join(shown[:8]) + more
