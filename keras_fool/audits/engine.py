"""An audit in its folder, from wherever that says it is to its end.

    config.json      what shapes it
    attacks/         cppn/, pixels/, ascent/: run folders
    detectors/       fitted, with their thresholds
    adaptive/        a run folder for each detector: it and the classifier, attacked together
    audit.json       what came of it (`audit.schema.json`)
    audit.html       the same as a page
    times.csv        how long each step took
    SHA256SUMS       of audit.json; written last, with it the audit is complete

An audit that was stopped goes on, and ends with the same bytes of audit.json, but for its part
`made`.
"""

import contextlib
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from keras_fool import detectors, errors, foreign_files
from keras_fool.audits import (
    attacks,
    baselines,
    beside,
    by_what,
    data,
    detection,
    intervals,
    references,
    schema,
    settings,
    subject,
    verdict,
)
from keras_fool.models import classifiers, given_classifiers, scorer_contract
from keras_fool.pages import audit_page
from keras_fool.runs import checksums, files, scorers, stopping, workdir
from keras_fool.studies import experiment, inspection, steps

if TYPE_CHECKING:
    from keras_fool.runs import evolution_run

REPORT, PAGE = "audit.json", "audit.html"
_TIMES = "times.csv"
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


def audit(work: Work) -> dict[str, Any]:
    """Makes an audit, goes on with it, or finds it complete; gives its report.

    Raises:
        UserError: The classifier or a reference cannot be used, or does not go with the images, or
            the folder holds something else or is damaged, or an attack cannot go on: what is
            complete is kept.
        StoppedError: A signal asked for it; what is complete is kept.
        OSError: Something could not be written.
    """
    told: set[str] = set()

    def note(words: str, say: Callable[[str], None] = work.note) -> None:
        if words not in told:  # every run would say the same of the classifier
            told.add(words)
            say(words)

    work = dataclasses.replace(work, note=note)
    kept = f"what is complete in {work.path} is kept; to go on: {work.command}"
    with errors.reported(ValueError, FileNotFoundError), contextlib.ExitStack() as stack:
        attacked = subject.Subject.open(work.classifier)
        stack.callback(attacked.close)
        parts = work.load(attacked.scorer)
        near = beside.Beside({}, {}, None)
        if isinstance(parts, str):
            near = beside.Beside.find(work.classifier)
        given = references.shipped(attacked) if work.given is None else work.given
        about = scorers.described(work.classifier, attacked.scorer, work.dataset)  # type: ignore[arg-type]
        shaped_by = _shaped_by(work, parts, near, given)
        stack.enter_context(workdir.opened(work.path, shaped_by, about, note))
        stack.enter_context(stopping.saying(kept))
        if (report := _complete(work.path)) is not None:
            return _checked_again(work, report)
        made = _Audit(work, attacked, parts, near, given)
        chosen = experiment.Experiment(
            name="audit",
            title=f"Audit of {attacked.scorer.name}",
            steps=lambda _: made.steps(),
            report=made.outcome,
        )
        context = experiment.Context(
            experiment=chosen,
            scale=1.0,
            dataset=work.dataset or "",
            seed=work.chosen.seed,
            workdir=work.path,
            command=work.command,
            note=note,
            elsewhere=work.elsewhere,
        )
        steps.run(chosen.steps(context), context, work.path / _TIMES)
        note("scoring all images again, and judging detectors.")
        return _write(work.path, chosen.report(context).files)


def _shaped_by(
    work: Work,
    parts: data.Parts | str,
    near: beside.Beside,
    given: Sequence[references.Reference],
) -> dict[str, object]:
    """What `workdir` compares before an audit goes on."""
    return {
        "audit": dataclasses.asdict(work.chosen),
        "scorer": classifiers.comparable(work.classifier.identity),
        "data": parts if isinstance(parts, str) else {"name": parts.name, "digest": parts.digest},
        "beside": near.digests,
        "references": [
            {"name": each.name, **classifiers.comparable(each.classifier.identity)}
            for each in given
        ],
    }


def _complete(path: pathlib.Path) -> dict[str, Any] | None:
    """The report of an audit that is complete; None of one that is not, or is damaged."""
    try:
        sums = checksums.read(path / checksums.FILE)
    except (FileNotFoundError, ValueError):
        return None
    if checksums.wrong(path, [REPORT], sums):
        return None
    return foreign_files.json_object(path / REPORT)


def _checked_again(work: Work, report: dict[str, Any]) -> dict[str, Any]:
    """A complete audit's report under the limits that are given now; its page is made again."""
    changed = {
        **report,
        "settings": {**report["settings"], "fail_over": dict(work.fail_over)},
        "checks": verdict.checks(report, work.fail_over),
    }
    if changed == report and (work.path / PAGE).is_file():
        return report
    return _write(work.path, _files(changed, work.path))


