"""Measures the engine: images per second of every stage and of the whole loop.

    python -m benchmarks.throughput            about 6 minutes on two cores
    python -m benchmarks.throughput --quick    about a minute; fewer repeats, wider spread

All figures of a run are measured on the same machine in the same process. Figures that are compared
are measured in turn. Each is given as median (minimum .. maximum). Prints a table and writes
benchmarks/results.json: machine, versions, figures.
"""

import argparse
import copy
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import neat
import numpy as np

from evolvers import breeding, neat_breeding, program
from evolvers.canvas import Canvas
from evolvers.config import Config
from evolvers.cppn import Cppn, CppnBatch
from evolvers.cppn_genome import load_config
from evolvers.emitters import CppnEmitter
from evolvers.map_elites import Evolution
from evolvers.render import coordinates
from evolvers.render.cpu import CpuRenderer

_RESULTS = pathlib.Path(__file__).with_name("results.json")
_MODEL = "mnist_a"


class Figures:
    """Collects figures: prints each one at once, and keeps all for the file."""

    def __init__(self):
        self.values = {}

    def add(self, name: str, unit: str, values: list[float], bar: str = "") -> float:
        """Records the repeated measurements of a figure and returns their median."""
        low, middle, high = np.min(values), np.median(values), np.max(values)
        spread = f"({low:.4g} .. {high:.4g})" if len(values) > 1 else ""
        print(f"{name:<72} {middle:>10.4g} {spread:<22} {unit:<12} {bar}", flush=True)
        self.values[name] = {
            "unit": unit,
            "median": float(middle),
            "minimum": float(low),
            "maximum": float(high),
            "repeats": len(values),
            "bar": bar,
        }
        return float(middle)


def grown_genomes(channels: int, count: int, steps: range, nodes: range = range(10**6)) -> list:
    """Genomes that grew by mutation alone to this many nodes, with programs of this many steps.

    Evolved champions on MNIST have 3 to 20 nodes; these stand for the large ones of long runs.
    """
    config, rng = load_config(channels), np.random.default_rng(7)
    population = breeding.initial(rng, 200, config)
    found = []
    while len(found) < count:
        population, _ = breeding.offspring(rng, population, 200, config)
        lengths = np.diff(program.pack(population).step_offsets)
        sizes = np.diff(population.node_offsets)
        found += [
            population[place]
            for place in range(200)
            if lengths[place] in steps and sizes[place] in nodes
        ]
        if sizes.max() > 100:  # they only grow, so begin again
            population = breeding.initial(rng, 200, config)
    return found[:count]


