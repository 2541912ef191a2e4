"""An audit in its folder, from wherever that says it is to its end.

    config.json      what shapes it
    endpoint.json    of an endpoint: what answered first, and answers for all of it
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
import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keras_fool import errors, foreign_files
from keras_fool.audits import (
    beside,
    data,
    planning,
    references,
    reporting,
    subject,
    verdict,
)
from keras_fool.models import classifiers, scorer_contract
from keras_fool.pages import audit_page
from keras_fool.runs import checksums, files, scorers, stopping, workdir
from keras_fool.studies import experiment, steps

REPORT, PAGE = "audit.json", "audit.html"


def audit(work: planning.Work) -> dict[str, Any]:
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
        attacked.hold(work.path)
        if (report := _complete(work.path)) is not None:
            return _checked_again(work, report)
        made = planning.Planned(work, attacked, parts, near, given)
        chosen = experiment.Experiment(
            name="audit",
            title=f"Audit of {attacked.scorer.name}",
            steps=lambda _: made.steps(),
            report=lambda _: _outcome(made),
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
        try:
            steps.run(chosen.steps(context), context, work.path / planning.TIMES)
            note("scoring all images again, and judging detectors.")
            return _write(work.path, chosen.report(context).files)
        except scorer_contract.ScorerError as error:
            if not error.may_pass:
                raise
            raise errors.UserError(f"{error} {kept[0].upper()}{kept[1:]}") from error


def _shaped_by(
    work: planning.Work,
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


def _checked_again(work: planning.Work, report: dict[str, Any]) -> dict[str, Any]:
    """A complete audit's report under the limits that are given now; its page is made again."""
    changed = {
        **report,
        "settings": {**report["settings"], "fail_over": dict(work.fail_over)},
        "checks": verdict.checks(report, work.fail_over),
    }
    if changed == report and (work.path / PAGE).is_file():
        return report
    return _write(work.path, _files(changed, work.path))


def _outcome(made: planning.Planned) -> experiment.Outcome:
    found = reporting.of(made)
    return experiment.Outcome(
        settings=found["settings"],
        table=found["verdict"]["sentence"],
        files=_files(found, made.work.path),
    )


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
