"""Compares `keras_fool.fool` on a model in memory with the command on the same model's file.

    python -m benchmarks.interface            about 2 minutes on two cores
    python -m benchmarks.interface --quick    half a minute; fewer repeats, wider spread

Both run in this process in turn, each first every other time, from opening the classifier to the
last file of the run folder: one run against LeNet, as `python -m keras_fool.evolve --dataset=mnist`
does. Given as median (minimum .. maximum), by the clock and, for machines that have other work,
by the processor time that it takes. Prints a table and writes benchmarks/interface.json.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from absl import flags
from absl.testing import flagsaver

import keras_fool
from benchmarks.throughput import Figures, machine, seconds
from keras_fool import evolve
from keras_fool.command_line import cli
from keras_fool.models import classifiers

_RESULTS = pathlib.Path(__file__).with_name("interface.json")
_IMAGES = 40_400


@dataclasses.dataclass(frozen=True)
class Rates:
    """Images per second, a value for each repeat.

    Attributes:
        clock: Of time.
        processor: Of processor time, of all threads.
    """

    clock: list[float] = dataclasses.field(default_factory=list)
    processor: list[float] = dataclasses.field(default_factory=list)


def command(path: str) -> None:
    """The command, quietly."""
    argv = ["evolve", "--dataset=mnist", f"--workdir={path}"]
    with (
        open(os.devnull, "w") as nowhere,
        flagsaver.flagsaver(),
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        try:
            cli.run(evolve.main, evolve.USES, argv)
        except SystemExit as ended:
            if ended.code:
                raise RuntimeError(f"the command ended with {ended.code}") from ended


def main() -> None:
    """Measures both in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    quick = parser.parse_args().quick
    flags.FLAGS(["benchmark"])
    model = classifiers.find("mnist_a").load()
    figures, by_command, by_fool = Figures(), Rates(), Rates()
    with tempfile.TemporaryDirectory() as folder:
        for repeat in range(1 + (4 if quick else 16)):
            path = str(pathlib.Path(folder, str(repeat)))
            both = [
                (by_command, lambda path=path: command(path)),
                (by_fool, lambda: keras_fool.fool(model, progress=False)),
            ]
            for rates, work in both if repeat % 2 else reversed(both):
                begun = time.process_time()
                rates.clock.append(_IMAGES / seconds(work))
                rates.processor.append(_IMAGES / (time.process_time() - begun))
    for name in ("clock", "processor"):
        # The first time loads what both share.
        evolve_, fool = (getattr(rates, name)[1:] for rates in (by_command, by_fool))
        figures.add(f"evolve, one run on LeNet from its file, {name}", "images/s", evolve_)
        figures.add(f"keras_fool.fool, the same model in memory, {name}", "images/s", fool)
        ratios = [one / other for one, other in zip(fool, evolve_, strict=True)]
        figures.add(f"keras_fool.fool / evolve, {name}", "x", ratios, ">= 0.95")
    result = {"machine": machine(), "quick": quick, "figures": figures.values}
    _RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(f"\n{result['machine']['processor']}, {result['machine']['cores']} cores -> {_RESULTS}")


if __name__ == "__main__":
    main()
