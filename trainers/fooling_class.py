"""The fooling class: images that fooled earlier classifiers, as one more label.

Nguyen, Yosinski and Clune, 2015, supplement C, https://arxiv.org/abs/1412.1897: a
classifier of n labels is trained again, with label n for images that belong to no label.
"""

import hashlib

import numpy as np

from trainers import sources

LABEL = "fooling"


def add(data: sources.Source, train_images: np.ndarray, test_images: np.ndarray) -> sources.Source:
    """A data set with images added to it as label `len(data.labels)`.

    They come after the other images; a training shuffles all. Images that are added to a data set
    that is not in memory are cut like its own pictures, and may be files mapped into memory.

    Args:
        data: The data set, without a fooling class.
        train_images: uint8 [number, height, width, channels], like those of `data`, or
            like its pictures before they are cut.
        test_images: Likewise; none may be among `train_images`.

    Raises:
        ValueError: There is a fooling class already, the images have another shape or dtype, or
            an image is in both parts.
    """
    if LABEL in data.labels:
        raise ValueError(f"{data.name} has a label {LABEL!r} already.")
    shared = _contents(train_images) & _contents(test_images)
    if shared:
        raise ValueError(f"{len(shared)} of the test images are among the training images.")
    images, shape = {"train": train_images, "test": test_images}, data.picture_shape
    for split, added in images.items():
        if added.dtype != np.uint8 or added.shape[1:] != shape:
            raise ValueError(
                f"{split}_images must be uint8 [number, {', '.join(map(str, shape))}] "
                f"like those of {data.name}, got {added.dtype} {list(added.shape)}."
            )
    return data.with_label(f"{data.name}+{LABEL}", LABEL, train_images, test_images)


def _contents(images: np.ndarray) -> set[bytes]:
    return {hashlib.sha256(np.ascontiguousarray(image)).digest() for image in images}
