"""Studies with few images and steps, `retrain` that kills itself, and what must be the same bytes.

What takes time in a small study is to score images, and no test is about how many there are.
"""

import functools
import json
import os
import pathlib
import signal
from collections.abc import Callable

import pytest

from evolvers import map_elites
from keras_fool import retrain
from keras_fool.command_line import cli
from keras_fool.runs import checkpoints, files
from keras_fool.studies.retraining import config
from tests.keras_fool import processes

GENERATION = 40  # images, not 200 or 400
_STEPS = 12  # of a training, unless a flag says how many


def small_studies(patch: pytest.MonkeyPatch) -> None:
    """Makes generations and trainings of all studies small."""
    scaled = config.Config.scaled

    def small(scale: float, **settings: object) -> config.Config:
        given = {name: value for name, value in settings.items() if value is not None}
        return scaled(scale, **{"batch": GENERATION, "steps": _STEPS, **given})

    patch.setattr(config.Config, "scaled", small)


def contents(path: pathlib.Path) -> dict[str, bytes]:
    """Everything that must be the same bytes in every study of these settings."""
    found = {}
    for file in path.rglob("*"):
        name = file.relative_to(path).as_posix()
        dated = "tfevents" in name or name == "times.csv" or name.startswith("trainings/")
        # A SavedModel numbers its parts as they were made; classifier.keras has the weights.
        dated |= file.suffix == ".pb" or file.parent.name == "variables"
        if file.is_file() and not dated:
            content = file.read_bytes().replace(str(path).encode(), b"PATH")
            if file.name == "card.json":
                content = json.dumps({**json.loads(content), "created": ""}).encode()
            found[name] = content
    return found


def starter(log: pathlib.Path) -> Callable[[str, list[str]], tuple[int, str]]:
    """A function that starts the command in a process of its own.

    It takes a point to be killed at ("train" after step 8, "export", "evolve" in generation
    1, "draw" between two files, or "nowhere") and the flags, and returns the process's exit
    code and what it said.
    """

    def start(point: str, arguments: list[str]) -> tuple[int, str]:
        log.write_text("")
        started = processes.start_function(functools.partial(_command, point, arguments), log=log)
        return started.exit_code(), log.read_text("utf-8")

    return start


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _command(point: str, arguments: list[str]) -> None:
    """What runs in a forked process: the command, which kills itself at a point."""
    save, rename = checkpoints.CheckpointFolder.save, files.rename
    advance = map_elites.Evolution.advance

    def saved(folder, arrays):
        save(folder, arrays)
        if point == "train" and arrays.get("step") == 8:
            _die()

    def advanced(evolution):
        if point == "evolve" and evolution.generation == 0:
            _die()
        return advance(evolution)

    def renamed(part, path):
        rename(part, path)
        if point == "draw" and path.parent.name == "draws":  # the first of its files
            _die()

    def exported(path, model):
        if point == "export":
            _die()
        original_export(path, model)

    from keras_fool.runs import training_run
    from trainers import keras_file

    original_export, keras_file.save = keras_file.save, exported
    small_studies(pytest.MonkeyPatch())
    training_run.train.__kwdefaults__["checkpoint_every"] = 8
    checkpoints.CheckpointFolder.save = saved
    map_elites.Evolution.advance = advanced
    files.rename = renamed
    cli.run(retrain.main, retrain.USES, ["retrain", *arguments])
