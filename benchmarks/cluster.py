"""Measures what a Ray cluster costs and brings, on one machine, and simulates a larger one.

    python -m benchmarks.cluster                      about ten minutes on two quiet cores
    python -m benchmarks.cluster --quick              about three; fewer repeats, no MobileNet
    python -m benchmarks.cluster --only=MobileNet     the batches of one run alone

Without a cluster a process has one core; a worker has one, too, and the driver shares the last.
Each figure is the median (minimum .. maximum) of repeats, which take turns. Prints a table and
writes it into benchmarks/cluster.json, for each network with the machine, how busy that was, and
versions. Bytes are those of images and confidences, or of what is pickled for new elites. The
simulated workers share no network, disk or anything else.
"""

import argparse
import contextlib
import heapq
import json
import os
import pathlib
import pickle
import platform
import subprocess
import sys
import tempfile
import time

import numpy as np
import psutil

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
_RESULTS = pathlib.Path(__file__).with_name("cluster.json")
_NAMES = ("mnist_a", "MobileNet")
_RUNS, _GENERATIONS, _BATCH = 8, 40, 200
_LARGE_GENERATIONS, _LARGE_BATCH = 3, 64
_SIMULATED = (1, 2, 10, 30, 100, 300, 1000)
# In a generation of a simulated worker: how far it is from the mean, as a share of it.
_SPREAD = 0.2


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer repeats, no MobileNet")
    parser.add_argument("--only", choices=_NAMES, help="measure one network, keep the others")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        model, workers, large = arguments.one
        print(json.dumps(_timed(model, int(workers), large == "large")))
        return
    repeats = 1 if arguments.quick else 3
    found = json.loads(_RESULTS.read_text("utf-8"))
    for name in [arguments.only] if arguments.only else _NAMES[: 1 if arguments.quick else None]:
        machine = _machine()
        if name == "mnist_a":
            figures = _compared(name, repeats, large=False)
        else:
            with tempfile.TemporaryDirectory() as folder:
                figures = _compared(_mobilenet(folder), 1, large=True)
        found[name] = {"machine": machine, "figures": figures}
    _RESULTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def _compared(model: str, repeats: int, *, large: bool) -> dict:
    """Images per second without a cluster, and with one worker and two, and what follows."""
    name = pathlib.Path(model).stem
    found: dict[int, list[dict]] = {0: [], 1: [], 2: []}
    for _ in range(repeats):
        for workers, each in found.items():
            each.append(_in_process(model, workers, large=large))
    figures: dict = {}
    for workers, each in found.items():
        rates = sorted(one["images_per_second"] for one in each)
        figures[f"images_per_second_{workers}_workers"] = rates
        print(
            f"{name:<10} {workers} workers  {np.median(rates):>10,.0f} images/s "
            f"({rates[0]:,.0f} .. {rates[-1]:,.0f})"
        )
    none, one, two = (np.median(figures[f"images_per_second_{n}_workers"]) for n in found)
    last, alone = found[1][-1], found[0][-1]
    driver, worker = (last[f"{which}_cpu_seconds_per_image"] for which in ("driver", "worker"))
    figures |= {
        "one_worker_to_none": one / none,
        "two_workers_to_one": two / one,
        "bytes_per_image": last["bytes_per_image"],
        # Of processors, so that other work on the machine matters less.
        "cpu_seconds_per_image_without_workers": alone["driver_cpu_seconds_per_image"],
        "cpu_seconds_per_image_of_a_worker": worker,
        "cpu_seconds_per_image_of_the_driver": driver,
        "workers_at_which_the_driver_is_the_limit": worker / driver,
    }
    for key in list(figures)[3:]:
        print(f"{name:<10} {key.replace('_', ' '):<42} {figures[key]:.4g}")
    simulated = _simulated_batches if large else _simulated
    figures["simulated_images_per_second"] = {
        workers: simulated(workers, worker, driver) for workers in _SIMULATED
    }
    for workers, rate in figures["simulated_images_per_second"].items():
        print(f"{name:<10} simulated, {workers:>4} workers {rate:>14,.0f} images/s")
    return figures


def _in_process(model: str, workers: int, *, large: bool) -> dict:
    """The figures of one start: threads of TensorFlow are set once in a process."""
    cores = sorted(os.sched_getaffinity(0))
    allowed = cores if workers else cores[:1]
    command = [sys.executable, "-m", "benchmarks.cluster", "--one", model, str(workers)]
    result = subprocess.run(
        [*command, "large" if large else "small"],
        check=True,
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, allowed),
    )
    return json.loads(result.stdout.splitlines()[-1])


