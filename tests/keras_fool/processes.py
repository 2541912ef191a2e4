"""Commands in processes of their own, which can be killed.

They are forked from one that has imported TensorFlow and not used it yet, so that a start
costs a part of a second.
"""

import importlib
import multiprocessing
import os
import pathlib
import signal
import time
from collections.abc import Callable

from keras_fool.command_line import cli

LONGEST = 150  # seconds; then a process is stuck


class Started:
    """A command that runs.

    Attributes:
        process: Its process.
    """

    def __init__(self, process: multiprocessing.Process, log: pathlib.Path):
        self.process = process
        self._log = log

    def kill_when(self, happened: Callable[[], object], then_wait: float = 0) -> None:
        """Kills it `then_wait` seconds after something has happened.

        Raises:
            AssertionError: It did not happen, or the process was complete before.
        """
        self.wait_until(happened)
        time.sleep(then_wait)
        self.process.kill()
        self.process.join(LONGEST)
        assert self.process.exitcode == -signal.SIGKILL, "complete before it could be killed"

    def wait_until(self, happened: Callable[[], object]) -> None:
        """Waits for something that the process does."""
        deadline = time.monotonic() + LONGEST
        while not happened():
            assert self.process.is_alive(), self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.001)

    def finish(self) -> None:
        """Waits for a good end."""
        self.process.join(LONGEST)
        assert self.process.exitcode == 0, self._log.read_text()


def starter(command: str, *imported: str) -> Callable[..., Started]:
    """A function that starts a command.

    Args:
        command: Its name.
        *imported: The modules of ours that import all that it needs.

    Returns:
        A function of the command's arguments, of `log` for all that it says, and of the
        `folder` that it works in, if not this one.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([f"keras_fool.{command}", *imported, __name__])

    def start(*arguments: str, log: pathlib.Path, folder: pathlib.Path = pathlib.Path()):
        process = context.Process(target=_run, args=(command, list(arguments), folder, log))
        process.start()
        return Started(process, log)

    return start


def _run(command: str, arguments: list[str], folder: pathlib.Path, log: pathlib.Path) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.chdir(folder)
    module = importlib.import_module(f"keras_fool.{command}")
    cli.run(module.main, module.USES, [command, *arguments])
