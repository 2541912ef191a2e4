"""Measures keras_fool beside pyribs, as the tutorial of pyribs fools MNIST, on one network.

    pip install -e '.[benchmark]'
    python -m benchmarks.peers            about 6 minutes on two quiet cores
    python -m benchmarks.peers --quick

The tutorial of pyribs (https://docs.pyribs.org, "Generating Images to Fool an MNIST Classifier")
is MAP-Elites over pixels: an archive of ten cells, one Gaussian emitter that adds noise of 0.5 to
all pixels of a random elite, 30 images at a time; an image is offered to the cell of its surest
label. Here both work on the shipped network mnist_a, by turns, in one process: keras_fool with its
defaults, pyribs with the tutorial's settings, and with batches as large as keras_fool's, which
use the network better. Pyribs' images are numbers in [0, 1], those of keras_fool bytes.

Seconds are those of the clock; CPU seconds, of all cores, also say something where others use the
machine. A label that was never an image's surest has a confidence of 0 with pyribs. Prints a table
and writes benchmarks/peers.json.
"""

import argparse
import dataclasses
import importlib.metadata
import json
import os
import pathlib
import time
from collections.abc import Callable, Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from ribs.archives import GridArchive
from ribs.emitters import GaussianEmitter
from ribs.schedulers import Scheduler

from benchmarks.throughput import Figures, machine
from evolvers.config import Config
from evolvers.map_elites import Evolution
from keras_fool.models import classifiers, scoring

_RESULTS = pathlib.Path(__file__).with_name("peers.json")
_MODEL = "mnist_a"
_IMAGES = 40_400  # of a default run of keras_fool
_SHAPE = (28, 28, 1)
# The tutorial's: where images begin, how far children are from their parents.
_GREY, _SIGMA, _BATCH = 0.5, 0.5, 30


# After each step of a search: its images so far, and what returns the confidences of the best.
Steps = Iterator[tuple[int, Callable[[], np.ndarray]]]


@dataclasses.dataclass(frozen=True)
class Moment:
    """How far a search was.

    Attributes:
        images: How many images were made.
        seconds: How long that took, by the clock.
        cpu_seconds: The same, as time of all cores.
        confidences: Returns those of the best image of each label, float [10].
    """

    images: int
    seconds: float
    cpu_seconds: float
    confidences: Callable[[], np.ndarray]


def timed(steps: Steps) -> Iterator[Moment]:
    """The moments after each step of a search."""
    wall, cpu = time.perf_counter(), time.process_time()
    for images, confidences in steps:
        spent = time.perf_counter() - wall, time.process_time() - cpu
        yield Moment(images, *spent, confidences)


def keras_fool_steps(scorer: scoring.LocalScorer, seed: int, runs: int) -> Steps:
    """The default run, or several in lockstep, of which the first one's confidences are given."""
    config = Config(seed=seed, runs=runs)
    evolution = Evolution(config, scorer)
    images = 0
    try:
        while evolution.generation < config.generations:
            images += evolution.advance().births
            yield images, lambda: evolution.archives[0].confidences.astype(float)
    finally:
        evolution.close()


def pyribs_steps(network: Callable[[np.ndarray], np.ndarray], seed: int, batch: int) -> Steps:
    """The tutorial's search, which goes on for as long as somebody asks."""
    labels, pixels = 10, _SHAPE[0] * _SHAPE[1]
    archive = GridArchive(solution_dim=pixels, dims=[labels], ranges=[(0, labels)], seed=seed)
    emitter = GaussianEmitter(
        archive,
        sigma=_SIGMA,
        x0=np.full(pixels, _GREY),
        bounds=[(0, 1)] * pixels,
        batch_size=batch,
        seed=seed,
    )
    scheduler = Scheduler(archive, [emitter])

    def best() -> np.ndarray:
        found, confidences = archive.data(["index", "objective"]), np.zeros(labels)
        confidences[found["index"]] = found["objective"]
        return confidences

    images = 0
    while True:
        rows = network(scheduler.ask().reshape(-1, *_SHAPE))
        scheduler.tell(rows.max(axis=1), rows.argmax(axis=1)[:, np.newaxis])
        images += len(rows)
        yield images, best


def network_of(scorer: scoring.LocalScorer, batch: int) -> Callable[[np.ndarray], np.ndarray]:
    """The scorer's network for float images in [0, 1], compiled for this batch alone."""
    specification = tf.TensorSpec([batch, *_SHAPE], tf.float32)
    function = tf.function(lambda images: scorer.confidences(255 * images), autograph=False)
    compiled = function.get_concrete_function(specification)
    return lambda images: compiled(tf.constant(images, tf.float32)).numpy()


def measure(figures: Figures, seeds: int, more: int, many: int) -> None:
    """All by turns, once for each seed."""
    scorer = scoring.LocalScorer(classifiers.find(_MODEL))
    large = Config().batch
    networks = {batch: network_of(scorer, batch) for batch in (_BATCH, large)}
    names = {batch: f"pyribs, {batch} images at a time" for batch in networks}
    one_run, several_runs = "keras_fool", f"keras_fool, {many} runs together"
    values: dict[tuple[str, str], list[float]] = {}

    def add(who: str, what: str, value: float) -> None:
        values.setdefault((who, what), []).append(value)

    def add_confidences(who: str, when: str, moment: Moment) -> None:
        confidences = moment.confidences()
        add(who, f"median confidence after {when}", float(np.median(confidences)))
        add(who, f"lowest confidence after {when}", float(confidences.min()))

    def add_rates(who: str, moment: Moment) -> None:
        add(who, "images/s", moment.images / moment.seconds)
        add(who, "images per CPU second", moment.images / moment.cpu_seconds)

    for runs in (1, many):  # compiles all there is
        next(keras_fool_steps(scorer, 0, runs))
    for batch, network in networks.items():
        next(pyribs_steps(network, 0, batch))
    for seed in range(1, seeds + 1):
        *_, end = timed(keras_fool_steps(scorer, seed, 1))
        add_rates(one_run, end)
        add_confidences(one_run, f"{_IMAGES:,} images", end)
        *_, lockstep = timed(keras_fool_steps(scorer, seed, many))
        add_rates(several_runs, lockstep)
        for batch, network in networks.items():
            waiting = {"as many seconds as keras_fool's", f"{_IMAGES:,} images"}
            for moment in timed(pyribs_steps(network, seed, batch)):
                now = {
                    "as many seconds as keras_fool's": moment.seconds >= end.seconds,
                    f"{_IMAGES:,} images": moment.images >= _IMAGES,
                }
                for when in sorted(when for when in waiting if now[when]):
                    waiting.remove(when)
                    add_confidences(names[batch], when, moment)
                if not waiting and moment.images >= more:
                    break
            add_rates(names[batch], moment)
            add_confidences(names[batch], f"{more:,} images", moment)
    for (who, what), found in values.items():
        unit = "images/s" if what.startswith("images") else ""
        figures.add(f"{who}: {what}", unit, found)


def main() -> None:
    """Measures everything in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one seed, fewer images")
    quick = parser.parse_args().quick
    load = os.getloadavg()[0]
    figures = Figures()
    measure(figures, 1 if quick else 3, 45_000 if quick else 200_000, 2 if quick else 5)
    result = {
        "machine": machine() | {"ribs": importlib.metadata.version("ribs"), "load": load},
        "quick": quick,
        "figures": figures.values,
    }
    _RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(f"\n{result['machine']['processor']}, {result['machine']['cores']} cores -> {_RESULTS}")


if __name__ == "__main__":
    main()
