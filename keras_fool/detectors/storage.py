"""Fitted detectors as files: arrays and a card in one `.npz`, checked when they are read.

The card is JSON, kept as bytes: the detector's name and parameters, the classifier by name and
by the SHA-256 of its identity, what it was fitted on, the threshold, and versions. A file may come
from anyone: no objects, no more bytes than it should have, and every number is checked.
"""

import dataclasses
import io
import json
import math
import os
import pathlib
import tempfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence

import numpy as np

import keras_fool
from keras_fool import foreign_files
from keras_fool.detectors import detector, signals, thresholds
from trainers import names

_FORMAT = 1
_CARD = "card"
_MOST_CARD_BYTES = 2**16
_MOST_BYTES = 2**31  # of a file, and of the arrays in it
_THRESHOLD = tuple(field.name for field in dataclasses.fields(thresholds.Threshold))
_UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
    OverflowError,
    zipfile.BadZipFile,
    zlib.error,
)


def card(fitted: detector.Detector) -> dict[str, object]:
    """What a detector's file says of it, as JSON."""
    chosen = fitted.operating_point
    return {
        "format": _FORMAT,
        "keras_fool": keras_fool.__version__,
        "detector": fitted.name,
        "paper": fitted.paper,
        "parameters": fitted.parameters,
        "classifier": fitted.source.name,
        "classifier_sha256": signals.digest(fitted.source),
        "fitted_on": dataclasses.asdict(fitted.fitting),
        "threshold": None if chosen is None else dataclasses.asdict(chosen),
    }


def write(path: pathlib.Path, fitted: detector.Detector) -> None:
    """Writes a detector; the same one, the same bytes.

    Raises:
        ValueError: `path` does not end in ".npz".
        OSError: It could not be written; what was there stays.
    """
    if path.suffix != ".npz":
        raise ValueError(f"a detector's file must end in .npz, got {path}.")
    text = json.dumps(card(fitted), indent=1, allow_nan=False).encode()
    content = io.BytesIO()
    arrays = {name: np.ascontiguousarray(array) for name, array in fitted.arrays.items()}
    arrays = {_CARD: np.frombuffer(text, np.uint8), **arrays}
    np.savez_compressed(content, allow_pickle=False, **arrays)
    descriptor, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with open(descriptor, "wb") as file:
            file.write(content.getvalue())
            file.flush()
            os.fsync(file.fileno())
        os.chmod(part, 0o644)
        os.replace(part, path)
    except BaseException:
        pathlib.Path(part).unlink(missing_ok=True)
        raise


@dataclasses.dataclass(frozen=True, eq=False)
class Card:
    """What a file says of a detector, checked.

    Attributes:
        kind: The detector's class.
        parameters: Its parameters.
        classifier: The name of the classifier that it was fitted on.
        classifier_sha256: The SHA-256 of that one's identity, as `signals.digest` has it.
        fitting: What it was fitted on.
        threshold: The threshold that was chosen; None for none.
    """

    kind: type[detector.Detector]
    parameters: dict[str, int | float]
    classifier: str
    classifier_sha256: str
    fitting: detector.Fitting
    threshold: thresholds.Threshold | None


def read_card(path: pathlib.Path, kinds: Sequence[type[detector.Detector]]) -> Card:
    """The card in a detector's file; the arrays are not read.

    Args:
        path: What `write` wrote.
        kinds: All detectors that there are.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not a detector's file, or is damaged.
    """
    return _card(path, _Archive(path), kinds)


def read(
    path: pathlib.Path, source: signals.Source, kinds: Sequence[type[detector.Detector]]
) -> detector.Detector:
    """The detector in a file, for the classifier that it was fitted on.

    Args:
        path: What `write` wrote.
        source: The classifier.
        kinds: All detectors that there are.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not a detector's file, or is damaged, or was fitted on another
            classifier.
    """
    archive = _Archive(path)
    found = _card(path, archive, kinds)
    if found.classifier_sha256 != signals.digest(source):
        raise ValueError(
            f"{path} was fitted on {foreign_files.shown(found.classifier)} "
            f"(SHA-256 {found.classifier_sha256[:12]}), not on {source.name} "
            f"({signals.digest(source)[:12]}): fit {found.kind.name} on {source.name}."
        )
    detector.check_needs(found.kind, source, list(kinds))
    try:
        arrays = archive.arrays(found.kind.expected_arrays(source.num_features))
        found.kind.check_arrays(arrays)
    except _UNREADABLE as error:
        raise _damaged(path, error) from error
    return found.kind(source, found.parameters, arrays, found.fitting, found.threshold)


