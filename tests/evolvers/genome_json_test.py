import json

import numpy as np
import pytest

from evolvers import genome_json
from evolvers.canvas import Canvas
from evolvers.direct import DirectGenome
from tests.evolvers import samples

CANVAS = Canvas(28, 20, 1)
STRIPES = samples.network("linear sine", [(0, 5, 0.1), (5, 4, 3.0)])


def edited(**changes: object) -> str:
    """The text of STRIPES with some values replaced."""
    return json.dumps(json.loads(genome_json.dumps(STRIPES, CANVAS)) | changes)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("coords", ["raw", "normalized"])
def test_round_trips_of_networks(channels, coords):
    canvas = Canvas(28, 20, channels, coords)
    genomes = samples.drift(channels, steps=30)
    for place in range(len(genomes)):
        text = genome_json.dumps(genomes[place], canvas)
        assert genome_json.loads(text) == (genomes[place], canvas)
        assert genome_json.dumps(*genome_json.loads(text)) == text


@pytest.mark.parametrize("channels", [1, 3])
def test_round_trips_of_direct_genomes(channels):
    canvas = Canvas(7, 5, channels)
    genome = DirectGenome(np.random.default_rng(0).random((channels, 7, 5), dtype=np.float32))
    text = genome_json.dumps(genome, canvas)
    assert genome_json.loads(text) == (genome, canvas)
    assert genome_json.dumps(*genome_json.loads(text)) == text


def test_is_one_line_of_plain_json():
    text = genome_json.dumps(STRIPES, CANVAS)
    assert "\n" not in text
    assert json.loads(text) == {
        "format": 1,
        "encoding": "cppn",
        "height": 28,
        "width": 20,
        "channels": 1,
        "coords": "raw",
        "nodes": ["linear", "sine"],
        "connections": [[0, 5, 0.1], [5, 4, 3.0]],
    }


@pytest.mark.parametrize(
    "text", ["", "{", "null", "3", '"text"', "[]", "{}", '{"height": 28}', "[" * 100_000]
)
def test_refuses_what_is_no_genome(text):
    with pytest.raises(ValueError, match=r"no genome: \w+Error: "):
        genome_json.loads(text)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "expected genome format 1, got 2"),
        ({"encoding": "hyperneat"}, "encoding must be cppn or direct, got 'hyperneat'"),
        ({"encoding": []}, r"encoding must be cppn or direct, got \[\]"),
        ({"encoding": "direct"}, "no direct genome: KeyError: 'genes'"),
        ({"height": 0}, "height and width must be whole numbers from 1, got 0 x 20"),
        ({"width": 20.0}, "height and width must be whole numbers from 1, got 28 x 20.0"),
        ({"channels": 2}, "channels must be 1 .* or 3 .*, got 2"),
        ({"channels": 1.0}, "channels must be 1 .* or 3 .*, got 1.0"),
        ({"channels": 3}, "expected at least 3 nodes, got 2"),
        ({"coords": "polar"}, "coords must be raw or normalized, got 'polar'"),
        ({"nodes": ["linear", "relu"]}, "activations must be among .*, got 'relu'"),
        ({"connections": [[5, 5, 1.0]]}, "without cycles"),
        ({"connections": [[0, 4, float("nan")]]}, r"weights in \[-10, 10\]"),
        ({"connections": [[0, 9, 1.0]]}, "connections among 6 nodes"),
    ],
)
def test_errors_name_what_is_wrong(changes, message):
    assert genome_json.loads(edited())[0] == STRIPES
    with pytest.raises(ValueError, match=message):
        genome_json.loads(edited(**changes))
