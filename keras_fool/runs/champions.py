"""Reads the champions of run folders back: the images, and what was recorded of each.

What a study says rests on these images, so they are checked: `check_scores` names the
first one that the classifier it was evolved on no longer gives its recorded confidence.
"""

import contextlib
import csv
import dataclasses
import json
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np

from evolvers.ascent import config as ascent_config
from keras_fool.models import classifiers
from keras_fool.runs import champion_png, checkpoints, workdir
from trainers import names

WHENS = ("first", "last")
# Confidences are the same bits on the same machine; another one rounds otherwise.
_TOLERANCE = 1e-5


@dataclasses.dataclass(frozen=True, eq=False)
class Champions:
    """The champions of one run folder, by run and within it by label.

    Attributes:
        folder: The run folder.
        config: Its config.json.
        labels: The names of all labels of the classifier they were evolved on.
        runs: int64 [champions]; the run's number.
        niches: int64 [champions]; the label it was evolved for.
        confidences: float32 [champions]; recorded, for that label.
        images: uint8 [champions, height, width, channels].
        genomes: [champions]; as `evolvers.genome_json` writes them; empty for images of an
            ascent.
        files: [champions]; the PNGs, relative to the folder.
        offsets: float32 [champions, height, width, channels]; of the last images of an
            ascent, where they were asked for, the images less the data mean, as they were
            before they were rounded; else None.
    """

    folder: pathlib.Path
    config: dict
    labels: tuple[str, ...]
    runs: np.ndarray
    niches: np.ndarray
    confidences: np.ndarray
    images: np.ndarray
    genomes: tuple[str, ...]
    files: tuple[str, ...]
    offsets: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.files)

    @property
    def scorer(self) -> dict:
        """The identity of the classifier they were evolved on, as config.json has it."""
        return self.config["settings"]["scorer"]

    @property
    def views(self) -> classifiers.Views:
        """What the classifier saw of the images; of an ensemble, what the first member saw.

        The size of crops, which is the network's, is left out.
        """
        scorer = self.scorer
        member = scorer["ensemble"][0] if "ensemble" in scorer else scorer
        views = member.get("views", {})
        return classifiers.Views(views.get("image_size"), views.get("crops", 1))

    def take(self, chosen: np.ndarray) -> "Champions":
        """Those at `chosen`: int places or a bool mask [champions]."""
        places = np.arange(len(self))[chosen]
        arrays = {name: getattr(self, name)[places] for name in _ARRAYS}
        texts = {name: tuple(getattr(self, name)[i] for i in places) for name in _TEXTS}
        if self.offsets is not None:
            arrays["offsets"] = self.offsets[places]
        return dataclasses.replace(self, **arrays, **texts)

    def less_mean(self, place: int) -> np.ndarray:
        """An image of an ascent less the data mean: float [height, width, channels].

        Raises:
            ValueError: It is not of an ascent.
        """
        if "mean" not in self.config["settings"]:
            raise ValueError(f"{self.folder} holds no ascent: no data mean is known to subtract.")
        if self.offsets is not None:
            return self.offsets[place]
        return self.images[place] - np.asarray(self.config["settings"]["mean"])

    def check_fits(self, name: str, image_shape: Sequence[int], num_labels: int) -> None:
        """Checks that a classifier takes these images and has as many labels.

        Args:
            name: The classifier's.
            image_shape: (height, width, channels) that it takes.
            num_labels: Its labels.

        Raises:
            ValueError: It does not.
        """
        shape = self.images.shape[1:]
        if tuple(image_shape) != shape:
            raise ValueError(
                f"{name} takes images of {_by(image_shape)}, those in {self.folder} are "
                f"{_by(shape)} (height x width x channels)."
            )
        if num_labels != len(self.labels):
            raise ValueError(
                f"{name} has {num_labels} labels, the classifier of {self.folder} has "
                f"{len(self.labels)}."
            )

    def check_scores(self, confidences: np.ndarray) -> None:
        """Checks that the images are those that were recorded.

        Args:
            confidences: float32 [champions, num_labels], given by the classifier that
                they were evolved on.

        Raises:
            ValueError: One of them, which is named, has another confidence.
        """
        own = confidences[np.arange(len(self)), self.niches]
        wrong = np.flatnonzero(np.abs(own - self.confidences) > _TOLERANCE)
        if len(wrong):
            first = wrong[0]
            others = f", and so are {len(wrong) - 1} others" if len(wrong) > 1 else ""
            raise ValueError(
                f"{self.folder / self.files[first]} is not the image that was recorded{others}: "
                f"its confidence for {self.labels[self.niches[first]]!r} is {own[first]:.7g}, "
                f"the record says {self.confidences[first]:.7g}."
            )


_ARRAYS = ("runs", "niches", "confidences", "images")
_TEXTS = ("genomes", "files")


