import json
import os
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from keras_fool import confidence
from keras_fool.models import applications
from tests import exploring
from tests.keras_fool import folders, next_steps

CENTRES = {"dark": 0.0, "Mid_grey": 0.5, "bright": 1.0}


def brightness_model(labels, channels, path):
    """Tells how bright an image is; its labels are in the given order."""
    import keras

    image = keras.Input((16, 16, channels), dtype="uint8")
    mean = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(image))
    outputs = keras.layers.Dense(len(labels), activation="softmax")(mean)
    model = keras.Model(image, outputs)
    centres = np.array([CENTRES[label] for label in labels])
    kernel = np.tile(2 * 100 * centres / channels, (channels, 1))
    model.layers[-1].set_weights([kernel, -100 * centres**2])
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(path)


@pytest.fixture(scope="module")
def brightness(tmp_path_factory):
    """By number of channels, the folder of a classifier whose labels are not sorted."""
    base = tmp_path_factory.mktemp("brightness")
    for channels in (1, 3):
        folder = base / f"of_{channels}" / "1"
        brightness_model(["dark", "Mid_grey", "bright"], channels, folder / "classifier.keras")
        card = {"labels": ["dark", "Mid_grey", "bright"], "dataset": "folder:greys"}
        (folder / "card.json").write_text(json.dumps(card))
    return {channels: base / f"of_{channels}" / "1" for channels in (1, 3)}


@pytest.fixture
def greys(tmp_path, monkeypatch):
    """A folder of pictures, whose labels sort otherwise: bright, dark, mid grey."""
    monkeypatch.chdir(tmp_path)
    for label, value in (("dark", 10), ("mid grey", 128), ("bright", 250)):
        folder = tmp_path / "greys" / "test" / label
        folder.mkdir(parents=True)
        for number in range(2):
            Image.new("RGB", (20, 30), (value,) * 3).save(folder / f"{number}.png")
    return tmp_path / "greys"


def top1_error(out: str) -> str:
    """What the command prints as top-1 error, in per cent."""
    assert "|" not in out, "a terminal shows no Markdown"
    return re.search("^top-1 +([0-9.]+)$", out, re.MULTILINE)[1]


@pytest.mark.parametrize("channels", exploring.most([1, 3], rare={1}))
def test_labels_are_found_by_name_and_pictures_named(command, brightness, greys, channels):
    code, out, err = command(
        confidence, f"--model={brightness[channels]}", f"--dataset=folder:{greys}"
    )

    assert (code, err.count("error")) == (0, 0), err
    assert top1_error(out) == "0.00"
    assert "by their names" in out
    assert next_steps.found_in(out) == [["evolve", f"--model={brightness[channels]}"]]
    rows = folders.rows(greys.parent / "greys-confidence" / "images.csv")
    assert [row["file"] for row in rows] == [
        f"test/{label}/{number}.png" for label in ("bright", "dark", "mid grey") for number in "01"
    ]
    for row in rows:
        assert row["label"] == row["top1"]
        assert row["label"].lower().replace("_", " ") == row["file"].split("/")[1]


def test_a_file_that_cannot_be_read_moves_no_name(command, brightness, greys):
    os.mkfifo(greys / "test" / "dark" / "0.gif")

    code, out, _ = command(confidence, f"--model={brightness[1]}", f"--dataset=folder:{greys}")

    assert code == 0
    assert "test/dark/0.gif: this is a pipe" in out
    rows = folders.rows(greys.parent / "greys-confidence" / "images.csv")
    assert [row["file"] for row in rows if row["label"] == "dark"] == [
        "test/dark/0.png",
        "test/dark/1.png",
    ]
    assert len(rows) == 6


def test_some_of_the_labels_are_enough(command, brightness, greys):
    shutil.rmtree(greys / "test" / "bright")

    code, out, _ = command(confidence, f"--model={brightness[3]}", f"--dataset=folder:{greys}")

    assert (code, top1_error(out) == "0.00") == (0, True)


def test_an_order_that_is_taken_is_said(command, brightness, greys):
    model = greys.parent / "nameless.keras"
    shutil.copy(brightness[1] / "classifier.keras", model)

    code, out, _ = command(confidence, f"--model={model}", f"--dataset=folder:{greys}")

    assert code == 0
    assert "0 = bright, 1 = dark, 2 = mid grey" in out
    assert top1_error(out) == "100.00"
    text = (greys.parent / "greys-confidence" / "confidence.md").read_text()
    assert "0 = bright, 1 = dark, 2 = mid grey" in text


def test_folders_called_by_numbers_are_those_of_a_nameless_classifier(command, brightness, greys):
    model = greys.parent / "nameless.keras"
    shutil.copy(brightness[1] / "classifier.keras", model)
    for number, label in enumerate(("dark", "mid grey", "bright")):
        (greys / "test" / label).rename(greys / "test" / str(number))

    code, out, _ = command(confidence, f"--model={model}", f"--dataset=folder:{greys}")

    assert (code, top1_error(out) == "0.00") == (0, True)


def test_names_in_a_file_are_those_of_the_folders(command, brightness, greys):
    model = greys.parent / "nameless.keras"
    shutil.copy(brightness[1] / "classifier.keras", model)
    names = greys.parent / "names.txt"
    names.write_text("dark\nmid grey\nbright\n")

    code, out, _ = command(
        confidence, f"--model={model}", f"--dataset=folder:{greys}", f"--label_names={names}"
    )

    assert (code, top1_error(out) == "0.00") == (0, True)


@pytest.mark.parametrize("ids", [("n03", "n01", "n02")])
def test_folders_called_by_wordnet(command, brightness, greys, monkeypatch, ids):
    index = tuple(zip(ids, ("dark", "Mid_grey", "bright"), strict=True))
    monkeypatch.setattr(applications, "imagenet_ids", lambda: index)
    for wordnet_id, label in zip(ids, ("dark", "mid grey", "bright"), strict=True):
        (greys / "test" / label).rename(greys / "test" / wordnet_id)

    code, out, _ = command(confidence, f"--model={brightness[1]}", f"--dataset=folder:{greys}")

    assert (code, top1_error(out) == "0.00") == (0, True)


def test_other_names_are_refused(command, brightness, greys):
    (greys / "test" / "dark").rename(greys / "test" / "darkk")

    code, out, err = command(confidence, f"--model={brightness[1]}", f"--dataset=folder:{greys}")

    assert (code, out) == (1, "")
    assert "has no darkk (did you mean dark?)" in err
    assert not (greys.parent / "greys-confidence").exists()


@pytest.mark.parametrize(
    ("dataset", "expected", "message"),
    [
        ("minst", 2, "did you mean mnist?"),
        ("folder:", 2, "folder:PATH"),
        ("folder:nowhere", 1, "no folder"),
    ],
)
def test_data_sets_that_are_none(command, dataset, expected, message):
    code, out, err = command(confidence, f"--dataset={dataset}", "--model=mnist_a")

    assert (code, out) == (expected, "")
    assert message in err
