import re
import sys
import types

import pytest

from keras_fool.runs import progress


def test_lines_tell_how_far_it_is(capsys, monkeypatch):
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0)
    with progress.Progress(3, 10, "generation", "images") as shown:
        shown.advance(4, 3, "median confidence 0.5", 400)
        shown.advance(5, 4, "median confidence 0.75", 400)

    lines = capsys.readouterr().err.splitlines()

    assert re.fullmatch(
        r"generation 4: median confidence 0\.75, [\d,]+ images/s, 00:00 left", lines[1]
    )
    assert re.fullmatch(r"800 images in \d+\.\d s, [\d,]+ a second", lines[2])


def test_it_is_quiet_where_nobody_watches(capsys):
    with progress.Progress(0, 1000, "step", "images") as shown:
        for done in range(1000):
            shown.advance(done + 1, done, "sure", 1)

    assert len(capsys.readouterr().err.splitlines()) == 1


def test_bar_in_a_notebook(capsys, monkeypatch):
    """What stands on stderr looks like an error there."""
    shell = types.SimpleNamespace(kernel="of a notebook")
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    with progress.Progress(0, 2, "generation", "images") as shown:
        shown.advance(2, 1, "median confidence 0.75", 400)

    out, err = capsys.readouterr()
    assert err == ""
    bar, summary = out.split("\r")[-1].splitlines()
    assert re.search(r"generation 2/2 .*0\.75", bar)
    assert "400 images in" in summary


@pytest.mark.parametrize("is_terminal", [True, False])
def test_nothing_where_it_is_to_be_quiet(capsys, monkeypatch, is_terminal):
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0)
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: is_terminal)
    with progress.Progress(0, 2, "generation", "images", quiet=True) as shown:
        shown.advance(1, 0, "median confidence 0.5", 400)
        shown.advance(2, 1, "median confidence 0.75", 400)

    assert capsys.readouterr().err == ""


def test_bar_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True)
    with progress.Progress(0, 2, "generation", "images") as shown:
        shown.advance(1, 0, "median confidence 0.5", 400)
        shown.advance(2, 1, "median confidence 0.75", 400)

    last = capsys.readouterr().err.split("\r")[-1]

    assert re.search(r"generation 2/2 \|.*\| \S+ left, median confidence 0\.75, ", last)
