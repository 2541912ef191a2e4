"""What README and the documentation tell people to type: it exists, and it works.

A line above each block of commands or Python in docs/ says what tests do with it:

    <!-- run -->                      it is run, after the blocks above it and in the same folder
    <!-- run: after PAGE.md -->       what PAGE.md runs is run before
    <!-- run: --generations=20 -->    each command of keras_fool gets this flag, to be quick
    <!-- run: FILE.py -->             it is the content of this file
    <!-- run: fails -->               the command ends with an error, that of the next block
    <!-- not run: WHY -->             it is only checked

Several stand with commas between them. Blocks of text show what is printed.
"""

import ast
import dataclasses
import importlib
import inspect
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import urllib.parse

import pytest
from absl import flags

import keras_fool
from keras_fool import __main__ as commands
from keras_fool.command_line import common_flags, path_flags
from keras_fool.studies import experiment

ROOT = pathlib.Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").rglob("*.md"))
OTHERS = [ROOT / name for name in ("README.md", "BUILD.md", "CONTRIBUTING.md", "CHANGELOG.md")]
NOTEBOOKS = sorted((ROOT / "docs").rglob("*.ipynb"))
OTHERS += [ROOT / "saved_models/README.md", *sorted((ROOT / "results").rglob("README.md"))]
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
MARKER = re.compile(r"<!-- (run|not run)(?:: (.*))? -->\n\n\Z")
COMMAND = re.compile(r"(?:python -m keras_fool|keras-fool)[. ]([a-z_]+)(?![\w.])")
PLACEHOLDER = re.compile(r"\b[A-Z]{3,}\b|[$<]|\.\.\.")
# Of functions whose result documentation looks at, the class of the result.
GIVES = {
    "keras_fool.fool": "keras_fool.Result",
    "keras_fool.load": "keras_fool.Result",
    "keras_fool.detectors.fit": "keras_fool.detectors.detector.Detector",
    "keras_fool.detectors.load": "keras_fool.detectors.detector.Detector",
}


def shown(path: pathlib.Path) -> str:
    return path.relative_to(ROOT).as_posix()


@dataclasses.dataclass(frozen=True)
class Block:
    """A block of code, and what its marker says: None where there is no marker."""

    language: str
    code: str
    is_run: bool | None
    options: tuple[str, ...]


def blocks(path: pathlib.Path) -> list[Block]:
    text, found = path.read_text("utf-8"), []
    if path.suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        return [Block("python", "".join(cell["source"]), None, ()) for cell in cells]
    for match in FENCE.finditer(text):
        marker = MARKER.search(text[: match.start()])
        is_run = None if marker is None else marker[1] == "run"
        options = tuple((marker[2] or "").split(", ")) if is_run and marker[2] else ()
        if is_run is False:
            assert marker[2], f"{shown(path)}: say why a block is not run"
        found.append(Block(match[2], match[3], is_run, options))
    return found


def command_lines(path: pathlib.Path) -> list[tuple[str, list[str]]]:
    """Every command of keras_fool in a page, in blocks and in sentences: name and arguments."""
    text = re.sub(r"\\\n *", "", path.read_text("utf-8"))
    found = []
    for match in COMMAND.finditer(text):
        line = text[match.end() :].partition("\n")[0]
        around = text[match.start() - 1]
        ends = rf"`|{around}" if around in "'\"" else "`"
        rest = re.split(rf"{ends}| #|[;&|)](?:\s|$)| >", line)[0]
        found.append((match[1], shlex.split(rest.strip().rstrip(",."))))
    return found


@pytest.mark.parametrize("path", PAGES, ids=shown)
def test_each_block_of_code_says_whether_it_is_run(path):
    for block in blocks(path):
        assert block.language, f"a block without a language: {block.code}"
        if block.language in ("sh", "python"):
            assert block.is_run is not None, f"a block without a marker: {block.code}"
        for option in block.options:
            page = option.removeprefix("after ")
            is_page = page != option and (ROOT / "docs" / page) in PAGES
            assert is_page or re.fullmatch(r"--\w+=\w+|fails|\w+\.py", option), option


def known_flags(command: str) -> dict:
    module = importlib.import_module(f"keras_fool.{command}")
    names = {member.name for member in (*module.USES, common_flags.DEBUG)}
    return {name: flags.FLAGS[name] for name in names}


@pytest.mark.parametrize("path", [*PAGES, *OTHERS], ids=shown)
def test_commands_and_flags_exist(path):
    for command, arguments in command_lines(path):
        assert command in commands.commands(), f"python -m keras_fool.{command}"
        known = known_flags(command)
        for word in arguments:
            if not word.startswith("--") or word in ("--help", "--helpfull"):
                continue
            name, equals, value = word.removeprefix("--").partition("=")
            if name not in known and not equals:
                name = name.removeprefix("no")
            assert name in known, f"{command} has no --{name}"
            assert bool(equals) != bool(known[name].boolean), f"{command} {word}"
            is_path = isinstance(known[name].parser, path_flags.Path)
            if equals and not is_path and not PLACEHOLDER.search(value):
                known[name].parser.parse(value)  # raises


def test_the_pages_are_looked_at():
    """The patterns above find what is there, in blocks, in tables and over several lines."""
    counted = {shown(path): command_lines(path) for path in (*PAGES, *OTHERS)}

    assert ("evolve", ["--dataset=mnist"]) in counted["README.md"]
    assert ("render", ["champion.png", "--size=2048"]) in counted["README.md"]
    (gallery,) = [words for name, words in counted["docs/artists.md"] if "--size=160" in words]
    assert "--output=posters.png" in gallery
    assert ("reproduce", ["--experiment=table_s1_mnist"]) in counted["results/README.md"]
    assert sum(map(len, counted.values())) > 100


