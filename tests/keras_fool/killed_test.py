"""Runs killed by SIGKILL, which nothing can catch, end with the bytes of one left alone."""

import random

import pytest

from keras_fool import evolve
from tests.keras_fool import folders, processes


@pytest.mark.parametrize(
    ("encoding", "kills"),
    [
        ("direct", 1),
        pytest.param("cppn", 2, marks=pytest.mark.slow),
        pytest.param("cppn", 8, marks=pytest.mark.slow),
        pytest.param("direct", 8, marks=pytest.mark.slow),
    ],
)
def test_killed_run_ends_with_the_same_bytes(command, tmp_path, tiny_model, encoding, kills):
    arguments = (
        f"--model={tiny_model}",
        f"--encoding={encoding}",
        "--runs=2",
        f"--generations={20 * kills}",
        "--batch_size=20",
        "--checkpoint_every=3",
    )
    log, path = tmp_path / "log", tmp_path / "killed"
    assert command(evolve, *arguments, f"--workdir={tmp_path / 'alone'}")[0] == 0
    expected = folders.contents(tmp_path / "alone")
    assert "champions.csv" in expected

    moments = random.Random(f"{encoding} {kills}")
    for number in range(kills):
        # First before any checkpoint is there, then among those that it writes.
        change, once = moments.randint(1, 30), "checkpoint/*.npz"
        if not number:
            change, once = moments.randint(1, 4), ""
        processes.killed(
            *("evolve", *arguments, f"--workdir={path}"),
            log=log,
            within=path,
            change=change,
            once=once,
        )

    code, _, err = command(evolve, *arguments, f"--workdir={path}")

    assert code == 0, err
    assert ("goes on after generation" in err) == (kills > 1)
    assert "Traceback" not in log.read_text() + err
    assert folders.contents(path) == expected
