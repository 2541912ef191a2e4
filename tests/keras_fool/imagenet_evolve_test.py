"""Evolution against a real network of ImageNet, all of its thousand labels."""

import csv
import pathlib

import pytest

from keras_fool import evolve
from tests.keras_fool import folders, processes

SHARED = pathlib.Path(__file__).parents[3] / "shared"
WEIGHTS = SHARED / "imagenet_networks" / "mobilenet" / "mobilenet_0.25_128.weights.h5"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not WEIGHTS.is_file(), reason=f"no weights of MobileNet in {WEIGHTS}"),
]
MODEL = (
    "--model=MobileNet:alpha=0.25:size=128",
    f"--weights={WEIGHTS}",
    f"--label_names={SHARED / 'imagenet_samples' / 'labels.txt'}",
)


def medians(folder: pathlib.Path) -> list[float]:
    with open(folder / "metrics.csv", newline="", encoding="utf-8") as file:
        return [float(row["median"]) for row in csv.DictReader(file)]


def test_fifty_generations_raise_the_median_fivefold(command, tmp_path):
    run = tmp_path / "run"

    code, out, err = command(
        evolve, *MODEL, "--batch_size=400", "--generations=50", f"--workdir={run}"
    )

    assert code == 0, err
    by_generation = medians(run)
    assert by_generation[50] >= 5 * by_generation[0]
    assert by_generation == sorted(by_generation)
    with open(run / "champions.csv", newline="", encoding="utf-8") as file:
        surest = max(csv.DictReader(file), key=lambda row: float(row["confidence"]))
    assert surest["label_name"] in out
    assert not surest["label_name"].isdigit()
    assert "1000 champions, median confidence" in out


def test_killed_and_started_again_it_ends_with_the_same_bytes(command, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    settings = [*MODEL, "--batch_size=40", "--generations=8", "--checkpoint_every=1"]
    assert command(evolve, *settings, f"--workdir={whole}")[0] == 0

    processes.killed(
        *("evolve", *settings, f"--workdir={killed}"),
        log=tmp_path / "log",
        within=killed,
        once="checkpoint/generation_*2-*.npz",
    )

    code, _, err = command(evolve, *settings, f"--workdir={killed}")

    assert code == 0, err
    assert "goes on after generation" in err
    assert folders.contents(killed) == folders.contents(whole)
