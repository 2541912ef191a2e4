"""A classifier on its way to a worker: what it is, with the files that it is read from.

Its files are named by their SHA-256, so that a worker keeps what it has opened. It is opened from
a temporary folder, which is gone once the model is loaded.
"""

import dataclasses
import hashlib
import importlib
import json
import pathlib
import tempfile
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_fool.models import classifiers, given_classifiers, model_files, scorer_contract

if TYPE_CHECKING:
    from keras_fool.detectors import adaptive

_DETECTOR = "detector"


@dataclasses.dataclass(frozen=True, eq=False)
class Shipped:
    """A classifier, with a detector or without, on its way.

    Attributes:
        sha256: Of all of this: the same name stands for the same confidences.
        members: The classifier's members; each `path` is the name of one of `files`, or of the
            folder that they are in.
        is_ensemble: Whether their confidences are averaged.
        files: uint8 [bytes] by relative name.
        detector: The file of a detector that must accept an image; None for none.
        draws: Whether the scorer draws CPPNs, too.
        score_batch: As `evolution_run.open_scorer` takes it.
        imports: Modules with custom layers, which workers import first.
    """

    sha256: str
    members: tuple[classifiers.Classifier, ...]
    is_ensemble: bool
    files: Mapping[str, np.ndarray]
    detector: str | None
    draws: bool
    score_batch: int | None
    imports: tuple[str, ...]


def check(classifier: given_classifiers.AnyClassifier) -> None:
    """Checks that workers can open a classifier.

    Raises:
        ValueError: It is an endpoint or a function.
    """
    if classifier.in_graph:
        return
    what, remedy = "a function", ""
    if classifier.is_remote:
        what, remedy = "an endpoint", " It takes replicas, with commas between their hosts."
    raise ValueError(
        f"{classifier.name} is {what}, which no worker opens: leave --cluster out.{remedy}"
    )


def pack(
    classifier: classifiers.AnyClassifier,
    *,
    defence: "adaptive.Defence | None" = None,
    draws: bool = False,
    score_batch: int | None = None,
    imports: Sequence[str] = (),
) -> Shipped:
    """Takes a classifier and its files along.

    Args:
        classifier: In TensorFlow's graph.
        defence: The detector that must accept an image for its confidences to count.
        draws: Whether the scorer draws CPPNs, too.
        score_batch: As `evolution_run.open_scorer` takes it.
        imports: Modules with custom layers.

    Raises:
        ValueError: It is an endpoint or a function, or cannot be saved.
        OSError: A file cannot be read.
    """
    check(classifier)
    assert classifier.in_graph  # else it was refused
    files: dict[str, np.ndarray] = {}
    members = tuple(
        _packed(member, str(number), files) for number, member in enumerate(classifier.members)
    )
    detector = None
    if defence is not None:
        detector = f"{_DETECTOR}/{defence.path.name}"
        files[detector] = _content(defence.path)
    words = {
        "identity": classifiers.comparable(classifier.identity),
        "labels": classifier.labels,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        "detector": detector,
        "draws": draws,
        "score_batch": score_batch,
        "imports": list(imports),
    }
    digest = hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()
    is_ensemble = isinstance(classifier, classifiers.Ensemble)
    return Shipped(
        digest, members, is_ensemble, files, detector, draws, score_batch, tuple(imports)
    )


def opened(shipped: Shipped) -> scorer_contract.Scorer:
    """The scorer of what was shipped.

    Raises:
        ValueError: The model cannot be used here, or a module cannot be imported.
        OSError: There is no place for its files.
    """
    for name in shipped.imports:
        try:
            importlib.import_module(name)
        except Exception as error:  # the module is the user's, and may raise anything
            raise ValueError(
                f"--import={name} cannot be imported: {type(error).__name__}: {error}"
            ) from error
    with tempfile.TemporaryDirectory(prefix="keras_fool-") as place:
        folder = pathlib.Path(place)
        for name, content in shipped.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.data)
        members = tuple(_placed(member, folder) for member in shipped.members)
        classifier: classifiers.AnyClassifier
        classifier = classifiers.Ensemble(members) if shipped.is_ensemble else members[0]
        if shipped.detector is None:
            return classifier.open(shipped.score_batch, draws=shipped.draws)
        from keras_fool import detectors

        defence = detectors.defence(folder / shipped.detector)
        return defence.open(classifier, shipped.score_batch, draws=shipped.draws)


def answers(scorer: scorer_contract.Scorer) -> str:
    """A digest of the confidences of trial images: another one on a machine that rounds otherwise.

    Args:
        scorer: Any.
    """
    shape = scorer.image_shape
    images = [scorer_contract.trial_images(shape), scorer_contract.more_images(shape)]
    confidences = scorer.score(np.concatenate(images))
    return hashlib.sha256(np.ascontiguousarray(confidences)).hexdigest()


def _packed(
    member: classifiers.Classifier, folder: str, files: dict[str, np.ndarray]
) -> classifiers.Classifier:
    """A member whose `path` is relative; its files are added to `files`."""
    if member.path is None:
        with tempfile.TemporaryDirectory(prefix="keras_fool-") as temporary:
            return _packed(member.saved(pathlib.Path(temporary)), folder, files)
    path = pathlib.Path(folder, member.path.name)
    base = path if member.path.is_dir() else path.parent
    found = model_files.files(member.path)
    if member.mean_path is not None:
        found[member.mean_path.name] = member.mean_path
    files.update({(base / name).as_posix(): _content(file) for name, file in found.items()})
    return dataclasses.replace(member, path=path)


def _placed(member: classifiers.Classifier, folder: pathlib.Path) -> classifiers.Classifier:
    """A member with its `path` in a folder."""
    assert member.path is not None
    path = folder / member.path
    if member.application is None:
        return dataclasses.replace(member, path=path)
    network = dataclasses.replace(member.application, weights=str(path))
    return dataclasses.replace(member, path=path, application=network)


def _content(path: pathlib.Path) -> np.ndarray:
    return np.fromfile(path, np.uint8)