def seconds(function: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def open_scorer():
    """Opens the shipped classifier."""
    from keras_fool.models import classifiers, scoring

    return scoring.LocalScorer(classifiers.find(_MODEL))


def measure_stages(figures: Figures, repeats: int) -> None:
    """Breeding alone, and rendering alone."""
    config = load_config(1)
    rng = np.random.default_rng(0)
    parents = CppnBatch.stack(grown_genomes(1, 20, range(100), nodes=range(30, 31)))
    count = 5000
    breeding.offspring(rng, parents, 1, config)
    program.pack(parents)

    def breed() -> None:
        children, _ = breeding.offspring(rng, parents, count, config)
        program.pack(children)

    times = [1e6 * seconds(breed) / count for _ in range(repeats)]
    figures.add("breed and pack a child of 30 nodes, one core", "us", times, "<= 50")

    from evolvers.render.tensorflow_ops import TensorFlowRenderer

    cpu, ops = CpuRenderer(), TensorFlowRenderer()
    packed = program.pack(CppnBatch.stack(grown_genomes(1, 400, range(20, 31))))
    canvas = Canvas(28, 28, 1)
    cpu.render(packed, canvas)
    ops.render(packed, canvas)
    on_cpu, in_ops = [], []
    for _ in range(repeats):
        on_cpu.append(len(packed) / seconds(lambda: cpu.render(packed, canvas)))
        in_ops.append(len(packed) / seconds(lambda: ops.render(packed, canvas)))
    figures.add("CPU renderer, 28x28 grey, programs of 20-30 steps", "images/s", on_cpu)
    figures.add("TensorFlow-op renderer on this CPU, the same", "images/s", in_ops)
    ratios = [a / b for a, b in zip(on_cpu, in_ops, strict=True)]
    figures.add("CPU renderer / TensorFlow-op renderer", "x", ratios, ">= 4")

    packed = program.pack(CppnBatch.stack(grown_genomes(3, 40, range(20, 21))))
    canvas = Canvas(256, 256, 3)
    cpu.render(packed, canvas)
    rates = [len(packed) / seconds(lambda: cpu.render(packed, canvas)) for _ in range(repeats)]
    figures.add("CPU renderer, 256x256 colour, programs of 20 steps", "images/s", rates, ">= 150")


def advance(evolution: Evolution, generations: int) -> tuple[float, int, int]:
    """Seconds, images bred and images scored, of some generations."""
    births, saved = 0, 0
    start = time.perf_counter()
    for _ in range(generations):
        generation = evolution.advance()
        births += generation.births
        saved += int(generation.unchanged.sum() + generation.duplicates.sum())
    return time.perf_counter() - start, births, births - saved


def measure_loop(figures: Figures, scorer, runs: int, parts: int) -> float:
    """The whole loop, 200 generations of `runs` runs and, in turn, scoring alone."""
    evolution = Evolution(Config(runs=runs), scorer)
    elites = []
    score_only, loop, scored, ratios, saved = [], [], [], [], []
    batch = np.random.default_rng(0).integers(0, 256, (runs * 200, 28, 28, 1), np.uint8)
    scorer.score(batch)
    evolution.advance()
    for _ in range(parts):
        score_rate = len(batch) / seconds(lambda batch=batch: scorer.score(batch))
        wall, births, images = advance(evolution, 200 // parts)
        score_only.append(score_rate)
        loop.append(births / wall)
        scored.append(images / wall)
        ratios.append(births / wall / score_rate)
        saved.append(1 - images / births)
        elites = [elite for archive in evolution.archives for elite in archive.elites]
        batch = np.resize(np.stack([elite.image for elite in elites]), batch.shape)
    figures.add(f"score only, batches of {len(batch)}", "images/s", score_only)
    rate = figures.add(f"whole loop, {runs} runs, 200 generations", "images/s", loop)
    figures.add("  of these really scored", "images/s", scored)
    figures.add("  share of images known without scoring", "", saved)
    figures.add("whole loop / score only", "x", ratios, ">= 0.5")
    figures.add(
        "  images really scored / score only",
        "x",
        [a / b for a, b in zip(scored, score_only, strict=True)],
    )
    evolution.close()
    measure_naive(figures, scorer, [elite.genome for elite in elites[:10]], rate)
    return rate


def measure_naive(figures: Figures, scorer, champions: list[Cppn], loop: float) -> None:
    """A simple first version of the loop: deepcopy, neat-python pixel by pixel, one batch."""
    config, rng = load_config(1), np.random.default_rng(0)
    parents = [genome.to_neat() for genome in champions]
    inputs = coordinates.grid(Canvas(28, 28, 1), 28, 28).inputs().reshape(4, -1).T.tolist()

    class Settings:
        genome_config = config

    def naive() -> None:
        images = np.empty((len(parents), 784), np.uint8)
        for place, parent in enumerate(parents):
            child = copy.deepcopy(parent)
            child.mutate(config, rng)
            network = neat.nn.FeedForwardNetwork.create(child, Settings)
            images[place] = [int(abs(255 * network.activate(pixel)[0])) for pixel in inputs]
        scorer.score(images.reshape(-1, 28, 28, 1))

    rates = [len(parents) / seconds(naive) for _ in range(5)]
    figures.add("naive loop, champions of generation 200", "images/s", rates)
    figures.add("whole loop / naive loop", "x", [loop / rate for rate in rates], ">= 100")


def measure_growth(figures: Figures, scorer, generations: int) -> None:
    """A default run, continued to `generations`: do growing genomes make it slower?"""
    times, ratios = [], []
    for seed in (1, 2, 3):
        evolution = Evolution(Config(seed=seed), scorer)
        tenth = generations // 10
        parts = [tenth, 201 - tenth, generations - tenth - 201, tenth]
        walls, births, _ = zip(*(advance(evolution, part) for part in parts), strict=True)
        times.append(walls[0] + walls[1])
        ratios.append((births[3] / walls[3]) / (births[0] / walls[0]))
        evolution.close()
    figures.add("one run of 200 generations, after start-up", "s", times, "<= 6")
    name = f"images/s, last tenth of {generations} generations / first tenth"
    figures.add(name, "x", ratios, ">= 0.7")


def measure_parts(figures: Figures, scorer, repeats: int) -> None:
    """The whole loop without one of its parts: each variant in turn, from the same state."""
    config = Config(runs=10)
    begun = Evolution(config, scorer)
    advance(begun, 30)
    state = begun.state()

    def emitter(**options) -> CppnEmitter:
        return CppnEmitter(begun.canvas, CpuRenderer(), **options)

    variants = {
        "as it is": {},
        "  breeding neat-python's genes one by one": {
            "emitter": lambda: emitter(operators=neat_breeding)
        },
        "  drawing and scoring what is known": {
            "emitter": lambda: emitter(skip_unchanged=False),
            "skip_duplicates": lambda: False,
        },
    }
    rates = {name: [] for name in variants}
    for _ in range(repeats):
        for name, options in variants.items():
            made = {option: make() for option, make in options.items()}
            evolution = Evolution(config, scorer, **made)
            evolution.restore(state)
            wall, births, _ = advance(evolution, 3 if "neat" in name else 10)
            rates[name].append(births / wall)
            evolution.close()
    for name, values in rates.items():
        figures.add(f"whole loop, 10 runs, generation 30: {name}", "images/s", values)


def measure_scaling(figures: Figures, scorer, repeats: int) -> None:
    """Twice as many runs should take at most twice the time."""
    times = {}
    for _ in range(repeats):
        for runs in (10, 20, 40):
            evolution = Evolution(Config(runs=runs), scorer)
            evolution.advance()
            times.setdefault(runs, []).append(advance(evolution, 20)[0])
            evolution.close()
    for runs in (10, 20):
        ratios = [b / a for a, b in zip(times[runs], times[2 * runs], strict=True)]
        figures.add(f"time of {2 * runs} runs / time of {runs} runs", "x", ratios, "<= 2.1")


def measure_output(figures: Figures, scorer, repeats: int) -> None:
    """The time that checkpoints, PNGs, tables, gallery and TensorBoard add to the loop."""
    from keras_fool.models import classifiers
    from keras_fool.runs import evolution_run

    classifier = classifiers.find(_MODEL)
    config = Config(runs=10, generations=100)
    shares = []
    for _ in range(repeats):
        bare = Evolution(config, scorer)
        alone, _, _ = advance(bare, config.generations + 1)
        bare.close()
        with tempfile.TemporaryDirectory() as folder:
            begun = time.perf_counter()
            evolution_run.evolve(
                pathlib.Path(folder, "run"),
                config,
                classifier,
                command="",
                note=lambda _: None,
                scorer=scorer,
            )
            shares.append(1 - alone / (time.perf_counter() - begun))
    figures.add("share of the wall time for all that is written", "", shares, "<= 0.05")


def measure_memory(figures: Figures) -> None:
    """Peak memory of a process that advances 300 runs in lockstep."""
    code = (
        "import benchmarks.throughput as t; "
        "e = t.Evolution(t.Config(runs=300), t.open_scorer()); t.advance(e, 6); "
        "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    gigabytes = int(output.stdout) / 2**20
    figures.add("peak memory of 300 runs in lockstep", "GB", [gigabytes], "<= 3")


def machine() -> dict:
    """The machine and the versions with which the figures were measured."""
    import importlib.metadata

    names = ("tensorflow", "keras", "neat-python", "numpy", "numba")
    model = platform.processor()
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in names},
    }


def main() -> None:
    """Measures everything in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer runs and repeats")
    quick = parser.parse_args().quick
    figures = Figures()
    measure_stages(figures, 3 if quick else 9)
    scorer = open_scorer()
    measure_loop(figures, scorer, runs=10 if quick else 50, parts=5 if quick else 10)
    measure_parts(figures, scorer, 2 if quick else 5)
    measure_growth(figures, scorer, 300 if quick else 1000)
    measure_scaling(figures, scorer, 1 if quick else 3)
    measure_output(figures, scorer, 2 if quick else 5)
    measure_memory(figures)
    result = {"machine": machine(), "quick": quick, "figures": figures.values}
    _RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(f"\n{result['machine']['processor']}, {result['machine']['cores']} cores -> {_RESULTS}")


if __name__ == "__main__":
    main()
