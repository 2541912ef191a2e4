"""Labelled images in three parts: fitted on, held out, judged on. Nothing is in two of them.

Detectors are fitted on the first, which are training images where there are some; thresholds are
chosen on the second; everything is judged on the third.
"""

import dataclasses
import hashlib
from collections.abc import Sequence

import numpy as np

from keras_fool.audits import settings as settings_module
from keras_fool.models import scorer_contract
from keras_fool.studies import confidence, inspection, real_images
from trainers import sources, tfds_data

_BATCH = 250  # training images that are read together
_MNIST = "mnist"
NONE_GIVEN = (
    "No labelled images were given, so that it is not known how often the classifier is right, and "
    "no detector has a threshold."
)


@dataclasses.dataclass(frozen=True, eq=False)
class Images:
    """Images and their labels, by the classifier's numbers.

    Attributes:
        images: uint8 [number, height, width, channels].
        labels: int64 [number].
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def take(self, places: np.ndarray) -> "Images":
        """Those at some places."""
        return Images(self.images[places], self.labels[places])


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
        source: The data set, where there is one that is more than these images.
    """

    name: str
    digest: str
    fitted: Images
    held_out: Images
    judged: Images
    order: str
    remark: str
    source: sources.Source | None = None


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
    order = real_images.found_order(scorer, data)
    places = np.array(order.places)
    if tuple(data.image_shape) != tuple(scorer.image_shape):
        raise ValueError(
            f"{scorer.name} takes images of {list(scorer.image_shape)}, those of {data.name} are "
            f"{list(data.image_shape)} (height, width, channels)."
        )
    images, labels = inspection.sample(data, 3 * settings.num_real)
    tested = Images(images, places[labels])
    train = None
    if data.num_train:
        train = _training_images(data, min(data.num_train, settings.num_fitted), settings.seed)
        train = Images(train.images, places[train.labels])
    said = real_images.said(order, scorer, data)
    return _parts(data.name, data.digest, train, tested, said, settings, data)


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
    rng = np.random.default_rng(settings.seed)
    if train is not None and len(train) > settings.num_fitted:
        train = train.take(np.sort(rng.choice(len(train), settings.num_fitted, replace=False)))
    order = "The labels are the classifier's numbers."
    return _parts("the given images", digest.hexdigest()[:32], train, tested, order, settings)


def _parts(
    name: str,
    digest: str,
    train: Images | None,
    tested: Images,
    order: str,
    settings: settings_module.Settings,
    source: sources.Source | None = None,
) -> Parts:
    """Divides test images at random, always in the same way."""
    count = 2 if train is not None else 3
    most = settings.num_real
    each = min(len(tested) // count, most)
    if not each:
        raise ValueError(
            f"{name} has {len(tested)} test images, and an audit divides them into {count} parts: "
            "give more."
        )
    shuffled = np.random.default_rng(settings.seed).permutation(len(tested))
    parts = [np.sort(shuffled[start : start + each]) for start in range(0, count * each, each)]
    held_out, judged = tested.take(parts[0]), tested.take(parts[1])
    if train is None:
        fitted = tested.take(parts[2])
        what = f"{each:,} test images, as there are no training images"
    else:
        fitted = train
        what = f"{len(train):,} training images"
    remark = (
        f"Detectors are fitted on {what}; thresholds are chosen on {each:,} test images, and "
        f"everything is judged on {each:,} others."
    )
    return Parts(name, digest, fitted, held_out, judged, order, remark, source)


def _training_images(data: sources.Source, number: int, seed: int) -> Images:
    """The first images of the random order that a training would have them in."""
    batch = min(_BATCH, number)
    feed = data.train_feed(seed, batch, slice(None))
    parts = [feed.read(step, 1) for step in range(-(-number // batch))]
    images, labels = (
        np.concatenate([part[0] for part in column]) for column in zip(*parts, strict=True)
    )
    return Images(images[:number], labels[:number])


def _checked(scorer: scorer_contract.Scorer, images: object, labels: object, what: str) -> Images:
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
    return Images(found, given.astype(np.int64))
