"""Lists the commands of keras_fool, a line each."""

import pathlib


def commands() -> dict[str, str]:
    """The commands by name, each with the first line of its docstring."""
    found = {}
    for path in sorted(pathlib.Path(__file__).parent.glob("*.py")):
        source = path.read_text("utf-8")
        if 'if __name__ == "__main__":' in source and path.name != "__main__.py":
            docstring = source.partition('"""')[2]
            found[path.stem] = docstring.splitlines()[0]
    return found


def main() -> None:
    """Prints the list."""
    print(
        "keras_fool: how easily is an image classifier fooled, by what, and does anything help?\n"
    )
    for name, line in commands().items():
        print(f"  python -m keras_fool.{name:<10} {line}")
    print("\nEach has --help. To begin: python -m keras_fool.evolve --dataset=mnist")


if __name__ == "__main__":
    main()