def _files(report: Mapping[str, Any], folder: pathlib.Path) -> dict[str, bytes]:
    """The report and its page, by their names in the folder, which has the images."""
    text = json.dumps(report, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    return {REPORT: text.encode(), PAGE: audit_page.html(report, folder).encode()}


def _write(path: pathlib.Path, contents: Mapping[str, bytes]) -> dict[str, Any]:
    files.write_all({path / name: content for name, content in contents.items()})
    files.sync_folder(path)
    digest = checksums.digest(path / REPORT)
    assert digest is not None  # it was written
    files.write(path / checksums.FILE, checksums.text({REPORT: digest}))
    files.sync_folder(path)
    return json.loads(contents[REPORT])


class _Audit:
    """The steps of an audit, and what is reported once they are done."""

    def __init__(
        self,
        work: Work,
        attacked: subject.Subject,
        parts: data.Parts | str,
        near: beside.Beside,
        given: Sequence[references.Reference],
    ):
        self._work, self._attacked, self._references = work, attacked, given
        self._no_data = parts if isinstance(parts, str) else None
        self._beside = near
        self._parts = None if isinstance(parts, str) else parts
        self._begun = time.monotonic()
        self._started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        self._problems = detection.lacks(attacked)
        for name in detectors.NAMES:
            if self._parts is None and name not in near.files:
                self._problems.setdefault(name, _NO_THRESHOLD)
        self._fitted = [name for name in detectors.NAMES if name not in self._problems]
        adaptive = self._fitted if attacked.why_not_attacked_with_detectors is None else []
        self._plan = settings.plan(
            work.chosen,
            len(attacked.scorer.labels),
            ascends=attacked.why_no_gradients is None,
            num_adaptive=len(adaptive),
        )
        self._attacks = attacks.planned(attacked, self._plan, work.path, quiet=work.quiet)
        self._adaptive = detection.planned(
            attacked, self._plan, adaptive, work.path, quiet=work.quiet
        )
        self._speed = attacked.speed

    def steps(self) -> list[steps.Step]:
        """What has to be done, in order."""
        fits: list[steps.Step] = []
        if self._parts is not None:
            fits = [
                detection.Fit(
                    name=f"fit the detector {name}",
                    work=1,
                    guess=1.0,
                    detector=name,
                    attacked=self._attacked,
                    parts=self._parts,
                    level=self._work.chosen.level,
                    file=self._work.path / detection.FOLDER / f"{name}.npz",
                    problems=self._problems,
                )
                for name in self._fitted
            ]
        else:
            fits = [
                detection.Take(
                    name=f"take the detector {name}",
                    work=1,
                    guess=0.1,
                    shipped=self._beside.files[name],
                    file=self._work.path / detection.FOLDER / f"{name}.npz",
                )
                for name in self._fitted
            ]
        evolved: list[steps.Step] = [*self._attacks, *self._adaptive.values()]
        if self._speed:
            evolved = [
                dataclasses.replace(step, guess=_SLOWER[step.kind] / self._speed)
                for step in evolved
            ]
        number = len(self._attacks)
        return [*evolved[:number], *fits, *evolved[number:]]

    def outcome(self, context: experiment.Context) -> experiment.Outcome:
        """The report."""
        del context
        report = self._report()
        return experiment.Outcome(
            settings=report["settings"],
            table=report["verdict"]["sentence"],
            files=_files(report, self._work.path),
        )

    def _report(self) -> dict[str, Any]:
        work, attacked, chosen = self._work, self._attacked, self._work.chosen
        names, scorer = attacked.scorer.labels, attacked.scorer
        made = [attacks.read(step, names, work.path) for step in self._attacks]
        noises = baselines.noise(scorer, chosen)
        judged = self._beside.real
        if self._parts is not None:
            judged = baselines.real(scorer, self._parts.judged)
        of_data = self._data(judged)
        easiest, hardest = by_what.order(made, len(names))
        found = self._detectors(made, noises)
        transfer, transfer_not_done = self._transfer(made)
        report: dict[str, Any] = {
            "schema": schema.VERSION,
            "kind": "audit",
            "settings": {
                "budget": chosen.budget,
                "budget_rule": self._plan.rule,
                "spent": self._spent(made, found),
                "seed": chosen.seed,
                "runs": chosen.runs,
                "quick": chosen.quick,
                "level": chosen.level,
                "dataset": work.dataset,
                "references": [each.name for each in self._references],
                "fail_over": dict(work.fail_over),
            },
            "model": attacked.report(),
            "data": of_data,
            "no_data": self._no_data if of_data is None else None,
            "how_easily": {
                "thresholds": list(settings.LEVELS.values()),
                "levels": list(settings.LEVELS),
                "attacks": self._attack_reports(made),
                "baselines": baselines.report(scorer, noises, judged),
            },
            "by_what": {
                "images": by_what.images(made, names),
                "easiest": easiest,
                "hardest": hardest,
                "transfer": transfer,
                "transfer_not_done": transfer_not_done,
            },
            "detectors": found,
        }
        report["verdict"] = verdict.report(report)
        report["checks"] = verdict.checks(report, work.fail_over)
        return {**report, "made": self._made()}

    def _attack_reports(self, made: Sequence[attacks.Attacked]) -> list[dict[str, Any]]:
        names, resamples = self._attacked.scorer.labels, self._work.chosen.resamples
        done = {attack.name: attack.report(names, resamples) for attack in made}
        reason = f"The classifier {self._attacked.why_no_gradients}."
        return [done.get(name) or attacks.not_done(name, reason) for name in attacks.NAMES]

    def _detectors(
        self, made: Sequence[attacks.Attacked], noises: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        images: dict[str, Any] = {}
        if self._parts is not None:
            images[detection.REAL] = self._parts.judged.images
        by_name = {attack.name: attack for attack in made}
        images |= {**noises, **{name: attack.found.images for name, attack in by_name.items()}}
        found = []
        for kind in detectors.kinds():
            file = f"{detection.FOLDER}/{kind.name}.npz"
            if not (self._work.path / file).is_file():
                found.append(detection.not_done(kind, self._problems[kind.name]))
                continue
            known = {}
            if self._beside.judged is not None:
                known = {detection.REAL: self._beside.judged.scores[kind.name]}
            scored = detection.score(self._attacked, self._work.path, file, images, known)
            adaptive = self._adaptive_report(kind.name, scored)
            resamples = self._work.chosen.resamples
            found.append(detection.report(scored, by_name, adaptive, resamples))
        return found

    def _adaptive_report(self, name: str, scored: detection.Scored) -> dict[str, Any]:
        if name not in self._adaptive:
            reason = self._attacked.why_not_attacked_with_detectors
            assert reason is not None  # else there would be a step
            return detection.not_adaptive(reason)
        step = self._adaptive[name]
        made = attacks.read(step, self._attacked.scorer.labels, self._work.path)
        return detection.adaptive(made, scored.fitted, self._work.chosen.resamples)

    def _transfer(
        self, made: Sequence[attacks.Attacked]
    ) -> tuple[list[dict[str, Any]], str | None]:
        if not self._references:
            return [], (
                "No classifier is at hand that has the same labels and takes the same images: "
                "name another one to see whether images transfer to it."
            )
        resamples = self._work.chosen.resamples
        return [
            references.report(each, self._attacked, made, resamples) for each in self._references
        ], None

    def _data(self, judged: baselines.Real | None) -> dict[str, Any] | None:
        parts = self._parts
        if parts is None or judged is None:
            return self._beside.report(self._no_data or "")
        accuracies = None
        if parts.source is not None and self._attacked.classifier.in_graph:
            local: Any = self._attacked.scorer
            shares = inspection.accuracies(local, parts.source)[0]
            if len(shares) > 1:
                accuracies = {word: intervals.number(share) for word, share in shares.items()}
        return {
            "name": parts.name,
            "digest": parts.digest,
            "num_fitted": len(parts.fitted),
            "num_held_out": len(parts.held_out),
            "num_judged": len(parts.judged),
            "accuracy": intervals.of_share(judged.is_right),
            "accuracies": accuracies,
            "order": parts.order,
            "remark": parts.remark,
        }

    def _spent(self, made: Sequence[attacks.Attacked], found: Sequence[Mapping[str, Any]]) -> int:
        plain = sum(attack.images_per_run * len(attack.runs) for attack in made)
        return plain + sum(each["adaptive"]["images"] for each in found if each["adaptive"])

    def _made(self) -> dict[str, Any]:
        records = steps.read(self._work.path / _TIMES)
        seconds: dict[str, float] = {}
        for record in records:
            seconds[record.stage] = seconds.get(record.stage, 0.0) + record.seconds
        processor = platform.processor() or platform.machine()
        return {
            "command": self._work.command,
            "started": self._started,
            "seconds": round(time.monotonic() - self._begun, 1),
            "steps": [
                {"name": name, "seconds": round(value, 1)} for name, value in seconds.items()
            ],
            "versions": workdir.versions(),
            "machine": f"{processor}, {os.cpu_count()} cores, {platform.system()}",
            "images_per_second": self._speed and round(self._speed, 1),
        }
