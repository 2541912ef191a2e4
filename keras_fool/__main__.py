"""Lists the commands of keras_fool, a line each."""

import pathlib
import sys
from collections.abc import Sequence

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
    """Prints the list, whatever is asked."""
    del arguments
    print(
        "keras_fool: how easily is an image classifier fooled, by what, and does anything help?\n"
    )
    width = max(map(len, commands()))
    for name, line in commands().items():
        print(f"  python -m keras_fool.{name:<{width}}  {line}")
    print("\nEach has --help. To begin: python -m keras_fool.evolve --dataset=mnist")


if __name__ == "__main__":
    cli.run(main, argv=sys.argv[:1])
