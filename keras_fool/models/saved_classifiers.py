"""Classifiers on disk: saved_models/<name>/<version>/, and any other model file or folder.

A version folder holds `classifier.keras` and `card.json`, which names the labels and the data
set; or it is a SavedModel, as `export` writes it, with the labels in assets/labels.txt.
"""

import contextlib
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from keras_fool import foreign_files
from keras_fool.models import applications, model_files, model_formats, model_specs
from keras_fool.models.classifier_kinds import Classifier, comparable
from trainers import names, regular_file

MODEL_FILE = "classifier.keras"
CARD_FILE = "card.json"
_MOST_CARD_BYTES = 2**24


def exists(what: str) -> bool:
    """Whether something has this name or path, be it a classifier or not.

    What exists is meant as it stands, whatever commas, colons and plus signs are in it.
    """
    if not what:
        return False
    places = [what, *(os.path.join(base, what) for base in _bases())]
    return what in applications.SIZES or any(map(os.path.exists, places))


def find(model: str, dataset: str | None) -> Classifier:
    """The classifier in a file or folder.

    Args:
        model: A name under ./saved_models/ or under the shipped saved_models/ (the newest
            version is taken), a version folder, or the path of a model (`model_formats`).
        dataset: The data set that it must have been trained on; None for any.

    Raises:
        ValueError: There is none, or its card is damaged or of another data set.
    """
    folder = _version_folder(model)
    if folder is not None:
        has_file = (folder / MODEL_FILE).is_file()
        return _with_card(folder, dataset) if has_file else _saved_model(folder)
    path = pathlib.Path(model)
    if path.name == MODEL_FILE and (path.parent / CARD_FILE).is_file():
        return _with_card(path.resolve().parent, dataset)
    if model_formats.of(path) is not None:
        if words := _refusal(path):
            raise ValueError(f"{model} {words}")
        if path.is_dir():
            return _saved_model(path.resolve())
        return Classifier(names.shown(printable(path.name)), path.resolve())
    if not path.exists() and (wrong := model_specs.wrong_option(model, exists)):
        raise ValueError(wrong)
    raise ValueError(_not_found(model, path))


def _refusal(path: pathlib.Path) -> str | None:
    try:
        return model_formats.refusal(path)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}."


def _not_found(model: str, path: pathlib.Path) -> str:
    """Says what a path is, or what may have been meant, where it is no model that loads."""
    if path.exists():
        expected = f"{model_formats.EXPECTED}, or a folder with {MODEL_FILE} in it, is."
        return f"{model} {_refusal(path) or f'is not a classifier: {expected}'}"
    # A suffix that is missing, or capital letters.
    suffixes = model_formats.SUFFIXES
    there = [file for file in path.parent.glob("*") if file.suffix.lower() in suffixes]
    same = [file for file in there if _stem(file) == _stem(path)]
    if path.suffix.lower() in suffixes:
        meant = names.did_you_mean(path.name, [file.name for file in same or there])
        return f"there is no file {model}{meant or '.'}"
    if same:
        return f"there is no model {model!r}, did you mean {path.with_name(same[0].name)}?"
    return (
        f"{names.unknown('model', model, known(), also=tuple(applications.SIZES))} "
        f"Or give a version folder, {model_formats.EXPECTED}."
    )


def _stem(path: pathlib.Path) -> str:
    name, suffix = path.name.lower(), path.suffix.lower()
    return name.removesuffix(suffix) if suffix in model_formats.SUFFIXES else name


def printable(name: str) -> str:
    """A file's name as text that can be written anywhere: bytes that are not UTF-8 as numbers."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def known() -> list[str]:
    """The names that `find` takes, sorted."""
    folders = [path for base in _bases() if base.is_dir() for path in base.iterdir()]
    return sorted({path.name for path in folders if _versions(path)})


def alike(
    labels: Sequence[str], image_shape: Sequence[int], identity: Mapping[str, object]
) -> Iterator[tuple[str, Classifier]]:
    """The known classifiers of the same labels and images, by name; those without a card are none.

    Args:
        labels: The names of the labels.
        image_shape: (height, width, channels).
        identity: That of a classifier which is left out, as `classifier_kinds.comparable` gives
            it.
    """
    for name in known():
        # What cannot be read is nothing to take, and no reason to fail.
        with contextlib.suppress(ValueError, OSError, KeyError):
            found = find(name, None)
            assert isinstance(found.path, pathlib.Path), "it is a file"
            card = foreign_files.json_object(found.path.parent / CARD_FILE)
            fits = card["labels"] == list(labels) and card["image_shape"] == list(image_shape)
            if fits and comparable(found.identity) != identity:
                yield name, found


def _bases() -> list[pathlib.Path]:
    beside_the_package = pathlib.Path(__file__).resolve().parents[2] / "saved_models"
    return [pathlib.Path("saved_models").resolve(), beside_the_package]


def _versions(folder: pathlib.Path) -> list[pathlib.Path]:
    """The version folders of a name, oldest first."""
    if not folder.is_dir():
        return []
    versions = [path for path in folder.iterdir() if path.name.isdecimal()]
    versions = [path for path in versions if _is_version(path)]
    return sorted(versions, key=lambda path: int(path.name))


def _version_folder(model: str) -> pathlib.Path | None:
    for path in [*(base / model for base in _bases()), pathlib.Path(model).resolve()]:
        if _is_version(path):
            return path
        if versions := _versions(path):
            return versions[-1]
    return None


def _is_version(path: pathlib.Path) -> bool:
    return any((path / file).is_file() for file in (MODEL_FILE, model_formats.SAVED_MODEL_FILE))


def _saved_model(folder: pathlib.Path) -> Classifier:
    """The classifier in the folder of a SavedModel, called as the folder, or `name/version`."""
    called = f"{folder.parent.name}/{folder.name}" if folder.name.isdecimal() else folder.name
    return Classifier(names.shown(printable(called)), folder, model_files.labels(folder))


def _with_card(folder: pathlib.Path, dataset: str | None) -> Classifier:
    name = names.shown(f"{folder.parent.name}/{folder.name}")
    path = folder / CARD_FILE
    labels = None
    if path.is_file():
        try:
            card: Any = foreign_files.parse_json(regular_file.read(path, _MOST_CARD_BYTES))
            labels = names.checked_labels(card["labels"], "its labels")
            trained_on = str(card["dataset"])
        except (ValueError, KeyError, TypeError, RecursionError, OSError) as error:
            said = getattr(error, "strerror", None) or error
            said = str(said) if isinstance(error, ValueError | OSError) else repr(error)
            raise ValueError(f"{path} is not a classifier's card: {said.rstrip('.')}.") from error
        if dataset is not None and trained_on != dataset:
            raise ValueError(f"{name} was trained on {trained_on}, not on {dataset}.")
    return Classifier(name, folder / MODEL_FILE, labels)
