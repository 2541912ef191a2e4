"""Which of the evolved images become the fooling class, and which part of it they join.

Nguyen, Yosinski and Clune, 2015, supplement C, https://arxiv.org/abs/1412.1897: drawn
uniformly without replacement from the champions of the first and the last generation of
all runs. On ImageNet these are some gigabytes of images, so they are read one by one.

Some of those are the same image, byte for byte: one image may be the champion of several
labels, and simple images evolve again and again. Each counts as often as it was drawn, as
in the paper, but all copies of an image go to the same part, so that no classifier is
validated on what it was trained on; one that an earlier draw has put into a part joins its
copies there. Among the free ones, every image is as likely as any other to be in either.
"""

import dataclasses
import hashlib
import pathlib
from collections.abc import Iterable

import numpy as np

from keras_fool.runs import champion_png, run_records
from keras_fool.runs.tables import number
from keras_fool.studies.retraining import folder as folder_module


class Pool:
    """The champions of all runs: a sequence of images, none of which is kept in memory.

    First those of the first generation, then those of the last, each by run and label.
    """

    def __init__(self, folder: pathlib.Path):
        """Lists the images; opens none.

        Args:
            folder: A complete run folder.

        Raises:
            ValueError: It is not one.
        """
        self._records = run_records.RunRecords(folder)
        self._places = [
            (when, place) for when in run_records.WHENS for place in self._records.places(when)
        ]

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, place: int) -> np.ndarray:
        """An image, uint8 [height, width, channels].

        Raises:
            ValueError: Its file is damaged, or not what is recorded of it.
            FileNotFoundError: There is no such file.
        """
        return self._read(place).image

    def row(self, place: int) -> dict[str, object]:
        """What is recorded of an image, for a table."""
        when, row = self._places[place]
        about = self._read(place).about
        return {
            "file": self._records.file(row, when),
            "when": when,
            "run": int(about["run"]),
            "label": int(about["label"]),
            "confidence": number(np.float32(about["confidence"])),
        }

    def _read(self, place: int) -> champion_png.Champion:
        when, row = self._places[place]
        return self._records.champion(row, when)


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
    pool: folder_module.Images,
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
        earlier_val: Images that are in the validation part already; none is in both.

    Raises:
        ValueError: The pool has fewer images, or too many copies of one image to part
            them in these numbers.
    """
    if len(pool) < num_train + num_val:
        raise ValueError(
            f"{num_train} + {num_val} images are drawn, and there are only {len(pool)}."
        )
    places_of: dict[bytes, list[int]] = {}  # the copies of each image
    for place in rng.permutation(len(pool))[: num_train + num_val]:
        places_of.setdefault(_content(pool[place]), []).append(place)
    train = _taken_out(places_of, earlier_train)
    val = _taken_out(places_of, earlier_val)
    copies = list(places_of.values())
    for place in rng.permutation(len(copies)):
        fits = len(val) + len(copies[place]) <= num_val
        (val if fits else train).extend(copies[place])
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
    """A digest: the same only for equal images, and short, as there may be gigabytes of them."""
    return hashlib.sha256(np.ascontiguousarray(image)).digest()
