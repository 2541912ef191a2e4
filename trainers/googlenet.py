"""GoogLeNet, with the two extra classifiers ("heads") that are only used to train it.

Szegedy et al., 2014, https://arxiv.org/abs/1409.4842, as in BVLC/caffe, models/bvlc_googlenet.
Layers have Caffe's names, with "_" for "/".
"""

from collections.abc import Iterator

import keras
import numpy as np

from trainers import fillers
from trainers import layers as caffe_layers

_MIN_SIDE = 31  # in smaller images, nothing is left after the fourth pooling
# Channels of: the 1x1, the reduction before 3x3, the 3x3, the reduction before 5x5, the 5x5, and
# the projection after the pooling.
_BLOCKS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
_POOLED_AFTER = {"3b": "pool3_3x3_s2", "4e": "pool4_3x3_s2"}
_HEADS = {"loss1": "inception_4a_output", "loss2": "inception_4d_output"}
_HEAD_WEIGHT = 0.3


def googlenet(
    image_shape: tuple[int, int, int],
    num_labels: int,
    seed: int,
    mean: np.ndarray | None = None,
) -> keras.Model:
    """GoogLeNet without heads: 6,998,552 weights for 224x224 images and 1000 labels.

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
    if min(image_shape[:2]) < _MIN_SIDE:
        raise ValueError(
            f"images for googlenet must be at least {_MIN_SIDE}x{_MIN_SIDE}, got {image_shape}."
        )
    layers = keras.layers
    seeds = fillers.seeds(seed)
    images = keras.Input(image_shape, dtype="uint8", name="images")
    x = caffe_layers.without_mean(images, mean)
    # Caffe pads all sides equally; "same" would pad less at the top and on the left.
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = _conv(x, 64, 7, next(seeds), "conv1_7x7_s2", strides=2, padding="valid")
    x = caffe_layers.max_pool(x, "pool1_3x3_s2")
    x = caffe_layers.normalization("pool1_norm1")(x)
    x = _conv(x, 64, 1, next(seeds), "conv2_3x3_reduce")
    x = _conv(x, 192, 3, next(seeds), "conv2_3x3")
    x = caffe_layers.normalization("conv2_norm2")(x)
    x = caffe_layers.max_pool(x, "pool2_3x3_s2")
    for block, channels in _BLOCKS.items():
        x = _inception(x, channels, seeds, f"inception_{block}")
        if block in _POOLED_AFTER:
            x = caffe_layers.max_pool(x, _POOLED_AFTER[block])
    x = layers.GlobalAveragePooling2D(name="pool5_7x7_s1")(x)
    x = layers.Dropout(0.4, seed=next(seeds), name="pool5_drop_7x7_s1")(x)
    xavier = fillers.xavier(next(seeds))
    x = layers.Dense(num_labels, kernel_initializer=xavier, name="loss3_classifier")(x)
    x = layers.Softmax(dtype="float32", name="probabilities")(x)
    return keras.Model(images, x, name="googlenet")


def training_heads(model: keras.Model, seed: int) -> list[tuple[keras.KerasTensor, float]]:
    """Two more classifiers on layers in the middle, which help to train the layers below them.

    Args:
        model: What `googlenet` returns.
        seed: Seed of the heads' weights and dropout.

    Returns:
        For each head, its logits [batch, num_labels] and the weight of its loss; the network's own
        loss has the weight 1.
    """
    num_labels = model.output_shape[-1]
    heads = []
    for branch, (name, tap) in enumerate(_HEADS.items()):
        seeds = fillers.seeds(seed, branch)
        logits = _head(model.get_layer(tap).output, num_labels, seeds, name)
        heads.append((logits, _HEAD_WEIGHT))
    return heads


def _head(
    x: keras.KerasTensor, num_labels: int, seeds: Iterator[int], name: str
) -> keras.KerasTensor:
    layers = keras.layers
    size = [min(5, side) for side in x.shape[1:3]]  # 5; less for small images
    x = layers.AveragePooling2D(size, 3, name=f"{name}_ave_pool")(x)
    x = _conv(x, 128, 1, next(seeds), f"{name}_conv")
    x = layers.Flatten(name=f"{name}_flatten")(x)
    x = layers.Dense(
        1024,
        activation="relu",
        kernel_initializer=fillers.xavier(next(seeds)),
        bias_initializer=keras.initializers.Constant(0.2),
        name=f"{name}_fc",
    )(x)
    x = layers.Dropout(0.7, seed=next(seeds), name=f"{name}_drop_fc")(x)
    xavier = fillers.xavier(next(seeds))
    return layers.Dense(num_labels, kernel_initializer=xavier, name=f"{name}_classifier")(x)


def _inception(
    x: keras.KerasTensor, channels: tuple[int, ...], seeds: Iterator[int], name: str
) -> keras.KerasTensor:
    """Convolutions of three sizes and a pooling, in parallel."""
    one, reduced3, three, reduced5, five, projected = channels
    branch1 = _conv(x, one, 1, next(seeds), f"{name}_1x1")
    branch3 = _conv(x, reduced3, 1, next(seeds), f"{name}_3x3_reduce")
    branch3 = _conv(branch3, three, 3, next(seeds), f"{name}_3x3")
    branch5 = _conv(x, reduced5, 1, next(seeds), f"{name}_5x5_reduce")
    branch5 = _conv(branch5, five, 5, next(seeds), f"{name}_5x5")
    pooled = keras.layers.MaxPooling2D(3, 1, padding="same", name=f"{name}_pool")(x)
    pooled = _conv(pooled, projected, 1, next(seeds), f"{name}_pool_proj")
    return keras.layers.Concatenate(name=f"{name}_output")([branch1, branch3, branch5, pooled])


def _conv(
    x: keras.KerasTensor,
    filters: int,
    size: int,
    seed: int,
    name: str,
    *,
    strides: int = 1,
    padding: str = "same",
) -> keras.KerasTensor:
    return keras.layers.Conv2D(
        filters,
        size,
        strides=strides,
        padding=padding,
        activation="relu",
        kernel_initializer=fillers.xavier(seed),
        bias_initializer=keras.initializers.Constant(0.2),
        name=name,
    )(x)
