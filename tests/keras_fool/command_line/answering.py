"""What many command lines answer, each in a process of its own, for the price of one start.

The processes are forked from one that has imported NumPy, absl and what commands share to read
their flags, and run a module as `python -m` does.
"""

import dataclasses
import importlib
import json
import os
import pathlib
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Sequence

ROOT = pathlib.Path(__file__).parents[3]
# What takes seconds to import; where it is missing, a command has answered at once.
HEAVY = ("tensorflow", "keras", "numba", "matplotlib", "scipy", "sklearn", "grpc", "neat")


@dataclasses.dataclass(frozen=True)
class Answer:
    """What came of a command line.

    Attributes:
        code: The exit code.
        out: What it printed.
        err: What it said on stderr.
        imported: Those of `HEAVY` that it has imported.
    """

    code: int
    out: str
    err: str
    imported: list[str]


def answers(
    command_lines: Sequence[Sequence[str]], missing: Sequence[str] = ()
) -> dict[tuple[str, ...], Answer]:
    """Runs the modules that command lines begin with; every answer by its command line.

    Args:
        command_lines: Each a module and its arguments.
        missing: What cannot be imported.
    """
    lines = [list(words) for words in command_lines]
    done = subprocess.run(
        [sys.executable, "-m", __name__, *missing],
        input=json.dumps(lines),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    found = map(json.loads, done.stdout.splitlines())
    return {tuple(words): Answer(**answer) for words, answer in zip(lines, found, strict=True)}


def _main() -> None:
    sys.modules |= dict.fromkeys(sys.argv[1:])
    for path in sorted((ROOT / "keras_fool" / "command_line").glob("*.py")):
        importlib.import_module(f"keras_fool.command_line.{path.stem}")
    assert not _imported()
    with tempfile.TemporaryDirectory() as folder:
        for words in json.load(sys.stdin):
            paths = [pathlib.Path(folder) / name for name in ("out", "err", "imported")]
            process = os.fork()
            if not process:
                _answer(words, *paths)
            code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
            out, err, imported = (path.read_text("utf-8") for path in paths)
            answer = {"code": code, "out": out, "err": err, "imported": imported.split()}
            print(json.dumps(answer), flush=True)  # else the next process has it, too


def _answer(words: list[str], out: pathlib.Path, err: pathlib.Path, imported: pathlib.Path) -> None:
    code = 70
    try:
        for number, path in ((1, out), (2, err)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.argv = list(words)
        try:
            runpy.run_module(words[0], run_name="__main__", alter_sys=True)
            code = 0
        except SystemExit as ended:
            code = ended.code or 0
        except ModuleNotFoundError:
            pass  # of what is missing
        sys.stdout.flush()
        imported.write_text(" ".join(_imported()))
    finally:
        os._exit(code)


def _imported() -> list[str]:
    return [name for name in HEAVY if sys.modules.get(name)]


if __name__ == "__main__":
    _main()
