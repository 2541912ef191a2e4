"""Network architectures by name: bytes in, confidences out, preprocessing inside.

LeNet is that of Caffe's MNIST example (BVLC/caffe, examples/mnist/lenet_train_test.prototxt):
no activation after the convolutions, one ReLU. LeCun et al., 1998,
https://doi.org/10.1109/5.726791. The ImageNet networks have files of their own; "small" is
for drawn shapes, which it learns in a minute, "cifar" for photographs of 32x32 pixels.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from trainers import alexnet, config, fillers, googlenet, names


def build(
    architecture: str,
    image_shape: tuple[int, int, int],
    num_labels: int,
    seed: int,
    mean: np.ndarray | None = None,
) -> keras.Model:
    """A network with new weights, in the form that scores images.

    "lenet", "small" and "cifar" consist of Keras' own layers; before one of the others is loaded
    from a file, `trainers.layers` must be imported.

    Args:
        architecture: One of `config.ARCHITECTURES`.
        image_shape: (height, width, channels); three channels are RGB.
        num_labels: How many labels it distinguishes.
        seed: Seed of the weights and of dropout.
        mean: What the ImageNet networks subtract from the images, RGB, [3] or
            [height, width, 3]; by default ImageNet's by channel.

    Returns:
        A model uint8 [batch, height, width, channels] in 0..255 -> float32 confidences
        [batch, num_labels], whose rows add up to 1.

    Raises:
        ValueError: `architecture` is unknown (the message lists the known ones), or does not take
            such images or a mean.
    """
    if architecture not in BUILDERS:
        raise ValueError(names.unknown("architecture", architecture, list(BUILDERS)))
    if mean is None:
        return BUILDERS[architecture](image_shape, num_labels, seed)
    if architecture in config.OF_GREY:
        raise ValueError(f"{architecture} subtracts no mean.")
    return BUILDERS[architecture](image_shape, num_labels, seed, mean)


@contextlib.contextmanager
def without_values() -> Iterator[None]:
    """Gives the weights of networks that are built inside shapes but no values, nor memory.

    They never get values: Keras keeps a list of all such weights, whoever has built them, and
    would fill them when it next leaves a scope without state, as a training does.
    """
    from keras.src.backend.common import global_state  # it has no public name

    name = "uninitialized_variables"
    before = list(global_state.get_global_attribute(name) or [])
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute(name, before)


def logits(model: keras.Model) -> keras.Model:
    """The same network without its last layer, the softmax; all weights are shared.

    A loss of logits stays precise where a softmax is rounded to 0 or 1.
    """
    return keras.Model(model.input, model.layers[-1].input, name=f"{model.name}_logits")


@dataclasses.dataclass(frozen=True)
class TrainingNetwork:
    """A network in the form that is trained: with dropout, and with heads if it has some.

    Attributes:
        model: The network in the form that scores images; it has the same weights.
        trained: The network whose outputs are the logits of each head, its own first.
        loss_weights: The weight of each head's loss.
    """

    model: keras.Model
    trained: keras.Model
    loss_weights: tuple[float, ...]

    @property
    def variables(self) -> list[keras.Variable]:
        """The variables that are trained; each has a `path` of its own."""
        return self.trained.trainable_variables

    def outputs(self, images: tf.Tensor, draw: tf.Tensor) -> list[tuple[tf.Tensor, float]]:
        """The logits from which the loss is computed, each with its weight.

        This is a pure function: what dropout leaves out depends only on the network's seed and on
        `draw`, and there is no state that a training would have to save.

        Args:
            images: uint8 [batch, height, width, channels].
            draw: int scalar, different in every step and on every replica.

        Returns:
            For each head its logits, float32 [batch, num_labels], and its weight.
        """
        draw = tf.cast(draw, tf.int64)
        seeds = [
            (layer.seed_generator.state, tf.stack([tf.constant(layer.seed, tf.int64), draw]))
            for layer in self.trained.layers
            if isinstance(layer, layers.Dropout)
        ]
        with keras.StatelessScope(state_mapping=seeds):
            heads = keras.tree.flatten(self.trained(images, training=True))
        return [
            (tf.cast(head, tf.float32), weight)
            for head, weight in zip(heads, self.loss_weights, strict=True)
        ]


def for_training(
    architecture: str,
    image_shape: tuple[int, int, int],
    num_labels: int,
    seed: int,
    mean: np.ndarray | None = None,
) -> TrainingNetwork:
    """A network with new weights, in the form that is trained; the arguments are those of `build`.

    Its weights are those that `build` gives. Call this in the strategy's scope.
    """
    model = build(architecture, image_shape, num_labels, seed, mean)
    heads = [(logits(model).output, 1.0)]
    if architecture == "googlenet":
        heads += googlenet.training_heads(model, seed)
    outputs, weights = zip(*heads, strict=True)
    trained = keras.Model(model.input, list(outputs), name=f"{architecture}_training")
    return TrainingNetwork(model, trained, weights)


def lenet(image_shape: tuple[int, int, int], num_labels: int, seed: int) -> keras.Model:
    """Caffe's LeNet: 431,080 weights for 28x28 grey images and ten labels."""
    _check_side("lenet", image_shape)
    seeds = fillers.seeds(seed)
    xavier = [fillers.xavier(next(seeds)) for _ in range(4)]
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


