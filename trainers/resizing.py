"""Images of another size, by TensorFlow's antialiased resize: as a shrunken photograph looks."""

import tensorflow as tf


def resized(images: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Resizes images bilinearly, with antialiasing where they become smaller.

    Args:
        images: [..., height, width, channels] in 0..255, one or a batch.
        height: The new height, in pixels.
        width: The new width.

    Returns:
        uint8 [..., height, width, channels], rounded.
    """
    return tf.cast(tf.round(tf.image.resize(images, (height, width), antialias=True)), tf.uint8)
