"""What an audit is to do: the order, and the steps that follow from it."""

import dataclasses
import datetime
import pathlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from keras_fool import detectors
from keras_fool.audits import attacks, beside, data, detection, references, settings, subject
from keras_fool.models import given_classifiers, scorer_contract
from keras_fool.studies import steps

if TYPE_CHECKING:
    from keras_fool.runs import evolution_run

TIMES = "times.csv"
_SLOWER = {"evolve": 2.0, "ascend": 4.0}  # than scoring alone; a guess until it is measured
_NO_THRESHOLD = (
    "A threshold is chosen on held-out real images, and there are none here: name labelled ones."
)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Work:
    """An audit to be made.

    Attributes:
        path: Its folder.
        classifier: What is audited.
        chosen: What the user chose.
        load: Gives the labelled images for a scorer, or says why there are none, in sentences.
        given: Reference classifiers; None for those that are shipped and alike.
        dataset: How the labelled images were named.
        fail_over: The limits of checks, by name.
        command: What the user types to go on, and to do it again.
        note: Told, in a sentence, what the user should know.
        quiet: Whether to show no progress.
        elsewhere: What makes evolutions on other machines; None for this one.
    """

    path: pathlib.Path
    classifier: given_classifiers.AnyClassifier
    chosen: settings.Settings
    load: Callable[[scorer_contract.Scorer], data.Parts | str]
    given: Sequence[references.Reference] | None = None
    dataset: str | None = None
    fail_over: Mapping[str, float] = dataclasses.field(default_factory=dict)
    command: str
    note: Callable[[str], None]
    quiet: bool = False
    elsewhere: "evolution_run.Elsewhere | None" = None


class Planned:
    """The steps of an audit, with all that they are about.

    Attributes:
        work: The order.
        attacked: The classifier, loaded.
        parts: The labelled images; None where there are none.
        no_data: Why there are none, in sentences.
        beside: What lies beside the classifier, for audits without labelled images.
        references: Other classifiers that the images are given to.
        problems: By the names of detectors that are not fitted, why; the fitting adds to it.
        plan: How the budget is shared.
        attacks: The attacks on the classifier alone, as steps.
        adaptive: By the names of detectors, those on both.
        speed: Images that are scored in a second; None where that is not measured.
        started: When, in ISO 8601.
    """

    def __init__(
        self,
        work: Work,
        attacked: subject.Subject,
        parts: data.Parts | str,
        near: beside.Beside,
        given: Sequence[references.Reference],
    ):
        self.work, self.attacked, self.references = work, attacked, given
        self.no_data = parts if isinstance(parts, str) else None
        self.beside = near
        self.parts = None if isinstance(parts, str) else parts
        self._begun = time.monotonic()
        self.started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        self.problems = detection.lacks(attacked)
        for name in detectors.NAMES:
            if self.parts is None and name not in near.files:
                self.problems.setdefault(name, _NO_THRESHOLD)
        self._fitted = [name for name in detectors.NAMES if name not in self.problems]
        adaptive = self._fitted if attacked.why_not_attacked_with_detectors is None else []
        self.plan = settings.plan(
            work.chosen,
            len(attacked.scorer.labels),
            ascends=attacked.why_no_gradients is None,
            num_adaptive=len(adaptive),
        )
        self.attacks = attacks.planned(attacked, self.plan, work.path, quiet=work.quiet)
        self.adaptive = detection.planned(
            attacked, self.plan, adaptive, work.path, quiet=work.quiet
        )
        self.speed = attacked.speed

    def steps(self) -> list[steps.Step]:
        """What has to be done, in order."""
        fits: list[steps.Step] = []
        if self.parts is not None:
            fits = [
                detection.Fit(
                    name=f"fit the detector {name}",
                    work=1,
                    guess=1.0,
                    detector=name,
                    attacked=self.attacked,
                    parts=self.parts,
                    level=self.work.chosen.level,
                    file=self.work.path / detection.FOLDER / f"{name}.npz",
                    problems=self.problems,
                )
                for name in self._fitted
            ]
        else:
            fits = [
                detection.Take(
                    name=f"take the detector {name}",
                    work=1,
                    guess=0.1,
                    shipped=self.beside.files[name],
                    file=self.work.path / detection.FOLDER / f"{name}.npz",
                )
                for name in self._fitted
            ]
        evolved: list[steps.Step] = [*self.attacks, *self.adaptive.values()]
        if self.speed:
            evolved = [
                dataclasses.replace(step, guess=_SLOWER[step.kind] / self.speed) for step in evolved
            ]
        number = len(self.attacks)
        return [*evolved[:number], *fits, *evolved[number:]]

    @property
    def seconds(self) -> float:
        """How long ago it was started here."""
        return time.monotonic() - self._begun
