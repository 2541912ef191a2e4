"""The folder of a retraining study: what is where, what is done, and what came of it.

    config.json            every setting that shapes the result, versions
    trainings/dnn_01/      where DNN 1 is trained: states to go on from, TensorBoard events
    classifiers/dnn_01/1/  DNN 1, with its errors in card.json
    evolutions/dnn_01/     the run folder of the evolution against it
    draws/dnn_01.csv       which images were drawn from that for the fooling class
    draws/dnn_01_train.npy, dnn_01_val.npy    these images
    draws/dnn_01.sha256    the SHA-256 of both and of the CSV file
    trainings/dnn_01/classifier.sha256        of the files of DNN 1
    times.csv              how long each stage took

The classifier's folder, the run folder's champions.csv and the draw's CSV file each appear
in one rename when their stage is done.
"""

import dataclasses
import hashlib
import pathlib
import zipfile
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from keras_fool import foreign_files
from keras_fool.models import classifiers
from keras_fool.runs import checksums, files, workdir
from keras_fool.studies import tables

_CARD = "card.json"
_PARTS = ("train", "val")
_SUMS = ".sha256"
ORIGINAL_ERROR = "original_test_error_percent"


class Images(Protocol):
    """Images by their places, such as `draw.Pool`; a sequence, as far as it is needed."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: int, /) -> np.ndarray: ...


@dataclasses.dataclass(frozen=True, eq=False)
class Drawn:
    """Images of the fooling class; those of one draw are a file mapped into memory.

    Attributes:
        train: uint8 [number, height, width, channels].
        val: The same for validation.
    """

    train: np.ndarray
    val: np.ndarray


@dataclasses.dataclass(frozen=True)
class Folder:
    """Paths, and what stands there.

    Attributes:
        path: The folder.
        first: That of another study whose DNN 1, and the images evolved against it, this one
            takes over; None for its own.
    """

    path: pathlib.Path
    first: "Folder | None" = None

    @property
    def times(self) -> pathlib.Path:
        """The CSV file of how long each step took."""
        return self.path / "times.csv"

    def training(self, number: int) -> pathlib.Path:
        """The folder in which DNN `number` is trained."""
        return self._home(number) / "trainings" / name(number)

    def classifier(self, number: int) -> pathlib.Path:
        """The folder of DNN `number`."""
        return self._home(number) / "classifiers" / name(number) / "1"

    def evolution(self, number: int) -> pathlib.Path:
        """The run folder of the evolution against DNN `number`."""
        return self._home(number) / "evolutions" / name(number)

    def is_evolved(self, number: int) -> bool:
        """Whether the evolution against DNN `number` is complete."""
        return (self.evolution(number) / workdir.CHAMPIONS).exists()

    def is_trained(self, number: int) -> bool:
        """Whether DNN `number` is complete, by the file that appears last."""
        return (self.classifier(number) / _CARD).exists()

    def is_drawn(self, number: int) -> bool:
        """Whether images were drawn from the evolution against DNN `number`, likewise."""
        return self._draw(number, ".csv").exists()

    def is_draw_begun(self, number: int) -> bool:
        """Whether the first file of that draw is there."""
        return self._draw(number, "_train.npy").exists()

    def card(self, number: int) -> dict:
        """What is said of DNN `number`, both of its errors included.

        Raises:
            FileNotFoundError: It is missing.
            ValueError: It is damaged.
        """
        path = self.classifier(number) / _CARD
        card = foreign_files.json_object(path)
        for name in ("test_error_percent", ORIGINAL_ERROR):
            if not foreign_files.is_number(card.get(name), 0, 100):
                raise ValueError(f"{path} is damaged: expected {name} in 0..100.")
        for name in ("num_train", "num_test"):
            if type(card.get(name)) is not int or card[name] < 1:
                raise ValueError(f"{path} is damaged: expected a whole number from 1 as {name}.")
        return card

    def find_classifier(
        self,
        number: int,
        views: classifiers.Views = classifiers.Views(),  # noqa: B008, it is frozen
    ) -> classifiers.Classifier:
        """DNN `number`, which is trained, and what it sees of an image."""
        found = classifiers.find(str(self.classifier(number)), None, views)
        assert not found.is_remote  # a folder is no address
        return found

    def confidences(self, number: int) -> np.ndarray:
        """float32 [runs, niches] of the last champions evolved against DNN `number`."""
        path = self.evolution(number) / workdir.CHAMPIONS
        columns = {"run": foreign_files.whole(), "confidence": foreign_files.SHARE}
        rows = foreign_files.table(path, columns)
        num_runs = len({row["run"] for row in rows})
        if not rows or len(rows) % num_runs:
            raise ValueError(f"{path} is damaged: expected as many rows for each run.")
        confidences = np.array([float(row["confidence"]) for row in rows], np.float32)
        return confidences.reshape(num_runs, -1)

    def drawn(self, numbers: Sequence[int]) -> Drawn:
        """The images drawn from the evolutions against some DNNs, in that order."""
        parts = [self._drawn(number) for number in numbers]
        if len(parts) == 1:
            return parts[0]
        return Drawn(
            np.concatenate([part.train for part in parts]),
            np.concatenate([part.val for part in parts]),
        )

    def save_drawn(
        self,
        number: int,
        pool: Images,
        parts: Mapping[str, Sequence[int]],
        rows: Sequence[dict[str, object]],
    ) -> None:
        """Writes the images drawn from the evolution against DNN `number`.

        Args:
            number: Of the DNN.
            pool: What they were drawn from; never held in memory as a whole.
            parts: The places in it of each part of `Drawn`.
            rows: What the CSV file says of them, the same columns in each.
        """
        path = self._draw(number, ".csv")
        path.parent.mkdir(exist_ok=True)
        for part, places in parts.items():
            _write_images(self._draw(number, f"_{part}.npy"), pool, places)
        content = tables.as_csv(list(rows[0]), ([*row.values()] for row in rows))
        sums = {path.name: hashlib.sha256(content).hexdigest()}
        for part in parts:
            written = self._draw(number, f"_{part}.npy")
            sums[written.name] = foreign_files.sha256(written)
        files.write(self._draw(number, _SUMS), checksums.text(sums))
        files.write(path, content)
        files.sync_folder(path.parent)

    def save_classifier_sums(self, number: int) -> None:
        """Writes the SHA-256 of the files of DNN `number`, which was trained just now."""
        folder = self.classifier(number)
        sums = {
            path.relative_to(folder).as_posix(): foreign_files.sha256(path)
            for path in folder.rglob("*")
            if path.is_file()
        }
        files.write(self._classifier_sums(number), checksums.text(sums))

    def damaged_classifier(self, number: int) -> list[pathlib.Path]:
        """Files of DNN `number` that are missing, or not as they were when it was trained.

        Those of studies older than the checksums are taken as they are.

        Raises:
            ValueError: The checksums themselves are damaged.
        """
        return _damaged(self.classifier(number), self._classifier_sums(number))

    def damaged_draw(self, number: int) -> list[pathlib.Path]:
        """The same for the files of the draw from the evolution against DNN `number`."""
        return _damaged(self.path / "draws", self._draw(number, _SUMS))

    def _home(self, number: int) -> pathlib.Path:
        return self.path if self.first is None or number > 1 else self.first.path

    def _classifier_sums(self, number: int) -> pathlib.Path:
        return self.training(number) / f"classifier{_SUMS}"

    def _drawn(self, number: int) -> Drawn:
        packed = self._draw(number, ".npz")
        try:
            if packed.exists():  # as draws were written when all images were small
                with np.load(packed, allow_pickle=False) as arrays:
                    parts = [arrays[part] for part in _PARTS]
            else:
                paths = [self._draw(number, f"_{part}.npy") for part in _PARTS]
                parts = [np.load(path, mmap_mode="r", allow_pickle=False) for path in paths]
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"the images of {name(number)} in {packed.parent} are damaged: {error}"
            ) from error
        for images in parts:
            if images.dtype != np.uint8 or images.ndim != 4:
                raise ValueError(
                    f"the images of {name(number)} in {packed.parent} are damaged: expected uint8 "
                    f"[number, height, width, channels], got {images.dtype} {images.shape}."
                )
        return Drawn(*parts)

    def _draw(self, number: int, ending: str) -> pathlib.Path:
        return self.path / "draws" / f"{name(number)}{ending}"


def _damaged(folder: pathlib.Path, sums_file: pathlib.Path) -> list[pathlib.Path]:
    if not sums_file.is_file():
        return []
    sums = checksums.read(sums_file)
    names = [name for name in sums if not pathlib.PurePosixPath(name).is_absolute()]
    return [folder / name for name in checksums.wrong(folder, names, sums)]


def _write_images(path: pathlib.Path, pool: Images, places: Sequence[int]) -> None:
    """Writes some images of a pool as one array, whole or not at all."""
    shape = (len(places), *pool[places[0]].shape)
    part = path.with_name(f".{path.name}.part")
    try:
        with files.named(path), files.create(part) as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for place in places:
                file.write(np.ascontiguousarray(pool[place]))
        files.rename(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def name(number: int) -> str:
    """What DNN `number` is called in the folder."""
    return f"dnn_{number:02d}"
