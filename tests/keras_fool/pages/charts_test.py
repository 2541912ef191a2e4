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


def test_confidences_are_counted_where_they_differ():
    edges = charts.CONFIDENCE_EDGES

    assert list(edges) == sorted(set(edges))
    assert (edges[0], edges[-1]) == (0, 1)
    for level in (0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999):
        below = np.nextafter(np.float32(level), np.float32(0))
        at = charts.binned([np.float32(level)])
        assert charts.binned([below]).index(1) + 1 == at.index(1) == edges.index(level)
        # As JSON has a float32, in nine digits.
        assert charts.binned([float(f"{np.float32(level):.9g}")]) == at
        assert charts.share_at_least([below, float(f"{np.float32(level):.9g}")], level) == 0.5
    surest = np.nextafter(np.float32(1), np.float32(0))
    assert charts.binned([surest, 1.0])[-1] == 2


def test_bars_of_confidences_lie_under_their_labels():
    path = charts.confidence_histogram((0.0, 0.9, 0.99, 1.0), [1, 2, 0])

    starts = [float(start) for start in re.findall(r"M([\d.]+) 1000v", path)]
    ticks = {tick.text: 10 * tick.at for tick in charts.SURE_TICKS}
    assert starts == pytest.approx([ticks["0 %"], ticks["90 %"]], abs=0.1)
    assert float(re.findall(r"H([\d.]+)", path)[-1]) == pytest.approx(ticks["99 %"], abs=0.1)
