"""Which package may import which, and what commands may import before their flags are read."""

import ast
import functools
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent
ALLOWED = {
    "keras_fool": {"keras_fool", "evolvers", "trainers"},
    "evolvers": {"evolvers"},
    "trainers": {"trainers"},
}
# Inside keras_fool, from the top: each may import itself and what is below it. What stands in
# one row knows nothing of each other; commands are the modules beside the packages.
LAYERS = (
    {"commands"},
    {"command_line"},
    {"api"},
    {"audits"},
    {"fooling"},
    {"arguments", "result"},
    {"studies"},
    {"cluster"},
    {"runs"},
    {"detectors", "pages"},
    {"sheets", "serving"},
    {"models"},
    {"errors", "foreign_files", "start_up"},
)
SLOW = {
    "tensorflow",
    "keras",
    "numba",
    "tensorflow_datasets",
    "matplotlib",
    "neat",
    "sklearn",
    "ray",
}
FILES = [path for package in ALLOWED for path in sorted((ROOT / package).rglob("*.py"))]
COMMANDS = [
    path
    for path in sorted((ROOT / "keras_fool").glob("*.py"))
    if 'if __name__ == "__main__":' in path.read_text("utf-8")
]


@functools.cache
def imports(path: pathlib.Path, *, top_level: bool = False) -> frozenset[str]:
    """The modules that a file's import statements name, whole dotted names.

    Args:
        path: The file.
        top_level: Only those that importing the file executes whatever happens.
    """
    tree = ast.parse(path.read_text("utf-8"))
    names: set[str] = set()
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def packages(names: frozenset[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


@functools.cache
def module_file(name: str) -> pathlib.Path | None:
    """The file of one of our modules; `name` may end in something that it defines."""
    for part in (name, name.rpartition(".")[0]):
        path = ROOT.joinpath(*part.split("."))
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if part and file.is_file():
                return file
    return None


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_go_down_only(package):
    for path in FILES:
        if path.relative_to(ROOT).parts[0] != package:
            continue
        named = packages(imports(path))
        assert named & ALLOWED.keys() <= ALLOWED[package], path
        assert not named & {"tests", "benchmarks"}, path
        assert package == "keras_fool" or "absl" not in named, path


@pytest.mark.parametrize(("one", "other"), [("client", "server"), ("server", "client")])
def test_client_and_server_do_not_import_each_other(one, other):
    files = sorted((ROOT / "keras_fool" / "serving" / one).glob("*.py"))
    assert len(files) > 5
    for path in files:
        named = imports(path)
        assert not any(name.startswith(f"keras_fool.serving.{other}") for name in named), path


def layer(name: str) -> str:
    """What of keras_fool a module is in: a package, a module below all, or the commands."""
    first = name.split(".")[1]
    known = set().union(*LAYERS)
    if first in known:
        return first
    assert not (ROOT / "keras_fool" / first).is_dir(), f"{first} is in no layer"
    return "commands"


def rank(name: str) -> int:
    (number,) = (number for number, row in enumerate(LAYERS) if layer(name) in row)
    return number


def test_imports_inside_keras_fool_go_down_only():
    up = []
    for path in FILES:
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        # keras_fool itself names what is public, of any layer.
        if not module.startswith("keras_fool.") or module == "keras_fool.__init__":
            continue
        up += [
            f"{module} imports {name}: {layer(module)} is below"
            for name in sorted(imports(path))
            if name.startswith("keras_fool.")
            and layer(name) != layer(module)
            and rank(name) <= rank(module)
        ]

    assert not up


def test_no_command_imports_another_one():
    for path in COMMANDS:
        others = {f"keras_fool.{other.stem}" for other in COMMANDS} & imports(path)
        assert not others, f"{path.name} imports {', '.join(others)}"


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.stem)
def test_commands_import_nothing_slow_before_flags_are_read(path):
    seen, left = set(), {path}
    while left:
        file = left.pop()
        seen.add(file)
        names = imports(file, top_level=True)

        assert not packages(names) & SLOW, f"{file} is imported by {path.name}"

        left |= {found for name in names if (found := module_file(name))} - seen


def test_one_process_can_import_every_command():
    for path in COMMANDS:
        __import__(f"keras_fool.{path.stem}")  # a flag defined twice would raise
