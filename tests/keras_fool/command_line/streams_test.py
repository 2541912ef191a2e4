"""What commands print, where letters, streams, disks and folders are missing; real processes."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from keras_fool.runs import champion_png
from tests.keras_fool import folders

ROOT = pathlib.Path(__file__).parents[3]
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LABELS = ("zéro", "один", "二")


def run(*words: object, here: pathlib.Path, **options) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("environment", {})}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    command = [sys.executable, "-m", *map(str, words)]
    return subprocess.run(command, env=environment, cwd=here, check=False, **streams)


@pytest.fixture(scope="module")
def arguments(tmp_path_factory, tiny_model) -> list[str]:
    names = tmp_path_factory.mktemp("names") / "names.txt"
    names.write_text("\n".join(LABELS), "utf-8")
    return [f"--model={tiny_model}", f"--label_names={names}", "--generations=1", "--batch_size=10"]


@pytest.mark.slow
def test_letters_that_the_locale_does_not_have(tmp_path, arguments, tiny_model, other_model):
    shutil.copy(tiny_model, tmp_path / "café.keras")
    arguments = ["--model=café.keras", *arguments[1:]]

    done = run("keras_fool.evolve", *arguments, here=tmp_path, environment=ASCII)

    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("café-cppn")
    assert b"z\\xe9ro" in done.stdout
    rows = folders.rows(folder / "champions.csv")
    assert [row["label_name"] for row in rows] == list(LABELS)
    assert champion_png.read(folder / rows[0]["file"]).about["label_name"] == LABELS[0]

    words = [f"--images=runs/{folder.name}", f"--models={other_model}", "--output=out"]
    done = run("keras_fool.transfer", *words, here=tmp_path, environment=ASCII)

    assert done.returncode == 0, done.stderr
    assert "café.keras" in (tmp_path / "out" / "transfer.md").read_text("utf-8")


@pytest.mark.slow
def test_streams_that_are_closed_or_full_take_nothing_from_a_run(tmp_path, arguments):
    def evolve(workdir: str, **options) -> subprocess.CompletedProcess:
        return run(
            "keras_fool.evolve", *arguments, f"--workdir={workdir}", here=tmp_path, **options
        )

    def close_all():
        for number in range(3):
            os.close(number)

    assert evolve("sound").returncode == 0
    expected = folders.contents(tmp_path / "sound")
    assert evolve("closed", preexec_fn=close_all, stdout=None, stderr=None).returncode == 0
    with open("/dev/full", "w") as full:
        done = evolve("full", stdout=full)
        assert (done.returncode, b"Traceback" in done.stderr) == (1, False)
        assert done.stderr.splitlines()[-1].startswith(b"error: ")
        assert b"No space left on device" in done.stderr
        assert evolve("mute", stderr=full).returncode == 0
    for folder in ("closed", "full", "mute"):
        assert folders.contents(tmp_path / folder) == expected


def test_a_full_disk_behind_stdout_is_one_line(tmp_path):
    with open("/dev/full", "w") as full:
        done = run("keras_fool", here=tmp_path, stdout=full)
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: ")
    assert b"No space left on device" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_a_full_disk_behind_stderr_changes_no_exit_code(tmp_path):
    with open("/dev/full", "w") as full:
        done = run("keras_fool.evolve", "--nonsense", here=tmp_path, stderr=full)
    assert done.returncode == 2


def test_a_folder_that_was_removed_is_named(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    # Another process than this one is in the folder when it goes.
    words = f"rmdir {gone}; exec {sys.executable} -m keras_fool.evolve --dataset=mnist"
    done = subprocess.run(
        ["sh", "-c", words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=gone,
        check=False,
        capture_output=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: the current folder was removed")
    assert done.stderr.count(b"\n") == 1


def test_another_program_keeps_its_signals(tmp_path):
    """Its package may import this one while Python looks for the module to run."""
    (tmp_path / "program").mkdir()
    taken = "[signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]"
    code = f"import signal\nbefore = {taken}\nimport keras_fool\n"
    (tmp_path / "program" / "__init__.py").write_text(code)
    code = f"import signal\nimport program\nassert program.before == {taken}\n"
    (tmp_path / "program" / "tool.py").write_text(code)
    path = os.pathsep.join([str(ROOT), str(tmp_path)])

    done = subprocess.run(
        [sys.executable, "-m", "program.tool"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        check=False,
        text=True,
    )

    assert (done.returncode, done.stderr) == (0, "")
