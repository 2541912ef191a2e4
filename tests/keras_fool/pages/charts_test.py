import re

import numpy as np
import pytest

from keras_fool.pages import charts


def test_every_tenth_of_a_doubt_is_a_step_of_the_same_width():
    places = [charts.doubt_place(1 - 10.0**-decades) for decades in range(8)]

    assert places[0] == 0
    np.testing.assert_allclose(np.diff(places), places[1], rtol=1e-6)
    assert [tick.at / 100 for tick in charts.DOUBT_TICKS] == pytest.approx(places, abs=1e-4)
    assert places[-1] < charts.doubt_place(1.0) < 1, "a confidence of 1 has a place, too"


def test_a_curve_rises_to_the_share_that_reached_it():
    path = charts.reached([100, None, 10, 1000], charts.LogAxis(1, 1000))

    points = [(float(x), float(y)) for x, y in re.findall(r"H([\d.]+)V([\d.]+)", path)]
    assert points == [(333.3, 750), (666.7, 500), (1000, 250)]
    assert charts.reached([None, None], charts.LogAxis(1, 10)) == "M0 1000H1000"


@pytest.mark.parametrize(("low", "high"), [(1, 10), (7, 123_456), (100, 100), (0, 0), (1, 10**8)])
def test_ticks_of_images_are_on_the_axis(low, high):
    ticks = charts.LogAxis(low, high).ticks

    assert ticks
    assert all(0 <= tick.at <= 100 for tick in ticks)
    assert any(tick.text for tick in ticks)


def test_bars_have_areas_of_their_counts():
    edges, counts = [0.0, 0.25, 0.5, 1.0], [4, 0, 2]

    path = charts.histogram(edges, counts, (0.0, 1.0))

    bars = re.findall(r"M([\d.]+) 1000v-([\d.]+)H([\d.]+)V1000z", path)
    assert [tuple(map(float, bar)) for bar in bars] == [(0, 1000, 250), (500, 500, 1000)]
    assert charts.histogram(edges, [0, 0, 0], (0.0, 1.0)) == ""


def test_values_are_binned_as_numpy_does():
    random = np.random.default_rng(1)
    values = [*random.random(200), 0.0, 0.5, 1.0]
    edges = np.linspace(0, 1, 11)

    assert charts.binned(values, edges) == np.histogram(values, edges)[0].tolist()
