"""What a network sees of an image larger than its input: a crop, or ten.

Ten as Caffe's reference network was scored: the four corners and the centre, and the
mirror image of each; Krizhevsky, Sutskever and Hinton, 2012, and the code of Nguyen,
Yosinski and Clune, 2015.
"""

import tensorflow as tf


def corners(image_size: int, crop_size: int, crops: int) -> list[tuple[int, int]]:
    """Where crops begin.

    Args:
        image_size: Side of the square image, in pixels.
        crop_size: Side of a crop, at most `image_size`.
        crops: 1 (the centre) or 10 (five places, each to be mirrored, too).

    Returns:
        (x, y) of the top left pixels, one or five: the corners in reading order, then
        the centre.
    """
    end = image_size - crop_size
    centre = (end // 2, end // 2)
    return [centre] if crops == 1 else [(0, 0), (end, 0), (0, end), (end, end), centre]


def cut(images: tf.Tensor, crop_size: int, crops: int) -> tf.Tensor:
    """Cuts crops out of images.

    Args:
        images: [batch, side, side, channels] of any dtype.
        crop_size: Side of a crop, in pixels.
        crops: 1 or 10.

    Returns:
        [crops * batch, crop_size, crop_size, channels] of the same dtype: first that of
        every image at the first place, and so on; the five mirrored ones come last.
    """
    parts = [
        images[:, y : y + crop_size, x : x + crop_size]
        for x, y in corners(images.shape[1], crop_size, crops)
    ]
    if crops == 10:
        parts += [part[:, :, ::-1] for part in parts]
    return parts[0] if crops == 1 else tf.concat(parts, axis=0)


def mean(confidences: tf.Tensor, crops: int) -> tf.Tensor:
    """The mean over the crops of each image.

    Args:
        confidences: [crops * batch, num_labels], in the order of `cut`.
        crops: How many there are of an image.

    Returns:
        [batch, num_labels].
    """
    if crops == 1:
        return confidences
    num_labels = confidences.shape[1]
    return tf.reduce_mean(tf.reshape(confidences, [crops, -1, num_labels]), axis=0)
