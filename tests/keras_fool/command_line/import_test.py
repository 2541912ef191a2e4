"""--import: custom layers come from a module that the user names, never from a file."""

import sys

import keras
import numpy as np
import pytest
from PIL import Image

from keras_fool import evolve, transfer
from tests.keras_fool import folders

MODULE = """
import keras

@keras.saving.register_keras_serializable("shop")
class Doubled(keras.layers.Layer):
    def call(self, inputs):
        return inputs * 2.0

@keras.saving.register_keras_serializable("shop")
def softer(values):
    return keras.ops.softmax(values / 2.0)
"""
SMALL = ("--generations=1", "--batch_size=10", "--workdir=run")


def forget() -> None:
    sys.modules.pop("my_layers", None)
    for name in ("shop>Doubled", "shop>softer"):
        keras.saving.get_custom_objects().pop(name, None)


@pytest.fixture(params=["mine.keras", "mine.h5"])
def model(tmp_path, monkeypatch, request):
    """A model with a layer and a function of a module that is not imported any more."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_layers.py").write_text(MODULE)
    import my_layers

    image = keras.Input((6, 6, 1))
    weights = keras.initializers.RandomNormal(stddev=0.01, seed=1)
    flat = keras.layers.Flatten()(my_layers.Doubled(name="twice")(image))
    head = keras.layers.Dense(3, my_layers.softer, kernel_initializer=weights)
    network = keras.Model(image, head(flat))
    network.save(tmp_path / request.param)
    forget()
    yield tmp_path / request.param
    forget()


def test_a_named_module_brings_what_is_missing(command, model):
    code, _, err = command(evolve, f"--model={model}", *SMALL)
    assert code == 1
    assert "class Doubled" in err or "class shop>Doubled" in err
    assert "'twice'" in err
    assert "--import=package.module" in err
    assert err.count("\n") == 1

    code, _, err = command(evolve, f"--model={model}", "--import=my_layers", *SMALL)
    assert code == 0, err
    network = keras.saving.load_model(model, compile=False)
    for row in folders.rows(model.parent / "run" / "champions.csv"):
        png = np.asarray(Image.open(model.parent / "run" / row["file"]), np.float32)
        found = network.predict(png[None, ..., None], verbose=0)
        assert float(row["confidence"]) == pytest.approx(found[0, int(row["label"])], abs=1e-5)


@pytest.mark.parametrize(
    ("name", "code", "facts"),
    [
        ("my_layrs", 1, ("my_layrs", "ModuleNotFoundError")),
        ("broken_layers", 1, ("broken_layers", "ZeroDivisionError")),
        ("my layers", 2, ("'my layers'", "package.module")),
        ("../my_layers", 2, ("'../my_layers'",)),
    ],
)
def test_modules_that_cannot_be_imported(command, tmp_path, monkeypatch, name, code, facts):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_layers.py").write_text("1 / 0\n")

    found, _, err = command(evolve, "--dataset=mnist", f"--import={name}", *SMALL)

    assert found == code
    assert err.count("\n") == 1
    for fact in facts:
        assert fact in err


def test_transfer_imports_too(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    code, _, err = command(transfer, "--images=run", "--models=mnist_a", "--import=no_such_module")

    assert code == 1
    assert "no_such_module" in err
