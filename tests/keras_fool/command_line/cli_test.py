"""The commands from outside: help, wrong flags, and how long they take to answer."""

import os
import pathlib
import resource
import subprocess
import sys

import pytest
from absl.testing import flagsaver

from keras_fool import __main__ as overview
from keras_fool import ascend, errors, evolve, render, reproduce, train
from keras_fool.command_line import cli

ROOT = pathlib.Path(__file__).parents[3]
COMMANDS = sorted(overview.commands())


def run(*words: str) -> tuple[subprocess.CompletedProcess, float]:
    """Runs a module in a process of its own; what came of it, and its processor time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", *words], capture_output=True, text=True, check=False, cwd=ROOT
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Seconds on a clock would also tell what else the machine does.
    return done, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_quick_and_the_commands_own(name):
    done, seconds = run(f"keras_fool.{name}", "--help")

    assert done.returncode == 0
    assert f"python -m keras_fool.{name}" in done.stdout
    assert "--debug" in done.stdout
    assert done.stderr == ""
    assert seconds < 1


@pytest.mark.parametrize("arguments", [["keras_fool.render", "--help"], ["keras_fool"]])
def test_text_whose_reader_has_left_ends_in_silence(arguments):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        cwd=ROOT,
    )
    os.close(write)

    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("name", COMMANDS)
def test_wrong_flag_is_one_line_and_quick(name):
    done, seconds = run(f"keras_fool.{name}", "--sneed=1")

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: Unknown command line flag 'sneed'.")
    assert done.stderr.count("\n") == 1
    assert seconds < 1


def test_overview_lists_every_command():
    done, _ = run("keras_fool")

    assert {"evolve", "render"} <= set(COMMANDS)
    for name in COMMANDS:
        assert f"  python -m keras_fool.{name} " in done.stdout


def test_shared_flags_that_mean_nothing_are_refused(command):
    code, _, err = command(render, "champion.png", "--seed=3")

    assert (code, err) == (2, "error: --seed has no meaning for this command.\n")


@pytest.mark.parametrize(
    ("module", "wrong", "meant"),
    [
        (reproduce, "--experiment=tabel_s2", "table_s2"),
        (train, "--architecture=cafenet", "caffenet"),
        (ascend, "--preset=S5", "s5"),
        (evolve, "--encoding=cpnn", "cppn"),
    ],
)
def test_values_that_are_nearly_right_are_suggested(command, module, wrong, meant):
    code, _, err = command(module, wrong)

    assert (code, err.count("\n")) == (2, 1)
    assert f"did you mean {meant}" in err


def test_nothing_that_is_named_reaches_the_terminal_as_control_characters(command, tmp_path):
    code, _, err = command(evolve, f"--model={tmp_path}/\x1b]0;title\x07\x9b2J.keras")

    assert code == 1
    assert err.removesuffix("\n").isprintable()
    assert r"\x1b]0;title\x07\x9b2J.keras" in err


def test_debug_shows_the_traceback():
    with flagsaver.flagsaver(), pytest.raises(errors.UserError, match="unknown data set"):
        cli.run(evolve.main, evolve.USES, ["evolve", "--dataset=nothing", "--debug"])
