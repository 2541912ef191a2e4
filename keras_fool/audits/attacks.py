"""Attacks on the classifier alone: evolutions and an ascent in run folders, and what came of them.

Success is measured on the PNG files: they are read and scored again. How many images it took is
in the runs' own records, and counts only where the PNG still has the confidence.
"""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from evolvers import config as evolvers_config
from keras_fool import detectors
from keras_fool.audits import intervals, settings, subject
from keras_fool.models import data_means, scoring
from keras_fool.runs import (
    ascent_run,
    champions,
    evolution_run,
    run_folder,
    run_records,
)
from keras_fool.studies import experiment, steps

CPPN, PIXELS, ASCENT = NAMES = ("cppn", "pixels", "ascent")
TITLES = {CPPN: "CPPN evolution", PIXELS: "Pixel evolution", ASCENT: "Gradient ascent"}
IMAGES_OF = {CPPN: "CPPN images", PIXELS: "pixel images", ASCENT: "images of gradient ascent"}
FOLDER = "attacks"
NEVER = evolution_run.NEVER
_THRESHOLDS = np.array(list(settings.LEVELS.values()), np.float32)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Evolve(steps.Step):
    """Evolves images against a classifier, or against it and a detector.

    Attributes:
        attacked: The classifier.
        config: The settings.
        folder: The run folder.
        niches: The labels; None for all.
        detector: The detector's file, which may be written only when the step begins.
        quiet: Whether to show no progress.
    """

    kind = "evolve"
    attacked: subject.Subject
    config: evolvers_config.Config
    folder: pathlib.Path
    niches: Sequence[int] | None = None
    detector: pathlib.Path | None = None
    quiet: bool = False

    def is_done(self) -> bool:
        """Whether the run is complete, or its detector could not be fitted."""
        if self.detector is not None and not self.detector.is_file():
            return True
        defence = None if self.detector is None else detectors.defence(self.detector)
        classifier = cast(Any, self.attacked.classifier)
        shaped_by = evolution_run.settings(self.config, classifier, self.niches, defence)
        return run_folder.is_complete(self.folder, shaped_by)

    def run(self, context: experiment.Context) -> None:
        """Evolves, or goes on with it."""
        scorer, defence = self.attacked.scorer, None
        if self.detector is not None:
            defence = detectors.defence(self.detector)
            scorer = defence.over(cast(Any, self.attacked.scorer))
        evolution_run.evolve(
            self.folder,
            self.config,
            cast(Any, self.attacked.classifier),
            command=context.command,
            note=context.note,
            niches=self.niches,
            scorer=scorer,
            defence=defence,
            thresholds=_THRESHOLDS.tolist(),
            quiet=self.quiet,
            elsewhere=context.elsewhere,
        )


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Ascend(steps.Step):
    """Ascends to labels of a classifier.

    Attributes:
        attacked: The classifier.
        planned: The ascent.
        folder: The run folder.
        quiet: Whether to show no progress.
    """

    kind = "ascend"
    attacked: subject.Subject
    planned: settings.Ascent
    folder: pathlib.Path
    quiet: bool = False

    @property
    def _mean(self) -> tuple[float, ...]:
        channels = self.attacked.scorer.image_shape[2]
        return data_means.known(cast(Any, self.attacked.classifier), channels)

    def is_done(self) -> bool:
        """Whether the run is complete."""
        planned, classifier = self.planned, cast(Any, self.attacked.classifier)
        shaped_by = ascent_run.settings(
            planned.config, classifier, self._mean, planned.labels, planned.seeds
        )
        return run_folder.is_complete(self.folder, shaped_by)

    def run(self, context: experiment.Context) -> None:
        """Ascends, or goes on with it."""
        ascent_run.ascend(
            self.folder,
            self.planned.config,
            cast(Any, self.attacked.classifier),
            mean=self._mean,
            labels=self.planned.labels,
            seeds=self.planned.seeds,
            command=context.command,
            note=context.note,
            scorer=cast(scoring.LocalScorer, self.attacked.scorer),
            quiet=self.quiet,
        )


