"""What a detector is fitted on: the classifier's features of training images, in batches."""

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np

from keras_fool.detectors import signals

Images = np.ndarray | Iterable[np.ndarray]

# Numbers of features that are kept, half a gigabyte; of more images a random choice is.
_MOST_VALUES = 2**27
_SEED = 0  # of that choice
# Images that go through the network together, at the most; results depend on no batch.
_CHUNK = 8192
# Rows that statistics take into double precision at a time.
_ROWS = 4096


@dataclasses.dataclass(frozen=True, eq=False)
class Training:
    """The features of training images.

    Attributes:
        features: float32 [kept, num_features], in the order of the images.
        labels: int64 [kept]; those given, or those that the classifier gives.
        max_logits: float32 [kept], the largest logit of each; zeros where there are no logits.
        num_images: How many images there were; more than `kept` where they were too many.
    """

    features: np.ndarray
    labels: np.ndarray
    max_logits: np.ndarray
    num_images: int

    def blocks(self) -> Iterator[tuple[np.ndarray, slice]]:
        """All features in blocks, float64 [rows, num_features], and which rows they are."""
        for start in range(0, len(self.features), _ROWS):
            rows = slice(start, min(start + _ROWS, len(self.features)))
            yield self.features[rows].astype(np.float64), rows


def collect(source: signals.Source, images: Images, labels: np.ndarray | None) -> Training:
    """Computes the features of training images.

    Args:
        source: A classifier with features.
        images: uint8 [n, height, width, channels], or an iterable of such batches, of any sizes.
        labels: int [n], or None for the labels that the classifier gives.

    Raises:
        ValueError: Images or labels do not suit the classifier, or have features that are not
            finite.
    """
    chunks = _Kept(max(1, _MOST_VALUES // source.num_features))
    mapped = source.mapped(
        lambda _, found: [
            found.features,
            found.confidences,
            found.confidences if found.logits is None else found.logits,
        ]
    )
    given = None if labels is None else _checked_labels(source, labels)
    begun = 0
    for chunk in _rechunked(source, images):
        features, confidences, logits = mapped(chunk)
        finite = np.isfinite(features).all(axis=1)
        if not finite.all():
            raise ValueError(
                f"{source.name} gives {np.count_nonzero(~finite)} of {len(chunk)} training images "
                "features that are not finite, and nothing can be fitted on them."
            )
        own = confidences.argmax(axis=1) if given is None else given[begun : begun + len(chunk)]
        begun += len(chunk)
        if len(own) < len(chunk):
            continue  # counted, and refused below
        largest = logits.max(axis=1) if source.lack(signals.LOGITS) is None else np.zeros(len(own))
        chunks.add(features, own.astype(np.int64), largest.astype(np.float32))
    if not begun:
        raise ValueError("a detector is fitted on training images, and there are none.")
    if given is not None and len(given) != begun:
        raise ValueError(f"labels must be [{begun}], one for each image, got [{len(given)}].")
    features, kept, largest = chunks.rows()
    return Training(features, kept, largest, begun)


class _Kept:
    """A random choice of so many rows, or all; it depends on no batch."""

    def __init__(self, most: int):
        self._most = most
        self._rng = np.random.default_rng(_SEED)
        self._keys: list[np.ndarray] = []
        self._parts: list[tuple[np.ndarray, ...]] = []

    def add(self, *columns: np.ndarray) -> None:
        self._keys.append(self._rng.random(len(columns[0])))
        self._parts.append(columns)
        if sum(map(len, self._keys)) > 2 * self._most:
            self._reduce()

    def rows(self) -> tuple[np.ndarray, ...]:
        self._reduce()
        return self._parts[0]

    def _reduce(self) -> None:
        keys = np.concatenate(self._keys)
        columns = tuple(np.concatenate(part) for part in zip(*self._parts, strict=True))
        if len(keys) > self._most:
            places = np.sort(np.argpartition(keys, self._most)[: self._most])
            keys, columns = keys[places], tuple(column[places] for column in columns)
        self._keys, self._parts = [keys], [columns]


def _rechunked(source: signals.Source, images: Images) -> Iterator[np.ndarray]:
    """The images in chunks of one size, however they come, so that no sum depends on it."""
    if isinstance(images, np.ndarray):
        signals.check_images(source, images)
        for start in range(0, len(images), _CHUNK):
            yield images[start : start + _CHUNK]
        return
    waiting: list[np.ndarray] = []
    for batch in images:
        signals.check_images(source, batch, "each batch of images")
        waiting.append(batch)
        while sum(map(len, waiting)) >= _CHUNK:
            together = np.concatenate(waiting)
            yield together[:_CHUNK]
            waiting = [together[_CHUNK:]]
    if sum(map(len, waiting)):
        yield np.concatenate(waiting)


def _checked_labels(source: signals.Source, labels: np.ndarray) -> np.ndarray:
    found = np.asarray(labels)
    if found.dtype.kind not in "iu" or found.ndim != 1:
        raise ValueError(
            f"labels must be whole numbers [n], got {found.dtype} {list(found.shape)}."
        )
    most = len(source.labels) - 1
    if len(found) and (found.min() < 0 or found.max() > most):
        raise ValueError(f"labels must be in 0..{most}, got {found.min()}..{found.max()}.")
    return found.astype(np.int64)
