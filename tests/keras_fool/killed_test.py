"""Runs killed by SIGKILL, which nothing can catch, end with the bytes of one left alone.

The processes are forked from one that has imported TensorFlow and not used it yet, so that
a start costs a part of a second.
"""

import multiprocessing
import os
import pathlib
import random
import signal
import time

import pytest

from keras_fool import evolve
from keras_fool.command_line import cli

_LONGEST = 60  # seconds; then a process is stuck


def _command(arguments: list[str], log: pathlib.Path) -> None:
    """What runs in the forked process: the command, its words in a file."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    cli.run(evolve.main, evolve.USES, ["evolve", *arguments])


@pytest.fixture(scope="module")
def start():
    """Starts the command in a process of its own."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["keras_fool.runs.evolution_recorder", "keras_fool.models.scoring", __name__]
    )

    def started(*arguments: str, log: pathlib.Path):
        process = context.Process(target=_command, args=(list(arguments), log))
        process.start()
        return process

    return started


def contents(path: pathlib.Path) -> dict[str, bytes]:
    return {
        file.relative_to(path).as_posix(): file.read_bytes()
        for file in path.rglob("*")
        if file.is_file() and "tfevents" not in file.name
    }


def finished(process, log: pathlib.Path) -> None:
    process.join(_LONGEST)
    assert process.exitcode == 0, log.read_text()


def names(folder: pathlib.Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


@pytest.mark.parametrize(("encoding", "kills"), [("cppn", 4), ("direct", 2)])
def test_killed_run_ends_with_the_same_bytes(start, tmp_path, tiny_model, encoding, kills):
    arguments = (
        f"--model={tiny_model}",
        f"--encoding={encoding}",
        "--runs=2",
        "--generations=150",
        "--batch=20",
        "--checkpoint_every=3",
    )
    log, path = tmp_path / "log", tmp_path / "killed"
    finished(start(*arguments, f"--workdir={tmp_path / 'alone'}", log=log), log)
    expected = contents(tmp_path / "alone")
    assert "champions.csv" in expected

    moments = random.Random(encoding)
    killed = 0
    for number in range(kills):
        # First before any checkpoint is there, then after each time a further one.
        watched = path / "checkpoint" if number else path
        before = names(watched)
        process = start(*arguments, f"--workdir={path}", log=log)
        deadline = time.monotonic() + _LONGEST
        while names(watched) <= before and process.is_alive():
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.1))  # it writes now; somewhere in there
        process.kill()
        process.join(_LONGEST)
        killed += process.exitcode == -signal.SIGKILL
    assert killed == kills, "the run was complete before it could be killed so often"

    finished(start(*arguments, f"--workdir={path}", log=log), log)

    assert "Traceback" not in log.read_text()
    assert contents(path) == expected
