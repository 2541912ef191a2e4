"""inspect says what is true of a model, and which preprocessing is right."""

import re

import keras
import numpy as np
import pytest
from PIL import Image

from keras_fool import inspect
from keras_fool.studies import inspection

SIDE = 16


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(inspection, "_SECONDS", 0.0)  # speed is of one batch


@pytest.fixture
def small_batches(monkeypatch):
    """Speed is of 24 images: it is measured as that of slow networks."""
    monkeypatch.setattr(inspection, "_SLOW", 0.0)


def bright(channels: int = 3) -> keras.Model:
    """Tells dark images from bright ones, given in -1..1."""
    image = keras.Input((SIDE, SIDE, channels), name="image")
    mean = keras.layers.GlobalAveragePooling2D()(image)
    head = keras.layers.Dense(2, "softmax", name="last")
    model = keras.Model(image, head(mean))
    kernel = np.zeros((channels, 2), np.float32)
    kernel[:, 0], kernel[:, 1] = -4, 4
    head.set_weights([kernel, np.zeros(2, np.float32)])
    return model


@pytest.fixture
def photographs(tmp_path):
    """A folder of dark and bright pictures."""
    generator = np.random.default_rng(0)
    for label, low in (("bright", 160), ("dark", 20)):
        folder = tmp_path / "photographs" / "test" / label
        folder.mkdir(parents=True)
        for number in range(12):
            pixels = generator.integers(low, low + 60, (SIDE, SIDE, 3), np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "photographs"


def facts_in(out: str) -> dict[str, str]:
    """The lines by the fact's name, those that go on joined."""
    found: dict[str, str] = {}
    name = ""
    for line in out.splitlines():
        if match := re.match(r"(\S+(?: \S+)?) {2,}(\S.*)", line):
            name = match[1]
            found[name] = match[2]
        elif line.startswith(" ") and name:
            found[name] += f" {line.strip()}"
    return found


def test_what_is_said_is_true(command, tmp_path):
    bright().save(tmp_path / "mine.keras")
    (tmp_path / "names.txt").write_text("dark\nbright\n")

    code, out, err = command(
        inspect, "--model=mine.keras", "--preprocess=tf", "--label_names=names.txt"
    )

    assert code == 0, err
    found = facts_in(out)
    assert found["model"] == "mine.keras"
    assert ".keras" in found["format"]
    assert re.fullmatch("[0-9a-f]{64}", found["sha256"])
    assert "16 x 16 pixels, RGB, channels last, float32" in found["input"]
    assert found["range"] == "-1..1"
    assert "2 x confidences" in found["outputs"]
    assert "'last' (softmax)" in found["outputs"]
    assert found["labels"] == "2: dark, bright"
    assert "ascend" in found["gradients"]
    assert float(re.match("([0-9,]+) images/s", found["speed"])[1].replace(",", "")) > 0
    assert max(map(len, out.splitlines())) <= 100
    assert out.splitlines()[-1].split(maxsplit=1)[1] == (
        "python -m keras_fool.evolve --model=mine.keras --preprocess=tf --label_names=names.txt"
    )


@pytest.mark.usefixtures("small_batches")
def test_members_of_an_ensemble_and_what_they_see(command, tmp_path):
    bright().save(tmp_path / "a.keras")
    bright().save(tmp_path / "b.h5")

    code, out, err = command(
        inspect, "--model=a.keras:tf,b.h5:unit:crop=20", "--image_size=24", "--crops=10"
    )

    assert code == 0, err
    assert "10 crops of 16 x 16 pixels, out of 24 x 24" in out
    assert "10 crops of 20 x 20 pixels, scaled to 16, out of 24 x 24" in out
    assert out.count("sha256") == 2
    assert facts_in(out)["images"].startswith("24 x 24 pixels")


@pytest.mark.usefixtures("small_batches")
def test_gradients_that_do_not_flow_are_told(command, tmp_path):
    image = keras.Input((SIDE, SIDE, 3))
    mean = keras.layers.GlobalAveragePooling2D()(image)
    steps = keras.ops.cast(keras.ops.cast(mean, "int32"), "float32") / 255
    outputs = keras.layers.Dense(3, "softmax", kernel_initializer="random_normal")(steps)
    keras.Model(image, outputs).save(tmp_path / "steps.keras")

    code, out, err = command(inspect, "--model=steps.keras")

    assert code == 0, err
    assert facts_in(out)["gradients"].startswith("none reach the image")


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("said", ["tf", "none"])
def test_the_right_preprocessing_is_the_best(command, tmp_path, photographs, said):
    bright().save(tmp_path / "mine.keras")
    (tmp_path / "names.txt").write_text("dark\nbright\n")

    code, out, err = command(
        inspect,
        f"--model=mine.keras:{said}",
        "--label_names=names.txt",
        f"--dataset=folder:{photographs}",
    )

    assert code == 0, err
    shares = dict(re.findall(r"^  (\w+) +([\d.]+) %", out, re.MULTILINE))
    assert float(shares["tf"]) == 100
    assert float(shares["none"]) == float(shares["unit"]) == 50
    assert "24 test images of folder:photographs" in out
    assert re.search(rf"^  {said} .*as it is now", out, re.MULTILINE)
    assert ("--preprocess=tf" in out) == ("probably" in out) == (said == "none")
    assert "--preprocess=unit" not in out
    assert "by their names" in out
    assert ("python -m keras_fool.evolve --model=mine.keras:tf" in out) == (said == "tf")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "give --model"),
        (("--model=missing.keras",), 1, "no file missing.keras"),
        (("--model=grpc://127.0.0.1:1/a",), 2, "endpoint"),
        (("--model=mnist_a", "--dataset=nothing"), 2, "unknown data set"),
    ],
)
def test_what_cannot_be_inspected_is_said(command, arguments, code, message):
    found, out, err = command(inspect, *arguments)

    assert (found, out) == (code, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.usefixtures("small_batches")
def test_a_shipped_classifier_on_its_data(command):
    code, out, err = command(inspect, "--dataset=digits", "--model=mnist_a")

    assert code == 0, err
    assert "359 test images of digits" in out
    assert facts_in(out)["labels"].startswith("10")
