"""Pictures of confidences: what can be told of them without looking."""

import io

import numpy as np
import pytest
from PIL import Image

from keras_fool.studies import curves


def draw_curve(title: str) -> bytes:
    curve = {"generation": np.arange(3), "median": np.ones(3) / 2, "mean": np.ones(3) / 3}
    return curves.over_generations({"net": curve}, title)


def draw_distributions(title: str) -> bytes:
    return curves.distributions({title: np.linspace(0, 1, 9), "none": np.empty(0)}, title)


def draw_step(title: str) -> bytes:
    parts = np.arange(3) / 2
    return curves.along_a_step(parts, parts[:, None] * np.ones(4), title)


def draw_gains(title: str) -> bytes:
    several = {f"net{number}": (np.ones((2, 3)) / 10, np.eye(2, 3)) for number in range(6)}
    return curves.gains_of_steps(several, {"one": ([0.001, 0.01], [0.2, 1.4])}, title)


@pytest.mark.parametrize("draw", [draw_curve, draw_distributions, draw_step, draw_gains])
@pytest.mark.parametrize("letters", [10, 100])
def test_title_fits(draw, letters):
    sheet = Image.open(io.BytesIO(draw("W" * letters))).convert("L")

    title = np.asarray(sheet)[:40]  # and the first heading
    paper = title[0, 0]
    assert (title < 100).any()
    assert (title[:, -5:] == paper).all()
