"""Measures evolution against a classifier and a detector, beside the plain loop.

    python -m benchmarks.detectors         about 2 minutes on two cores

The shipped classifier of digits, five runs in lockstep; detectors of logits, and
the others for comparison. Prints a table and writes benchmarks/detectors.json.
"""

import json
import os
import pathlib
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.throughput import Figures, advance, machine
from evolvers.config import Config
from evolvers.map_elites import Evolution
from keras_fool import detectors
from keras_fool.models import classifiers, scorer_contract, scoring
from trainers import datasets

_RESULTS = pathlib.Path(__file__).with_name("detectors.json")
_RUNS, _GENERATIONS, _REPEATS = 5, 10, 5
# What the loop is to keep of its speed.
_BARS = dict.fromkeys(("msp", "max_logit", "energy"), ">= 0.8")


def measure(figures: Figures, folder: pathlib.Path, names: tuple[str, ...]) -> None:
    """Generations of the plain loop and, in turn, of the loop with each detector."""
    classifier = classifiers.find("mnist_a")
    source = detectors.open_source(classifier)
    digits = datasets.load("digits")
    loops = {"plain": _evolution(scoring.LocalScorer(classifier))}
    for name in names:
        detector = detectors.fit(name, source, digits.train_images)
        detector.threshold(0.95, digits.test_images)
        path = folder / f"{name}.npz"
        detector.save(path)
        loops[name] = _evolution(detectors.defence(path).open(classifier))
    rates: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(_REPEATS):
        for name, evolution in loops.items():
            wall, births, _ = advance(evolution, _GENERATIONS)
            rates[name].append(births / wall)
    for name, evolution in loops.items():
        evolution.close()
        figures.add(f"whole loop, {name}", "images/s", rates[name])
        if name != "plain":
            pairs = zip(rates[name], rates["plain"], strict=True)
            ratios = [rate / plain for rate, plain in pairs]
            figures.add(f"with {name} / plain", "x", ratios, _BARS.get(name, ""))


def _evolution(scorer: scorer_contract.Scorer) -> Evolution:
    evolution = Evolution(Config(runs=_RUNS), scorer)
    evolution.warm_up()
    advance(evolution, 10)  # traces, and makes genomes grow
    return evolution


def main() -> None:
    """Measures, prints and writes; with --quick only what has a bar, and nothing is written."""
    quick = "--quick" in sys.argv
    figures = Figures()
    with tempfile.TemporaryDirectory() as folder:
        measure(figures, pathlib.Path(folder), tuple(_BARS) if quick else detectors.NAMES)
    if not quick:
        result = {"machine": machine(), "figures": figures.values}
        _RESULTS.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
