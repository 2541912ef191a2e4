"""The commands from outside: help, wrong flags, signals, and what they import to answer."""

import importlib
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import time

import pytest
from absl import flags
from absl.testing import flagsaver

import keras_fool
from keras_fool import __main__ as overview
from keras_fool import ascend, errors, evolve, render, reproduce, train
from keras_fool.command_line import cli
from keras_fool.runs import files, stopping
from tests.keras_fool.command_line import answering

ROOT = pathlib.Path(__file__).parents[3]
COMMANDS = sorted(overview.commands())
USUAL = ("evolve", "train")


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, ...], answering.Answer]:
    """What the command lines of this file answer."""
    modules = [f"keras_fool.{name}" for name in COMMANDS]
    lines = [[module, "--help"] for module in modules]
    lines += [[f"keras_fool.{name}", "--sneed=1"] for name in USUAL]
    lines += [["keras_fool"], ["keras_fool", "--help"], ["keras_fool", "evolve", "--help"]]
    lines += [["keras_fool", *words] for words, _, _ in WRONG_LINES]
    return answering.answers(lines)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_the_commands_own_and_starts_nothing(answers, name):
    answer = answers[f"keras_fool.{name}", "--help"]

    assert (answer.code, answer.err) == (0, "")
    assert f"python -m keras_fool.{name}" in answer.out
    assert "--debug" in answer.out
    assert not answer.imported


def test_where_results_go_is_said_before_anything_slow_is_imported(tmp_path):
    lines = [
        ("keras_fool.evolve", "--dataset=mnist", f"--workdir={tmp_path}/e"),
        ("keras_fool.ascend", "--dataset=mnist", f"--workdir={tmp_path}/a"),
        ("keras_fool.confidence", "--dataset=mnist", f"--output={tmp_path}/c"),
        ("keras_fool.train", "--dataset=mnist", "--name=n", f"--output_dir={tmp_path}/t"),
        ("keras_fool.retrain", "--dataset=mnist", f"--workdir={tmp_path}/r"),
        ("keras_fool.reproduce", "--experiment=figure_s4", f"--results={tmp_path}/p"),
        ("keras_fool.export", "--model=mnist_a", f"--output={tmp_path}/x"),
    ]

    found = answering.answers(lines, missing=answering.HEAVY)

    for line in lines:
        said = found[line].err.splitlines()[0]
        assert said.startswith(f"note: results go to {line[-1].partition('=')[2]}")
        assert "loading TensorFlow" in said
    assert not list(tmp_path.iterdir())


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


@pytest.mark.parametrize("name", USUAL)
def test_wrong_flag_is_one_line_and_starts_nothing(answers, name):
    assert_refused(answers[f"keras_fool.{name}", "--sneed=1"])


@pytest.mark.slow
def test_wrong_flag_of_any_command_is_one_line_and_starts_nothing():
    found = answering.answers([[f"keras_fool.{name}", "--sneed=1"] for name in COMMANDS])
    for answer in found.values():
        assert_refused(answer)


def assert_refused(answer: answering.Answer) -> None:
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("error: ")
    assert "'sneed'" in answer.err
    assert answer.err.count("\n") == 1
    assert not answer.imported


WRONG_LINES = [
    (["evolv"], 2, "no command 'evolv'; did you mean evolve?"),
    (["keras_fool.import-caffe"], 2, "did you mean import_caffe?"),
    (["nothing"], 2, "Known: ascend, audit, confidence, evolve"),
    (["--sneed=1"], 2, "See python -m keras_fool --help."),
    (["evolve", "--sneed=1"], 2, "See python -m keras_fool.evolve --help."),
    (["evolve", "--runs=0"], 2, "--runs"),
    (["evolve", "--dataset=nothing"], 2, "unknown data set 'nothing'"),
    (["render"], 2, "give one champion"),
]


@pytest.mark.parametrize(("words", "code", "message"), WRONG_LINES)
def test_the_package_runs_the_command_that_is_named(answers, words, code, message):
    answer = answers["keras_fool", *words]

    assert (answer.code, answer.out) == (code, "")
    assert answer.err.startswith("error: ")
    assert message in answer.err
    assert answer.err.count("\n") == 1


def test_the_package_helps(answers):
    help_ = answers["keras_fool", "--help"]
    of_evolve = answers["keras_fool", "evolve", "--help"]

    assert (help_.code, help_.out) == (0, answers["keras_fool",].out)
    assert of_evolve.out == answers["keras_fool.evolve", "--help"].out
    assert "--generations" in of_evolve.out