def read(folder: pathlib.Path, when: str = "last", *, unrounded: bool = False) -> Champions:
    """Reads the champions of a complete run folder.

    Args:
        folder: What `evolve` or `ascend` wrote.
        when: Of an evolution those of the "first" or of the "last" generation; of an
            ascent what is in `evolvers.ascent.config.KEPT`, where it came.
        unrounded: Whether the last images of an ascent shall have their `offsets`, and as
            confidences what the classifier gave them before they were rounded to bytes.

    Raises:
        ValueError: It is no run folder, or its run is not complete, or a file in it is
            damaged, or an image has another shape than the run's.
        FileNotFoundError: An image is missing.
    """
    config = _config(folder)
    records = _records(folder)
    files = listed(folder, when)
    pngs = [champion_png.read(folder / file) for file in files]
    if when != "last":  # champions.csv is about the last ones; the images say it themselves
        records = [png.about for png in pngs]
    shape = tuple(config["image_shape"])
    for file, png in zip(files, pngs, strict=True):
        if png.image.shape != shape:
            raise ValueError(
                f"{folder / file} is an image of {_by(png.image.shape)}, its run makes "
                f"images of {_by(shape)} (height x width x channels)."
            )
    with _damaged(f"what is recorded of the champions in {folder}"):
        found = Champions(
            folder=folder,
            config=config,
            labels=names.checked_labels(config["labels"], "the list of labels"),
            runs=np.array([int(record["run"]) for record in records]),
            niches=np.array([int(record["label"]) for record in records]),
            confidences=np.array([float(record["confidence"]) for record in records], np.float32),
            images=np.stack([png.image for png in pngs]),
            genomes=tuple(png.genome for png in pngs),
            files=tuple(files),
        )
    if unrounded and when == "last" and "mean" in config["settings"]:
        return _unrounded(found, records)
    return found


def _unrounded(found: Champions, records: Sequence[dict[str, str]]) -> Champions:
    """The last state of the ascent has its images as they were."""
    path = found.folder / "checkpoint"
    state, damaged = None, []
    with contextlib.suppress(ValueError):  # there are only damaged ones
        state, damaged = checkpoints.CheckpointFolder(path).newest()
    if state is None or damaged:
        raise ValueError(
            f"there is no whole state in {path}, which has the images as they were before they "
            "were rounded."
        )
    with _damaged(found.folder / workdir.CHAMPIONS):
        confidences = np.array([float(record["iterate_confidence"]) for record in records])
    return dataclasses.replace(
        found, confidences=confidences.astype(np.float32), offsets=state["offsets"]
    )


def listed(folder: pathlib.Path, when: str = "last") -> list[str]:
    """The PNGs of a complete run folder's champions, relative to it; opens none of them.

    Args:
        folder: What `evolve` or `ascend` wrote.
        when: Of an evolution those of the "first" or of the "last" generation; of an
            ascent what is in `evolvers.ascent.config.KEPT`, where it came.

    Raises:
        ValueError: Its run is not complete, or the list is damaged.
    """
    records = _records(folder)
    ascended = f"step_{ascent_config.KEPT[1]}" in records[0]
    kept = ascent_config.KEPT if ascended else WHENS
    if when not in kept:
        raise ValueError(f"{folder} has no {when} images: those of {', '.join(kept)} are kept.")
    if ascended and when != "last":
        records = [record for record in records if record[f"step_{when}"]]
    if not records:
        raise ValueError(f"no image in {folder} came as far as {when}.")
    return [_inside(folder, record["file"]).replace("/last/", f"/{when}/") for record in records]


def original(
    champions: Champions, candidates: Sequence[classifiers.AnyClassifier]
) -> classifiers.AnyClassifier:
    """The classifier that champions were evolved on.

    Args:
        champions: They name it by the SHA-256 of its file and what wraps it.
        candidates: Where to look first; then where it lay when they were evolved.

    Raises:
        ValueError: It is in neither place.
    """
    for candidate in candidates:
        if classifiers.comparable(candidate.identity) == champions.scorer:
            return candidate
    name, spec = champions.config["classifier"], champions.config["classifier_spec"]
    with contextlib.suppress(ValueError, OSError):  # it was moved, or is another one now
        there = classifiers.find_all(spec)
        if classifiers.comparable(there.identity) == champions.scorer:
            return classifiers.with_labels(there, champions.labels)
    raise ValueError(
        f"{champions.folder} was evolved on {name}, which is not among --models, and {spec} is "
        "not it: name its version folder or .keras file, with the options it had, in --models."
    )


def _config(folder: pathlib.Path) -> dict:
    path = folder / workdir.CONFIG
    if not folder.is_dir():
        there = [path.name for path in folder.parent.glob("*/")]
        hint = names.did_you_mean(folder.name, there) or "."
        raise ValueError(f"there is no folder {folder}{hint}")
    if not path.is_file():
        raise ValueError(f"{folder} is no run folder: there is no {path.name} in it.")
    with _damaged(path):
        config = json.loads(path.read_text("utf-8"))
        scorer = dict(config["settings"]["scorer"])
        if "classifier_path" in config:  # written before there were specs
            logits = ["logits"] if scorer["from_logits"] else []
            words = [config["classifier_path"], scorer["preprocess"], *logits]
            config.setdefault("classifier_spec", ":".join(words))
        for name in ("classifier", "classifier_spec", "labels", "image_shape"):
            config[name]
    return config


def _records(folder: pathlib.Path) -> list[dict[str, str]]:
    path = folder / workdir.CHAMPIONS
    if not path.is_file():
        raise ValueError(
            f"the run in {folder} is not complete, there is no {path.name} in it yet: the "
            "command that began it goes on with it."
        )
    with _damaged(path), open(path, newline="", encoding="utf-8") as file:
        records = list(csv.DictReader(file))
    if not records or "file" not in records[0]:
        raise ValueError(f"{path} names no champions.")
    return records


def _inside(folder: pathlib.Path, file: str) -> str:
    """`file`, which may come from anyone, as long as it lies in the folder."""
    if not (folder / file).resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{folder / workdir.CHAMPIONS} names {file}, which is not in its folder.")
    return file


@contextlib.contextmanager
def _damaged(what: object) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ValueError(f"{what} is damaged: {error!r}.") from error


def _by(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
