"""Commands in processes of their own, which can be killed.

All are forked from one process, which has imported what takes seconds and used none of it, so
that a start costs a part of a second.
"""

import contextlib
import faulthandler
import functools
import importlib
import multiprocessing
import os
import pathlib
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing import forkserver

from keras_fool.command_line import cli

LONGEST = 600  # seconds; then a process is stuck, however busy the machine is
ROOT = pathlib.Path(__file__).parents[2]
# What Python tells of before it happens: with the file's path first.
_CHANGES = {"open", "os.rename", "os.remove", "os.mkdir"}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
# Missing ones are left out without a word, as those of the extra "serving" may be.
_IMPORTED_BEFORE = (
    *("tensorflow", "keras", "numba", "neat", "PIL.Image", "scipy.ndimage", "sklearn.datasets"),
    *("tensorflow_serving.apis.prediction_service_pb2_grpc", "aiohttp.web", __name__),
)


class Started:
    """A command that runs.

    Attributes:
        process: Its process.
    """

    def __init__(self, process: multiprocessing.Process, log: pathlib.Path):
        self.process = process
        self._log = log

    def wait_until(self, happened: Callable[[], object]) -> None:
        """Waits for something that the process does."""
        deadline = time.monotonic() + LONGEST
        while not happened():
            assert self.process.is_alive(), self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.001)

    def finish(self) -> None:
        """Waits for a good end."""
        assert self.exit_code() == 0, self._log.read_text()

    def exit_code(self) -> int:
        """Waits for the end."""
        return exit_code(self.process, self._log)


def exit_code(process: multiprocessing.Process, log: pathlib.Path) -> int:
    """Waits for the end; what never ends shows where its threads are."""
    process.join(LONGEST)
    if process.exitcode is None:
        os.kill(process.pid, signal.SIGABRT)
        process.join()
        raise AssertionError(f"it does not end\n{log.read_text()}")
    return process.exitcode


def context() -> multiprocessing.context.BaseContext:
    """Where processes are forked from; the same for all tests."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(list(_IMPORTED_BEFORE))
    with contextlib.chdir(ROOT):  # here it finds what it shall import
        forkserver.ensure_running()
    return found


def start(
    command: str,
    *arguments: str,
    log: pathlib.Path,
    out: pathlib.Path | None = None,
    folder: pathlib.Path = pathlib.Path(),
) -> Started:
    """Starts a command.

    Args:
        command: Its name.
        *arguments: Its flags.
        log: Gets what it says on stderr, behind what is there.
        out: Gets what it prints; `log` by default.
        folder: Where it works.
    """
    target = functools.partial(_run, command, list(arguments), folder)
    return start_function(target, log=log, out=out)


def killed(
    command: str,
    *arguments: str,
    log: pathlib.Path,
    within: pathlib.Path,
    change: int = 1,
    once: str = "",
    number: int = signal.SIGKILL,
    folder: pathlib.Path = pathlib.Path(),
) -> None:
    """Starts a command that sends itself a signal right before it changes a file, and waits.

    So nobody has to look at the right moment, however busy the machine is.

    Args:
        command: Its name.
        *arguments: Its flags.
        log: Gets what it says and prints, behind what is there.
        within: Files in this folder count: one that is opened for writing, put in its place, or
            removed, and a folder that is made.
        change: Before which change that is, from 1.
        once: They are counted from when there is a file of this pattern in `within`.
        number: The signal: SIGKILL, which ends it there, or one that it answers and then ends.
        folder: Where it works.
    """
    run = (command, list(arguments), folder)
    target = functools.partial(_signalled, within, change, once, number, *run)
    ended = start_function(target, log=log).exit_code()
    expected = -number if number == signal.SIGKILL else 128 + number
    assert ended == expected, f"complete before the signal\n{log.read_text()}"


def start_function(
    function: Callable[[], None], *, log: pathlib.Path, out: pathlib.Path | None = None
) -> Started:
    """Starts a function that can be found by its name; `log` and `out` as `start` takes them."""
    process = context().Process(target=_logged, args=(function, log, out or log))
    process.start()
    return Started(process, log)


def _logged(function: Callable[[], None], log: pathlib.Path, out: pathlib.Path) -> None:
    assert "tensorflow" in sys.modules, "imported before"
    for number, path in ((1, out), (2, log)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    faulthandler.enable(2)
    function()


def _signalled(within: pathlib.Path, change: int, once: str, number: int, *run: object) -> None:
    left = change

    def hook(event: str, arguments: tuple) -> None:
        nonlocal left
        if event not in _CHANGES or isinstance(arguments[0], int):
            return  # an open file that gets a Python object
        if event == "open" and not arguments[2] & _WRITES:
            return
        path = pathlib.Path(os.path.abspath(os.fsdecode(arguments[0])))
        if path.is_relative_to(within) and (not once or any(within.glob(once))):
            left -= 1
            if not left:
                os.kill(os.getpid(), number)

    sys.addaudithook(hook)
    _run(*run)


def _run(command: str, arguments: list[str], folder: pathlib.Path) -> None:
    os.chdir(folder)
    module = importlib.import_module(f"keras_fool.{command}")
    cli.run(module.main, module.USES, [command, *arguments])
