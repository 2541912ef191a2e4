"""The steps of the experiment: detectors are fitted, images made without and against them.

In the folder that an experiment works in, beside those of `evolutions` and `ascents`:

    <classifier>_<digest>_<data set>_detectors/    a file for each detector, and data.json, which
                                                   says why others could not be fitted
    <run folder of an evolution>_against_<detector>/
"""

import dataclasses
import functools
import json
import pathlib
from collections.abc import Sequence
from typing import Any

from evolvers.ascent import config as ascent_config
from keras_fool import detectors, foreign_files
from keras_fool.detectors import adaptive, signals
from keras_fool.models import classifiers, data_means
from keras_fool.runs import evolution_run, files, run_folder
from keras_fool.studies import (
    ascents,
    confidence,
    evolutions,
    experiment,
    fitted_detectors,
    imagenet,
    real_parts,
    steps,
)
from trainers import sources

RUNS = 3  # independent ones, of each attack
LEVEL = 0.95  # the share of held-out real images that thresholds accept
_MOST_LABELS = 100  # of more, so many are fooled, evenly spaced
_ASCENDED = 20  # the same of ascents
_PRESET = "plain"  # the paper's ascents without regularisation
_DATA, _LEFT_OUT = "data.json", "left_out"
_GUESSES = {"fit": 60.0, "attack": 1 / 5_000}  # seconds


@functools.lru_cache(maxsize=4)
def source_of(classifier: classifiers.AnyClassifier) -> signals.Source:
    """A classifier as detectors take it, opened once."""
    return detectors.open_source(classifier)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Fit(steps.Step):
    """Fits all detectors that can be fitted, and chooses their thresholds.

    Attributes:
        subject: The classifier.
        workdir: Where the experiment works.
        dataset: The name of the data set.
    """

    kind = "fit"
    subject: evolutions.Subject
    workdir: pathlib.Path
    dataset: str

    @property
    def folder(self) -> pathlib.Path:
        """Where the detectors' files are."""
        name = imagenet.file_name(self.subject.find())
        return self.workdir / f"{name}_{experiment.short(self.dataset)}_detectors"

    @property
    def is_begun(self) -> bool:
        """It begins anew where it was stopped."""
        return False

    def file(self, name: str) -> pathlib.Path:
        """The file of a detector."""
        return self.folder / f"{name}.npz"

    @property
    def left_out(self) -> dict[str, str]:
        """By the names of detectors that could not be fitted, why; none before it is done.

        Raises:
            ValueError: What is recorded is damaged.
        """
        path = self.folder / _DATA
        if not path.is_file():
            return {}
        found = foreign_files.json_object(path).get(_LEFT_OUT, {})
        fits = isinstance(found, dict) and set(found) < set(detectors.NAMES)
        if not fits or not all(isinstance(why, str) for why in found.values()):
            raise ValueError(f"{path} is damaged: expected names of detectors in {_LEFT_OUT}.")
        return found

    @property
    def fitted(self) -> list[str]:
        """The names of the others."""
        left_out = self.left_out
        return [name for name in detectors.NAMES if name not in left_out]

    def is_done(self) -> bool:
        """Whether all detectors are there, of this classifier and with thresholds.

        Raises:
            ValueError: A file is damaged.
        """
        if not (self.folder / _DATA).is_file():
            return False
        for name in self.fitted:
            if not self.file(name).is_file():
                return False
            detectors.defence(self.file(name))  # it has a threshold
        return True

    def run(self, context: experiment.Context) -> None:
        """Fits and writes them."""
        source = source_of(self.subject.find())
        data, parts = real(context, source)
        left_out: dict[str, str] = {}
        fitted = fitted_detectors.fit(source, parts, level=LEVEL, left_out=left_out)
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, each in fitted.items():
            each.save(self.file(name))
        about: dict[str, Any] = {"dataset": data.name, "digest": data.digest}
        about |= {_LEFT_OUT: left_out} if left_out else {}
        files.write(self.folder / _DATA, (json.dumps(about) + "\n").encode())

    def check_data(self, data: sources.Source) -> None:
        """Checks that detectors were fitted on this data.

        Raises:
            ValueError: They were not, or what is recorded is damaged.
        """
        path = self.folder / _DATA
        if foreign_files.json_object(path).get("digest") != data.digest:
            raise ValueError(
                f"the detectors in {self.folder} were fitted on other images than those of "
                f"{data.name} now: remove that folder, and they are fitted again."
            )


