"""What came of an audit's steps: audit.json, from what is on disk."""

import os
import platform
from collections.abc import Mapping, Sequence
from typing import Any

from keras_fool import detectors
from keras_fool.audits import (
    attacks,
    baselines,
    by_what,
    detection,
    intervals,
    planning,
    references,
    schema,
    settings,
    verdict,
)
from keras_fool.runs import workdir
from keras_fool.studies import inspection, steps


def of(planned: planning.Planned) -> dict[str, Any]:
    """The report of an audit whose steps are done.

    Raises:
        ValueError: A run folder or a detector is damaged, or a reference cannot be used.
        FileNotFoundError: An image is missing.
    """
    work, attacked, chosen = planned.work, planned.attacked, planned.work.chosen
    names, scorer = attacked.scorer.labels, attacked.scorer
    made = [attacks.read(step, names, work.path) for step in planned.attacks]
    noises = baselines.noise(scorer, chosen)
    judged = planned.beside.real
    if planned.parts is not None:
        judged = baselines.real(scorer, planned.parts.judged)
    of_data = _data(planned, judged)
    easiest, hardest = by_what.order(made, len(names))
    found = _detectors(planned, made, noises)
    transfer, transfer_not_done = _transfer(planned, made)
    report: dict[str, Any] = {
        "schema": schema.VERSION,
        "kind": "audit",
        "settings": {
            "budget": chosen.budget,
            "budget_rule": planned.plan.rule,
            "spent": _spent(made, found),
            "seed": chosen.seed,
            "runs": chosen.runs,
            "quick": chosen.quick,
            "level": chosen.level,
            "dataset": work.dataset,
            "references": [each.name for each in planned.references],
            "fail_over": dict(work.fail_over),
        },
        "model": attacked.report(),
        "data": of_data,
        "no_data": planned.no_data if of_data is None else None,
        "how_easily": {
            "thresholds": list(settings.LEVELS.values()),
            "levels": list(settings.LEVELS),
            "attacks": _attack_reports(planned, made),
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
    return {**report, "made": _made(planned)}


def _attack_reports(
    planned: planning.Planned, made: Sequence[attacks.Attacked]
) -> list[dict[str, Any]]:
    names, resamples = planned.attacked.scorer.labels, planned.work.chosen.resamples
    done = {attack.name: attack.report(names, resamples) for attack in made}
    reason = f"The classifier {planned.attacked.why_no_gradients}."
    return [done.get(name) or attacks.not_done(name, reason) for name in attacks.NAMES]


def _detectors(
    planned: planning.Planned, made: Sequence[attacks.Attacked], noises: Mapping[str, Any]
) -> list[dict[str, Any]]:
    images: dict[str, Any] = {}
    if planned.parts is not None:
        images[detection.REAL] = planned.parts.judged.images
    by_name = {attack.name: attack for attack in made}
    images |= {**noises, **{name: attack.found.images for name, attack in by_name.items()}}
    files = {name: f"{detection.FOLDER}/{name}.npz" for name in detectors.NAMES}
    files = {name: file for name, file in files.items() if (planned.work.path / file).is_file()}
    known = {}
    if planned.beside.judged is not None:
        known = {detection.REAL: planned.beside.judged.scores}
    every = detection.score(planned.attacked, planned.work.path, files, images, known)
    found = []
    for kind in detectors.kinds():
        if kind.name not in every:
            found.append(detection.not_done(kind, planned.problems[kind.name]))
            continue
        scored = every[kind.name]
        adaptive = _adaptive_report(planned, kind.name, scored)
        resamples = planned.work.chosen.resamples
        found.append(detection.report(scored, by_name, adaptive, resamples))
    return found


def _adaptive_report(
    planned: planning.Planned, name: str, scored: detection.Scored
) -> dict[str, Any]:
    if name not in planned.adaptive:
        reason = planned.attacked.why_not_attacked_with_detectors
        assert reason is not None  # else there would be a step
        return detection.not_adaptive(reason)
    step = planned.adaptive[name]
    made = attacks.read(step, planned.attacked.scorer.labels, planned.work.path)
    return detection.adaptive(made, scored.fitted, planned.work.chosen.resamples)


def _transfer(
    planned: planning.Planned, made: Sequence[attacks.Attacked]
) -> tuple[list[dict[str, Any]], str | None]:
    if not planned.references:
        return [], (
            "No classifier is at hand that has the same labels and takes the same images: "
            "name another one to see whether images transfer to it."
        )
    resamples = planned.work.chosen.resamples
    return [
        references.report(each, planned.attacked, made, resamples) for each in planned.references
    ], None


def _data(planned: planning.Planned, judged: baselines.Real | None) -> dict[str, Any] | None:
    parts = planned.parts
    if parts is None or judged is None:
        return planned.beside.report(planned.no_data or "")
    accuracies = None
    if planned.attacked.classifier.in_graph:
        local: Any = planned.attacked.scorer
        shares = inspection.shares_right(local, parts.judged.images, parts.judged.labels)
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


def _spent(made: Sequence[attacks.Attacked], found: Sequence[Mapping[str, Any]]) -> int:
    plain = sum(attack.images_per_run * len(attack.runs) for attack in made)
    return plain + sum(each["adaptive"]["images"] for each in found if each["adaptive"])


def _made(planned: planning.Planned) -> dict[str, Any]:
    records = steps.read(planned.work.path / planning.TIMES)
    seconds: dict[str, float] = {}
    for record in records:
        seconds[record.stage] = seconds.get(record.stage, 0.0) + record.seconds
    processor = platform.processor() or platform.machine()
    return {
        "command": planned.work.command,
        "started": planned.started,
        "seconds": round(planned.seconds, 1),
        "steps": [{"name": name, "seconds": round(value, 1)} for name, value in seconds.items()],
        "versions": workdir.versions(),
        "machine": f"{processor}, {os.cpu_count()} cores, {platform.system()}",
        "images_per_second": planned.speed and round(planned.speed, 1),
    }
