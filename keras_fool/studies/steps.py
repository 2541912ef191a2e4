"""Steps of long work, and what runs them: one after the other, resumed, timed, estimated.

How long is left follows from what was measured: the time that each finished step took for
its share of the work, in this start of the command or an earlier one.
"""

import abc
import dataclasses
import pathlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import tqdm

from keras_fool import foreign_files
from keras_fool.runs import files, stopping
from keras_fool.studies import experiment, tables

_COLUMNS = {
    "stage": foreign_files.TEXT,
    "kind": foreign_files.TEXT,
    "work": foreign_files.whole(),
    "seconds": foreign_files.DURATION,
    "resumed": foreign_files.Column("True or False", lambda field: field in ("True", "False")),
}


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Step(abc.ABC):
    """A part of an experiment that is done or not, by what is in its folder.

    Attributes:
        kind: Steps of one kind take time in proportion to their work.
        is_handed_out: Whether `Context.elsewhere` makes it, where there is one.
        name: What the user reads; no other step of the experiment has it.
        work: How much there is to do, in units of the kind's own.
        folder: Where it works; it may be known only when the steps before are done.
        guess: Seconds per unit of work until one is measured; None for unknown.
    """

    kind: ClassVar[str]
    is_handed_out: ClassVar[bool] = False
    name: str
    work: int
    guess: float | None = None

    if TYPE_CHECKING:  # a field or a property; as a property it would be a field's default

        @property
        @abc.abstractmethod
        def folder(self) -> pathlib.Path:
            """Where it works."""

    @property
    def is_begun(self) -> bool:
        """Whether an earlier start of the command has left something of it."""
        return self.folder.exists()

    @abc.abstractmethod
    def is_done(self) -> bool:
        """Whether all of it is there, after the steps before it.

        Raises:
            ValueError: What is there was made with other settings, or is damaged.
        """

    @abc.abstractmethod
    def run(self, context: experiment.Context) -> None:
        """Does it, or goes on with it.

        Raises:
            UserError: It failed.
            StoppedError: A signal asked for it; everything until then is saved.
            OSError: Something could not be written; what was whole stays.
        """


@dataclasses.dataclass(frozen=True)
class Record:
    """How long a step took.

    Attributes:
        stage: Its name.
        kind: Its kind.
        work: Its work.
        seconds: From its begin, or from where it went on, to its end.
        resumed: Whether an earlier start had begun it: then `seconds` lacks a part.
    """

    stage: str
    kind: str
    work: int
    seconds: float
    resumed: bool


def run(
    todo: Sequence[Step],
    context: experiment.Context,
    times: pathlib.Path | None = None,
    known: Mapping[str, float] | None = None,
    on_step: Callable[[Record, bool], None] | None = None,
) -> None:
    """Does every step that is not done yet, in order.

    Args:
        todo: All steps.
        context: What they are given.
        times: A CSV file of the steps that were ever finished; it differs from start to start,
            so it is not a result.
        known: Without such a file, seconds that steps took in earlier starts, by name.
        on_step: Told, of each step, how long it took, and whether it was done before.

    Raises:
        ValueError: As `Step.is_done` does; or the file of times is damaged.
        UserError: As `Step.run` does.
        StoppedError: As `Step.run` does.
        Interrupted: A signal came when a step was all but done.
        OSError: As `Step.run` does.
    """
    on_step = on_step or (lambda *_: None)
    stopping.forget()
    records = _records(todo, known or {}) if times is None else read(times)
    for number, step in enumerate(todo):
        if step.is_done():
            earlier = [record for record in records if record.stage == step.name]
            unknown = Record(step.name, step.kind, step.work, 0.0, resumed=False)
            on_step(earlier[-1] if earlier else unknown, True)
            continue
        left = seconds_left(todo[number:], records)
        context.note(
            f"stage {number + 1} of {len(todo)}: {step.name}"
            + (f"; {tqdm.tqdm.format_interval(left)} left in all" if left else "")
        )
        resumed, begun = step.is_begun, time.monotonic()
        step.run(context)
        seconds = time.monotonic() - begun
        records.append(Record(step.name, step.kind, step.work, seconds, resumed))
        if times is not None:
            files.write(times, _table(records))
        on_step(records[-1], False)
        stopping.check()


def seconds_left(todo: Sequence[Step], records: Sequence[Record]) -> float | None:
    """How long steps will take; None where that cannot be said."""
    rates = [_rate(step, records) for step in todo]
    known = [rate for rate in rates if rate is not None]
    if len(known) < len(rates):
        return None
    return sum(step.work * rate for step, rate in zip(todo, known, strict=True))


def read(path: pathlib.Path) -> list[Record]:
    """The finished steps, in order; none where there is no such file yet.

    Raises:
        ValueError: The file is damaged.
    """
    if not path.is_file():
        return []
    return [
        Record(
            row["stage"],
            row["kind"],
            int(row["work"]),
            float(row["seconds"]),
            row["resumed"] == "True",
        )
        for row in foreign_files.table(path, _COLUMNS)
    ]


def _records(todo: Sequence[Step], known: Mapping[str, float]) -> list[Record]:
    return [
        Record(step.name, step.kind, step.work, known[step.name], resumed=False)
        for step in todo
        if step.name in known
    ]


def _rate(step: Step, records: Sequence[Record]) -> float | None:
    """Seconds per unit of work."""
    measured = [record for record in records if record.kind == step.kind and not record.resumed]
    work = sum(record.work for record in measured)
    return sum(record.seconds for record in measured) / work if work else step.guess


def _table(records: Sequence[Record]) -> bytes:
    rows = [
        [*dataclasses.astuple(record)[:3], f"{record.seconds:.1f}", record.resumed]
        for record in records
    ]
    return tables.as_csv(list(_COLUMNS), rows)