class _Archive:
    """An `.npz` file of which nothing is believed."""

    def __init__(self, path: pathlib.Path):
        content = foreign_files.content(path, _MOST_BYTES)
        try:
            self._file = zipfile.ZipFile(io.BytesIO(content))
            self._infos = {info.filename: info for info in self._file.infolist()}
            if sum(info.file_size for info in self._infos.values()) > _MOST_BYTES:
                raise ValueError("it unpacks to more than 2 GiB")
            text = self._array(_CARD, detector.Array("uint8", (None,)), _MOST_CARD_BYTES)
            self.card = _mapping(foreign_files.parse_json(text.tobytes()))
            for name in ("detector", "classifier", "classifier_sha256"):
                if not isinstance(self.card[name], str):
                    raise ValueError(f"its {name} is not text")
            for name in ("format", "parameters", "fitted_on", "threshold"):
                _ = self.card[name]
        except _UNREADABLE as error:
            raise _damaged(path, error) from error
        if self.card["format"] != _FORMAT:
            raise ValueError(
                f"{path} has format {foreign_files.shown(self.card['format'])}; this version of "
                f"keras_fool reads format {_FORMAT}."
            )

    def arrays(self, expected: Mapping[str, detector.Array]) -> dict[str, np.ndarray]:
        """The arrays, each as it must be."""
        there = {name.removesuffix(".npy") for name in self._infos}
        if there != {_CARD, *expected}:
            raise ValueError(f"it holds {sorted(there)}, expected {sorted([_CARD, *expected])}")
        return {name: self._array(name, what, _MOST_BYTES) for name, what in expected.items()}

    def _array(self, name: str, expected: detector.Array, most: int) -> np.ndarray:
        info = self._infos[f"{name}.npy"]
        if info.file_size > most:
            raise ValueError(f"its {name} has {info.file_size} bytes")
        content = io.BytesIO(self._file.read(info))  # at most file_size bytes
        if np.lib.format.read_magic(content) != (1, 0):
            raise ValueError(f"its {name} is of another version of NumPy's format")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(content)
        size = info.file_size - content.tell()
        if not expected.fits(dtype, shape) or math.prod(shape) * dtype.itemsize != size:
            sizes = ", ".join("any" if size is None else str(size) for size in expected.shape)
            raise ValueError(
                f"its {name} must be {expected.dtype} [{sizes}], got {dtype} {list(shape)}"
            )
        array = np.frombuffer(content.read(), dtype).reshape(shape, order="F" if fortran else "C")
        if dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"its {name} holds numbers that are not finite")
        return np.ascontiguousarray(array)


def _card(path: pathlib.Path, archive: _Archive, kinds: Sequence[type[detector.Detector]]) -> Card:
    found = archive.card
    kind = next((kind for kind in kinds if kind.name == found["detector"]), None)
    if kind is None:
        known = [other.name for other in kinds]
        raise ValueError(f"{path}: {names.unknown('detector', str(found['detector']), known)}")
    try:
        return Card(
            kind,
            detector.checked_parameters(kind, _mapping(found["parameters"])),
            found["classifier"],
            found["classifier_sha256"],
            _fitting(found["fitted_on"]),
            _threshold(found["threshold"]),
        )
    except _UNREADABLE as error:
        raise _damaged(path, error) from error


def _mapping(value: object) -> dict:
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, got {foreign_files.shown(value)}")
    return value


def _fitting(value: object) -> detector.Fitting:
    found = detector.Fitting(**_mapping(value))
    if type(found.num_images) is not int or found.num_images < 0:
        raise ValueError(f"num_images is {foreign_files.shown(found.num_images)}")
    if found.labels not in ("given", "predicted", "none"):
        raise ValueError(f"labels is {foreign_files.shown(found.labels)}")
    return found


def _threshold(value: object) -> thresholds.Threshold | None:
    if value is None:
        return None
    found = _mapping(value)
    if set(found) != set(_THRESHOLD):
        raise ValueError(f"its threshold has {sorted(found)}, expected {sorted(_THRESHOLD)}")
    for name, part in found.items():
        if type(part) not in (int, float):
            raise ValueError(f"its threshold's {name} is {foreign_files.shown(part)}")
    chosen = thresholds.Threshold(**found)
    shares = 0 < chosen.level <= 1 and 0 < chosen.accepted <= 1
    ordered = chosen.low <= chosen.high and chosen.spread >= 0
    if not (shares and ordered and type(chosen.num_images) is int):
        raise ValueError("its threshold contradicts itself")
    return chosen


def _damaged(path: pathlib.Path, error: BaseException) -> ValueError:
    if isinstance(error, KeyError):
        reason = f"it has no {error.args[0]}" if error.args else "something is missing"
    else:
        reason = str(error).rstrip(".") or type(error).__name__
    return ValueError(f"{path} is not a detector's file, or is damaged: {reason[:200]}.")
