"""Measures colour evolution with a thousand labels: the loop compared with scoring alone.

    python -m benchmarks.colour                                all of it
    python -m benchmarks.colour --only=late --weights=FILE     late generations alone, on a trained
                                                               MobileNet 0.25/128: 5 minutes

Two networks of keras.applications with random weights, which are as fast as trained ones: one
that is about as slow as the paper's, and the smallest. That one is also measured in late
generations, whose genomes are larger: from the elites of a run on the trained network. They have
the confidences of that one, so that with random weights almost nothing replaces one.

Wall time says how fast it is on a quiet machine. CPU time says what the loop adds to scoring also
where others use the machine. Prints a table and writes benchmarks/colour.json.
"""

import argparse
import dataclasses
import gzip
import json
import os
import pathlib
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from benchmarks.throughput import Figures, machine, seconds
from evolvers import program
from evolvers.archive import Archive, Elite, Offers
from evolvers.canvas import Canvas
from evolvers.config import Config
from evolvers.cppn import Cppn, CppnBatch
from evolvers.emitters import CppnEmitter
from evolvers.map_elites import Evolution
from evolvers.render.cpu import CpuRenderer
from keras_fool.models import classifiers, scoring
from keras_fool.runs import checkpoints

_FOLDER = pathlib.Path(__file__).parent
_RESULTS = _FOLDER / "colour.json"
# Elites of `evolve` with 1000 labels of ImageNet, --batch_size=400 --coords=raw --seed=1.
_GENOMES = [
    _FOLDER / f"genomes_generation_{generation}.json.gz" for generation in (200, 1000, 5000)
]
_OFFSPRING, _LABELS = 400, 1000
_PAIRS, _LATE_PAIRS = 5, 15  # of scoring and loop; late generations are closer to a bar
_SMALL = "MobileNet:alpha=0.25:size=128:crop=224"
# Name -> generations of one measurement.
_NETWORKS = {"MobileNet:size=224": 2, _SMALL: 10}


@dataclasses.dataclass(frozen=True)
class Elites:
    """The elites of a run.

    Attributes:
        name: What figures call them.
        genomes: Each once.
        niches: Which of them each label's elite is.
        confidences: That elite's for its label.
    """

    name: str
    genomes: list[Cppn]
    niches: list[int]
    confidences: list[float]


def evolved_elites(path: pathlib.Path) -> Elites:
    """Those that are kept in a file."""
    kept = json.loads(gzip.decompress(path.read_bytes()))
    genomes = [Cppn.from_json(genome, 3) for genome in kept["genomes"]]
    name = f"generation {kept['generation']}"
    return Elites(name, genomes, kept["niches"], kept["confidences"])


def begun(config: Config, scorer: scoring.LocalScorer, elites: Elites, scored: bool) -> Evolution:
    """An evolution that goes on from elites.

    Args:
        config: Its settings.
        scorer: Its scorer.
        elites: Its elites.
        scored: Whether these have the scorer's confidences instead of their own.
    """
    evolution = Evolution(config, scorer)
    renderer = CpuRenderer()
    images = renderer.render(program.pack(CppnBatch.stack(elites.genomes)), evolution.canvas)
    renderer.close()
    if scored:
        rows = scorer.score(images)
    else:
        rows = np.zeros((len(images), _LABELS), np.float32)
        rows[elites.niches, np.arange(_LABELS)] = elites.confidences
    found = [
        Elite(place, -1, 0, genome, row, image.copy())  # else one keeps the memory of all
        for place, (genome, row, image) in enumerate(zip(elites.genomes, rows, images, strict=True))
    ]
    archive = evolution.archives[0]
    archive.elites = [found[place] for place in elites.niches]
    archive.confidences = rows[elites.niches, np.arange(_LABELS)]
    evolution.generation = 0
    return evolution


