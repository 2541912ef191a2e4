"""What long work is: a job that is computed step by step, and a record that is written of it.

`execute` runs both in a folder. A job knows nothing of files, and a record not when it is asked.
"""

import abc
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

import numpy as np

Result = TypeVar("Result")  # of some steps: what a job hands its record


@dataclasses.dataclass(frozen=True, eq=False)
class Images:
    """What TensorBoard shows.

    Attributes:
        rows: Images in rows, a run in each, uint8 [height, width, channels].
        names: Of the columns: the labels.
    """

    rows: Sequence[Sequence[np.ndarray]]
    names: Sequence[str]


@dataclasses.dataclass(frozen=True, eq=False)
class Advance(Generic[Result]):
    """What one call of `Job.advance` brought.

    Attributes:
        result: What the record is told; never changed afterwards.
        count: How many of `Job.things` it took.
        words: How the job stands now, for the progress bar.
    """

    result: Result
    count: int
    words: str


class JobError(Exception):
    """A job cannot advance; it is as it was after the last complete step.

    Attributes:
        may_pass: Whether the same step may succeed another time.
    """

    def __init__(self, reason: str, *, may_pass: bool = False):
        super().__init__(reason)
        self.may_pass = may_pass


class Job(abc.ABC, Generic[Result]):
    """What is computed, some steps at a time.

    Attributes:
        unit: What a step is called.
        things: What progress is measured in, besides steps.
        first: The number of the first step in tables and messages.
    """

    unit = "step"
    things = "images"
    first = 0

    @property
    @abc.abstractmethod
    def step(self) -> int:
        """How many steps are done."""

    @property
    @abc.abstractmethod
    def total(self) -> int:
        """How many steps there are."""

    @property
    def last_step(self) -> int:
        """The number of the last step that is done."""
        return self.first + self.step - 1

    @abc.abstractmethod
    def begin(self, state: Mapping[str, np.ndarray] | None, note: Callable[[str], None]) -> None:
        """Gets ready to advance.

        Args:
            state: What `state` returned, to go on from; None to begin.
            note: Told, in a sentence, what the user should know.

        Raises:
            ValueError: The state is not one of this job.
        """

    @abc.abstractmethod
    def advance(self, until: int) -> Advance[Result]:
        """Takes some steps: at least one, and at most to step `until`.

        Raises:
            JobError: It cannot.
        """

    @abc.abstractmethod
    def state(self) -> dict[str, np.ndarray]:
        """All that the next steps depend on, copied."""

    def agreed(self, stop: bool) -> bool:
        """Whether to stop here; processes that share a job decide together."""
        return stop

    def interrupt(self) -> None:  # most jobs wait for nothing
        """Ends any waiting in `advance`; called from a signal's handler."""


class Record(Generic[Result]):
    """What is written of a job; all but `overview` and `finish` on a thread of its own.

    Attributes:
        headers: The first line of each table that grows, by its file's name.
        table_keys: The names of the arrays in a checkpoint that hold the tables' lengths in
            bytes and their SHA-256.
    """

    headers: Mapping[str, str] = {}
    table_keys = ("", "")

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Takes back what `state` gave, before the tables are opened.

        Args:
            state: A whole checkpoint; what is the record's own is taken out.

        Raises:
            ValueError: The checkpoint is not one of this run, or files that it builds on are
                missing or damaged.
        """

    def write(self, result: Result) -> None:
        """Writes rows and files of an `Advance.result`."""

    def scalars(self, result: Result, seconds: float) -> Iterable[tuple[int, dict[str, float]]]:
        """What TensorBoard plots of a result: the number of a step, and values by tag.

        Args:
            result: Of an `Advance`.
            seconds: How long it took.
        """
        del result, seconds
        return ()

    def pictures(self, result: Result) -> Images | None:
        """What TensorBoard shows of a result."""

    def overview(self) -> Images | None:
        """What TensorBoard shows at a checkpoint."""

    def state(self) -> dict[str, np.ndarray]:
        """What `restore` needs, of all that has been written."""
        return {}

    def finish(self) -> None:
        """Writes what is written last; everything else is written.

        Raises:
            UserError: The results cannot be used.
            OSError: Something could not be written; the checkpoints stay.
        """
