"""AlexNet, and the variant of it that came with Caffe.

Krizhevsky, Sutskever and Hinton, 2012, https://doi.org/10.1145/3065386, as in
BVLC/caffe, models/bvlc_alexnet and models/bvlc_reference_caffenet. The two differ in the order of
pooling and normalization, and in the initial values of some biases.
"""

import keras
import numpy as np

from trainers import fillers
from trainers import layers as caffe_layers

_MIN_SIDE = 39  # in smaller images, nothing is left after the third pooling


def alexnet(
    image_shape: tuple[int, int, int],
    num_labels: int,
    seed: int,
    mean: np.ndarray | None = None,
) -> keras.Model:
    """AlexNet: 60,965,224 weights for 227x227 images and 1000 labels.

    Args:
        image_shape: (height, width, 3), RGB.
        num_labels: How many labels it distinguishes.
        seed: Seed of the weights and of dropout.
        mean: What is subtracted from the images, RGB, [3] or [height, width, 3]; by default
            ImageNet's by channel.

    Returns:
        A model uint8 [batch, height, width, 3] -> float32 confidences [batch, num_labels].

    Raises:
        ValueError: The image shape or the mean does not fit.
    """
    return _build("alexnet", image_shape, num_labels, seed, mean, bias=0.1, pool_first=False)


def caffenet(
    image_shape: tuple[int, int, int],
    num_labels: int,
    seed: int,
    mean: np.ndarray | None = None,
) -> keras.Model:
    """Caffe's reference network, with the arguments and the size of AlexNet."""
    return _build("caffenet", image_shape, num_labels, seed, mean, bias=1.0, pool_first=True)


def _build(
    name: str,
    image_shape: tuple[int, int, int],
    num_labels: int,
    seed: int,
    mean: np.ndarray | None,
    *,
    bias: float,
    pool_first: bool,
) -> keras.Model:
    if min(image_shape[:2]) < _MIN_SIDE:
        raise ValueError(
            f"images for {name} must be at least {_MIN_SIDE}x{_MIN_SIDE}, got {image_shape}."
        )
    layers = keras.layers
    seeds = fillers.seeds(seed)

    def weights(deviation: float, bias: float) -> dict:
        return {
            "kernel_initializer": fillers.gaussian(deviation, next(seeds)),
            "bias_initializer": keras.initializers.Constant(bias),
        }

    def pool_and_normalize(x: keras.KerasTensor, number: int) -> keras.KerasTensor:
        normalize = caffe_layers.normalization(f"norm{number}")
        if pool_first:
            return normalize(caffe_layers.max_pool(x, f"pool{number}"))
        return caffe_layers.max_pool(normalize(x), f"pool{number}")

    def convolve(x: keras.KerasTensor, number: int, filters: int, size: int, **kwargs):
        relu = {"activation": "relu", "name": f"conv{number}"}
        kind = caffe_layers.GroupConvolution if "groups" in kwargs else layers.Conv2D
        return kind(filters, size, **relu, **kwargs)(x)

    images = keras.Input(image_shape, dtype="uint8", name="images")
    x = caffe_layers.without_mean(images, mean)
    x = convolve(x, 1, 96, 11, strides=4, **weights(0.01, 0.0))
    x = pool_and_normalize(x, 1)
    x = convolve(x, 2, 256, 5, padding="same", groups=2, **weights(0.01, bias))
    x = pool_and_normalize(x, 2)
    x = convolve(x, 3, 384, 3, padding="same", **weights(0.01, 0.0))
    x = convolve(x, 4, 384, 3, padding="same", groups=2, **weights(0.01, bias))
    x = convolve(x, 5, 256, 3, padding="same", groups=2, **weights(0.01, bias))
    x = caffe_layers.max_pool(x, "pool5")
    x = layers.Flatten(name="flatten")(x)
    for number in (6, 7):
        x = layers.Dense(4096, activation="relu", name=f"fc{number}", **weights(0.005, bias))(x)
        x = layers.Dropout(0.5, seed=next(seeds), name=f"drop{number}")(x)
    x = layers.Dense(num_labels, name="fc8", **weights(0.01, 0.0))(x)
    x = layers.Softmax(dtype="float32", name="probabilities")(x)
    return keras.Model(images, x, name=name)
