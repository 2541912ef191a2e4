"""Measures colour evolution with a thousand labels: the loop compared with scoring alone.

    python -m benchmarks.colour            about 5 minutes on two cores

Two networks of keras.applications with random weights, which are as fast as trained ones: one
that is about as slow as the paper's, and the smallest. Prints a table and writes
benchmarks/colour.json.
"""

import json
import os
import pathlib
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from benchmarks.throughput import Figures, advance, machine, seconds
from evolvers.archive import Archive, Offers
from evolvers.canvas import Canvas
from evolvers.config import Config
from evolvers.emitters import CppnEmitter
from evolvers.map_elites import Evolution
from evolvers.render.cpu import CpuRenderer
from keras_fool.models import classifiers, scoring

_RESULTS = pathlib.Path(__file__).with_name("colour.json")
_OFFSPRING, _LABELS = 400, 1000
# Name -> generations of one measurement.
_NETWORKS = {
    "MobileNet:size=224": 2,
    "MobileNet:alpha=0.25:size=128:crop=224": 10,
}


def measure_loop(figures: Figures, folder: pathlib.Path, spec: str, generations: int) -> None:
    """Generations of 400 children for 1000 labels and, in turn, scoring as many images."""
    classifier = classifiers.find(
        f"{spec}:weights={_random_weights(folder, spec)}",
        views=classifiers.Views(image_size=256),
    )
    scorer = scoring.LocalScorer(classifier)
    evolution = Evolution(Config(initial=_OFFSPRING, batch=_OFFSPRING), scorer)
    images = np.random.default_rng(0).integers(0, 256, (_OFFSPRING, 256, 256, 3), np.uint8)
    scorer.score(images)
    advance(evolution, 20)  # so that genomes have some hidden nodes
    alone, loop, ratios = [], [], []
    for _ in range(5):
        score_rate = len(images) / seconds(lambda images=images: scorer.score(images))
        wall, births, _ = advance(evolution, generations)
        alone.append(score_rate)
        loop.append(births / wall)
        ratios.append(births / wall / score_rate)
        elites = [elite.image for elite in evolution.archives[0].elites]
        images = np.resize(np.stack(elites), images.shape)
    evolution.close()
    name = classifier.name
    figures.add(f"score only, {name}, one crop of 256x256", "images/s", alone)
    figures.add(f"whole loop, {name}, 1000 labels", "images/s", loop)
    bar = ">= 0.8" if "alpha" not in spec else ""
    figures.add(f"whole loop / score only, {name}", "x", ratios, bar)


def measure_archive(figures: Figures) -> None:
    """400 children are offered to 1000 niches, most of which keep their elite."""
    rng = np.random.default_rng(0)
    canvas = Canvas(256, 256, 3)
    genomes = CppnEmitter(canvas, CpuRenderer()).initial(rng, _OFFSPRING).genomes
    image = np.zeros(canvas.shape, np.uint8)
    archive, times = Archive(range(_LABELS)), []
    for generation in range(60):
        confidences = rng.dirichlet(np.full(_LABELS, 0.02), _OFFSPRING).astype(np.float32)
        offers = Offers(
            genomes=genomes,
            places=np.arange(_OFFSPRING),
            identities=np.arange(_OFFSPRING),
            parents=np.zeros(_OFFSPRING, int),
            generation=generation,
            image=lambda _: image,
            confidences=confidences,
        )
        times.append(1e3 * seconds(lambda offers=offers: archive.add(offers)))
    figures.add("400 children offered to 1000 niches, after 30 generations", "ms", times[30:])


def _random_weights(folder: pathlib.Path, spec: str) -> pathlib.Path:
    keras.utils.set_random_seed(1)
    alpha = 0.25 if "alpha" in spec else 1.0
    side = 128 if "128" in spec else 224
    model = keras.applications.MobileNet((side, side, 3), alpha=alpha, weights=None)
    path = folder / f"{side}.weights.h5"
    model.save_weights(path)
    return path


def main() -> None:
    """Measures everything in turn."""
    figures = Figures()
    measure_archive(figures)
    with tempfile.TemporaryDirectory() as folder:
        for spec, generations in _NETWORKS.items():
            measure_loop(figures, pathlib.Path(folder), spec, generations)
    result = {"machine": machine(), "figures": figures.values}
    _RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(f"\n{result['machine']['processor']}, {result['machine']['cores']} cores -> {_RESULTS}")


if __name__ == "__main__":
    main()
