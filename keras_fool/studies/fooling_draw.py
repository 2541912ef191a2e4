"""Which of the evolved images become the fooling class, and which part of it they join.

Nguyen, Yosinski and Clune, 2015, supplement C, https://arxiv.org/abs/1412.1897: drawn
uniformly without replacement from the champions of the first and the last generation of
all runs.

Some of those are the same image, byte for byte: one image may be the champion of several
labels, and simple images evolve again and again. Each counts as often as it was drawn, as
in the paper, but all copies of an image go to the same part, so that no classifier is
validated on what it was trained on; one that an earlier draw has put into a part joins its
copies there. Among the free ones, every image is as likely as any other to be in either.
"""

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Draw:
    """Places in the pool that was drawn from.

    Attributes:
        train: int64 [num_train].
        val: int64 [num_val].
    """

    train: np.ndarray
    val: np.ndarray


def draw(
    pool: Sequence[np.ndarray],
    num_train: int,
    num_val: int,
    rng: np.random.Generator,
    earlier_train: Iterable[np.ndarray] = (),
    earlier_val: Iterable[np.ndarray] = (),
) -> Draw:
    """Draws images without replacement and parts them.

    Args:
        pool: Images uint8 [height, width, channels], each looked at once at most.
        num_train: Images of the training part.
        num_val: Images of the validation part.
        rng: The draw's own stream.
        earlier_train: Images that are in the training part already.
        earlier_val: Likewise, disjoint from those.

    Raises:
        ValueError: The pool has fewer images, or too many copies of one image to part
            them in these numbers.
    """
    if len(pool) < num_train + num_val:
        raise ValueError(
            f"{num_train} + {num_val} images are drawn, and there are only {len(pool)}."
        )
    places_of = {}  # the copies of each image
    for place in rng.permutation(len(pool))[: num_train + num_val]:
        places_of.setdefault(_content(pool[place]), []).append(place)
    train = _taken_out(places_of, earlier_train)
    val = _taken_out(places_of, earlier_val)
    copies = list(places_of.values())
    for number in rng.permutation(len(copies)):
        fits = len(val) + len(copies[number]) <= num_val
        (val if fits else train).extend(copies[number])
    if len(val) != num_val:
        raise ValueError(
            f"of the {num_train + num_val} images drawn so many are copies of each other, or of "
            f"earlier ones, that no {num_val} of them are for validation alone; more runs or "
            "another seed help."
        )
    return Draw(np.array(train), np.array(val))


def _taken_out(places_of: dict[bytes, list], images: Iterable[np.ndarray]) -> list:
    """Removes the places of these images; returns them, in the order they were drawn."""
    known = {_content(image) for image in images}
    found = [content for content in places_of if content in known]
    return [place for content in found for place in places_of.pop(content)]


def _content(image: np.ndarray) -> bytes:
    """The same for equal images alone, and short, as there may be gigabytes of them."""
    return hashlib.sha256(np.ascontiguousarray(image)).digest()