def planned(
    attacked: subject.Subject, plan: settings.Plan, folder: pathlib.Path, *, quiet: bool
) -> list[Evolve | Ascend]:
    """The attacks that can be made, as steps."""
    found: list[Evolve | Ascend] = []
    for name, encoding in ((CPPN, "cppn"), (PIXELS, "direct")):
        config = dataclasses.replace(plan.evolution, encoding=encoding)
        found.append(
            Evolve(
                name=TITLES[name],
                work=config.runs * settings.images_per_run(config),
                attacked=attacked,
                config=config,
                folder=folder / FOLDER / name,
                quiet=quiet,
            )
        )
    if plan.ascent is not None:
        found.append(
            Ascend(
                name=TITLES[ASCENT],
                work=len(plan.ascent.seeds) * plan.ascent.images_per_run,
                attacked=attacked,
                planned=plan.ascent,
                folder=folder / FOLDER / ASCENT,
                quiet=quiet,
            )
        )
    return found


@dataclasses.dataclass(frozen=True, eq=False)
class Attacked:
    """What came of an attack: the images that its PNG files hold.

    Attributes:
        name: One of `NAMES`.
        folder: The run folder, relative to that of the audit.
        runs: The numbers of the runs.
        labels: The numbers of the labels that images were made for.
        found: The images and what was recorded of them, ordered by run, then by label.
        scores: float32 [images, num_labels]; what the classifier gives them now.
        images_per_run: How many images a run spent.
        reached: int64 [images, levels]; how many images the run had made when this one reached
            each of `settings.LEVELS`, or `NEVER`.
        remark: What counts as an image, and which labels there are, in sentences.
    """

    name: str
    folder: str
    runs: Sequence[int]
    labels: Sequence[int]
    found: champions.Champions
    scores: np.ndarray
    images_per_run: int
    reached: np.ndarray
    remark: str

    @property
    def own(self) -> np.ndarray:
        """float32 [images], finite: each image's confidence for its own label; 0 for none."""
        own = self.scores[np.arange(len(self.found)), self.found.niches]
        return np.nan_to_num(own, nan=0.0)

    @property
    def files(self) -> list[str]:
        """The PNG files, relative to the folder of the audit."""
        return [f"{self.folder}/{file}" for file in self.found.files]

    def by_run(self, values: np.ndarray, missing: float) -> np.ndarray:
        """Values of images as [runs, labels, ...]; `missing` where there is no image."""
        shape = (len(self.runs), len(self.labels), *values.shape[1:])
        found = np.full(shape, missing, np.float64)
        rows = np.searchsorted(self.runs, self.found.runs)
        columns = np.searchsorted(self.labels, self.found.niches)
        found[rows, columns] = values
        return found

    def report(self, names: Sequence[str], resamples: int) -> dict[str, Any]:
        """It as JSON.

        Args:
            names: Of the classifier's labels.
            resamples: Of intervals.
        """
        own = self.by_run(self.own, 0.0)
        confidences = self.by_run(self.own, np.nan)
        counts = self.by_run(np.where(self.reached == NEVER, np.inf, self.reached), np.inf)
        labels = [
            {
                "number": label,
                "label": names[label],
                "confidences": [intervals.number(value) for value in confidences[:, place]],
                "images_to": {
                    level: [whole(count) for count in counts[:, place, number]]
                    for number, level in enumerate(settings.LEVELS)
                },
            }
            for place, label in enumerate(self.labels)
        ]
        return {
            **_about(self.name),
            "not_done": None,
            "folder": self.folder,
            "runs": list(self.runs),
            "images": self.images_per_run * len(self.runs),
            "images_per_run": self.images_per_run,
            "remark": self.remark,
            "labels": labels,
            "median_confidence": intervals.of_runs(own, intervals.median, resamples),
            "fooled": fooled(own, resamples),
            "median_images_to": {
                level: intervals.of_runs(counts[..., number], intervals.median, resamples)
                for number, level in enumerate(settings.LEVELS)
            },
        }


