"""No word of any figure is cut: all are measured as they are drawn."""

import dataclasses

import numpy as np
import pytest

from keras_fool.studies import (
    curves,
    figures,
    retraining_figure,
    retraining_histograms,
    retraining_table,
)

LONG = "images that fool a network of a rather long name, given to another one, at scale 0.02; " * 3
WIDE = "W" * 160  # a file's name may have no space


def heat_map(title: str) -> None:
    counts = np.arange(9).reshape(3, 3)
    one = figures.HeatMap(counts, title, title)
    figures.heat_maps([one, one], ["a", "a label of a rather long name", "b"], title)


def table_s2(title: str) -> None:
    fields = [field.name for field in dataclasses.fields(retraining_table.Row)]
    rows = [
        retraining_table.Row(**{**dict.fromkeys(fields, 1), "number": number, "high": 2})
        for number in (1, 2)
    ]
    retraining_figure.draw(rows, title, title)


def histograms(title: str) -> None:
    retraining_histograms.draw([np.linspace(0, 1, 6).reshape(2, 3)] * 2, title)


def curve(title: str) -> None:
    values = {"generation": np.arange(3), "median": np.ones(3) / 2, "mean": np.ones(3) / 3}
    curves.over_generations({"net": values}, title, paper=0.5)


def distributions(title: str) -> None:
    curves.distributions({title: np.linspace(0, 1, 9), "none": np.empty(0)}, title)


@pytest.fixture
def drawn(monkeypatch) -> list:
    """The figures that are drawn."""
    sheets = []
    png = figures.png

    def kept(sheet, *arguments):
        sheets.append(sheet)
        return png(sheet, *arguments)

    monkeypatch.setattr(figures, "png", kept)
    return sheets


@pytest.mark.parametrize("draw", [heat_map, table_s2, histograms, curve, distributions])
@pytest.mark.parametrize("title", ["short", LONG, WIDE], ids=["short", "long", "wide"])
@pytest.mark.filterwarnings("error")
def test_no_word_is_cut(drawn, draw, title):
    draw(title)

    (sheet,) = drawn
    titles = [sheet._suptitle]
    for axes in sheet.axes:
        titles += [axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label]
    for words in titles:
        if not words.get_text():
            continue
        box = words.get_window_extent(sheet.canvas.get_renderer())
        assert min(box.x0, box.y0) >= 0, words
        assert box.x1 <= sheet.bbox.width, words
        assert box.y1 <= sheet.bbox.height, words
    first, *_ = sheet.get_suptitle().partition("…")
    assert len(first) > 100 or title == "short"
    assert title.replace(" ", "").startswith(first.replace("\n", "").replace(" ", ""))