def real(
    context: experiment.Context, source: signals.Source
) -> tuple[sources.Source, real_parts.Parts]:
    """The data set, and its images in parts.

    Raises:
        ValueError: Classifier and data have other labels, or the data is not there.
    """
    data = confidence.load(context.dataset, source.image_shape)
    return data, real_parts.of(source, data)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Attack(evolutions.Evolve):
    """Evolves images against a classifier and a detector together.

    Attributes:
        detector: The detector's name.
        fit: The step that fits it.
    """

    kind = "attack"
    detector: str
    fit: Fit

    @property
    def defence(self) -> adaptive.Defence:
        """The fitted detector."""
        return detectors.defence(self.fit.file(self.detector))

    def is_done(self) -> bool:
        """Whether the run folder is complete, or there is no detector to attack."""
        if self.detector in self.fit.left_out:
            return True
        if not self.fit.file(self.detector).is_file():
            return False
        settings = evolution_run.settings(self.config, self.classifier, self.niches, self.defence)
        return run_folder.is_complete(self.folder, settings)

    def run(self, context: experiment.Context) -> None:
        """Evolves, or goes on with it."""
        defence = self.defence
        source: Any = source_of(self.classifier)  # with its network, which is loaded once
        evolution_run.evolve(
            self.folder,
            self.config,
            self.classifier,
            command=context.command,
            note=context.note,
            dataset=context.dataset,
            niches=self.niches,
            scorer=defence.over(source),
            defence=defence,
            elsewhere=context.elsewhere,
        )


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Ascend(ascents.Ascend):
    """Ascends on a classifier of any data."""

    @property
    def mean(self) -> tuple[float, ...]:
        """The data mean, a value per channel."""
        return data_means.known(self.classifier, source_of(self.classifier).image_shape[2])


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """All steps.

    Attributes:
        subject: The classifier.
        fit: The fitting of all detectors.
        evolved: By "cppn" and "direct", the evolutions against the classifier alone.
        ascended: The ascents.
        attacks: By the detector's name, the evolutions against both.
    """

    subject: evolutions.Subject
    fit: Fit
    evolved: dict[str, evolutions.Evolve]
    ascended: Ascend
    attacks: dict[str, Attack]

    @property
    def attacked(self) -> dict[str, Attack]:
        """The attacks that were made, once the detectors are fitted."""
        return {name: self.attacks[name] for name in self.fit.fitted}

    @property
    def steps(self) -> list[steps.Step]:
        """All of them, in order."""
        return [
            *evolutions.trainings([self.subject]),
            self.fit,
            *self.evolved.values(),
            self.ascended,
            *self.attacks.values(),
        ]


def plan(context: experiment.Context) -> Plan:
    """What has to be done.

    Raises:
        ValueError: --models names no or another classifier than one that TensorFlow runs on
            this machine, or none for a data set that has no shipped one.
    """
    if not context.models and context.dataset not in evolutions.DIGITS:
        raise ValueError(
            f"name the classifier of {context.dataset} in --models: there is no shipped one."
        )
    if len(context.models) > 1:
        raise ValueError(
            f"this experiment is about one classifier, --models names {', '.join(context.models)}."
        )
    (subject,) = evolutions.subjects(context, 1)
    if context.labels is not None and subject.training is None:
        subject = evolutions.Subject.found(subject.find().with_labels(context.labels))
    if subject.training is None and not (found := subject.find()).gives_gradients:
        raise ValueError(
            f"{found.name} gives no gradients, which odin and ascents need: name another model in "
            "--models, one that TensorFlow runs on this machine."
        )
    fit = Fit(
        name=f"fit detectors of {subject.name}",
        work=1,
        guess=_GUESSES["fit"],
        subject=subject,
        workdir=context.workdir,
        dataset=context.dataset,
    )
    labels = _num_labels(subject)
    evolved = {
        "cppn": _some_labels(evolutions.plan(context, subject, range(RUNS), context.seed), labels),
        "direct": _some_labels(
            evolutions.plan(
                context, subject, range(RUNS), context.seed, "pixels: ", encoding="direct"
            ),
            labels,
        ),
    }
    return Plan(
        subject,
        fit,
        evolved,
        _ascend(context, subject, labels),
        {name: _attack(evolved["cppn"], name, fit) for name in detectors.NAMES},
    )


def recorded(found: Plan) -> dict[str, object]:
    """What settings.json says of the classifier, the evolutions and the ascents."""
    every = [*found.evolved.values(), *found.attacked.values()]
    entries: dict[str, Any] = evolutions.recorded([found.subject.find()], every)
    entries |= {_LEFT_OUT: found.fit.left_out} if found.fit.left_out else {}
    against = [None] * len(found.evolved) + list(found.attacked)
    entries["evolutions"] = [
        {**entry, "niches": step.niches, "detector": detector}
        for entry, step, detector in zip(entries["evolutions"], every, against, strict=True)
    ]
    ascended = ascents.recorded([found.ascended])
    return {**entries, "ascents": ascended["ascents"], "gradients": ascended["gradients"]}


def _num_labels(subject: evolutions.Subject) -> int:
    if subject.training is not None:
        return 10  # of digits
    return len(source_of(subject.find()).labels)


def _spaced(number: int, most: int) -> list[int]:
    """All labels, or of more than `most` as many, evenly spaced."""
    kept = min(number, most)
    return [place * number // kept for place in range(kept)]


def _some_labels(planned: evolutions.Evolve, number: int) -> evolutions.Evolve:
    if number <= _MOST_LABELS:
        return planned
    name = f"{planned.folder.name}_labels_{_MOST_LABELS}"
    return dataclasses.replace(
        planned, niches=_spaced(number, _MOST_LABELS), folder=planned.folder.with_name(name)
    )


def _attack(planned: evolutions.Evolve, name: str, fit: Fit) -> Attack:
    known: dict[str, Any] = {
        field.name: getattr(planned, field.name) for field in dataclasses.fields(planned)
    }
    changed = {
        "name": f"{planned.name} and {name}",
        "guess": None if planned.guess is None else _GUESSES["attack"],
        "folder": planned.folder.with_name(f"{planned.folder.name}_against_{name}"),
    }
    return Attack(**{**known, **changed}, detector=name, fit=fit)


def _ascend(context: experiment.Context, subject: evolutions.Subject, number: int) -> Ascend:
    labels: Sequence[int] = _spaced(number, _ASCENDED)
    planned = ascents.plan(context, subject, _PRESET, labels, range(RUNS))
    known: dict[str, Any] = {
        field.name: getattr(planned, field.name) for field in dataclasses.fields(planned)
    }
    assert planned.config.steps <= ascent_config.PRESETS[_PRESET].steps
    return Ascend(**known)
