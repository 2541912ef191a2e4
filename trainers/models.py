"""Network architectures by name: bytes in, confidences out, preprocessing inside.

LeNet as Caffe's MNIST example has it (BVLC/caffe, examples/mnist/lenet_train_test.prototxt):
no activation after the convolutions, one ReLU. LeCun et al., 1998,
https://doi.org/10.1109/5.726791.
"""

import keras
import numpy as np
from keras import layers

from trainers import config


def build(
    architecture: str, image_shape: tuple[int, int, int], num_labels: int, seed: int
) -> keras.Model:
    """A network with fresh weights, made of Keras' own layers only.

    Args:
        architecture: One of `config.ARCHITECTURES`.
        image_shape: (height, width, channels).
        num_labels: How many labels it tells apart.
        seed: Seed of the weights.

    Returns:
        A model uint8 [batch, height, width, channels] in 0..255 -> float32 confidences
        [batch, num_labels], whose rows add up to 1.

    Raises:
        ValueError: `architecture` is unknown (the known ones are named), or the images
            are too small for it.
    """
    if architecture not in BUILDERS:
        raise ValueError(f"unknown architecture {architecture!r}; known: {', '.join(BUILDERS)}.")
    return BUILDERS[architecture](image_shape, num_labels, seed)


def logits(model: keras.Model) -> keras.Model:
    """The same network, sharing all weights, without the softmax layer that each ends in.

    A loss of logits keeps its precision where a softmax has rounded to 0 or 1.
    """
    return keras.Model(model.input, model.layers[-1].input, name=f"{model.name}_logits")


def lenet(image_shape: tuple[int, int, int], num_labels: int, seed: int) -> keras.Model:
    """Caffe's LeNet: 431,080 weights for 28x28 grey images and ten labels."""
    if min(image_shape[:2]) < 16:
        raise ValueError(f"images for lenet must be at least 16x16, got {image_shape}.")
    xavier = [_xavier(number) for number in np.random.SeedSequence(seed).generate_state(4)]
    images = keras.Input(image_shape, dtype="uint8", name="images")
    x = layers.Rescaling(1 / 256, name="scale")(images)
    x = layers.Conv2D(20, 5, kernel_initializer=xavier[0], name="conv1")(x)
    x = layers.MaxPooling2D(2, name="pool1")(x)
    x = layers.Conv2D(50, 5, kernel_initializer=xavier[1], name="conv2")(x)
    x = layers.MaxPooling2D(2, name="pool2")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(500, activation="relu", kernel_initializer=xavier[2], name="ip1")(x)
    x = layers.Dense(num_labels, kernel_initializer=xavier[3], name="ip2")(x)
    x = layers.Softmax(name="probabilities")(x)
    return keras.Model(images, x, name="lenet")


def _xavier(seed: np.integer) -> keras.initializers.Initializer:
    """Caffe's "xavier": uniform in +-sqrt(3 / fan_in) (include/caffe/filler.hpp)."""
    return keras.initializers.VarianceScaling(
        scale=1.0, mode="fan_in", distribution="uniform", seed=int(seed)
    )


BUILDERS = dict(zip(config.ARCHITECTURES, (lenet,), strict=True))
