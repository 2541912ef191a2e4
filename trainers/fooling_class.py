"""The fooling class: images that fooled earlier classifiers, as one more label.

Nguyen, Yosinski and Clune, 2015, supplement C, https://arxiv.org/abs/1412.1897: a
classifier of n labels is trained again with label n for whatever is no member of any.
"""

import dataclasses

import numpy as np

from trainers import datasets

LABEL = "fooling"


def add(
    data: datasets.Dataset, train_images: np.ndarray, test_images: np.ndarray
) -> datasets.Dataset:
    """A data set with images added to it as label `len(data.labels)`.

    They stand behind the others; a training shuffles.

    Args:
        data: What is enlarged, without a fooling class.
        train_images: uint8 [number, height, width, channels], like those of `data`.
        test_images: Likewise; none of them may be among `train_images`.

    Raises:
        ValueError: There is a fooling class already, the images have another shape or
            dtype, or one is in both parts.
    """
    if LABEL in data.labels:
        raise ValueError(f"{data.name} has a label {LABEL!r} already.")
    shared = _contents(train_images) & _contents(test_images)
    if shared:
        raise ValueError(f"{len(shared)} of the test images are among the training images.")
    images = {"train": train_images, "test": test_images}
    for split, added in images.items():
        if added.dtype != np.uint8 or added.shape[1:] != data.image_shape:
            raise ValueError(
                f"{split}_images must be uint8 [number, {', '.join(map(str, data.image_shape))}] "
                f"like those of {data.name}, got {added.dtype} {list(added.shape)}."
            )
    fooling = len(data.labels)
    return dataclasses.replace(
        data,
        name=f"{data.name}+{LABEL}",
        labels=(*data.labels, LABEL),
        train_images=np.concatenate([data.train_images, train_images]),
        train_labels=_extended(data.train_labels, len(train_images), fooling),
        test_images=np.concatenate([data.test_images, test_images]),
        test_labels=_extended(data.test_labels, len(test_images), fooling),
    )


def _extended(labels: np.ndarray, count: int, label: int) -> np.ndarray:
    return np.concatenate([labels, np.full(count, label, labels.dtype)])


def _contents(images: np.ndarray) -> set[bytes]:
    return {image.tobytes() for image in images}
