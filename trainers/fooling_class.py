"""The fooling class: images that fooled earlier classifiers, as one more label.

Nguyen, Yosinski and Clune, 2015, supplement C, https://arxiv.org/abs/1412.1897: a
classifier of n labels is trained again, with label n for images that belong to no label.
"""

import dataclasses
import hashlib
from typing import TYPE_CHECKING

import numpy as np

from trainers import datasets, sources

if TYPE_CHECKING:
    from trainers import streams

LABEL = "fooling"


def add(
    data: "datasets.Dataset | streams.Stream", train_images: np.ndarray, test_images: np.ndarray
) -> sources.Source:
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
    images = {"train": train_images, "test": test_images}
    if isinstance(data, datasets.Dataset):
        shape = data.image_shape
    else:
        shape = (data.image_size, data.image_size, data.channels)
    for split, added in images.items():
        if added.dtype != np.uint8 or added.shape[1:] != shape:
            raise ValueError(
                f"{split}_images must be uint8 [number, {', '.join(map(str, shape))}] "
                f"like those of {data.name}, got {added.dtype} {list(added.shape)}."
            )
    name, fooling = f"{data.name}+{LABEL}", len(data.labels)
    if not isinstance(data, datasets.Dataset):
        return data.with_label(name, LABEL, train_images, test_images)
    return dataclasses.replace(
        data,
        name=name,
        labels=(*data.labels, LABEL),
        train_images=np.concatenate([data.train_images, train_images]),
        train_labels=_extended(data.train_labels, len(train_images), fooling),
        test_images=np.concatenate([data.test_images, test_images]),
        test_labels=_extended(data.test_labels, len(test_images), fooling),
    )


def _extended(labels: np.ndarray, count: int, label: int) -> np.ndarray:
    return np.concatenate([labels, np.full(count, label, labels.dtype)])


def _contents(images: np.ndarray) -> set[bytes]:
    return {hashlib.sha256(np.ascontiguousarray(image)).digest() for image in images}
