"""The workers of a cluster: pieces out, answers in, losses repaired.

    pool.give(piece)                       while pool.idle
    for answered in pool.wait():
        ...

A piece is given until one answer to it is there, whatever happens to those who were asked: to
another worker where one is lost, and to an idle one besides where one is slow. What a piece asks
for has one answer, so it does not matter whose comes first; later ones are dropped.
"""

import collections
import contextlib
import copy
import dataclasses
import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ray

from keras_fool import errors
from keras_fool.cluster import build, worker
from keras_fool.models import kernel_threads
from keras_fool.runs import jobs

# A piece whose workers are lost so often in a row is thought to be what ends them.
_MAX_LOSSES = 5
# A worker that cannot be started so often in a row will not be.
_MAX_STARTS = 5
# A piece is slow that takes so many times as long as others, and at least so many seconds.
_SLOW = 4.0
_SLOW_SECONDS = 10.0
_REMEMBERED = 64  # durations of pieces
_POLL_SECONDS = 0.2
# The user is told when nothing has come for so long, then after twice as long.
_SILENCE_SECONDS = 30.0


class PoolError(jobs.JobError):
    """The workers cannot go on; started again, they may."""

    def __init__(self, reason: str):
        super().__init__(reason, may_pass=True)


@dataclasses.dataclass(frozen=True)
class Resources:
    """What Ray is asked for.

    Attributes:
        workers: How many workers; None for as many as the cluster has room for now.
        cpus: Of a worker.
        gpus: Of a worker; several share one where it is a fraction.
    """

    workers: int | None = None
    cpus: float = 1
    gpus: float = 0

    @property
    def threads(self) -> int:
        """How many threads a worker draws with."""
        return max(1, int(self.cpus))


@dataclasses.dataclass(frozen=True, eq=False)
class Piece:
    """Something to ask a worker.

    Attributes:
        key: What it is; of two answers to the same, one is dropped.
        method: Of `worker.Worker`.
        arguments: What it is called with, for the worker of a number.
        words: What it is, for messages.
    """

    key: tuple[int, ...]
    method: str
    arguments: Callable[[int], tuple[Any, ...]]
    words: str


@dataclasses.dataclass(frozen=True, eq=False)
class Answered:
    """The first answer to a piece.

    Attributes:
        piece: The piece.
        number: The worker's.
        place: Where it is.
        seconds: How long it took.
        answer: The answer.
    """

    piece: Piece
    number: int
    place: str
    seconds: float
    answer: worker.Answer


@dataclasses.dataclass(eq=False)
class _Member:
    """One worker, whichever process it is at the time."""

    number: int
    actor: Any
    place: str | None = None  # None while it starts
    piece: Piece | None = None
    since: float = 0.0
    failed_starts: int = 0


