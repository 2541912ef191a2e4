"""Measures the input pipeline: images per second, compared with what the networks take.

    python -m benchmarks.input_pipeline            about two minutes on two cores
    python -m benchmarks.input_pipeline --quick    fewer steps, wider spread

A pipeline that gives more images than the network can process never makes it wait. Files are
JPEGs of ImageNet's usual size, 500x375; shapes are drawn. Every figure is the median of several
series of steps (minimum .. maximum). Prints a table and writes
benchmarks/input_pipeline.json: machine, versions, figures.
"""

import argparse
import functools
import json
import os
import pathlib
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.throughput import Figures, machine, seconds
from trainers import classifier, config, datasets, shapes, sources, strategies

_RESULTS = pathlib.Path(__file__).with_name("input_pipeline.json")
_NUM_FILES = {"train": 400, "test": 20}
_HEIGHT, _WIDTH = 375, 500  # the size of most of ImageNet's pictures


def write_pictures(folder: pathlib.Path) -> None:
    """Fills a folder with JPEGs of ImageNet's size: large drawings with noise."""
    from PIL import Image

    for split, count in _NUM_FILES.items():
        for number in range(count):
            image = shapes.draw(len(split), np.array([number]), _WIDTH)[0][:_HEIGHT]
            label = folder / split / shapes.LABELS[number % len(shapes.LABELS)]
            label.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(label / f"{number}.jpg", quality=90)


def measure_drawing(figures: Figures, repeats: int) -> None:
    """Drawing shapes, on one core."""
    for side, count in ((32, 2000), (64, 1000), (256, 50)):
        draw = functools.partial(shapes.draw, 0, np.arange(count), side)
        draw()
        rates = [count / seconds(draw) for _ in range(repeats)]
        bar = ">= 5000" if side == 64 else ""
        figures.add(f"shapes of {side}x{side} drawn, one core", "images/s", rates, bar)


def measure_network(
    figures: Figures, data: sources.Source, architecture: str, batch: int, steps: int, repeats: int
) -> None:
    """The pipeline alone, training with its images, and training with images in memory."""
    what = f"{architecture}, {data.name}, batches of {batch}"
    feed = data.train_feed(1, batch, slice(0, batch))
    feed.read(0, 1)
    alone = [
        steps * batch / seconds(lambda start=start: feed.read(start, steps))
        for start in range(1, 1 + repeats * steps, steps)
    ]
    settings = config.for_architecture(architecture, batch=batch, evaluate_every=10**9)
    strategy = strategies.create("auto")
    images, labels = feed.read(1 + repeats * steps, 2)
    flat = [array.reshape(-1, *array.shape[2:]) for array in (images, labels)]
    in_memory = datasets.Dataset("in memory", data.labels, *flat, *flat)
    rates = {}
    for kind, source in {"pipeline": data, "memory": in_memory}.items():
        training = classifier.Training(settings, source, strategy)
        training.advance(1)  # traces
        rates[kind] = [
            steps * batch / seconds(lambda training=training: _advance(training, steps))
            for _ in range(repeats)
        ]
    figures.add(f"pipeline alone: {what}", "images/s", alone)
    figures.add(f"training from memory: {what}", "images/s", rates["memory"])
    figures.add(f"training from the pipeline: {what}", "images/s", rates["pipeline"])
    ratios = [a / b for a, b in zip(rates["pipeline"], rates["memory"], strict=True)]
    figures.add("  training from the pipeline / from memory", "x", ratios)


def _advance(training: classifier.Training, steps: int) -> None:
    until = training.step + steps
    while training.step < until:
        training.advance(until)


def main() -> None:
    """Measures everything in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer steps and repeats")
    quick = parser.parse_args().quick
    repeats = 3 if quick else 5
    figures = Figures()
    measure_drawing(figures, repeats)
    with tempfile.TemporaryDirectory() as folder:
        name = f"folder:{folder}/jpegs"
        write_pictures(pathlib.Path(folder, "jpegs"))
        for architecture, batch, steps in (("small", 64, 10), ("caffenet", 32, 2)):
            side = config.IMAGE_SIDES[architecture]
            image_size, crop_size = datasets.default_sizes(name, side)
            data = datasets.load(name, image_size=image_size, crop_size=crop_size)
            measure_network(figures, data, architecture, batch, steps, repeats)
    if not quick:
        content = {"machine": machine(), "figures": figures.values}
        _RESULTS.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
        print(f"written to {_RESULTS}")


if __name__ == "__main__":
    main()
