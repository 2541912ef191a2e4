"""Finds images that need not be scored, because their confidences are known.

An image that equals that of an elite of the run, or an earlier image of the same batch, cannot take
a niche: its confidences were offered to all niches before, and only a strictly higher one replaces
an elite. Leaving it out changes no result.
"""

import math

import numpy as np

from evolvers.compiling import compiled


def hashes(images: np.ndarray) -> np.ndarray:
    """uint64 [batch] hashes of uint8 [batch, ...] images; equal images have equal hashes."""
    flat = (len(images), math.prod(images.shape[1:]))  # NumPy cannot infer -1 for an empty batch
    return _hashes(np.ascontiguousarray(images).reshape(flat))


def fresh(images: np.ndarray, elites: list) -> np.ndarray:
    """Which images appear for the first time.

    Args:
        images: uint8 [batch, height, width, channels].
        elites: `archive.Elite`s whose images are known; None among them is ignored.

    Returns:
        bool [batch]; of equal images the first is fresh, unless an elite has it. Two images
        with the same hash are compared byte by byte, so a different image is never left out.
    """
    known = {elite.image_hash: elite.image for elite in elites if elite is not None}
    result = np.ones(len(images), bool)
    for place, value in enumerate(hashes(images).tolist()):
        like = known.get(value)
        if like is None:
            known[value] = images[place]
        else:
            result[place] = not np.array_equal(like, images[place])
    return result


@compiled()
def _hashes(images):
    # Four interleaved multiply-and-add chains over bytes (FNV-1a's prime), mixed at the end.
    prime = np.uint64(0x100000001B3)
    result = np.empty(len(images), np.uint64)
    length = images.shape[1]
    for index in range(len(images)):
        image = images[index]
        a, b, c, d = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)
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
