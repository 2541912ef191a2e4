"""What outputs mean, through every command: sigmoids, independent labels, wrong preprocessing."""

import csv
import json
import pathlib

import keras
import numpy as np
import pytest

from keras_fool import ascend, confidence, evolve, export, transfer
from keras_fool.models import classifiers
from keras_fool.runs import champion_png, champions
from tests import exploring
from tests.keras_fool import folders, terminal
from tests.keras_fool.models import kinds
from trainers import datasets

SMALL = ("--generations=3", "--batch_size=20")


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> pathlib.Path:
    """one.keras (a sigmoid), many.keras and others.keras (independent labels), 8x8 grey."""
    folder = tmp_path_factory.mktemp("models")
    kinds.functional(units=1, activation="sigmoid", scale=0.01)(folder / "one.keras")
    kinds.functional(activation="sigmoid", scale=0.01)(folder / "many.keras")
    kinds.functional(activation="sigmoid", scale=0.012)(folder / "others.keras")
    kinds.functional(units=2, scale=0.01)(folder / "two.keras")
    kinds.one_hot(folder / "hard.keras")
    return folder


@pytest.fixture(scope="module")
def digits() -> datasets.Dataset:
    return datasets.load("digits")


@pytest.fixture(scope="module")
def of_units(tmp_path_factory, digits) -> dict[str, pathlib.Path]:
    """Classifiers of digits that were fitted to values 0..1, one of them of independent labels."""
    folder = tmp_path_factory.mktemp("digits")
    pixels = np.sin(digits.train_images.reshape(len(digits.train_images), -1) / 255)
    ones = np.c_[pixels, np.ones(len(pixels))]
    hot = np.eye(10)[digits.train_labels]
    fitted = np.linalg.solve(ones.T @ ones + 3 * np.eye(ones.shape[1]), ones.T @ hot)
    paths = {}
    for name, slope in (("softmax", 10), ("sigmoid", 8)):
        image = keras.Input(digits.image_shape)
        layer = keras.layers.Dense(10, name)
        # On bytes, a sine is as good as noise.
        flat = keras.layers.Flatten()(keras.ops.sin(image))
        model = keras.Model(image, layer(flat))
        shift = 0.35 if name == "sigmoid" else 0.0
        layer.set_weights([slope * fitted[:-1], slope * (fitted[-1] - shift)])
        paths[name] = folder / f"{name}.keras"
        model.save(paths[name])
    return paths


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def probabilities(path: pathlib.Path, images: np.ndarray) -> np.ndarray:
    """Of each label, by plain Keras."""
    model = keras.saving.load_model(path)
    found = model(images.astype(np.float32), training=False).numpy()
    return np.c_[1 - found, found] if found.shape[1] == 1 else found


def rows_and_images(run: pathlib.Path) -> tuple[list[dict], np.ndarray]:
    rows = folders.rows(run / "champions.csv")
    return rows, np.stack([champion_png.read(run / row["file"]).image for row in rows])


