import re

from keras_fool.runs import progress


def test_lines_tell_how_far_it_is(capsys, monkeypatch):
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0)
    shown = progress.Progress(3, 10)
    shown.advance(0.5, 400)
    shown.advance(0.75, 400)
    shown.close()

    lines = capsys.readouterr().err.splitlines()

    assert re.fullmatch(
        r"generation 4: median confidence 0\.750000, [\d,]+ images/s, 00:00 left", lines[1]
    )
    assert re.fullmatch(r"800 images in \d+\.\d s, [\d,]+ a second", lines[2])


def test_it_is_quiet_where_nobody_watches(capsys):
    shown = progress.Progress(0, 1000)
    for _ in range(1000):
        shown.advance(0.5, 1)
    shown.close()

    assert len(capsys.readouterr().err.splitlines()) == 1


def test_bar_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True)
    shown = progress.Progress(0, 2)
    shown.advance(0.5, 400)
    shown.advance(0.75, 400)
    shown.close()

    last = capsys.readouterr().err.split("\r")[-1]

    assert re.search(r"generation 2/2 .*median confidence 0\.75", last)
