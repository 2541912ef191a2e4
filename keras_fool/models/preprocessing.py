"""What turns bytes 0..255 into the input of a network, by the word that users say for it.

As `keras.applications.imagenet_utils.preprocess_input` does in each of its modes, and Caffe
("bgr") with its mean of ImageNet.
"""

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Method:
    """One way to prepare images.

    Attributes:
        apply: Images in 0..255, RGB or grey, as float32 [batch, height, width, channels] ->
            what the network takes, of the same shape. It takes NumPy arrays, whose result may
            be float64, and TensorFlow's tensors.
        mean: What it subtracts, RGB in 0..255; None for nothing.
        needs_colour: Whether it is for images of three channels only.
    """

    apply: Callable
    mean: tuple[float, float, float] | None = None
    needs_colour: bool = False


METHODS = {
    "none": Method(lambda images: images),
    "unit": Method(lambda images: images / 255),
    "caffe": Method(
        lambda images: images[..., ::-1] - [103.939, 116.779, 123.68],
        mean=(123.68, 116.779, 103.939),
        needs_colour=True,
    ),
    "tf": Method(lambda images: images / 127.5 - 1, mean=(127.5, 127.5, 127.5)),
    "torch": Method(
        lambda images: (images / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
        mean=(123.675, 116.28, 103.53),
        needs_colour=True,
    ),
    "bgr": Method(
        lambda images: images[..., ::-1] - [104.0, 117.0, 123.0],
        mean=(123.0, 117.0, 104.0),
        needs_colour=True,
    ),
}
