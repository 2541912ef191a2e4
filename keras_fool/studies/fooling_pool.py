"""What fooling images are drawn from: the champions of a run folder, read one by one.

Nguyen, Yosinski and Clune, 2015, supplement C: those of the first and of the last
generation of all runs. On ImageNet that is some gigabytes of images.
"""

import pathlib

import numpy as np

from keras_fool.runs import champion_png, run_records


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
            "confidence": f"{np.float32(about['confidence']):.9g}",
        }

    def _read(self, place: int) -> champion_png.Champion:
        when, row = self._places[place]
        return self._records.champion(row, when)
