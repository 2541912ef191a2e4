"""Measures scoring through an endpoint, compared with scoring in this process.

    python -m benchmarks.serving            about 3 minutes on two cores
    python -m benchmarks.serving --quick    about a minute; fewer repeats, wider spread

The endpoint is the local server (`python -m keras_fool.serve`) in a process of its own on this
machine, so it shares the cores with the client. It is asked through gRPC with bytes, and answers in
typed fields (TF Serving's default) or packed; and through REST. All are measured in turn, on the
same images, and given as median (minimum .. maximum). Prints a table and writes
benchmarks/serving.json.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.throughput import Figures, machine, open_scorer, seconds
from keras_fool.models import endpoints
from keras_fool.runs import scorers as scorers_module

_ROOT = pathlib.Path(__file__).resolve().parent.parent
_RESULTS = pathlib.Path(__file__).with_name("serving.json")
_MODEL = "mnist_a"
_BAR = ">= 0.6"


@contextlib.contextmanager
def server(*flags: str) -> Iterator[tuple[str, str]]:
    """The local server; yields its addresses for gRPC and REST."""
    command = [sys.executable, "-m", "keras_fool.serve", "--port=0", "--rest_api_port=0", *flags]
    process = subprocess.Popen(
        [*command, f"--model_base_path={_ROOT / 'saved_models' / _MODEL}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=_ROOT,
    )
    try:
        line = process.stdout.readline()
        yield re.search(r"gRPC on (\S+), REST on (\S+)\n", line).groups()
    finally:
        process.terminate()
        process.wait()


def measure(figures: Figures, scorers: dict, batch: int, parts: int, repeats: int) -> None:
    """Images per second of each scorer in turn; the others are compared with the first.

    Args:
        figures: Where the figures are added.
        scorers: By name.
        batch: How many images one call has.
        parts: How many calls are timed together.
        repeats: How many times each is measured.
    """
    images = np.random.default_rng(0).integers(0, 256, (batch, 28, 28, 1), np.uint8)
    expected = None
    for scorer in scorers.values():
        confidences = scorer.score(images)
        expected = confidences if expected is None else expected
        assert (confidences == expected).all(), "an endpoint gives other confidences"
    rates = {name: [] for name in scorers}
    for _ in range(repeats):
        for name, scorer in scorers.items():
            # REST takes long, so fewer calls are made.
            calls = max(1, parts // 10) if "REST" in name else parts
            wall = seconds(lambda s=scorer, n=calls: [s.score(images) for _ in range(n)])
            rates[name].append(calls * batch / wall)
    here, *others = scorers
    figures.add(f"{here}, batches of {batch}", "images/s", rates[here])
    for name in others:
        figures.add(f"{name}, batches of {batch}", "images/s", rates[name])
        ratios = [a / b for a, b in zip(rates[name], rates[here], strict=True)]
        bar = _BAR if "packed" not in name and "REST" not in name else ""
        figures.add(f"  {name} / {here}", "x", ratios, bar)


def main() -> None:
    """Measures everything in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    quick = parser.parse_args().quick
    figures = Figures()
    packed_flag = "--enable_serialization_as_tensor_content"
    with server() as (typed, rest), server(packed_flag) as (packed, _):
        urls = {
            "gRPC": f"grpc://{typed}/{_MODEL}",
            "gRPC, packed answers": f"grpc://{packed}/{_MODEL}",
            "REST, JSON": f"http://{rest}/v1/models/{_MODEL}",
        }
        scorers = {"scoring in this process": open_scorer()}
        for name, url in urls.items():
            scorers[name] = scorers_module.open_scorer(endpoints.parse(url))
        repeats = 3 if quick else 9
        measure(figures, scorers, batch=200, parts=20, repeats=repeats)
        measure(figures, scorers, batch=2000, parts=10, repeats=repeats)
        for scorer in list(scorers.values())[1:]:
            scorer.close()
    result = {"machine": machine(), "quick": quick, "figures": figures.values}
    _RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(f"\n{result['machine']['processor']}, {result['machine']['cores']} cores -> {_RESULTS}")


if __name__ == "__main__":
    main()