def test_experiments_and_modules_that_are_named_exist():
    for path in (*PAGES, *OTHERS):
        text = path.read_text("utf-8")
        for name in re.findall(r"--experiment=(\w+)", text):
            assert name in experiment.NAMES, f"{shown(path)}: {name}"
        for name in re.findall(r"python -m (benchmarks\.\w+)", text):
            assert (
                name == "benchmarks.NAME"
                or (ROOT / name.replace(".", "/")).with_suffix(".py").is_file()
            ), f"{shown(path)}: {name}"
        for names in re.findall(r"pip install -e '\.\[([\w,]+)\]'", text):
            for name in names.split(","):
                assert f'"{name}": ' in (ROOT / "setup.py").read_text("utf-8")


def resolved(dotted: str) -> object:
    """What a dotted name stands for, modules imported on the way."""
    found: object = keras_fool
    place = "keras_fool"
    for part in dotted.split(".")[1:]:
        place = f"{place}.{part}"
        if not hasattr(found, part):
            importlib.import_module(place)
        found = getattr(found, part)
    return found


def dotted_name(node: ast.AST) -> str:
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def attributes_of(kind: type) -> set[str]:
    fields = {name for base in kind.__mro__ for name in getattr(base, "__annotations__", {})}
    set_by_init = set(re.findall(r"self\.([a-z]\w*)\b.* = ", inspect.getsource(kind)))
    return fields | set_by_init | set(dir(kind))


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS, *OTHERS], ids=shown)
def test_python_compiles_and_names_what_exists(path):
    known: dict[str, str] = {}  # variables of a page, with the class that they hold
    for block in blocks(path):
        if block.language != "python":
            continue
        tree = ast.parse(block.code)
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                kind = GIVES.get(dotted_name(node.value.func))
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        known.pop(target.id, None)
                        known |= {target.id: kind} if kind else {}
        for node in ast.walk(tree):
            name = dotted_name(node)
            if isinstance(node, ast.Attribute) and name.startswith("keras_fool."):
                resolved(name)  # raises
            if isinstance(node, ast.Attribute) and (kind := known.get(dotted_name(node.value))):
                assert node.attr in attributes_of(resolved(kind)), f"{name}: no such attribute"
            if isinstance(node, ast.Call) and dotted_name(node.func).startswith("keras_fool."):
                check_call(node)


def check_call(node: ast.Call) -> None:
    """A call of a function of keras_fool has arguments that it takes."""
    function = resolved(dotted_name(node.func))
    keywords = {word.arg: None for word in node.keywords}
    signature = inspect.signature(function)
    signature.bind(*node.args, **keywords)  # raises
    if function is keras_fool.fool:
        known = {*signature.parameters, *known_flags("evolve"), *known_flags("ascend")}
        assert keywords.keys() <= known


LINK = re.compile(r"(?<!`)\[[^\]\n]*(?:\n[^\]\n]*)?\]\(([^)\s]+)\)")


def anchors(path: pathlib.Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    text = FENCE.sub("", path.read_text("utf-8"))
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in headings}


@pytest.mark.parametrize("path", [*PAGES, *OTHERS], ids=shown)
def test_links_lead_to_files_and_headings(path):
    for target in LINK.findall(FENCE.sub("", path.read_text("utf-8"))):
        address = urllib.parse.urlsplit(target)
        if address.scheme:
            assert address.scheme == "https", target
            continue
        file = path.parent / address.path if address.path else path
        assert file.exists(), f"{shown(path)}: {target}"
        if address.fragment:
            assert address.fragment in anchors(file), f"{shown(path)}: {target}"


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 120


def test_every_page_is_in_the_table_of_contents():
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:")[2]
    for path in (*PAGES, *NOTEBOOKS):
        name = path.relative_to(ROOT / "docs").with_suffix(".md").as_posix()
        assert f" {name}\n" in navigation, name


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """The folder in which pages are run, and the names of those that were."""
    return tmp_path_factory.mktemp("docs"), []


def run_page(workplace, name: str) -> None:
    """Runs what a page says is run, once, and what it needs before."""
    _, done = workplace
    if name in done:
        return
    done.append(name)
    found = blocks(ROOT / "docs" / name)
    for block, following in zip(found, [*found[1:], None], strict=True):
        if block.is_run:
            run_block(workplace, block, following)


def run_block(workplace, block: Block, following: Block | None) -> None:
    folder, _ = workplace
    code, added, fails = block.code, [], False
    for option in block.options:
        if option.startswith("after "):
            run_page(workplace, option.removeprefix("after "))
        elif option.startswith("--"):
            added.append(option)
        elif option == "fails":
            fails = True
        else:
            (folder / option).write_text(code, "utf-8")
            return
    if added:
        code = re.sub(
            r"^(python -m keras_fool\S*)", rf"\1 {' '.join(added)}", code, flags=re.MULTILINE
        )
    if block.language == "python":
        command = [sys.executable, "-c", code]
    else:
        command = [
            "bash",
            "-euo",
            "pipefail",
            "-c",
            f'python() {{ "{sys.executable}" "$@"; }}\n{code}',
        ]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "MPLBACKEND": "agg",
    }
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)

    said = f"{code}\n{run.stdout[-2000:]}\n{run.stderr[-4000:]}"
    if fails:
        expected = " ".join(following.code.split()[:5])
        assert run.returncode in (1, 2), said
        assert expected in " ".join(run.stderr.split()), said
    else:
        assert run.returncode == 0, said


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        path.relative_to(ROOT / "docs").as_posix()
        for path in PAGES
        if any(block.is_run for block in blocks(path))
    ],
)
def test_what_pages_tell_people_to_run_works(workplace, name):
    run_page(workplace, name)
