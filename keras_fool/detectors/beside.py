"""Fitted detectors that lie beside a classifier: saved_models/<name>/<version>/detectors/NAME.npz.

`fit_detectors` writes them. The shipped classifiers have theirs, so that all detectors can be used
where the training images are not at hand.
"""

import pathlib
from collections.abc import Sequence
from typing import Any

from keras_fool.detectors import detector, signals, storage

FOLDER = "detectors"


def folder(classifier: Any) -> pathlib.Path | None:
    """Where the detectors of a classifier lie, if there are any; None where it is in no file.

    Args:
        classifier: As `keras_fool.models.given_classifiers.find` gives it.
    """
    path = getattr(classifier, "path", None)
    if not isinstance(path, pathlib.Path) or getattr(classifier, "application", None):
        return None
    return (path if path.is_dir() else path.parent) / FOLDER


def files(classifier: Any, kinds: Sequence[type[detector.Detector]]) -> dict[str, pathlib.Path]:
    """The files beside a classifier of the detectors that were fitted on it, by their names.

    Those of a model that was replaced, or of the same one seen in another way, are left out.

    Args:
        classifier: As `folder` takes it.
        kinds: All detectors that there are.

    Raises:
        ValueError: One of the files is damaged.
    """
    place = folder(classifier)
    if place is None:
        return {}
    found = {}
    for kind in kinds:
        path = place / f"{kind.name}.npz"
        if path.is_file():
            card = storage.read_card(path, kinds)
            if card.kind is kind and card.classifier_sha256 == signals.digest(classifier):
                found[kind.name] = path
    return found
