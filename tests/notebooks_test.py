"""The notebooks run from a clean kernel, and show what they show in the repository."""

import ast
import builtins
import json
import pathlib

import pytest

from tests import notebooks

LARGEST = 1_000_000  # bytes of a notebook


def named(path: pathlib.Path) -> str:
    return path.stem


def loaded(path: pathlib.Path) -> dict:
    return json.loads(path.read_text("utf-8"))


def test_there_are_notebooks():
    assert {path.stem for path in notebooks.PATHS} == {
        "does_anything_help",
        "imagenet",
        "mnist",
        "own_model",
        "poster",
    }


@pytest.mark.parametrize("path", notebooks.PATHS, ids=named)
def test_each_opens_with_its_title_and_what_colab_needs(path):
    first = notebooks.source(loaded(path)["cells"][0])

    assert first.startswith("# ")
    assert "%pip install git+" in first


@pytest.mark.parametrize("path", notebooks.PATHS, ids=named)
def test_cells_use_names_that_exist_by_then(path):
    known = set(dir(builtins))
    for cell in notebooks.code_cells(loaded(path)):
        nodes = list(ast.walk(ast.parse(notebooks.source(cell))))
        known |= {node.id for node in nodes if is_named(node, ast.Store)}
        known |= {node.arg for node in nodes if isinstance(node, ast.arg)}
        known |= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
        for node in nodes:
            if isinstance(node, ast.Import | ast.ImportFrom):
                known |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        assert {node.id for node in nodes if is_named(node, ast.Load)} <= known


def is_named(node: ast.AST, use: type) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, use)


@pytest.mark.parametrize("path", notebooks.PATHS, ids=named)
def test_what_is_stored_was_shown_by_the_code_that_is_stored(path):
    """`python -m tests.notebooks NAME` stores it anew."""
    notebook = loaded(path)
    code = notebooks.code_cells(notebook)

    assert notebook["metadata"]["shown_by"] == notebooks.digest(notebook)
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    for cell in code:
        for output in cell["outputs"]:
            assert output["output_type"] in ("execute_result", "stream", "display_data")
            if "image/png" in output.get("data", {}):
                assert cell["metadata"]["alt"]  # the words for those who cannot see it
    assert any(cell["outputs"] for cell in code)
    assert path.stat().st_size < LARGEST


@pytest.mark.parametrize("path", notebooks.PATHS, ids=named)
def test_what_is_stored_tells_nothing_of_the_machine(path):
    texts = [text for cell in notebooks.shown(loaded(path)) for text in cell]

    for place in (pathlib.Path.home(), notebooks.ROOT.parent, pathlib.Path("/tmp")):
        assert not [text for text in texts if f"{place}/" in text]


@pytest.mark.slow
@pytest.mark.parametrize("path", notebooks.PATHS, ids=named)
def test_notebooks_run_from_a_clean_kernel_and_show_the_same(path, tmp_path):
    pytest.importorskip("nbclient", reason="needs pip install -e '.[test]'")
    if not notebooks.can_run(path):
        pytest.skip("weights of ImageNet's networks cannot be downloaded here")

    found = notebooks.run(path, tmp_path)

    assert notebooks.shown(found) == notebooks.shown(loaded(path))