def read(step: Evolve | Ascend, names: Sequence[str], audit: pathlib.Path) -> Attacked:
    """What came of an attack that is done: its PNG files, scored again.

    Args:
        step: The attack.
        names: Of the classifier's labels.
        audit: The audit's folder.

    Raises:
        ValueError: The run folder is damaged.
    """
    scorer = step.attacked.scorer
    labels: Sequence[int] = range(len(names))
    if isinstance(step, Evolve):
        runs: Sequence[int] = range(step.config.runs)
        labels = labels if step.niches is None else step.niches
        name = CPPN if step.config.encoding == "cppn" else PIXELS
        found = champions.read(step.folder)
        scores = scorer.score(found.images)
        reached = evolution_run.reached(step.folder).reshape(len(found), len(settings.LEVELS))
        # An image of generation g is among the first images, or in one of g + 1 generations.
        made = step.config.initial + (reached + 1) * step.config.batch
        spent = settings.images_per_run(step.config)
        remark = "Images are counted by generations, whether they were alike or not."
    else:
        name, found = ASCENT, champions.read(step.folder, "best")
        scores = scorer.score(found.images)
        reached, made = _steps_to(step.folder, found)
        spent = step.planned.images_per_run
        runs, labels = step.planned.seeds, step.planned.labels
        remark = (
            f"A step of an image counts as an image: {step.planned.config.steps} for each label, "
            "with a gradient, which costs about three times as much. Where an image of a label "
            "reached a confidence is counted before it is rounded to bytes, in steps of its own."
        )
        if len(step.planned.labels) < len(names):
            remark += f" The budget is for {len(step.planned.labels)} of {len(names)} labels."
    own = scores[np.arange(len(found)), found.niches][:, np.newaxis]
    holds = (reached != NEVER) & (own >= _THRESHOLDS)
    folder = step.folder.relative_to(audit).as_posix()
    counts = np.where(holds, made, NEVER)
    return Attacked(name, folder, runs, labels, found, scores, spent, counts, remark)


def not_done(name: str, reason: str) -> dict[str, Any]:
    """The JSON of an attack that was not made."""
    nothing = dict.fromkeys(settings.LEVELS)
    return {
        **_about(name),
        "not_done": reason,
        "folder": None,
        "runs": [],
        "images": 0,
        "images_per_run": 0,
        "remark": "",
        "labels": [],
        "median_confidence": None,
        "fooled": nothing,
        "median_images_to": nothing,
    }


def fooled(confidences: np.ndarray, resamples: int) -> dict[str, Any]:
    """By level, the share of images that reach it.

    Args:
        confidences: float [runs, labels].
        resamples: Of intervals.
    """
    return {
        level: intervals.of_runs(
            (confidences >= np.float32(threshold)).astype(float), intervals.mean, resamples
        )
        for level, threshold in settings.LEVELS.items()
    }


def whole(count: float) -> int | None:
    """A count as JSON; None where it was never reached."""
    return int(count) if np.isfinite(count) else None


def _about(name: str) -> dict[str, Any]:
    return {"name": name, "title": TITLES[name]}


def _steps_to(folder: pathlib.Path, found: champions.Champions) -> tuple[np.ndarray, np.ndarray]:
    """In which step each image of an ascent first reached each level, and how many it took."""
    first = np.full((len(found), len(_THRESHOLDS)), NEVER, np.int64)
    pairs = zip(found.runs.tolist(), found.niches.tolist(), strict=True)
    places = {pair: place for place, pair in enumerate(pairs)}
    for row in run_records.RunRecords(folder).metrics():
        place = places.get((int(row["run"]), int(row["label"])))
        if place is None or not row["confidence"]:
            continue
        new = (first[place] == NEVER) & (np.float32(row["confidence"]) >= _THRESHOLDS)
        first[place][new] = int(row["step"])
    return first, first + 1