@pytest.mark.parametrize(
    ("name", "labels"), [("many", 3), pytest.param("one", 2, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("module", [evolve, ascend], ids=["evolve", "ascend"])
def test_each_label_is_fooled_by_its_own_probability(command, here, models, module, name, labels):
    path = models / f"{name}.keras"
    options = SMALL if module is evolve else ("--steps=5",)

    code, out, err = command(module, f"--model={path}", *options, "--workdir=run")

    assert code == 0, err
    assert "sigmoid" in out
    rows, images = rows_and_images(here / "run")
    assert len(rows) == labels
    expected = probabilities(path, images)[range(labels), [int(row["label"]) for row in rows]]
    found = [float(row["confidence"]) for row in rows]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    settings = json.loads((here / "run" / "config.json").read_text("utf-8"))["settings"]
    assert settings["scorer"]["outputs"] == "sigmoid"


@pytest.mark.parametrize(
    "objective",
    [
        "logit",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("probability", "log_probability")
        ),
    ],
)
def test_independent_labels_are_climbed_one_by_one(command, here, models, objective):
    """With one step of the gradient, only the own label's probability has to rise."""
    path = models / "many.keras"
    options = ("--steps=40", f"--objective={objective}", "--early=0.1", "--late=0.5")
    assert command(ascend, f"--model={path}", *options, "--workdir=run")[0] == 0

    steps = folders.rows(here / "run" / "metrics.csv")
    for label in range(3):
        climbed = [float(row["confidence"]) for row in steps if row["label"] == str(label)]
        assert climbed[-1] > climbed[0]


def test_settings_of_softmax_models_are_what_they_were(command, here, models):
    assert command(evolve, f"--model={models / 'two.keras'}", *SMALL, "--workdir=run")[0] == 0

    config = json.loads((here / "run" / "config.json").read_text("utf-8"))
    assert set(config["settings"]["scorer"]) == {"sha256", "preprocess", "from_logits"}
    assert config["classifier_spec"] == f"{models / 'two.keras'}:none"


def test_transfer_compares_the_labels_that_images_were_evolved_for(command, here, models):
    paths = [models / "many.keras", models / "others.keras"]
    assert command(evolve, f"--model={paths[0]}", *SMALL, "--workdir=run")[0] == 0

    code, out, err = command(transfer, "--images=run", f"--models={paths[0]},{paths[1]}")

    assert code == 0, err
    rows, images = rows_and_images(here / "run")
    labels = [int(row["label"]) for row in rows]
    own, other = (probabilities(path, images)[range(3), labels] for path in paths)
    matches = (own >= 0.5) & (other >= 0.5)
    assert f"3 images, {matches.sum()} matches" in out
    text = (here / "run-transfer" / "transfer.md").read_text("utf-8")
    assert "independent" in text
    assert f"| (a) Top-1 matches | {100 * matches.mean():.1f} |" in text


def test_a_sigmoid_goes_with_a_softmax_of_two_labels_and_not_with_independent_ones(
    command, here, models
):
    one, two, many = (models / f"{name}.keras" for name in ("one", "two", "many"))
    assert command(evolve, f"--model={one},{two}", *SMALL, "--workdir=run")[0] == 0
    rows, images = rows_and_images(here / "run")
    each = [probabilities(path, images)[range(2), range(2)] for path in (one, two)]
    found = [float(row["confidence"]) for row in rows]
    np.testing.assert_allclose(found, np.mean(each, axis=0), atol=1e-6)

    kinds.functional(scale=0.01)(here / "three.keras")
    code, _, err = command(evolve, f"--model={many},three.keras", *SMALL, "--workdir=none")
    assert code == 1
    assert "independent" in err
    assert "many.keras" in err
    assert "three.keras" in err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["many", "one"])
def test_exports_give_the_same_probabilities(command, here, models, name):
    pytest.importorskip("tensorflow_serving")
    from keras_fool.serving.server import loaded_version

    path = models / f"{name}.keras"
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1), np.uint8)

    code, out, err = command(export, f"--model={path}", "--output=exported/1")

    assert code == 0, err
    assert ("?outputs=sigmoid" in out) == (name == "many")
    found = loaded_version.LoadedVersion(here / "exported" / "1", 1).call(
        "serving_default", {"images": images}
    )
    expected = probabilities(path, images)
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-5)
    powers = np.exp(found["logits"].astype(np.float64))
    again = powers / (powers.sum(axis=1, keepdims=True) if name == "one" else 1 + powers)
    np.testing.assert_allclose(again, expected, atol=1e-5)


@pytest.mark.slow
def test_real_images_of_independent_labels(command, of_units, digits):
    path = of_units["sigmoid"]
    options = (f"--model={path}", "--preprocess=unit", "--dataset=digits")

    code, out, err = command(confidence, *options, "--output=out")

    assert code == 0, err
    found = probabilities(path, digits.test_images / np.float32(255))
    own = found[np.arange(len(found)), digits.test_labels]
    accuracy = 100 * np.mean(own >= 0.5)
    assert accuracy > 60
    assert f"{accuracy:.2f} % of {len(own)} images" in out
    assert terminal.shows(out, "all real images", len(own), 60.3, f"{100 * np.median(own):.1f}")
    assert "independent" in out
    assert "--preprocess" not in err


@pytest.mark.slow
def test_another_preprocessing_that_is_far_better_is_named(command, of_units):
    model = f"--model={of_units['softmax']}"

    code, out, err = command(confidence, model, "--dataset=digits", "--output=bytes")
    assert code == 0
    assert "--preprocess=unit" in err

    code, out, err = command(
        confidence, model, "--dataset=digits", "--preprocess=unit", "--output=units"
    )
    assert code == 0
    assert "--preprocess" not in err
    accuracy = float(out.split("Accuracy: ")[1].split(" %")[0])
    assert accuracy > 80


def test_a_model_of_0_to_1_that_is_given_bytes_is_noticed(command):
    kinds.functional(scale=0.3)("units.keras")

    code, _, err = command(evolve, "--model=units.keras", *SMALL, "--workdir=bytes")
    assert code == 0
    assert "random images" in err
    assert "--preprocess=unit" in err

    for number, options in enumerate((("--preprocess=unit",), ("--model=shipped",))):
        model = "mnist_a" if options == ("--model=shipped",) else "units.keras"
        options = [option for option in options if not option.startswith("--model")]
        code, _, err = command(evolve, f"--model={model}", *options, *SMALL, f"--workdir={number}")
        assert code == 0
        assert "random images" not in err


