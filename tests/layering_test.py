"""Which package may import which, and what commands may import before their flags are read."""

import ast
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
    {"runs"},
    {"detectors", "pages"},
    {"sheets", "serving"},
    {"models"},
    {"errors", "foreign_files", "start_up"},
)
SLOW = {"tensorflow", "keras", "numba", "tensorflow_datasets", "matplotlib", "neat", "sklearn"}
FILES = [path for package in ALLOWED for path in sorted((ROOT / package).rglob("*.py"))]
COMMANDS = [
    path
    for path in sorted((ROOT / "keras_fool").glob("*.py"))
    if 'if __name__ == "__main__":' in path.read_text("utf-8")
]


def imports(nodes) -> set[str]:
    """The modules that the nodes' import statements name, whole dotted names."""
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def packages(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def module_file(name: str) -> pathlib.Path | None:
    """The file of one of our modules; `name` may end in something that it defines."""
    for part in (name, name.rpartition(".")[0]):
        path = ROOT.joinpath(*part.split("."))
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if part and file.is_file():
                return file
    return None


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down_only(path):
    package = path.relative_to(ROOT).parts[0]
    named = packages(imports(ast.walk(ast.parse(path.read_text("utf-8")))))

    assert named & ALLOWED.keys() <= ALLOWED[package]
    assert not named & {"tests", "benchmarks"}
    assert package == "keras_fool" or "absl" not in named


@pytest.mark.parametrize(("one", "other"), [("client", "server"), ("server", "client")])
def test_client_and_server_do_not_import_each_other(one, other):
    files = sorted((ROOT / "keras_fool" / "serving" / one).glob("*.py"))
    assert len(files) > 5
    for path in files:
        named = imports(ast.walk(ast.parse(path.read_text("utf-8"))))
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


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if path.relative_to(ROOT).parts[0] == "keras_fool"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_imports_inside_keras_fool_go_down_only(path):
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    if module == "keras_fool.__init__":
        return  # it names what is public, of any layer
    named = {name for name in imports(ast.walk(ast.parse(path.read_text("utf-8")))) if "." in name}

    up = [
        name
        for name in sorted(named)
        if name.startswith("keras_fool.")
        and layer(name) != layer(module)
        and rank(name) <= rank(module)
    ]

    assert not up, f"{module} imports {', '.join(up)}: {layer(module)} is below"


def test_no_command_imports_another_one():
    for path in COMMANDS:
        named = imports(ast.walk(ast.parse(path.read_text("utf-8"))))
        others = {f"keras_fool.{other.stem}" for other in COMMANDS} & named
        assert not others, f"{path.name} imports {', '.join(others)}"


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.stem)
def test_commands_import_nothing_slow_before_flags_are_read(path):
    seen, left = set(), {path}
    while left:
        file = left.pop()
        seen.add(file)
        names = imports(ast.parse(file.read_text("utf-8")).body)  # the top level only

        assert not packages(names) & SLOW, f"{file} is imported by {path.name}"

        left |= {found for name in names if (found := module_file(name))} - seen


def test_one_process_can_import_every_command():
    for path in COMMANDS:
        __import__(f"keras_fool.{path.stem}")  # a flag defined twice would raise
