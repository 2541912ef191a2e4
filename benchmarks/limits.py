"""Measures where the limit of the engine is: what networks compute, and what the machine could.

    python -m benchmarks.limits            some minutes

Operations and bytes per image are counted from the networks' layers; the machine's peak is that of
a large matrix product in float32. Networks have random weights, and are measured by turns as the
scorer calls them and in other ways: other batches, XLA, and in processes of their own one thread,
and oneDNN on and off. Rates are per CPU second, summed over cores: that also says something where
others use the machine. Prints a table and writes benchmarks/limits.json.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from benchmarks.throughput import Figures, machine
from trainers import models

_RESULTS = pathlib.Path(__file__).with_name("limits.json")
_SIDE = 2048  # of the matrices
_FLOAT = 4  # bytes
# Name -> what builds it, the batch that the scorer takes, and others.
_NETWORKS: dict[str, tuple[Callable[[], keras.Model], int, tuple[int, ...]]] = {
    "LeNet": (lambda: models.build("lenet", (28, 28, 1), 10, seed=1), 2112, (48, 8448)),
    "MobileNet 0.25/128": (
        lambda: keras.applications.MobileNet((128, 128, 3), alpha=0.25, weights=None),
        72,
        (24, 288),
    ),
}
# Name -> variables of the environment of a process of its own, and those of what it is compared
# with. TensorFlow itself chooses oneDNN by the processor.
_SETTINGS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "one thread": ({"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}, {}),
    "oneDNN on / off": ({"TF_ENABLE_ONEDNN_OPTS": "1"}, {"TF_ENABLE_ONEDNN_OPTS": "0"}),
}


def operations(model: keras.Model) -> int:
    """Additions and multiplications for one image, in its convolutions and dense layers."""
    return sum(_operations(layer) for layer in _layers(model))


def moved_bytes(model: keras.Model) -> int:
    """Bytes for one image of a large batch, if every layer reads its input and writes its output.

    Weights are read once for the whole batch, and not counted.
    """
    values = 0
    for layer in _layers(model):
        tensors = [*tf.nest.flatten(layer.input), *tf.nest.flatten(layer.output)]
        values += sum(int(np.prod(tensor.shape[1:])) for tensor in tensors)
    return _FLOAT * values


def _layers(model: keras.Model) -> list[keras.Layer]:
    found = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found += _layers(layer)
        elif not isinstance(layer, keras.layers.InputLayer):
            found.append(layer)
    return found


def _operations(layer: keras.Layer) -> int:
    """Of one layer: each weight of a kernel is used once for each place of the output."""
    if isinstance(layer, keras.layers.Dense):
        return 2 * int(np.prod(layer.kernel.shape))
    if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
        _, height, width, _ = layer.output.shape  # channels last, which a CPU needs
        return 2 * int(np.prod(layer.kernel.shape)) * height * width
    return 0


def _per_cpu_second(function: Callable[[], object], count: int, seconds: float) -> list[float]:
    """How many things a CPU second makes: three measurements of at least so many CPU seconds."""
    function()
    found = []
    for _ in range(3):
        begun, calls = time.process_time(), 0
        while time.process_time() - begun < seconds:
            function()
            calls += 1
        found.append(calls * count / (time.process_time() - begun))
    return found


def _network(
    model: keras.Model, batch: int, *, jit_compile: bool = False
) -> Callable[[], np.ndarray]:
    shape = model.input_shape[1:]
    images = np.random.default_rng(0).random((batch, *shape), np.float32)
    function = tf.function(
        lambda images: model(images, training=False), autograph=False, jit_compile=jit_compile
    )
    compiled = function.get_concrete_function(tf.TensorSpec(images.shape, tf.float32))
    given = tf.constant(images)
    return lambda: compiled(given).numpy()


def measure_here(name: str, seconds: float) -> float:
    """Images per CPU second of a network as the scorer calls it: the median."""
    build, batch, _ = _NETWORKS[name]
    return float(np.median(_per_cpu_second(_network(build(), batch), batch, seconds)))


def measure(figures: Figures, seconds: float) -> None:
    """The machine's peak, the networks, and what else was tried."""
    matrix = tf.random.normal((_SIDE, _SIDE))
    product = tf.function(lambda: tf.matmul(matrix, matrix), autograph=False)
    rates = _per_cpu_second(lambda: product().numpy(), 2 * _SIDE**3, seconds)
    peak = figures.add("matrix product, float32", "Gop/CPU s", [rate / 1e9 for rate in rates])
    for name, (build, batch, others) in _NETWORKS.items():
        model = build()
        work = operations(model)
        figures.add(f"{name}: operations per image", "Mop", [work / 1e6])
        figures.add(f"{name}: bytes per image", "MB", [moved_bytes(model) / 1e6])
        rates = _per_cpu_second(_network(model, batch), batch, seconds)
        usual = figures.add(f"{name}: batches of {batch}", "images/CPU s", rates)
        share = [rate * work / 1e9 / peak for rate in rates]
        figures.add(f"{name}: share of the matrix product's rate", "", share)
        for other in others:
            rates = _per_cpu_second(_network(model, other), other, seconds)
            figures.add(f"{name}: batches of {other}", "x", [rate / usual for rate in rates])
        rates = _per_cpu_second(_network(model, batch, jit_compile=True), batch, seconds)
        figures.add(f"{name}: XLA", "x", [rate / usual for rate in rates])
        for setting, (variables, baseline) in _SETTINGS.items():
            rate = _elsewhere(name, seconds, variables)
            ratio = rate / _elsewhere(name, seconds, baseline)
            figures.add(f"{name}: {setting}", "x", [ratio])


def _elsewhere(name: str, seconds: float, variables: dict[str, str]) -> float:
    arguments = ["--network", name, "--seconds", str(seconds)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.limits", *arguments],
        env=os.environ | variables,
        capture_output=True,
        check=True,
        text=True,
    )
    return float(done.stdout.split()[-1])


def main() -> None:
    """Measures everything in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", choices=_NETWORKS, help="only print this one's rate")
    parser.add_argument("--seconds", type=float, default=5.0, help="CPU time of a measurement")
    arguments = parser.parse_args()
    if arguments.network:
        print(measure_here(arguments.network, arguments.seconds))
        return
    figures = Figures()
    load = os.getloadavg()[0]
    measure(figures, arguments.seconds)
    result = {"machine": machine() | {"load": load}, "figures": figures.values}
    _RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(f"\n{result['machine']['processor']}, {result['machine']['cores']} cores -> {_RESULTS}")


if __name__ == "__main__":
    main()
