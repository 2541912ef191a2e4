"""A thread that writes, so that the computation does not wait for a disk."""

import queue
import threading
from collections.abc import Callable

# Jobs that may wait: enough to bridge a slow moment of the disk, few enough to fit into memory.
_MOST_WAITING = 64


class BackgroundWriter:
    """Runs jobs one after the other, in order, on a thread of its own.

    After a job has failed no other one is run, and the error is raised where the
    next job is handed in, or at `finish`.
    """

    def __init__(self) -> None:
        self._jobs: queue.Queue[tuple[Callable, tuple] | None] = queue.Queue(_MOST_WAITING)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    def submit(self, job: Callable, *arguments: object) -> None:
        """Queues `job(*arguments)`; none of the arguments may change afterwards.

        Raises:
            Exception: An earlier job's error.
        """
        self._raise()
        self._jobs.put((job, arguments))

    def wait(self) -> None:
        """Waits until everything handed in is done.

        Raises:
            Exception: A job's error.
        """
        self._jobs.join()
        self._raise()

    def finish(self) -> None:
        """Ends the thread once everything handed in is done or has failed; never raises."""
        if self._thread.is_alive():
            self._jobs.put(None)
            self._thread.join()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (entry := self._jobs.get()) is not None:
            job, arguments = entry
            try:
                if self._error is None:
                    job(*arguments)
            except BaseException as error:  # raised again on the thread that asked
                self._error = error
            finally:
                self._jobs.task_done()
