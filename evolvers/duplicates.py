"""Finds images that need not be scored, because their confidences are known.

An image that equals that of an elite of the run, or an earlier image of the same batch, cannot take
a niche: its confidences were offered to all niches before, and only a strictly higher one replaces
an elite. Leaving it out changes no result.
"""

import functools
import math

import numpy as np

from evolvers.compiling import compiled

# A sample of a large image is so many runs of so many bytes; a smaller one is its own sample.
_RUNS, _RUN = 256, 16
_MOVED = 2**20  # bytes that are moved at once, through memory of this size


class Seen:
    """The images of a run that are known.

    Nearly all images differ in a sample of their bytes. Where two samples are equal, a hash of all
    bytes decides, and where those are equal, too, the bytes do; so no different image is left out.

    Args:
        elites: `archive.Elite`s whose images are known; None among them is ignored.
    """

    def __init__(self, elites: list):
        # By sample: an image, or a dictionary of several by their hashes.
        self._images: dict[int, np.ndarray | dict[int, np.ndarray]] = {}
        for elite in dict.fromkeys(elites):  # some have several niches
            if elite is not None:
                self._add(elite.image_sample, elite.image)

    def move_fresh(self, images: np.ndarray, start: int, stop: int, to: int) -> np.ndarray:
        """Finds the images that appear for the first time; they are known from now on.

        Args:
            images: uint8 [batch, height, width, channels], of which those that are found are
                moved, and are not to be changed afterwards.
            start: The first image to look at.
            stop: Where those end.
            to: Where the first one that is found goes, at most `start`; the others go behind it.

        Returns:
            bool [stop - start]; of equal images the first is fresh, unless it was known before.
        """
        fresh = np.ones(stop - start, bool)
        moved = start  # the images from here to the one that is looked at are to be moved
        for place, sample in enumerate(samples(images[start:stop]).tolist(), start):
            if sample not in self._images:
                self._images[sample] = images[to + place - moved]  # where it will be
                continue
            _move(images, moved, place, to)
            to += place - moved
            moved = place + 1
            if self._has(sample, images[place]):
                fresh[place - start] = False
            else:
                _move(images, place, moved, to)
                self._add(sample, images[to])
                to += 1
        _move(images, moved, stop, to)
        return fresh

    def _has(self, sample: int, image: np.ndarray) -> bool:
        like = self._images.get(sample)
        if isinstance(like, dict):
            like = like.get(_hash(image))
        return like is not None and np.array_equal(like, image)

    def _add(self, sample: int, image: np.ndarray) -> None:
        like = self._images.setdefault(sample, image)
        if like is image:
            return
        if not isinstance(like, dict):
            like = self._images[sample] = {_hash(like): like}
        like.setdefault(_hash(image), image)


def fresh(images: np.ndarray, elites: list) -> np.ndarray:
    """Which images of a batch appear for the first time: bool [batch]; see `Seen`."""
    return Seen(elites).move_fresh(images.copy(), 0, len(images), 0)


def samples(images: np.ndarray) -> np.ndarray:
    """uint64 [batch] hashes of some bytes of each of uint8 [batch, ...] images."""
    flat = _flat(images)
    return _hashes(flat, *_runs(flat.shape[1]))


def hashes(images: np.ndarray) -> np.ndarray:
    """uint64 [batch] hashes of uint8 [batch, ...] images; equal images have equal hashes."""
    flat = _flat(images)
    return _hashes(flat, np.zeros(1, np.int64), flat.shape[1])


def _flat(images: np.ndarray) -> np.ndarray:
    size = (len(images), math.prod(images.shape[1:]))  # NumPy cannot infer -1 for an empty batch
    return np.ascontiguousarray(images).reshape(size)


def _move(images: np.ndarray, start: int, stop: int, to: int) -> None:
    """Moves images towards the front, where they may come to lie over each other."""
    if start == to:
        return
    most = max(1, _MOVED // math.prod(images.shape[1:]))
    for first in range(start, stop, most):
        last = min(stop, first + most)
        images[to : to + last - first] = images[first:last]
        to += last - first


def _hash(image: np.ndarray) -> int:
    return int(hashes(image[np.newaxis])[0])


@functools.lru_cache(maxsize=16)
def _runs(size: int) -> tuple[np.ndarray, int]:
    """Where the runs of bytes of a sample begin, and how long each is."""
    if size <= _RUNS * _RUN:
        return np.zeros(1, np.int64), size
    # One in each part of the image, and not all in the same columns.
    starts = np.linspace(0, size, _RUNS + 1).astype(np.int64)
    room = np.diff(starts) - _RUN
    return starts[:-1] + np.arange(_RUNS) * 997 % (room + 1), _RUN


@compiled()
def _hashes(images, starts, length):
    # Four interleaved multiply-and-add chains over bytes (FNV-1a's prime), mixed at the end.
    prime = np.uint64(0x100000001B3)
    result = np.empty(len(images), np.uint64)
    for index in range(len(images)):
        a, b, c, d = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)
        for start in starts:
            image = images[index, start : start + length]
            at = 0
            while at + 4 <= length:
                a = (a ^ np.uint64(image[at])) * prime
                b = (b ^ np.uint64(image[at + 1])) * prime
                c = (c ^ np.uint64(image[at + 2])) * prime
                d = (d ^ np.uint64(image[at + 3])) * prime
                at += 4
            while at < length:
                a = (a ^ np.uint64(image[at])) * prime
                at += 1
        mixed = a
        for chain in (b, c, d):
            mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0x9E3779B97F4A7C15) + chain
        result[index] = mixed ^ (mixed >> np.uint64(32))
    return result
