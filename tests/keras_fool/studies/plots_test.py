"""No word of any figure is cut: all are measured as they are drawn."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from keras_fool.studies import plots
from keras_fool.studies.retraining import outcomes, section_c2, table_s2
from tests import exploring

LONG = "images that fool a network of a rather long name, given to another one, at scale 0.02; " * 3
WIDE = "W" * 160  # a file's name may have no space


def heat_map(title: str) -> None:
    counts = np.arange(9).reshape(3, 3)
    one = plots.HeatMap(counts, title, title)
    plots.heat_maps([one, one], ["a", "a label of a rather long name", "b"], title)


def errors_and_scores(title: str) -> None:
    fields = [field.name for field in dataclasses.fields(outcomes.Row)]
    rows = [
        outcomes.Row(**{**dict.fromkeys(fields, 1), "number": number, "high": 2})
        for number in (1, 2)
    ]
    table_s2.draw(rows, title, title)


def histograms(title: str) -> None:
    section_c2.draw([np.linspace(0, 1, 6).reshape(2, 3)] * 2, title)


def curve(title: str) -> None:
    values = {"generation": np.arange(3), "median": np.ones(3) / 2, "mean": np.ones(3) / 3}
    plots.over_generations({"net": values}, title, paper=0.5)


def distributions(title: str) -> None:
    plots.distributions({title: np.linspace(0, 1, 9), "none": np.empty(0)}, title)


@pytest.fixture
def drawn(monkeypatch) -> list:
    """The figures that are drawn."""
    sheets = []
    png = plots.png

    def kept(sheet, *arguments):
        sheets.append(sheet)
        return png(sheet, *arguments)

    monkeypatch.setattr(plots, "png", kept)
    return sheets


@pytest.mark.parametrize("draw", [heat_map, errors_and_scores, histograms, curve, distributions])
@pytest.mark.parametrize(
    "title",
    [
        pytest.param("short", id="short", marks=pytest.mark.slow),
        pytest.param(LONG, id="long"),
        pytest.param(WIDE, id="wide", marks=pytest.mark.slow),
    ],
)
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


def draw_curve(title: str) -> bytes:
    curve = {"generation": np.arange(3), "median": np.ones(3) / 2, "mean": np.ones(3) / 3}
    return plots.over_generations({"net": curve}, title)


def draw_distributions(title: str) -> bytes:
    return plots.distributions({title: np.linspace(0, 1, 9), "none": np.empty(0)}, title)


def draw_step(title: str) -> bytes:
    parts = np.arange(3) / 2
    return plots.along_a_step(parts, parts[:, None] * np.ones(4), title)


def draw_gains(title: str) -> bytes:
    several = {f"net{number}": (np.ones((2, 3)) / 10, np.eye(2, 3)) for number in range(6)}
    return plots.gains_of_steps(several, {"one": ([0.001, 0.01], [0.2, 1.4])}, title)


@pytest.mark.parametrize(
    "draw",
    exploring.most(
        [draw_curve, draw_distributions, draw_step, draw_gains],
        rare={draw_distributions, draw_gains},
    ),
)
def test_title_fits(draw):
    sheet = Image.open(io.BytesIO(draw("W" * 100))).convert("L")

    title = np.asarray(sheet)[:40]  # and the first heading
    paper = title[0, 0]
    assert (title < 100).any()
    assert (title[:, -5:] == paper).all()


def draw_over_generations(names: list[str]) -> None:
    values = {"generation": np.arange(3), "median": np.ones(3) / 2, "mean": np.ones(3) / 3}
    plots.over_generations(dict.fromkeys(names, values), "title")


def draw_against_images(names: list[str]) -> None:
    plots.against_images(dict.fromkeys(names, (np.arange(3), np.ones(3))), "title", "share, %")


def draw_many_distributions(names: list[str]) -> None:
    plots.distributions(dict.fromkeys(names, np.linspace(0, 1, 9)), "title")


@pytest.mark.parametrize(
    "draw", [draw_over_generations, draw_against_images, draw_many_distributions]
)
def test_no_curve_is_left_out_and_each_has_its_colour(drawn, draw):
    names = [f"network {number}" for number in range(9)]
    draw(names)

    axes = drawn[-1].axes
    marks = [mark for each in axes for mark in (*each.lines, *each.patches)]
    colours = {
        mark.get_color() if hasattr(mark, "get_color") else mark.get_facecolor() for mark in marks
    }
    words = " ".join(
        text.get_text()
        for each in axes
        for text in each.findobj(lambda found: hasattr(found, "get_text"))
    )
    assert len(colours) >= len(names)
    assert all(name in words for name in names)
