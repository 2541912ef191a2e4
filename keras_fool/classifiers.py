"""Finds classifiers on disk, without loading them (and so without TensorFlow).

A classifier is `saved_models/<name>/<version>/` with `classifier.keras` and
`card.json` in it, or any other `.keras` file.
"""

import dataclasses
import functools
import hashlib
import json
import pathlib

MODEL_FILE = "classifier.keras"
PREPROCESSES = ("none", "unit", "caffe", "tf", "torch")
# The classifier that stands for a data set where no other is asked for.
_OF_DATASET = {"mnist": "mnist_a", "digits": "digits_a"}


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A model file and how bytes get into it and confidences out of it.

    Attributes:
        name: What reports call it, such as "mnist_a/1" or "my_model.keras".
        path: The `.keras` file.
        labels: The names of its outputs; None where no card tells them.
        preprocess: What turns bytes 0..255 into its input, one of `PREPROCESSES`:
            "none" (bytes as they are), "unit" (to [0, 1]), or what
            `keras.applications` calls "caffe", "tf" and "torch".
        from_logits: Whether its outputs need a softmax to be confidences.
    """

    name: str
    path: pathlib.Path
    labels: tuple[str, ...] | None = None
    preprocess: str = "none"
    from_logits: bool = False

    @functools.cached_property
    def identity(self) -> dict:
        """What makes its confidences, as JSON; `path` only says where it was found."""
        with open(self.path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {
            "sha256": digest,
            "preprocess": self.preprocess,
            "from_logits": self.from_logits,
            "path": str(self.path),
        }


def find(model: str | None, dataset: str | None = None) -> Classifier:
    """The classifier that a user means.

    Args:
        model: A name under ./saved_models/ or under the shipped saved_models/ (the
            newest version is taken), a version folder, or a `.keras` file.
        dataset: Without a model, the data set whose shipped classifier is meant.

    Raises:
        ValueError: There is no such classifier or data set (the known ones are
            named), or its card is damaged, or it is one of another data set.
    """
    if dataset is not None and dataset not in _OF_DATASET:
        raise ValueError(f"unknown data set {dataset!r}; known: {', '.join(_OF_DATASET)}.")
    if model is None:
        if dataset is None:
            raise ValueError(f"give --dataset ({' or '.join(_OF_DATASET)}) or --model.")
        model = _OF_DATASET[dataset]
        if model not in known():
            raise ValueError(
                f"no classifier of {dataset} is here yet; train one: "
                f"python -m keras_fool.train --dataset={dataset} --name={model}"
            )
    folder = _version_folder(model)
    if folder is not None:
        return _with_card(folder, dataset)
    path = pathlib.Path(model)
    if path.suffix == ".keras" and path.is_file():
        return Classifier(path.name, path.resolve())
    if path.suffix == ".keras":
        raise ValueError(f"there is no file {model}.")
    if path.exists():
        raise ValueError(
            f"{model} is no classifier: a .keras file, or a folder with {MODEL_FILE} in it, is."
        )
    raise ValueError(
        f"unknown model {model!r}; known: {', '.join(known()) or 'none'}; "
        "or give a version folder or a .keras file."
    )


def known() -> list[str]:
    """The names that `find` takes, sorted."""
    folders = [path for base in _bases() if base.is_dir() for path in base.iterdir()]
    return sorted({path.name for path in folders if _versions(path)})


def _bases() -> list[pathlib.Path]:
    beside_the_package = pathlib.Path(__file__).resolve().parent.parent / "saved_models"
    return [pathlib.Path("saved_models").resolve(), beside_the_package]


def _versions(folder: pathlib.Path) -> list[pathlib.Path]:
    """The version folders of a name, oldest first."""
    if not folder.is_dir():
        return []
    versions = [path for path in folder.iterdir() if path.name.isdecimal()]
    versions = [path for path in versions if (path / MODEL_FILE).is_file()]
    return sorted(versions, key=lambda path: int(path.name))


def _version_folder(model: str) -> pathlib.Path | None:
    for path in [*(base / model for base in _bases()), pathlib.Path(model).resolve()]:
        if (path / MODEL_FILE).is_file():
            return path
        if versions := _versions(path):
            return versions[-1]
    return None


def _with_card(folder: pathlib.Path, dataset: str | None) -> Classifier:
    name = f"{folder.parent.name}/{folder.name}"
    path = folder / "card.json"
    labels = None
    if path.is_file():
        try:
            card = json.loads(path.read_text("utf-8"))
            labels = tuple(str(label) for label in card["labels"])
            trained_on = str(card["dataset"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is no classifier's card: {error!r}.") from error
        if dataset is not None and trained_on != dataset:
            raise ValueError(f"{name} was trained on {trained_on}, not on {dataset}.")
    return Classifier(name, folder / MODEL_FILE, labels)