def test_one_hot_outputs_are_named_and_have_no_gradient(command, models):
    code, _, err = command(evolve, f"--model={models / 'hard.keras'}", *SMALL)
    assert code == 0
    assert "one-hot" in err

    code, _, err = command(ascend, f"--model={models / 'hard.keras'}", "--steps=3")
    assert code == 1
    assert "no gradient" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("options", "code", "facts"),
    [
        (("--outputs=logits",), 1, ("sigmoid", "not logits")),
        (("--from_logits",), 1, ("sigmoid", "not logits")),
        (("--outputs=sigmoid", "--from_logits"), 2, ("--from_logits", "--outputs")),
        (("--outputs=probabilities",), 2, ("confidences", "logits", "sigmoid")),
        (("--outputs=sigmoid",), 0, ()),
    ],
)
def test_what_is_said_is_checked(command, models, options, code, facts):
    found, _, err = command(
        evolve, f"--model={models / 'one.keras'}", *options, *SMALL, "--workdir=run"
    )

    assert found == code
    for fact in facts:
        assert fact in err


@pytest.mark.parametrize(
    ("given", "facts"),
    [
        ("two", ("two.keras",)),
        ("TWO.keras", ("two.keras",)),
        ("upper.KERAS", ("archive", "upper.keras")),
        ("plain", ("archive", "plain.keras")),
        ("unpacked.keras", ("folder", "unpacked")),
        ("unpacked", ("folder", "unpacked")),
        ("old.hdf", ("HDF5", "old.h5")),
        ("missing.keras", ("no file",)),
    ],
)
def test_names_that_are_nearly_right_are_told(here, models, given, facts):
    content = (models / "two.keras").read_bytes()
    for name in ("two.keras", "upper.KERAS", "plain"):
        (here / name).write_bytes(content)
    for name in ("unpacked.keras", "unpacked"):
        (here / name).mkdir()
        (here / name / "config.json").write_text("{}")
    (here / "old.hdf").write_bytes(b"\x89HDF\r\n\x1a\n")

    with pytest.raises(ValueError, match=given) as raised:
        classifiers.find(given)

    for fact in facts:
        assert fact in str(raised.value)


def test_names_of_two_labels(command, here, models):
    pathlib.Path("names.txt").write_text("cat\ndog\n")

    code, _, err = command(
        evolve,
        f"--model={models / 'one.keras'}",
        "--label_names=names.txt",
        *SMALL,
        "--workdir=run",
    )

    assert code == 0, err
    with open(here / "run" / "champions.csv", newline="") as file:
        assert [row["label_name"] for row in csv.DictReader(file)] == ["cat", "dog"]


def saturated(path: pathlib.Path, activation: str, own_layer: bool, kernel: np.ndarray) -> None:
    """Logits of which a constant is nearly all: the last label's is larger by 2e5."""
    image = keras.Input((8, 8, 1))
    layer = keras.layers.Dense(3, None if own_layer else activation)
    outputs = layer(keras.layers.Flatten()(image))
    if own_layer:
        own = (
            keras.layers.Softmax()
            if activation == "softmax"
            else keras.layers.Activation(activation)
        )
        outputs = own(outputs)
    model = keras.Model(image, outputs)
    layer.set_weights([kernel, np.array([-1e5, -1e5, 1e5])])
    model.save(path)


@pytest.mark.parametrize(
    ("activation", "own_layer"),
    exploring.most(
        [("softmax", False), ("softmax", True), ("sigmoid", False), ("sigmoid", True)],
        rare={("softmax", False), ("sigmoid", True)},
    ),
)
def test_saturated_is_told_from_constant(command, here, activation, own_layer):
    kernel = np.random.default_rng(0).normal(size=(64, 3))
    saturated(here / "saturated.keras", activation, own_layer, kernel)
    # The same for each label, which makes no difference to a softmax.
    same = kernel[:, :1].repeat(3, axis=1) if activation == "softmax" else np.zeros((64, 3))
    saturated(here / "constant.keras", activation, own_layer, same)

    code, _, err = command(evolve, "--model=saturated.keras", *SMALL, "--workdir=run")
    assert code == 0, err
    assert "saturated.keras gives the same for all of 80 images, nothing but 0 and 1" in err
    assert len(champions.read(here / "run").images) == 3

    code, _, err = command(evolve, "--model=constant.keras", *SMALL, "--workdir=none")
    assert code == 1
    assert "constant.keras" in err
    assert "No image could fool it" in err


@pytest.mark.slow
def test_saturated_is_told_from_constant_by_logits_beside_probabilities(command, here):
    """Those that `export` writes."""
    pytest.importorskip("tensorflow_serving")
    kernel = np.random.default_rng(0).normal(size=(64, 3))
    saturated(here / "saturated.keras", "softmax", True, kernel)
    assert command(export, "--model=saturated.keras", "--output=exported/1")[0] == 0

    code, _, err = command(evolve, "--model=exported/1", *SMALL, "--workdir=run")

    assert code == 0, err
    assert "all of 80 images, nothing but 0 and 1" in err
