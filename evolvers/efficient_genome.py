"""The efficient search: what it changes of the paper's, on neat-python's genes.

On digits it needs a quarter of the paper's images or less (results/search):

* **Spots.** The paper's operators change the whole image. Once the image is good, nearly all such
  changes are bad ones. A spot is a small round place that becomes lighter or darker (or changes its
  hue or saturation): three Gaussian nodes and a connection to an output. Every place of the image
  can so be improved alone.
* **Parents in doubt.** The paper draws all niches as often. Here a niche is drawn less often the
  fewer halvings of its doubt (1 - confidence) are left.

Where an elite has little confidence yet, its children mutate as in the paper: larger jumps find the
images that spots improve. Of a sure elite's children it is three in ten. Confidences are all that
is asked of the classifier.

This is the readable version. `efficient_breeding` is the same, compiled; it makes the same children
from the same random stream (a test checks that).
"""

import math

import numpy as np

from evolvers import activations, searches
from evolvers.cppn_genome import CppnGenome, CppnGenomeConfig, draw

MAX_WEIGHT = 10.0
_X, _Y, _BIAS = -1, -2, -4
KEEPS = 3.0  # a linear node divides by 3, so with this weight it gives what it gets
STEEPNESS = 3.0  # a spot's edge: exp(-9) where it is one of its Gaussians alone
SMALLEST_AMPLITUDE, AMPLITUDES = -2, 5  # powers of two: from 1/4, in five octaves, up to 8
SMALLEST_RADIUS, RADII = -3, 2  # of half the image: from 1/8, in two octaves, up to 1/2
_HALVINGS = 24  # float32 cannot tell a doubt of 2^-25 from none


def spot_shares(confidences: np.ndarray, mixture: searches.Mixture) -> np.ndarray:
    """Of the children of each elite, the share that gets a spot.

    Args:
        confidences: float32 [niches], in [0, 1]; of the elites, for their own labels.
        mixture: The share of a sure elite, and whether confidences count.

    Returns:
        float64 [niches], in [0, 1].
    """
    sure = np.clip(np.asarray(confidences, np.float64), 0, 1)
    return mixture.spots * (sure if mixture.by_confidence else np.ones_like(sure))


def chances(confidences: np.ndarray, mixture: searches.Mixture) -> np.ndarray:
    """How often each niche is drawn as a parent.

    Args:
        confidences: float32 [niches], in [0, 1]; of the elites, for their own labels.
        mixture: Whether doubt counts.

    Returns:
        int64 [niches], at least 1; a niche is drawn in proportion to this. It is 1 more than
        the halvings of its doubt that are left: 26 at confidence 0, 12 at 0.9999, 1 at 1.
    """
    if not mixture.by_doubt:
        return np.ones(len(confidences), np.int64)
    doubt, halvings = np.frexp(1 - np.asarray(confidences, np.float64))
    return np.where(doubt > 0, 1 + np.clip(_HALVINGS + halvings, 0, _HALVINGS + 1), 1)


def add_spot(
    genome: CppnGenome,
    config: CppnGenomeConfig,
    extent: tuple[float, float, float, float],
    rng: np.random.Generator,
) -> None:
    """Adds a round spot, at any place and of any sign, to the picture of one output.

    Args:
        genome: What is changed.
        config: The paper's settings.
        extent: The smallest and the largest x, the smallest and the largest y of the image.
        rng: The run's random stream.
    """
    output = draw(rng, config.num_outputs)
    _make_linear(genome, output)
    radius = _octave(rng, SMALLEST_RADIUS, RADII)
    across, along = (
        _add_gaussian(genome, source, first, last, radius, rng)
        for source, first, last in ((_X, *extent[:2]), (_Y, *extent[2:]))
    )
    spot = _next(genome)
    genome.add_node(spot, activations.GAUSSIAN)
    genome.add_strand(across, spot, STEEPNESS)
    genome.add_strand(along, spot, STEEPNESS)
    genome.add_strand(_BIAS, spot, -2 * STEEPNESS)  # the argument is 0 where both are 1
    amplitude = _octave(rng, SMALLEST_AMPLITUDE, AMPLITUDES)
    genome.add_strand(spot, output, amplitude if rng.random() < 0.5 else -amplitude)


def _make_linear(genome: CppnGenome, output: int) -> None:
    """Lets an output add: its function moves to a hidden node, and the image stays as it is."""
    if genome.nodes[output].activation == activations.NAMES[activations.LINEAR]:
        return
    inner = _next(genome)
    genome.add_node(inner, activations.NAMES.index(genome.nodes[output].activation))
    genome.add_node(output, activations.LINEAR)
    connections = dict(genome.connections)
    genome.connections.clear()
    for (source, target), gene in connections.items():
        genome.replace((source, inner if target == output else target), list(gene.strands))
    genome.add_strand(inner, output, KEEPS)


def _add_gaussian(
    genome: CppnGenome,
    source: int,
    first: float,
    last: float,
    radius: float,
    rng: np.random.Generator,
) -> int:
    """Adds a stripe across one axis: exp(-((at - centre) / radius)^2).

    No weight can be more than 10, so with raw coordinates a stripe far from the origin is wider.
    """
    centre = first + (last - first) * rng.random()
    steep = 1 / max(radius * (last - first) / 2, max(abs(centre), 1.0) / MAX_WEIGHT)
    node = _next(genome)
    genome.add_node(node, activations.GAUSSIAN)
    genome.add_strand(source, node, float(np.float32(steep)))
    genome.add_strand(_BIAS, node, float(np.float32(-steep * centre)))
    return node


def _next(genome: CppnGenome) -> int:
    return max(genome.nodes) + 1


def _octave(rng: np.random.Generator, lowest: int, count: int) -> float:
    """A float32 number: the octave is drawn uniformly, and the place in it, too."""
    octave = lowest + draw(rng, count)
    return float(np.float32(math.ldexp(1 + rng.random(), octave)))