def _timed(model: str, workers: int, large: bool) -> dict:
    """Advances an evolution, with so many workers, or none: after the first generation, timed."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    from evolvers import config, map_elites
    from keras_fool.cluster import connection
    from keras_fool.models import classifiers
    from keras_fool.runs import evolution_run

    settings = config.Config(
        runs=1 if large else _RUNS,
        generations=_LARGE_GENERATIONS if large else _GENERATIONS,
        initial=_LARGE_BATCH if large else _BATCH,
        batch=_LARGE_BATCH if large else _BATCH,
    )
    classifier = classifiers.find(model)
    with contextlib.ExitStack() as stack:
        scorer = classifier.open()
        evolution = stack.enter_context(contextlib.closing(map_elites.Evolution(settings, scorer)))
        job = evolution_run.EvolutionJob(evolution, scorer)
        if workers:
            cluster = stack.enter_context(
                connection.Cluster("local", note=lambda _: None, workers=workers)
            )
            job = cluster.job(evolution, classifier, scorer)
        job.begin(None, lambda _: None)
        job.advance(1)
        begun, busy, images, sent = time.monotonic(), time.process_time(), 0, 0
        worked = _worker_seconds()
        while job.step < job.total:
            advance = job.advance(job.total)
            images += advance.count
            sent += _bytes(advance.result.generation, evolution, large=large)
        seconds, busy = time.monotonic() - begun, time.process_time() - busy
        worked = _worker_seconds() - worked
    return {
        "images_per_second": images / seconds,
        "worker_cpu_seconds_per_image": worked / images,
        "driver_cpu_seconds_per_image": busy / images,
        "bytes_per_image": sent / images,
    }


def _worker_seconds() -> float:
    """The processor time of all workers until now, in seconds."""
    found = [
        process.cpu_times()
        for process in psutil.Process().children(recursive=True)
        if any("ray::Worker" in word for word in process.cmdline())
    ]
    return sum(times.user + times.system for times in found)


def _bytes(generation, evolution, *, large: bool) -> int:
    """What travels for a generation: of one run images and rows, of several the new elites."""
    if large:
        height, width, channels = evolution.canvas.shape
        return generation.scored * (height * width * channels + 4 * len(evolution.scorer.labels))
    return len(pickle.dumps((generation, evolution.streams), protocol=5))


def _simulated(workers: int, seconds: float, driver_seconds: float) -> float:
    """Images per second where workers take `seconds` an image, and the driver follows one by one.

    As `part_job` does: two parts for each worker, a piece at a time, the one furthest behind first.
    """
    rng = np.random.default_rng(workers)
    pieces, images = 10, 100  # of each part; images in a piece
    behind = [(0, part) for part in range(2 * workers)]
    heapq.heapify(behind)
    free = [(0.0, worker) for worker in range(workers)]
    heapq.heapify(free)
    driver, ready = 0.0, dict.fromkeys(range(2 * workers), 0.0)
    while behind:
        done, part = heapq.heappop(behind)
        at, worker = heapq.heappop(free)
        duration = images * seconds * max(0.1, rng.normal(1, _SPREAD))
        end = max(at, ready[part]) + duration
        heapq.heappush(free, (end, worker))
        driver = max(driver, end) + images * driver_seconds
        ready[part] = driver
        if done + 1 < pieces:
            heapq.heappush(behind, (done + 1, part))
    return 2 * workers * pieces * images / driver


def _simulated_batches(workers: int, seconds: float, driver_seconds: float) -> float:
    """Images per second of one run: the driver breeds a generation, then all workers score it."""
    return 1 / (driver_seconds + seconds / workers)


def _mobilenet(folder: str) -> str:
    """A MobileNet with random weights, which takes as long as one with trained ones.

    Its normalisations see a few images, else all images would have the same confidences.
    """
    import keras

    from keras_fool.models import scorer_contract

    keras.utils.set_random_seed(1)
    image = keras.Input((224, 224, 3), dtype="uint8")
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1)(image)
    network = keras.applications.MobileNet(weights=None)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    network(scorer_contract.trial_images((224, 224, 3)) / np.float32(127.5) - 1, training=True)
    path = pathlib.Path(folder) / "MobileNet.keras"
    keras.Model(image, network(scaled)).save(path)
    return str(path)


def _machine() -> dict:
    from keras_fool.cluster import build

    return {
        "cores": len(os.sched_getaffinity(0)),
        "load_before": os.getloadavg(),
        "processor": platform.processor() or platform.machine(),
        **build.here(),
    }


if __name__ == "__main__":
    main()
