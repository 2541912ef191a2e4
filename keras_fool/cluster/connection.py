"""Finds a Ray cluster, or starts one on this machine, and gets workers on it."""

import contextlib
import itertools
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from keras_fool import errors
from keras_fool.cluster import addresses, shipping
from keras_fool.models import classifiers, given_classifiers, scorer_contract
from keras_fool.runs import stopping

if TYPE_CHECKING:
    from evolvers import map_elites
    from keras_fool.cluster import pool
    from keras_fool.detectors import adaptive
    from keras_fool.runs import evolution_run

# What Ray says where the process that it starts for a client from outside dies, as it does now and
# then (issue 63202 of its project); in what follows, it says so in several ways.
_BY_CHANCE = "Initialization failure from server"
_ATTEMPTS = 5


class Cluster:
    """The workers of one command, which hand it the evolutions that it makes, one at a time.

    The cluster is looked for when the first evolution needs it, and left when the context ends.
    """

    def __init__(
        self,
        address: str,
        *,
        note: Callable[[str], None],
        workers: int | None = None,
        cpus_per_worker: float = 1,
        gpus_per_worker: float = 0,
        imports: Sequence[str] = (),
    ):
        """Prepares.

        Args:
            address: "auto" for the cluster that this machine is in, "local" for one that is started
                here and ends with the command, HOST:PORT, or ray://HOST:PORT.
            note: Told, in a sentence, what the user should know.
            workers: How many; None for as many as there is room for when the first begins.
            cpus_per_worker: The cores of each.
            gpus_per_worker: The GPUs of each; a fraction is shared.
            imports: Modules with custom layers, which workers import before they load a model.
        """
        self._address, self._note, self._imports = address, note, tuple(imports)
        self._needs = workers, cpus_per_worker, gpus_per_worker
        self._workers: pool.Pool | None = None
        self._numbers = itertools.count()
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_) -> None:
        self._stack.close()

    def check(self, classifier: given_classifiers.AnyClassifier) -> None:
        """Checks that workers can open a classifier; see `shipping.check`."""
        shipping.check(classifier)

    def job(
        self,
        evolution: "map_elites.Evolution",
        classifier: classifiers.AnyClassifier,
        scorer: scorer_contract.Scorer,
        defence: "adaptive.Defence | None" = None,
        score_batch: int | None = None,
        thresholds: Sequence[float] = (),
    ) -> "evolution_run.EvolutionJob":
        """An evolution, made by the workers: in parts, or batch by batch where it has one run.

        Args:
            evolution: The runs.
            classifier: What is fooled.
            scorer: Its scorer here.
            defence: As `evolution_run.evolve` takes it.
            score_batch: Likewise.
            thresholds: Likewise.

        Raises:
            ValueError: No worker opens such a classifier, or one run is to be drawn by its scorer,
                or it is not an address.
            UserError: Ray is not installed, or there is no such cluster, or it has no room.
            OSError: A file of the classifier cannot be read.
        """
        draws = evolution.config.renderer == "tf"
        in_parts = evolution.config.runs > 1
        if draws and not in_parts:
            raise ValueError(
                "renderer must be cpu where workers score the batches of one run: images are drawn "
                "here. Say --renderer=cpu, or leave --cluster out."
            )
        if self._workers is None:
            self._workers = self._connected()
        from keras_fool.cluster import batch_job, model, part_job

        shipped = shipping.pack(
            classifier,
            defence=defence,
            draws=draws,
            score_batch=score_batch,
            imports=self._imports,
        )
        # Workers that compute on GPUs need agree with each other alone.
        on_gpus = self._needs[2] > 0
        placed = model.Model(shipped, None if on_gpus else shipping.answers(scorer))
        kind = part_job.PartJob if in_parts else batch_job.BatchJob
        return kind(evolution, scorer, self._workers, placed, next(self._numbers), thresholds)

    def _connected(self) -> "pool.Pool":
        # Both are read when Ray is imported.
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # it would tell its makers of this use
        if addresses.head(self._address) in addresses.LOOPBACK:
            # Else Ray takes this machine's address in a network instead.
            os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        with errors.needs_extra("cluster"):
            import ray

        from keras_fool.cluster import pool

        if not ray.is_initialized():  # as it is in a program that uses Ray itself
            with signals_kept(), stopping.saying("no worker has begun; nothing was written."):
                _connect(ray, self._address)
            self._stack.callback(_leave, ray)
        found = pool.Pool(pool.Resources(*self._needs), self._note)
        self._stack.callback(found.close)
        return found


@contextlib.contextmanager
def signals_kept() -> Iterator[None]:
    """Keeps the handlers of signals, which Ray replaces with its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in stopping.NUMBERS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _connect(ray, address: str) -> None:
    # What becomes of workers is printed among results otherwise, and is the pool's to tell.
    ray._private.worker.print_to_stdstream = lambda *_, **__: None
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == addresses.LOCAL:
        quiet |= {"num_cpus": len(os.sched_getaffinity(0)), "include_dashboard": False}
    failures = (
        ray.exceptions.RayError,
        ConnectionError,
        RuntimeError,
        ValueError,
        TimeoutError,
        OSError,
    )
    for attempt in itertools.count(1):
        try:
            ray.init(address=address, **quiet)
            return
        except failures as error:
            if _BY_CHANCE not in str(error) or attempt == _ATTEMPTS:
                raise _unreachable(address, error) from None


def _unreachable(address: str, error: Exception) -> errors.UserError:
    lines = [line.strip() for line in str(error).splitlines()]
    reason = " ".join(filter(None, lines)) or type(error).__name__
    return errors.UserError(
        f"--cluster={address} cannot be reached: {reason.rstrip('.')}. {addresses.HOW_TO_START}"
    )


def _leave(ray) -> None:
    with contextlib.suppress(Exception):  # a cluster that is gone is left, too
        ray.shutdown()