def small(image_shape: tuple[int, int, int], num_labels: int, seed: int) -> keras.Model:
    """Four convolutions and a dense layer: 95,114 weights for 64x64 colours and ten labels."""
    convolutions = ((16, 5, 2), "pool", (32, 3, 1), "pool", (64, 3, 1), "pool", (96, 3, 1))
    return _convolutional("small", image_shape, num_labels, seed, convolutions)


def cifar(image_shape: tuple[int, int, int], num_labels: int, seed: int) -> keras.Model:
    """Four wider convolutions and a dense layer: 253,898 weights for 28x28 colours, ten labels.

    The first one halves the sides, so that an image takes only 3.3 million multiplications.
    """
    convolutions = ((32, 5, 2), "pool", (64, 3, 1), "pool", (128, 3, 1), (128, 3, 1))
    return _convolutional("cifar", image_shape, num_labels, seed, convolutions)


def _convolutional(
    name: str,
    image_shape: tuple[int, int, int],
    num_labels: int,
    seed: int,
    convolutions: Sequence[tuple[int, int, int] | str],
) -> keras.Model:
    """Convolutions with ReLU, (filters, size, strides), and pools of 2x2; then a dense layer."""
    _check_side(name, image_shape)
    seeds = fillers.seeds(seed)
    images = keras.Input(image_shape, dtype="uint8", name="images")
    x = layers.Rescaling(1 / 127.5, -1.0, name="scale")(images)
    conv = pool = 0
    for step in convolutions:
        if isinstance(step, str):  # "pool"
            pool += 1
            x = layers.MaxPooling2D(2, name=f"pool{pool}")(x)
            continue
        conv += 1
        filters, size, strides = step
        x = layers.Conv2D(
            filters,
            size,
            strides=strides,
            padding="same",
            activation="relu",
            kernel_initializer=keras.initializers.HeNormal(next(seeds)),
            name=f"conv{conv}",
        )(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(num_labels, kernel_initializer=fillers.xavier(next(seeds)), name="dense")(x)
    x = layers.Softmax(dtype="float32", name="probabilities")(x)
    return keras.Model(images, x, name=name)


def _check_side(name: str, image_shape: tuple[int, int, int]) -> None:
    if min(image_shape[:2]) < 16:
        raise ValueError(f"images for {name} must be at least 16x16, got {image_shape}.")


_BUILDERS = (lenet, alexnet.alexnet, alexnet.caffenet, googlenet.googlenet, small, cifar)
BUILDERS: dict[str, Callable[..., keras.Model]] = dict(
    zip(config.ARCHITECTURES, _BUILDERS, strict=True)
)
