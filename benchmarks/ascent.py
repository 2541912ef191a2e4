"""Measures gradient ascent: image steps per second, compared with the network and with others.

    python -m benchmarks.ascent                                          on mnist_a
    python -m benchmarks.ascent --model=squeezenet_1.1_227.keras:bgr     some minutes on two cores
    python -m benchmarks.ascent --model=squeezenet_1.1_227.keras:bgr --quick

These are measured in turn, in the same process and on the same network:
  - the whole loop of every preset;
  - forward and backward alone, in a compiled function that does nothing else;
  - a loop over one image at a time, with NumPy for everything but the gradient, as in the
    published code: with the gradient compiled, and with TensorFlow called operation by operation;
  - ActivationMaximization of tf-keras-vis (pip install -e '.[benchmark]').

Prints a table (median and minimum .. maximum) and writes it into benchmarks/ascent.json, which
has one table for each model.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from benchmarks.throughput import Figures, machine
from evolvers.ascent import config as config_module
from evolvers.ascent import loop
from keras_fool.models import classifiers, data_means, scoring

_RESULTS = pathlib.Path(__file__).with_name("ascent.json")


class Bench:
    """A network, its images, and the ways of ascending."""

    def __init__(self, model: str, batch: int, steps: int):
        classifier = classifiers.find_all(model)
        self.scorer = scoring.LocalScorer(classifier)
        self.shape = self.scorer.image_shape
        self.mean = np.array(data_means.known(classifier, self.shape[2]), np.float32)
        self.batch = batch
        self.steps = steps
        self.labels = np.arange(batch, dtype=np.int32) * len(self.scorer.labels) // batch
        noise = np.random.default_rng(0).normal(size=(batch, *self.shape))
        self.images = tf.constant(np.clip(self.mean + 20 * noise, 0, 255), tf.float32)

    def rate(self, function: Callable[[], object], image_steps: int) -> float:
        """Image steps per second of one call."""
        begun = time.perf_counter()
        function()
        return image_steps / (time.perf_counter() - begun)

    def whole_loop(self, preset: str) -> Callable[[], float]:
        """The loop: `steps` steps in one call of an ascent that was compiled before."""
        config = dataclasses.replace(config_module.PRESETS[preset], steps=10**6)
        targets = [(int(label), 0) for label in self.labels]
        ascent = loop.Ascent(
            config, self.scorer.confidences, self.shape, self.mean, targets, batch=self.batch
        )
        ascent.advance(2)
        return lambda: self.rate(lambda: ascent.advance(self.steps), self.batch * self.steps)

    def network_alone(self) -> Callable[[], float]:
        """Forward and backward, and nothing else."""

        @tf.function(autograph=False)
        def gradients(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                tape.watch(images)
                confidences = self.scorer.confidences(images)
                total = tf.reduce_sum(tf.gather(confidences, labels, batch_dims=1))
            return tape.gradient(total, images)

        labels = tf.constant(self.labels)
        gradients(self.images, labels)

        def repeat() -> None:
            for _ in range(self.steps):
                gradients(self.images, labels)

        return lambda: self.rate(repeat, self.batch * self.steps)

    def one_at_a_time(self, *, compiled: bool) -> Callable[[], float]:
        """As in the published code: one image, its gradient, the rest on the host."""

        def gradient(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            with tf.GradientTape() as tape:
                tape.watch(image)
                confidence = self.scorer.confidences(image[None])[0, label]
            return confidence, tape.gradient(confidence, image)

        if compiled:
            gradient = tf.function(gradient, autograph=False)
        config = config_module.PRESETS["s5"]
        images = list(self.images.numpy()[: max(1, self.batch // 4)])

        def ascend() -> None:
            for image, label in zip(images, self.labels, strict=False):
                x = image - self.mean
                for _ in range(self.steps):
                    x = np.clip(x + self.mean, 0, 255) - self.mean
                    p, g = gradient(tf.constant(x + self.mean), tf.constant(label))
                    g = g.numpy()
                    d = min(config.early, config.late * (1 - float(p)))
                    rate = min(config.max_learning_rate, d / np.linalg.norm(g) ** 2)
                    x = np.float32(1 - config.decay) * (x + np.float32(rate) * g)

        gradient(tf.constant(images[0]), tf.constant(self.labels[0]))
        return lambda: self.rate(ascend, len(images) * self.steps)

    def tf_keras_vis(self) -> Callable[[], float] | None:
        """`ActivationMaximization` without modifiers and regularizers, so as fast as it can be."""
        try:
            from tf_keras_vis.activation_maximization import ActivationMaximization
        except ImportError:
            return None
        import keras

        # It takes a Keras model: the same confidences, bytes as floats in 0..255.
        image = keras.Input(self.shape, dtype="float32")
        outputs = _Confidences(self.scorer)(image)
        maximization = ActivationMaximization(keras.Model(image, outputs), clone=False)
        labels = tf.constant(self.labels)

        def maximize(steps: int) -> None:
            maximization(
                lambda output: tf.gather(output, labels, batch_dims=1),
                seed_input=self.images.numpy(),
                steps=steps,
                input_modifiers=[],
                regularizers=[],
            )

        maximize(1)
        return lambda: self.rate(lambda: maximize(self.steps), self.batch * self.steps)


def _Confidences(scorer: scoring.LocalScorer):  # noqa: N802, it creates a layer
    """A Keras layer that returns a scorer's confidences."""
    import keras

    class Confidences(keras.layers.Layer):
        def call(self, images: tf.Tensor) -> tf.Tensor:
            return scorer.confidences(images)

        def compute_output_shape(self, shape: tuple) -> tuple:
            return shape[0], len(scorer.labels)

    return Confidences()