def measure_loop(
    figures: Figures,
    scorer: scoring.LocalScorer,
    evolution: Evolution,
    when: str,
    generations: int,
    pairs: int,
) -> None:
    """Generations of 400 children for 1000 labels and, in turn, scoring as many images."""
    name = scorer.name
    bar = ">= 0.8" if when == "generations 20 on" else ">= 0.85" if "5000" in when else ">= 0.9"
    evolution.advance()
    names = ("score", "loop", "wall", "cpu", "known", "takeovers")
    rates: dict[str, list[float]] = {name: [] for name in names}
    resident = []
    for _ in range(pairs):
        elites = [elite.image for elite in evolution.archives[0].elites]
        images = np.stack(elites[:_OFFSPRING])
        scorer.score(images[: scorer.score_batch])
        begun_at = time.perf_counter(), time.process_time()
        for _ in range(generations):
            scorer.score(images)
        between = time.perf_counter(), time.process_time()
        births = known = takeovers = 0
        for _ in range(generations):
            made = evolution.advance()
            births += made.births
            known += made.births - made.scored
            takeovers += int(made.takeovers.sum())
        ended_at = time.perf_counter(), time.process_time()
        alone = [
            len(images) * generations / (b - a) for a, b in zip(begun_at, between, strict=True)
        ]
        loop = [births / (b - a) for a, b in zip(between, ended_at, strict=True)]
        rates["score"].append(alone[0])
        rates["loop"].append(loop[0])
        rates["wall"].append(loop[0] / alone[0])
        rates["cpu"].append(loop[1] / alone[1])
        rates["known"].append(known / births)
        rates["takeovers"].append(takeovers / generations)
        resident.append(_resident())
    figures.add(f"score only, {name}, {when}", "images/s", rates["score"])
    figures.add(f"whole loop, {name}, {when}", "images/s", rates["loop"])
    figures.add(f"whole loop / score only, {name}, {when}", "x", rates["wall"], bar)
    figures.add(f"the same in CPU time, {name}, {when}", "x", rates["cpu"])
    figures.add(f"share of children that are known, {name}, {when}", "", rates["known"])
    figures.add(f"niches that change hands, {name}, {when}", "/generation", rates["takeovers"])
    grown = [resident[-1] - resident[0]]
    figures.add(
        f"memory gained over {(pairs - 1) * generations} generations, {name}, {when}", "MB", grown
    )


def measure_checkpoint(figures: Figures, evolution: Evolution) -> None:
    """Collecting and writing a state of a thousand images: at most 3 % of a run's time."""
    collecting, writing = [], []
    with tempfile.TemporaryDirectory() as folder:
        saved = checkpoints.CheckpointFolder(pathlib.Path(folder, "checkpoint"))
        for _ in range(3):
            begun_at = time.process_time()
            state = evolution.state()
            collected_at = time.process_time()
            saved.save(state)
            collecting.append(collected_at - begun_at)
            writing.append(time.process_time() - collected_at)
    figures.add("collect a checkpoint of a run of 1000 labels, 256x256 colour", "CPU s", collecting)
    figures.add("write it, beside the loop", "CPU s", writing)


def _resident() -> float:
    """The memory that this process has, in MB."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


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


def _scorer(spec: str, weights: pathlib.Path) -> scoring.LocalScorer:
    views = classifiers.Views(image_size=256)
    return scoring.LocalScorer(classifiers.find(f"{spec}:weights={weights}", views=views))


def _random_weights(folder: pathlib.Path, spec: str) -> pathlib.Path:
    """Weights with which confidences differ between images: a constant network is refused."""
    keras.utils.set_random_seed(1)
    alpha = 0.25 if "alpha" in spec else 1.0
    side = 128 if "128" in spec else 224
    model = keras.applications.MobileNet((side, side, 3), alpha=alpha, weights=None)
    images = np.random.default_rng(1).uniform(-1, 1, (20, side, side, 3)).astype(np.float32)
    logits = keras.Model(model.input, model.get_layer("conv_preds").output)
    kernel = model.get_layer("conv_preds").kernel
    kernel.assign(kernel / np.std(logits.predict(images, verbose=0), axis=0).mean())
    path = folder / f"{side}.weights.h5"
    model.save_weights(path)
    return path


def main() -> None:
    """Measures everything in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=pathlib.Path, help="those of MobileNet 0.25/128")
    parser.add_argument("--only", choices=["late"], help="leave out the first generations")
    parser.add_argument("--quick", action="store_true", help="fewer generations, wider spread")
    arguments = parser.parse_args()
    config = Config(initial=_OFFSPRING, batch=_OFFSPRING, coords="raw", generations=10**6)
    result = json.loads(_RESULTS.read_text("utf-8")) if arguments.only else {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if arguments.only is None:
            result = _described(early := Figures())
            measure_archive(early)
            for spec, generations in _NETWORKS.items():
                scorer = _scorer(spec, _random_weights(folder, spec))
                evolution = Evolution(config, scorer)
                evolution.warm_up()
                for _ in range(20):  # so that genomes have some hidden nodes
                    evolution.advance()
                measure_loop(early, scorer, evolution, "generations 20 on", generations, _PAIRS)
                evolution.close()
        result["late"] = _described(late := Figures()) | {
            "quick": arguments.quick,
            "weights": "trained" if arguments.weights else "random",
        }
        scorer = _scorer(_SMALL, arguments.weights or _random_weights(folder, _SMALL))
        for elites in map(evolved_elites, _GENOMES):
            evolution = begun(config, scorer, elites, arguments.weights is not None)
            evolution.warm_up()
            generations = 2 if arguments.quick else _NETWORKS[_SMALL]
            measure_loop(late, scorer, evolution, elites.name, generations, _LATE_PAIRS)
            if "5000" in elites.name:
                measure_checkpoint(late, evolution)
            evolution.close()
    _RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(f"\n{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} -> {_RESULTS}")


def _described(figures: Figures) -> dict:
    """What a file says of figures, which are still to come."""
    return {"machine": machine() | {"load": os.getloadavg()[0]}, "figures": figures.values}


if __name__ == "__main__":
    main()