class Pool:
    """The workers that one command has.

    Attributes:
        size: How many workers there are to be.
        lost: How often one was lost.
        interrupted: Whether waiting is to end.
    """

    def __init__(self, resources: Resources, note: Callable[[str], None]):
        """Asks for the workers, and waits for none.

        Args:
            resources: What they need.
            note: Told, in a sentence, what the user should know.

        Raises:
            UserError: The cluster has no room for any worker, and their number was not given.
        """
        self.size = resources.workers or _room(resources)
        self.lost = 0
        self.interrupted = False
        self._note = note
        self._resources = resources
        self._calls: dict[Any, tuple[_Member, Piece | None]] = {}
        self._wanted: dict[tuple[int, ...], Piece] = {}  # given, and not answered
        self._again: collections.deque[Piece] = collections.deque()
        self._losses: collections.Counter[tuple[int, ...]] = collections.Counter()
        self._seconds: collections.deque[float] = collections.deque(maxlen=_REMEMBERED)
        self._heard = time.monotonic()
        self._silence = _SILENCE_SECONDS
        self._actor_class = ray.remote(worker.Worker).options(
            num_cpus=resources.cpus,
            num_gpus=resources.gpus,
            max_restarts=-1,
            # Ray would ask the same worker again; `_lose` asks another one.
            max_task_retries=0,
        )
        self._numbers = itertools.count()
        self._members = [self._new() for _ in range(self.size)]

    @property
    def idle(self) -> Sequence[int]:
        """The numbers of the workers that wait for a piece."""
        return [member.number for member in self._idle()]

    @property
    def words(self) -> str:
        """How the workers stand, for the progress line."""
        busy = sum(member.piece is not None for member in self._members)
        starting = sum(member.place is None for member in self._members)
        text = f"{busy} of {self.size} workers busy"
        text += f", {starting} starting" if starting else ""
        text += f", {self.lost} lost" if self.lost else ""
        slow = [member for member in self._members if self._is_slow(member)]
        if slow:
            slowest = min(slow, key=lambda member: member.since)
            seconds = time.monotonic() - slowest.since
            text += f", slow: {slowest.place}, {seconds:.0f} s"
        return text

    def give(self, piece: Piece, number: int) -> None:
        """Gives a piece to an idle worker."""
        self._wanted[piece.key] = piece
        self._ask(next(member for member in self._idle() if member.number == number), piece)

    def wait(self) -> Iterator[Answered]:
        """Waits a moment, and yields the answers that have come: the first one to each piece.

        Raises:
            PoolError: A worker differs from this machine, or none can be started, or a piece ends
                its workers.
        """
        self._double()
        if not self._calls:
            time.sleep(_POLL_SECONDS)
            return
        calls = list(self._calls)
        done, _ = ray.wait(calls, num_returns=1, timeout=_POLL_SECONDS)
        if done:  # and all others that have come by now
            done, _ = ray.wait(calls, num_returns=len(calls), timeout=0)
            self._heard, self._silence = time.monotonic(), _SILENCE_SECONDS
        elif time.monotonic() - self._heard > self._silence:
            self._note(f"no worker has answered for {self._silence:.0f} s: {self.words}.")
            self._silence *= 2
        for call in done:
            member, piece = self._calls.pop(call)
            member.piece = None
            try:
                # A copy: arrays from the object store keep all of the answer there.
                answer = copy.deepcopy(ray.get(call))
            except ray.exceptions.RayError as error:
                if _is_defect(error):
                    raise
                self._lose(member, piece, error)
                continue
            if piece is None:
                self._start(member, answer)
                continue
            seconds = time.monotonic() - member.since
            self._seconds.append(seconds)
            if self._wanted.pop(piece.key, None) is not None:
                del self._losses[piece.key]
                yield Answered(piece, member.number, member.place or "", seconds, answer)
        while self._again and (idle := self._idle()):
            piece = self._again.popleft()
            if piece.key in self._wanted:
                self._ask(idle[0], piece)

    def drop(self) -> None:
        """Forgets all pieces that are not answered; their answers are dropped."""
        self._wanted.clear()
        self._again.clear()

    def close(self) -> None:
        """Ends the workers, and says how many were lost."""
        self.drop()
        if self.lost:
            were = "1 worker was" if self.lost == 1 else f"{self.lost} workers were"
            self._note(f"{were} lost on the way; no result depends on that.")
        for member in self._members:
            with contextlib.suppress(Exception):  # the cluster is gone, and the worker with it
                ray.kill(member.actor)

    def _idle(self) -> list[_Member]:
        return [
            member for member in self._members if member.place is not None and member.piece is None
        ]

    def _new(self) -> _Member:
        needs = self._resources
        threads = kernel_threads.count() or needs.threads
        actor = self._actor_class.remote(needs.threads, threads, has_gpus=needs.gpus > 0)
        member = _Member(next(self._numbers), actor)
        self._await(member)
        return member

    def _await(self, member: _Member) -> None:
        """Asks a worker to say when it has started, for the first time or again."""
        member.place = None
        call = member.actor.start.options(max_task_retries=-1).remote()
        self._calls[call] = member, None

    def _start(self, member: _Member, start: worker.Start) -> None:
        if words := build.difference(start.build, start.place):
            raise PoolError(words)
        member.place, member.failed_starts = start.place, 0

    def _ask(self, member: _Member, piece: Piece) -> None:
        member.piece = piece
        member.since = self._heard = time.monotonic()
        call = getattr(member.actor, piece.method).remote(*piece.arguments(member.number))
        self._calls[call] = member, piece

    def _double(self) -> None:
        """Gives slow pieces to idle workers, too."""
        idle = self._idle()
        asked = collections.Counter(piece.key for _, piece in self._calls.values() if piece)
        slow = sorted(filter(self._is_slow, self._members), key=lambda member: member.since)
        for member in slow:
            piece = member.piece
            if piece and idle and piece.key in self._wanted and asked[piece.key] == 1:
                self._ask(idle.pop(), piece)

    def _is_slow(self, member: _Member) -> bool:
        if member.piece is None or not self._seconds:
            return False
        usual = statistics.median(self._seconds)
        return time.monotonic() - member.since > max(_SLOW_SECONDS, _SLOW * usual)

    def _lose(self, member: _Member, piece: Piece | None, error: Exception) -> None:
        """Sees to it that a lost worker comes again, and its piece goes to another one."""
        reason = _reason(error)
        if piece is None:
            member.failed_starts += 1
            if getattr(error, "actor_init_failed", False) or member.failed_starts >= _MAX_STARTS:
                raise PoolError(f"no worker can be started: {reason}.")
        else:
            self.lost += 1
            if piece.key in self._wanted:
                self._losses[piece.key] += 1
                if self._losses[piece.key] >= _MAX_LOSSES:
                    raise PoolError(
                        f"{_MAX_LOSSES} workers in a row were lost over {piece.words}: {reason}."
                    )
                self._again.append(piece)
        if isinstance(error, ray.exceptions.ActorDiedError):  # it will not be started again
            failed = member.failed_starts
            place = self._members.index(member)
            self._members[place] = self._new()
            self._members[place].failed_starts = failed
        else:
            self._await(member)


def _room(resources: Resources) -> int:
    """How many workers fit into the cluster as it is now."""
    wanted = {"CPU": resources.cpus, "GPU": resources.gpus}
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    room = sum(
        min(int(node.get(name, 0) / need) for name, need in wanted.items() if need)
        for node in nodes
    )
    if not room:
        there = ", ".join(
            f"{sum(node.get(name, 0) for node in nodes):g} {name}s" for name in wanted
        )
        raise errors.UserError(
            f"the cluster has {there}, and a worker needs {resources.cpus:g} CPUs and "
            f"{resources.gpus:g} GPUs: say how many are to come by --workers, or ask for less by "
            "--cpus_per_worker and --gpus_per_worker."
        )
    return room


def _is_defect(error: Exception) -> bool:
    """Whether the worker's own code failed, rather than its machine."""
    cause = getattr(error, "cause", None)
    if not isinstance(error, ray.exceptions.RayTaskError):
        return False
    return not isinstance(cause, ray.exceptions.RayError | OSError | MemoryError)


def _reason(error: Exception) -> str:
    """The line of Ray's message that says what is wrong, without where and what to read."""
    cause = getattr(error, "cause", None)
    lines = [line.strip() for line in str(cause or error).splitlines()]
    lines = [line for line in lines if line] or [type(error).__name__]
    # Where a worker's own start fails, the message is a traceback.
    return lines[-1 if getattr(error, "actor_init_failed", False) else 0].rstrip(".")
