"""What fitted detectors say of real images, as a file beside them, for where these are not at hand.

Detectors are judged by how they tell real images from others. The images of a data set cannot be
passed on with a classifier; a number for each can: `judged.npz` in the folder of the detectors has,
of real images on which nothing was fitted and no threshold chosen, the classifier's confidence, and
each detector's score. Its card, JSON, names the data set, and each detector's file by its SHA-256.
"""

import dataclasses
import io
import json
import pathlib
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_fool import foreign_files

FILE = "judged.npz"
_FORMAT = 1
_MOST_BYTES = 2**26
_CARD, _CONFIDENCES, _RIGHT = "card", "confidences", "right"
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)


@dataclasses.dataclass(frozen=True, eq=False)
class Judged:
    """What is known of real images.

    Attributes:
        dataset: The name of the data set.
        confidences: float32 [images], the highest confidence of each, in [0, 1].
        right: bool [images], whether it is the right label's.
        scores: By the detector's name, float32 [images].
    """

    dataset: str
    confidences: np.ndarray
    right: np.ndarray
    scores: Mapping[str, np.ndarray]


def write(folder: pathlib.Path, judged: Judged) -> None:
    """Writes the file beside the detectors, which are there.

    Raises:
        FileNotFoundError: A detector's file is not there.
        OSError: The file could not be written.
    """
    card = {
        "format": _FORMAT,
        "dataset": judged.dataset,
        "detectors": {name: foreign_files.sha256(folder / f"{name}.npz") for name in judged.scores},
    }
    arrays: dict[str, Any] = {
        _CARD: np.frombuffer(json.dumps(card, indent=1).encode(), np.uint8),
        _CONFIDENCES: judged.confidences.astype(np.float32),
        _RIGHT: judged.right.astype(np.uint8),
    }
    arrays |= {name: scores.astype(np.float32) for name, scores in judged.scores.items()}
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    (folder / FILE).write_bytes(content.getvalue())


def read(folder: pathlib.Path) -> Judged | None:
    """What `write` wrote; None where there is no such file, or a detector was replaced since.

    Raises:
        ValueError: The file is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        content = io.BytesIO(foreign_files.content(path, _MOST_BYTES))
        with zipfile.ZipFile(content) as archive:
            if sum(info.file_size for info in archive.infolist()) > _MOST_BYTES:
                raise ValueError("it unpacks to more than 64 MiB")
        with np.load(content, allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
        card = foreign_files.parse_json(arrays.pop(_CARD).tobytes())
        if not isinstance(card, dict) or card["format"] != _FORMAT:
            raise ValueError("its card is of another format")
        digests, dataset = card["detectors"], card["dataset"]
        if not isinstance(digests, dict) or not isinstance(dataset, str):
            raise ValueError("its card is not one")
        confidences, right = arrays.pop(_CONFIDENCES), arrays.pop(_RIGHT)
        _check(confidences, right, arrays, digests)
    except _UNREADABLE as error:
        raise ValueError(f"{path} is damaged: {str(error)[:200].rstrip('.')}.") from error
    for name, digest in digests.items():
        file = folder / f"{name}.npz"
        if not file.is_file() or foreign_files.sha256(file) != digest:
            return None
    return Judged(dataset, confidences, right.astype(bool), arrays)


def _check(
    confidences: np.ndarray,
    right: np.ndarray,
    scores: Mapping[str, np.ndarray],
    digests: Mapping[str, object],
) -> None:
    if set(scores) != set(digests):
        raise ValueError("its scores are not those of its detectors")
    shape = confidences.shape
    if len(shape) != 1 or not shape[0] or right.shape != shape or right.dtype != np.uint8:
        raise ValueError("its confidences are not one for each image")
    for name, values in {_CONFIDENCES: confidences, **scores}.items():
        if values.shape != shape or values.dtype != np.float32 or not np.isfinite(values).all():
            raise ValueError(f"its {name} are not finite float32 [{shape[0]}]")
    if confidences.min() < 0 or confidences.max() > 1.001 or right.max() > 1:
        raise ValueError("its confidences are not in 0..1")