def test_the_package_says_its_version(capsys):
    with pytest.raises(SystemExit) as ended:
        overview.run(["keras-fool", "--version"])

    assert not ended.value.code
    assert capsys.readouterr().out == f"keras_fool {keras_fool.__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_in_the_help_are_command_lines(name):
    module = importlib.import_module(f"keras_fool.{name}")
    text = module.__doc__.replace("\\\n", " ")  # a line that goes on
    examples = re.findall(r"^ *python -m (keras_fool\.\S+)(.*)$", text, re.MULTILINE)
    assert examples
    assert "\\" not in text

    for command, words in examples:
        taken = {flag.name for flag in uses_of(command)}
        with flagsaver.flagsaver():
            rest = flags.FLAGS([command, *shlex.split(words)])[1:]
            given = {name for name in flags.FLAGS if flags.FLAGS[name].present}
            assert given <= taken, (command, words)
        assert bool(rest) == command.endswith("render")


def uses_of(command: str) -> list:
    module = importlib.import_module(command)
    own = flags.FLAGS.flags_by_module_dict().get(command, [])
    return [*own, *(flags.FLAGS[flag.name] for flag in module.USES)]


def test_no_help_has_signs_that_are_not_meant():
    for name in COMMANDS:
        module = importlib.import_module(f"keras_fool.{name}")
        text = cli._help(module.main, module.USES)
        assert not re.search(r"[^\n -~]|\\\\|\\[nt]|\{[a-z_]+\}|%\(|%s", text), name


class TestSignals:
    """What is said if a signal comes; each in a process of its own, forked from this one."""

    @staticmethod
    def interrupted(work) -> tuple[int, str]:
        read, write = os.pipe()
        process = os.fork()
        if not process:
            os.dup2(write, 2)
            sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
            try:
                with flagsaver.flagsaver():
                    cli.run(work, argv=["evolve"])
            except SystemExit as ended:
                sys.stderr.flush()
                os._exit(ended.code)
            finally:
                os._exit(99)
        os.close(write)
        with open(read) as stderr:
            text = stderr.read()
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), text

    @pytest.mark.parametrize(
        ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"]
    )
    def test_what_is_true_is_said_in_one_line(self, number, code, tmp_path):
        def nothing(_):
            signal.raise_signal(number)

        def writes(_):
            files.write(tmp_path / "a", b"b")
            signal.raise_signal(number)

        def says(_):
            with stopping.saying("all is well."), stopping.saying("one"):
                pass
            with stopping.saying("a"), stopping.saying("b") as change:
                change("step 3 is saved; to go on: again")
                signal.raise_signal(number)

        assert self.interrupted(nothing) == (code, "interrupted: nothing was written.\n")
        assert "not be complete" in self.interrupted(writes)[1]
        expected = (code, "interrupted: step 3 is saved; to go on: again\n")
        assert self.interrupted(says) == expected

    def test_within_an_import_nobody_can_swallow_it(self, tmp_path, monkeypatch):
        (tmp_path / "swallows.py").write_text(
            "import signal\ntry:\n    signal.raise_signal(2)\nexcept BaseException:\n    pass\n"
        )
        monkeypatch.syspath_prepend(tmp_path)

        def imports(_):
            with cli.native_messages_hidden(), stopping.saying("it is early."):
                importlib.import_module("swallows")

        assert self.interrupted(imports) == (130, "interrupted: it is early.\n")

    def test_a_second_one_ends_at_once(self):
        def twice(_):
            try:
                signal.raise_signal(signal.SIGINT)
            finally:
                signal.raise_signal(signal.SIGTERM)

        assert self.interrupted(twice) == (143, "interrupted: nothing was written.\n")

    def test_handlers_are_given_back(self, command):
        before = [signal.getsignal(number) for number in stopping.NUMBERS]
        command(render)
        assert [signal.getsignal(number) for number in stopping.NUMBERS] == before

    @pytest.mark.parametrize("seconds", [0.05, 0.2, 0.4])
    def test_a_command_that_only_begins_says_so(self, seconds):
        process = subprocess.Popen(
            [sys.executable, "-m", "keras_fool.evolve", "--dataset=mnist", "--workdir=/proc/none"],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
        )
        time.sleep(seconds)
        process.terminate()
        _, err = process.communicate()

        assert process.returncode in (143, -signal.SIGTERM)  # that before our first line is run
        said = [line for line in err.splitlines() if not line.startswith("note: ")]
        assert said in (["interrupted: nothing was written."], [])


def test_overview_lists_every_command(answers):
    assert {"evolve", "render"} <= set(COMMANDS)
    for name in COMMANDS:
        assert f"  python -m keras_fool.{name} " in answers["keras_fool",].out


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
