"""Labelled images in three parts: fitted on, held out, judged on. Nothing is in two of them.

Detectors are fitted on the first, which are training images where there are some; thresholds are
chosen on the second; everything is judged on the third.
"""

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_fool.audits import settings as settings_module
from keras_fool.models import scorer_contract
from keras_fool.studies import confidence, real_images, real_parts
from trainers import sources, tfds_data

_FEWEST = 3  # images, one for each part
_MNIST = "mnist"
NONE_GIVEN = (
    "No labelled images were given, so that it is not known how often the classifier is right, and "
    "no detector has a threshold."
)


@dataclasses.dataclass(frozen=True, eq=False)
class Parts:
    """The labelled images of an audit.

    Attributes:
        name: Of the data set.
        digest: Differs between data sets whose images, labels or order differ.
        fitted: What detectors are fitted on.
        held_out: What thresholds are chosen on.
        judged: What everything is judged on.
        order: How labels were found in each other, a sentence.
        remark: How the images were divided, a sentence.
    """

    name: str
    digest: str
    fitted: real_parts.Labelled
    held_out: real_parts.Labelled
    judged: real_parts.Labelled
    order: str
    remark: str


def find(
    name: str,
    scorer: scorer_contract.Scorer,
    data_dir: str | None,
    settings: settings_module.Settings,
) -> Parts | str:
    """The parts of a data set, or why it is not at hand, in sentences.

    MNIST is never downloaded for an audit, so that what comes of it depends on no network.

    Args:
        name: As `datasets.load` takes it.
        scorer: The classifier.
        data_dir: As `datasets.load` takes it.
        settings: What the user chose.

    Raises:
        ValueError: As `datasets.load` and `of_source` do.
    """
    if name == _MNIST and not tfds_data.is_prepared(name, data_dir):
        return (
            f"The images of {name} are not prepared on this machine, so that nothing was measured "
            "on real ones; --data_dir names the folder of TensorFlow Datasets that has them."
        )
    loaded = confidence.load(name, scorer.image_shape, data_dir, with_training=True)
    return of_source(scorer, loaded, settings)


def of_source(
    scorer: scorer_contract.Scorer, data: sources.Source, settings: settings_module.Settings
) -> Parts:
    """The parts of a data set, in the classifier's size and with its labels.

    Raises:
        ValueError: Classifier and data have other labels or other images, or there are too few.
    """
    seen: Any = scorer  # as detectors see a classifier, or as it is: the same is asked of both
    found = real_parts.of(seen, data, settings.num_fitted, 2 * settings.num_real)
    order = real_images.said(real_images.found_order(scorer, data), scorer, data)
    parts = found.fitted, found.held_out, found.judged
    return Parts(data.name, data.digest, *parts, order, found.remark)


def of_arrays(
    scorer: scorer_contract.Scorer,
    images: np.ndarray,
    labels: Sequence[int] | np.ndarray | None,
    train_images: np.ndarray | None,
    train_labels: Sequence[int] | np.ndarray | None,
    settings: settings_module.Settings,
) -> Parts:
    """The parts of arrays.

    Args:
        scorer: The classifier.
        images: uint8 [number, height, width, channels] that it was not trained on.
        labels: int [number], by the classifier's numbers.
        train_images: Images that it was trained on, likewise; None where they are not at hand.
        train_labels: Their labels.
        settings: What the user chose.

    Raises:
        ValueError: They do not suit the classifier or each other.
    """
    tested = _checked(scorer, images, labels, "images")
    train = None
    if train_images is not None:
        train = _checked(scorer, train_images, train_labels, "train_images")
    digest = hashlib.sha256()
    for part in (tested, train):
        if part is not None:
            digest.update(np.ascontiguousarray(part.images))
            digest.update(part.labels.tobytes())
    if len(tested) < _FEWEST:
        raise ValueError(
            f"an audit divides real images into {_FEWEST} parts, to fit detectors, to choose "
            f"thresholds and to judge, and got {len(tested)} of them: give more."
        )
    # Arrays may be sorted by label.
    tested = _shuffled(tested, 2 * settings.num_real, settings.seed)
    if train is not None:
        fitted = _shuffled(train, settings.num_fitted, settings.seed)
        held_out, judged = tested.every(2, 0), tested.every(2, 1)
        what = f"{len(fitted):,} of {len(train):,} training images"
    else:
        fitted, held_out, judged = (tested.every(3, first) for first in range(3))
        what = f"{len(fitted):,} images, as no training images are given"
    remark = (
        f"Detectors are fitted on {what}, thresholds chosen on {len(held_out):,} images, and "
        f"{len(judged):,} others are what fooling images are compared with."
    )
    order = "The labels are the classifier's numbers."
    name, sum_of_all = "the given images", digest.hexdigest()[:32]
    return Parts(name, sum_of_all, fitted, held_out, judged, order, remark)


def _shuffled(images: real_parts.Labelled, most: int, seed: int) -> real_parts.Labelled:
    """Images in random order, of more than `most` so many; the same seed gives the same ones."""
    places = np.random.default_rng(seed).permutation(len(images))[:most]
    return real_parts.Labelled(images.images[places], images.labels[places])


def _checked(
    scorer: scorer_contract.Scorer, images: object, labels: object, what: str
) -> real_parts.Labelled:
    found, given = np.asarray(images), np.asarray(labels)
    if found.dtype != np.uint8 or found.shape[1:] != tuple(scorer.image_shape) or not len(found):
        raise ValueError(
            f"{what} must be uint8 [at least 1, {', '.join(map(str, scorer.image_shape))}] in "
            f"0..255 for {scorer.name}, got {found.dtype} {list(found.shape)}."
        )
    number, most = len(found), len(scorer.labels) - 1
    if labels is None or given.dtype.kind not in "iu" or given.shape != (number,):
        got = "none" if labels is None else f"{given.dtype} {list(given.shape)}"
        raise ValueError(
            f"the labels of {what} must be whole numbers [{number}], one for each image, got {got}."
        )
    if given.min() < 0 or given.max() > most:
        raise ValueError(
            f"the labels of {what} must be in 0..{most}, got {given.min()}..{given.max()}."
        )
    return real_parts.Labelled(found, given.astype(np.int64))
