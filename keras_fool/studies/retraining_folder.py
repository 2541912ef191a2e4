"""The folder of a retraining study: what is where, what is done, and what came of it.

    config.json            every setting that shapes the result, versions
    trainings/dnn_01/      where DNN 1 is trained: states to go on from, TensorBoard events
    classifiers/dnn_01/1/  DNN 1, with its errors in card.json
    evolutions/dnn_01/     the run folder of the evolution against it
    draws/dnn_01.npz       the images drawn from that for the fooling class
    draws/dnn_01.csv       which ones they are
    times.csv              how long each stage took

The classifier's folder, the run folder's champions.csv and the draw's CSV file each appear
in one rename when their stage is done.
"""

import csv
import dataclasses
import io
import json
import pathlib
from collections.abc import Sequence

import numpy as np

from keras_fool import classifiers, files, workdir

_CARD = "card.json"
ORIGINAL_ERROR = "original_test_error_percent"


@dataclasses.dataclass(frozen=True, eq=False)
class Drawn:
    """Images of the fooling class.

    Attributes:
        train: uint8 [number, height, width, channels].
        val: Likewise, for validation.
    """

    train: np.ndarray
    val: np.ndarray


@dataclasses.dataclass(frozen=True)
class Folder:
    """Paths, and what stands there.

    Attributes:
        path: The folder.
    """

    path: pathlib.Path

    @property
    def times(self) -> pathlib.Path:
        """The CSV file of `stages.Stages`."""
        return self.path / "times.csv"

    def training(self, number: int) -> pathlib.Path:
        """The folder in which DNN `number` is trained."""
        return self.path / "trainings" / name(number)

    def classifier(self, number: int) -> pathlib.Path:
        """The folder of DNN `number`."""
        return self.path / "classifiers" / name(number) / "1"

    def evolution(self, number: int) -> pathlib.Path:
        """The run folder of the evolution against DNN `number`."""
        return self.path / "evolutions" / name(number)

    def is_done(self, kind: str, number: int) -> bool:
        """Whether a stage is done, by the file that appears last."""
        last = {
            "train": self.classifier(number) / _CARD,
            "evolve": self.evolution(number) / workdir.CHAMPIONS,
            "draw": self._draw(number, "csv"),
        }
        return last[kind].exists()

    def is_begun(self, kind: str, number: int) -> bool:
        """Whether an earlier start has left something of a stage."""
        first = {
            "train": self.training(number),
            "evolve": self.evolution(number),
            "draw": self._draw(number, "npz"),
        }
        return first[kind].exists()

    def card(self, number: int) -> dict:
        """What is said of DNN `number`, both of its errors included."""
        return json.loads((self.classifier(number) / _CARD).read_text("utf-8"))

    def find_classifier(self, number: int) -> classifiers.Classifier:
        """DNN `number`, which is trained."""
        return classifiers.find(str(self.classifier(number)))

    def confidences(self, number: int) -> np.ndarray:
        """float32 [runs, niches] of the last champions evolved against DNN `number`."""
        path = self.evolution(number) / workdir.CHAMPIONS
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        num_runs = len({row["run"] for row in rows})
        confidences = np.array([float(row["confidence"]) for row in rows], np.float32)
        return confidences.reshape(num_runs, -1)

    def drawn(self, numbers: Sequence[int]) -> Drawn:
        """The images drawn from the evolutions against some DNNs, in that order."""
        parts = []
        for number in numbers:
            with np.load(self._draw(number, "npz"), allow_pickle=False) as arrays:
                parts.append((arrays["train"], arrays["val"]))
        train, val = zip(*parts, strict=True)
        return Drawn(np.concatenate(train), np.concatenate(val))

    def save_drawn(self, number: int, drawn: Drawn, rows: Sequence[dict[str, object]]) -> None:
        """Writes the images drawn from the evolution against DNN `number`.

        Args:
            number: Of the DNN.
            drawn: The images.
            rows: What the CSV file says of them, the same columns in each.
        """
        arrays, table = io.BytesIO(), io.StringIO()
        np.savez_compressed(arrays, train=drawn.train, val=drawn.val)
        writer = csv.DictWriter(table, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        path = self._draw(number, "csv")
        path.parent.mkdir(exist_ok=True)
        files.write(self._draw(number, "npz"), arrays.getvalue())
        files.write(path, table.getvalue().encode())
        files.sync_folder(path.parent)

    def _draw(self, number: int, suffix: str) -> pathlib.Path:
        return self.path / "draws" / f"{name(number)}.{suffix}"


def name(number: int) -> str:
    """What DNN `number` is called in the folder."""
    return f"dnn_{number:02d}"
