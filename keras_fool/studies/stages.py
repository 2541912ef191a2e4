"""The stages of a long study: which one it is at, and how long is left in all.

How long is left follows from what was measured: the time that each finished stage took
for its share of the work, in this start of the command or an earlier one.
"""

import contextlib
import csv
import dataclasses
import io
import pathlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import tqdm

from keras_fool import foreign_files
from keras_fool.runs import files

_COLUMNS = {
    "stage": foreign_files.TEXT,
    "kind": foreign_files.TEXT,
    "work": foreign_files.whole(),
    "seconds": foreign_files.DURATION,
    "resumed": foreign_files.Column("True or False", lambda field: field in ("True", "False")),
}


@dataclasses.dataclass(frozen=True)
class Stage:
    """A part of the study that is done or not.

    Attributes:
        name: What the user reads.
        kind: Stages of one kind take time in proportion to their work.
        number: Tells apart those of one kind.
        work: How much there is to do, in units of the kind's own.
    """

    name: str
    kind: str
    number: int
    work: int


@dataclasses.dataclass(frozen=True)
class Record:
    """How long a stage took.

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


class Clock:
    """Goes through the stages in order and remembers times in a CSV file.

    Attributes:
        records: Of the stages that were ever finished, in order.
        done_now: Of those that were finished since this was made.
    """

    def __init__(
        self,
        plan: Sequence[Stage],
        guesses: Mapping[str, float],
        path: pathlib.Path,
        note: Callable[[str], None],
    ):
        """Reads what is known; says nothing yet.

        Args:
            plan: All stages, in order.
            guesses: Seconds per unit of work of each kind, until one is measured.
            path: The CSV file. Times differ from start to start: it is no result.
            note: Told, in a sentence, what the user should know.
        """
        self._plan = list(plan)
        self._guesses = dict(guesses)
        self._path = path
        self._note = note
        self._at = 0
        self.records = read(path)
        self.done_now = []

    @contextlib.contextmanager
    def stage(self, resumed: bool) -> Iterator[None]:
        """The next stage, while it is done.

        Args:
            resumed: An earlier start of the command has begun it.
        """
        stage = self._plan[self._at]
        self._note(
            f"stage {self._at + 1} of {len(self._plan)}: {stage.name}; "
            f"{tqdm.tqdm.format_interval(self.seconds_left())} left in all"
        )
        begun = time.monotonic()
        yield
        seconds = time.monotonic() - begun
        record = Record(stage.name, stage.kind, stage.work, seconds, resumed)
        self.records.append(record)
        self.done_now.append(record)
        files.write(self._path, _table(self.records).encode())
        self._at += 1

    def skip(self) -> None:
        """Passes over the next stage, which is done already."""
        self._at += 1

    def seconds_left(self) -> float:
        """How long the stages from the next one on will take."""
        return sum(stage.work * self._rate(stage.kind) for stage in self._plan[self._at :])

    def _rate(self, kind: str) -> float:
        """Seconds per unit of work."""
        measured = [record for record in self.records if record.kind == kind and not record.resumed]
        work = sum(record.work for record in measured)
        return sum(record.seconds for record in measured) / work if work else self._guesses[kind]


def read(path: pathlib.Path) -> list[Record]:
    """The finished stages, in order; none where there is no such file yet.

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


def _table(records: Sequence[Record]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS.keys(), lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow({**dataclasses.asdict(record), "seconds": f"{record.seconds:.1f}"})
    return text.getvalue()
