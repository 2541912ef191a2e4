"""Real images for `tiny_model`, and an audit that many tests read."""

import pathlib
import shutil

import numpy as np
import pytest

import keras_fool
from keras_fool.models import classifiers


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


@pytest.fixture
def altered(whole, tmp_path) -> pathlib.Path:
    """A copy of `whole`, to be altered."""
    return pathlib.Path(shutil.copytree(whole, tmp_path / "altered"))
