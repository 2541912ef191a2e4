"""Reads the champions of run folders back: the images, and what was recorded of each.

What a study says rests on these images, so they are checked: `check_scores` names the
first one that the classifier it was evolved on no longer gives its recorded confidence.
"""

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from keras_fool.models import classifiers
from keras_fool.runs import checkpoints, run_records

WHENS = run_records.WHENS
# Confidences are the same bits on the same machine; another one rounds otherwise.
_TOLERANCE = 1e-5
_HALF = 0.5001  # by which rounding to bytes changes a value at most


@dataclasses.dataclass(frozen=True, eq=False)
class Champions:
    """The champions of one run folder, ordered by run, then by label.

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
            ascent, where they were asked for, the images minus the data mean, as they were
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
        return dataclasses.replace(
            self,
            runs=self.runs[places],
            niches=self.niches[places],
            confidences=self.confidences[places],
            images=self.images[places],
            genomes=tuple(self.genomes[place] for place in places),
            files=tuple(self.files[place] for place in places),
            offsets=None if self.offsets is None else self.offsets[places],
        )

    def minus_mean(self, place: int) -> np.ndarray:
        """An image of an ascent minus the data mean: float [height, width, channels].

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
        if tuple(image_shape) != self.images.shape[1:]:
            raise ValueError(self._other_images(name, image_shape))
        self.check_labels(name, num_labels)

    def check_colours(self, name: str, image_shape: Sequence[int]) -> None:
        """Checks that a classifier takes images of as many channels, of whatever size.

        Args:
            name: The classifier's.
            image_shape: (height, width, channels) that it takes.

        Raises:
            ValueError: It does not.
        """
        if image_shape[2] != self.images.shape[3]:
            raise ValueError(self._other_images(name, image_shape))

    def check_labels(self, name: str, num_labels: int) -> None:
        """Checks that a classifier has as many labels as the one of these images.

        Args:
            name: The classifier's.
            num_labels: Its labels.

        Raises:
            ValueError: It has not.
        """
        if num_labels != len(self.labels):
            raise ValueError(
                f"{name} has {num_labels} labels, the classifier of {self.folder} has "
                f"{len(self.labels)}."
            )

    def _other_images(self, name: str, image_shape: Sequence[int]) -> str:
        shape = self.images.shape[1:]
        return (
            f"{name} takes images of {run_records.dimensions(image_shape)}, those in "
            f"{self.folder} are {run_records.dimensions(shape)} (height x width x channels)."
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
        # Of a NaN no comparison holds: it is wrong.
        wrong = np.flatnonzero(~(np.abs(own - self.confidences) <= _TOLERANCE))
        if len(wrong):
            first = wrong[0]
            others = f", and so are {len(wrong) - 1} others" if len(wrong) > 1 else ""
            raise ValueError(
                f"{self.folder / self.files[first]} is not the image that was recorded{others}: "
                f"its confidence for {self.labels[self.niches[first]]!r} is {own[first]:.7g}, "
                f"the record says {self.confidences[first]:.7g}."
            )


def read(folder: pathlib.Path, when: str = "last", *, unrounded: bool = False) -> Champions:
    """Reads the champions of a complete run folder.

    Args:
        folder: What `evolve` or `ascend` wrote.
        when: Of an evolution those of the "first" or of the "last" generation; of an
            ascent what is in `evolvers.ascent.config.KEPT`, where it came.
        unrounded: Whether to give the last images of an ascent their `offsets`, and as
            confidences what the classifier gave them before they were rounded to bytes.

    Raises:
        ValueError: It is not a run folder, or its run is not complete, or a file in it is
            damaged, or not what is recorded of it.
        FileNotFoundError: An image is missing.
        OSError: A file cannot be read.
    """
    records = run_records.RunRecords(folder)
    places = records.places(when)
    pngs = [records.champion(place, when) for place in places]
    rows = [records.rows[place] for place in places]
    found = Champions(
        folder=folder,
        config=records.config,
        labels=records.labels,
        runs=np.array([int(row["run"]) for row in rows]),
        niches=np.array([int(row["label"]) for row in rows]),
        confidences=np.array([float(png.about["confidence"]) for png in pngs], np.float32),
        images=np.stack([png.image for png in pngs]),
        genomes=tuple(png.genome for png in pngs),
        files=tuple(records.file(place, when) for place in places),
    )
    if unrounded and when == "last" and not records.kind.has_genomes:
        return _unrounded(found, rows)
    return found


def _unrounded(found: Champions, rows: Sequence[dict[str, str]]) -> Champions:
    """The last state of the ascent has its images as they were."""
    path = found.folder / "checkpoint"
    state: dict[str, np.ndarray] | None = None
    damaged: list[pathlib.Path] = []
    with contextlib.suppress(ValueError):  # there are only damaged ones
        state, damaged = checkpoints.CheckpointFolder(path).newest()
    if state is None or damaged:
        raise ValueError(
            f"there is no whole state in {path}, which has the images as they were before they "
            "were rounded."
        )
    settings = found.config["settings"]
    mean = np.asarray(settings["mean"], np.float32)
    targets = settings["targets"]
    order = [(label, seed) for seed in targets["seeds"] for label in targets["labels"]]
    offsets = state.get("offsets", np.array(None))
    if offsets.dtype == np.float32 and offsets.shape == (len(order), *found.images.shape[1:]):
        # An image that never had finite confidences is in the state, and not in the table.
        places = [order.index(of) for of in zip(found.niches, found.runs, strict=True)]
        offsets = offsets[places]
        exact = np.clip(offsets + mean, np.float32(0), np.float32(255))
        # Of a NaN no comparison holds.
        if (np.abs(exact - found.images) <= _HALF).all():
            confidences = [float(row["iterate_confidence"]) for row in rows]
            return dataclasses.replace(
                found, confidences=np.array(confidences, np.float32), offsets=offsets
            )
    raise ValueError(
        f"the state in {path} is not the one of the images in {found.folder}: rounded, it gives "
        "others."
    )


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
        there = classifiers.find_all(os.fsdecode(spec.encode()))  # in any locale
        if classifiers.comparable(there.identity) == champions.scorer:
            return there.with_labels(champions.labels)
    raise ValueError(
        f"{champions.folder} was evolved on {name}, which is not among --models, and {spec} is "
        "not it: name its version folder or model file, with the options it had, in --models."
    )
