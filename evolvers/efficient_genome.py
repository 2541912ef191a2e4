"""The efficient search: what it changes of the paper's, on neat-python's genes.

On digits it needs a quarter of the paper's images or less (results/search):

* **Spots.** The paper's operators change the whole image. Once the image is good, nearly all such
  changes are bad ones. A spot is a small round place that gets another colour (in grey images, that
  becomes lighter or darker): three Gaussian nodes and a connection to each output. Every place of
  the image can so be improved alone.
* **Few weights.** In the paper each weight changes as often, so that of a large genome many do, and
  hardly a child is near its parent. Here at most three change, on average, and activations
  become rarer by the same factor.
* **Parents in doubt.** The paper draws all niches as often. Here a niche is drawn less often the
  smaller its doubt (1 - confidence) is, and the longer ago it changed hands.

Where an elite has little confidence yet, most of its children mutate as in the paper: larger jumps
find the images that spots improve. Of a sure elite's children three in ten do. Confidences are all
that is asked of the classifier.

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
FEW_WEIGHTS = 3.0  # of a genome, how many change at most, on average
_LEAST_DOUBT = 2.0**-24  # the largest float32 below 1 is about 1 - this
_LARGEST_CHANCE = 4096
_OLD, _HALF_OLD = 0.25, 4.0  # the factor of a very old elite; with so many children, half is lost


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


def chances(confidences: np.ndarray, waits: np.ndarray, mixture: searches.Mixture) -> np.ndarray:
    """How often each niche is drawn as a parent.

    Args:
        confidences: float32 [niches], in [0, 1]; of the elites, for their own labels.
        waits: float64 [niches], at least 0; how many children each elite would have, together with
            those that are made now, if all niches were drawn equally often.
        mixture: Whether doubt and age count.

    Returns:
        int64 [niches], in 16..4096; a niche is drawn in proportion to this. The factor for doubt is
        its fourth root: 1 at confidence 0, 0.56 at 0.9, 0.1 at 0.9999, 1/64 at 1. The factor for
        age falls from 1, without children, over 5/8 with four of them, towards 1/4. With ten niches
        and 200 children a generation a new elite begins at 3/8: it is for many niches.
    """
    factor = np.ones(len(confidences))
    if mixture.by_doubt:
        doubt = np.clip(1 - np.asarray(confidences, np.float64), _LEAST_DOUBT, 1)
        factor *= np.sqrt(np.sqrt(doubt))  # two roots, which are the same on every machine
    if mixture.by_age:
        factor *= _OLD + (1 - _OLD) / (1 + waits / _HALF_OLD)
    return np.floor(_LARGEST_CHANCE * factor).astype(np.int64)


def weight_share(num_weights: int, rate: float, mixture: searches.Mixture) -> float:
    """Of the paper's rates, the share at which each weight and activation of a genome changes.

    Args:
        num_weights: How many connections the genome has.
        rate: The paper's, at which weights change.
        mixture: Whether a large genome's change more seldom.

    Returns:
        In (0, 1].
    """
    if not mixture.few_weights:
        return 1.0
    return FEW_WEIGHTS / max(rate * num_weights, FEW_WEIGHTS)


def add_spot(
    genome: CppnGenome,
    config: CppnGenomeConfig,
    extent: tuple[float, float, float, float],
    rng: np.random.Generator,
) -> None:
    """Adds a round spot, at any place, to the picture of every output: lighter or darker in each.

    Args:
        genome: What is changed.
        config: The paper's settings.
        extent: The smallest and the largest x, the smallest and the largest y of the image.
        rng: The run's random stream.
    """
    for output in range(config.num_outputs):
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
    for output in range(config.num_outputs):
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
