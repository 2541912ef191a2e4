"""Layers of Caffe's ImageNet networks that Keras does not have, or has in another form.

Keras finds these classes by name when it loads a classifier that has them, so this module must be
imported before such a classifier is loaded.
"""

import keras
import numpy as np
import tensorflow as tf

# The mean of ImageNet's training images by channel, as RGB; in Caffe it is BGR.
IMAGENET_MEAN = np.array([123.0, 117.0, 104.0], np.float32)


@keras.saving.register_keras_serializable(package="trainers")
class LocalResponseNormalization(keras.layers.Layer):
    """Divides each value by a norm of the neighbouring channels.

    y = x / (1 + alpha / size * s) ** beta, where s is the sum of the squares of the `size`
    channels around x; channels beyond the first and last count as 0. Krizhevsky, Sutskever and
    Hinton, 2012, but with alpha divided by the size, as Caffe does
    (BVLC/caffe, src/caffe/layers/lrn_layer.cpp).
    """

    def __init__(self, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, **kwargs):
        """Creates the layer.

        Args:
            size: How many channels, including the one in the middle; odd.
            alpha: See the formula.
            beta: See the formula.
            **kwargs: The arguments of every Keras layer.
        """
        super().__init__(**kwargs)
        self.size = size
        self.alpha = alpha
        self.beta = beta

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """[batch, height, width, channels] -> the same shape."""
        return tf.nn.local_response_normalization(
            inputs,
            depth_radius=self.size // 2,
            bias=1.0,
            alpha=self.alpha / self.size,
            beta=self.beta,
        )

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The shape of the input."""
        return input_shape

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        own = {"size": self.size, "alpha": self.alpha, "beta": self.beta}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="trainers")
class MeanImage(keras.layers.Layer):
    """Subtracts an image from every image.

    Attributes:
        mean: [height, width, channels], a weight that is not trained; 0 at first.
    """

    def build(self, input_shape: tuple) -> None:
        """Creates the weight."""
        self.mean = self.add_weight(
            name="mean", shape=input_shape[1:], initializer="zeros", trainable=False
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """[batch, height, width, channels] -> the same shape, in the layer's dtype."""
        return tf.cast(inputs, self.compute_dtype) - self.mean

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The shape of the input."""
        return input_shape


@keras.saving.register_keras_serializable(package="trainers")
class GroupConvolution(keras.layers.Conv2D):
    """A convolution in groups of channels, done as so many convolutions beside each other.

    Keras' own compiles such a convolution with XLA, at its first use and anew in every
    process, because TensorFlow lacked it on CPUs; a server of the exported network may
    have no XLA.
    """

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """[batch, height, width, channels] -> the convolved, without bias and activation."""
        parts = zip(
            tf.split(inputs, self.groups, axis=3),
            tf.split(kernel, self.groups, axis=3),
            strict=True,
        )
        return tf.concat([super(GroupConvolution, self).convolution_op(*p) for p in parts], axis=3)


def normalization(name: str) -> LocalResponseNormalization:
    """The normalization of all networks here; in float32 even if other layers use less."""
    return LocalResponseNormalization(dtype="float32", name=name)


def without_mean(images: keras.KerasTensor, mean: np.ndarray | None) -> keras.KerasTensor:
    """Subtracts the mean of the training images.

    Args:
        images: uint8 [batch, height, width, 3], RGB.
        mean: float32 RGB, [3] or [height, width, 3]; None is `IMAGENET_MEAN`.

    Raises:
        ValueError: The images are not colour images, or the mean has another shape.
    """
    height, width, channels = images.shape[1:]
    if channels != 3:
        raise ValueError(f"the network takes colour images, got {images.shape[1:]}.")
    mean = IMAGENET_MEAN if mean is None else mean
    if mean.shape == (3,):
        offset = (-mean).tolist()
        return keras.layers.Rescaling(1.0, offset, dtype="float32", name="mean")(images)
    if mean.shape != (height, width, 3):
        raise ValueError(
            f"the mean must have the shape (3,) or {(height, width, 3)}, got {mean.shape}."
        )
    layer = MeanImage(dtype="float32", name="mean")
    centred = layer(images)
    layer.mean.assign(mean)
    return centred


def max_pool(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """The largest of 3x3 values, at every second place, with as many places as in Caffe.

    In Caffe, the last window reaches over the edge by one pixel if a side is even; if it is odd,
    none does.

    Args:
        x: [batch, height, width, channels], no value negative.
        name: The name of the layer.
    """
    over = [int(side % 2 == 0) for side in x.shape[1:3]]
    if over[0] != over[1]:
        x = keras.layers.ZeroPadding2D([(0, side) for side in over], name=f"{name}_pad")(x)
        over = [0, 0]
    padding = "same" if all(over) else "valid"
    return keras.layers.MaxPooling2D(3, 2, padding=padding, name=name)(x)
