"""Run folders and an audit that many tests read; who alters one copies it first."""

import json
import pathlib
import shutil

import numpy as np
import pytest

import keras_fool
from evolvers.config import Config
from keras_fool.models import classifiers


@pytest.fixture(scope="session")
def other_model(made_once, tiny_model) -> pathlib.Path:
    """A .keras file like `tiny_model`, of other weights: some images fool both."""

    def make(folder: pathlib.Path) -> None:
        import keras

        model = keras.saving.load_model(tiny_model)
        kernel, bias = model.layers[-1].get_weights()
        noise = np.random.default_rng(1).normal(size=kernel.shape)
        model.layers[-1].set_weights([kernel + noise.astype(np.float32), bias])
        model.save(folder / "other.keras")

    return made_once("other", make) / "other.keras"


@pytest.fixture(scope="session")
def run_folder(made_once, tiny_model) -> pathlib.Path:
    """A complete run folder: runs 3 and 4 against `tiny_model`."""

    def make(folder: pathlib.Path) -> None:
        from keras_fool.runs import evolution_run

        config = Config(runs=2, first_run=3, generations=4, initial=20, batch=20)
        classifier = classifiers.find(str(tiny_model))
        path = folder / "three"
        evolution_run.evolve(path, config, classifier, command="again", note=print)

    return made_once("run", make) / "three"


@pytest.fixture
def altered(run_folder, tmp_path):
    """A copy of `run_folder`, to be altered."""
    return pathlib.Path(shutil.copytree(run_folder, tmp_path / "altered"))


@pytest.fixture(scope="session")
def blots(tiny_model) -> tuple[np.ndarray, np.ndarray]:
    """What counts as real here: soft blots, and labels that are right about most of them."""
    rng = np.random.default_rng(1)
    rows, columns = np.mgrid[:12, :10]
    centres = rng.uniform(3, 8, (240, 2, 1, 1))
    squares = (rows - centres[:, 0]) ** 2 + (columns - centres[:, 1]) ** 2
    grey = 200 * np.exp(-squares / rng.uniform(4, 20, (240, 1, 1)))
    images = grey.astype(np.uint8)[..., np.newaxis]
    labels = classifiers.find(str(tiny_model)).open().score(images).argmax(axis=1)
    labels[::10] = (labels[::10] + 1) % 3
    return images, labels


# A few hundred images for each attack, and all detectors.
SMALL = {"budget": 3000, "quick": True, "progress": False}


@pytest.fixture(scope="session")
def whole(made_once, tiny_model, blots) -> pathlib.Path:
    """The folder of a complete audit of `tiny_model`; who alters it copies it first."""

    def make(folder: pathlib.Path) -> None:
        keras_fool.assess(tiny_model, *blots, workdir=folder / "audit", **SMALL)

    return made_once("audit", make) / "audit"


TWINS = {"one": ("circle", "cross", "heart"), "two": ("heart", "Circle", "cross")}


@pytest.fixture(scope="session")
def twins(made_once, tiny_model) -> dict[str, pathlib.Path]:
    """The folders of two classifiers that are one, but for the order of their labels' names."""

    def make(base: pathlib.Path) -> None:
        import keras

        model = keras.saving.load_model(tiny_model)
        kernel, bias = model.layers[-1].get_weights()
        for name, labels in TWINS.items():
            folder = base / name / "1"
            folder.mkdir(parents=True)
            order = [TWINS["one"].index(label.lower()) for label in labels]
            model.layers[-1].set_weights([kernel[:, order], bias[order]])
            model.save(folder / classifiers.MODEL_FILE)
            card = {"labels": labels, "dataset": "folder:drawings"}
            (folder / classifiers.CARD_FILE).write_text(json.dumps(card))

    base = made_once("twins", make)
    return {name: base / name / "1" for name in TWINS}