def main() -> None:
    """Measures everything in turn, `repeats` times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="mnist_a", help="as --model of keras_fool.ascend")
    parser.add_argument("--batch", type=int, default=20, help="images that ascend together")
    parser.add_argument("--steps", type=int, default=10, help="steps of one measurement")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="2 repeats of 4 steps")
    given = parser.parse_args()
    steps, repeats = (4, 2) if given.quick else (given.steps, given.repeats)
    bench = Bench(given.model, given.batch, steps)
    ways = {f"whole loop, preset {name}": bench.whole_loop(name) for name in config_module.PRESETS}
    ways["forward and backward alone"] = alone = bench.network_alone()
    singles = {
        "one image at a time": bench.one_at_a_time(compiled=True),
        "one image at a time, uncompiled": bench.one_at_a_time(compiled=False),
    }
    ways |= singles
    if (other := bench.tf_keras_vis()) is not None:
        ways["tf-keras-vis ActivationMaximization"] = other
    rates = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            rates[name].append(way())
    figures = Figures()
    for name, values in rates.items():
        figures.add(f"{name}, {bench.batch} images", "images*steps/s", values)
    names = {way: name for name, way in ways.items()}
    for preset in config_module.PRESETS:
        loops = rates[f"whole loop, preset {preset}"]
        figures.add(
            f"{preset} / network alone", "x", _ratios(loops, rates[names[alone]]), ">= 0.85"
        )
    loops = rates["whole loop, preset s5"]
    for name in singles:
        figures.add(f"s5 / {name}", "x", _ratios(loops, rates[name]), ">= 3")
    if other is not None:
        figures.add("s5 / tf-keras-vis", "x", _ratios(loops, rates[names[other]]))
    result = {
        "machine": machine(),
        "images": bench.batch,
        "steps": steps,
        "quick": given.quick,
        "figures": figures.values,
    }
    results = json.loads(_RESULTS.read_text()) if _RESULTS.exists() else {}
    results[bench.scorer.name] = result
    _RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    print(f"\n{result['machine']['processor']}, {result['machine']['cores']} cores -> {_RESULTS}")


def _ratios(values: list[float], others: list[float]) -> list[float]:
    return [value / other for value, other in zip(values, others, strict=True)]


if __name__ == "__main__":
    main()
