"""Lists the commands of keras_fool, a line each, or runs the one that is named.

python -m keras_fool
python -m keras_fool evolve --dataset=mnist        the same as python -m keras_fool.evolve
python -m keras_fool --version

Once installed, `keras-fool` is the same as `python -m keras_fool`.
"""

import difflib
import importlib
import pathlib
import sys
from collections.abc import Sequence

import keras_fool
from keras_fool import errors
from keras_fool.command_line import cli


def commands() -> dict[str, str]:
    """The commands by name, each with the first line of its docstring."""
    found = {}
    for path in sorted(pathlib.Path(__file__).parent.glob("*.py")):
        source = path.read_text("utf-8")
        if 'if __name__ == "__main__":' in source and path.name != "__main__.py":
            docstring = source.partition('"""')[2]
            found[path.stem] = docstring.splitlines()[0]
    return found


def main(arguments: Sequence[str]) -> None:
    """Prints the list; an argument is an unknown command.

    Raises:
        UsageError: There are arguments.
    """
    if arguments:
        raise errors.UsageError(_unknown(arguments[0]))
    print(
        "keras_fool: how easily is an image classifier fooled, by what, and does anything help?\n"
    )
    width = max(map(len, commands()))
    for name, line in commands().items():
        print(f"  python -m keras_fool.{name:<{width}}  {line}")
    print("\nEach has --help. To begin: python -m keras_fool.evolve --dataset=mnist")


def run(argv: list[str] | None = None) -> None:
    """Runs the command that the command line names, or `main`; exits the process.

    Args:
        argv: The command line, program name first; `sys.argv` by default.
    """
    argv = sys.argv if argv is None else argv
    if len(argv) > 1 and argv[1] in commands():
        module = importlib.import_module(f"keras_fool.{argv[1]}")
        sys.argv = [str(module.__file__), *argv[2:]]
        cli.run(module.main, module.USES)
    if argv[1:] == ["--version"]:
        print(f"keras_fool {keras_fool.__version__}")
        sys.exit()
    asks = len(argv) > 1 and argv[1].lstrip("-") in ("help", "h", "helpshort", "helpfull")
    sys.argv = argv[:1] if asks else argv
    cli.run(main)


def _unknown(name: str) -> str:
    known = commands()
    stem = name.rpartition("keras_fool.")[2].replace("-", "_")
    near = difflib.get_close_matches(stem, known, 1)
    meant = f"; did you mean {near[0]}?" if near else "."
    return f"there is no command {name!r}{meant} Known: {', '.join(known)}."


if __name__ == "__main__":
    run()
