"""What fooling images are drawn from: the champions of a run folder, read one by one.

Nguyen, Yosinski and Clune, 2015, supplement C: those of the first and of the last
generation of all runs. On ImageNet that is some gigabytes of images.
"""

import pathlib

import numpy as np

from keras_fool.runs import champion_png, champions


class Pool:
    """The champions of all runs: a sequence of images, none of which is kept in memory.

    First those of the first generation, then those of the last, each by run and label.
    """

    def __init__(self, folder: pathlib.Path):
        """Lists the images; opens none.

        Args:
            folder: A complete run folder.

        Raises:
            ValueError: It is none.
        """
        self._folder = folder
        self._places = [
            (when, file) for when in champions.WHENS for file in champions.listed(folder, when)
        ]

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, place: int) -> np.ndarray:
        """An image, uint8 [height, width, channels].

        Raises:
            ValueError: Its file is damaged.
            FileNotFoundError: There is no such file.
        """
        return self._read(place).image

    def row(self, place: int) -> dict[str, object]:
        """What is recorded of an image, for a table."""
        when, file = self._places[place]
        about = self._read(place).about
        return {
            "file": file,
            "when": when,
            "run": int(about["run"]),
            "label": int(about["label"]),
            "confidence": f"{np.float32(about['confidence']):.9g}",
        }

    def _read(self, place: int) -> champion_png.Champion:
        _, file = self._places[place]
        return champion_png.read(self._folder / file)
