import csv
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from evolvers.config import Config
from keras_fool import evolve, transfer
from keras_fool.models import classifiers, scoring
from keras_fool.runs import champion_png, champions, evolution_run
from tests.keras_fool import folders, next_steps


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_tables_of_a_run_folder(command, run_folder, tiny_model, other_model, tmp_path):
    output = tmp_path / "out"

    code, out, err = command(
        transfer,
        f"--images={run_folder}",
        f"--models={tiny_model},{other_model}",
        f"--output={output}",
    )

    assert code == 0
    assert "the labels of other.keras have no names" in err
    assert "The labels of other.keras have no names" in (output / "transfer.md").read_text()
    assert {path.name for path in output.iterdir()} == {
        "transfer.csv",
        "transfer.md",
        "heat_map_three_other.png",
    }
    with open(output / "transfer.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    images = champions.read(run_folder)
    for path in (tiny_model, other_model):
        scorer = scoring.LocalScorer(classifiers.find(str(path)))
        scores = scorer.score(images.images)
        recorded = np.array([float(row[f"confidence:{path.name}"]) for row in rows], np.float32)
        assert [row[f"top1:{path.name}"] for row in rows] == list(map(str, scores.argmax(axis=1)))
        np.testing.assert_array_equal(recorded, scores.max(axis=1))
    tops = [(row["top1:tiny.keras"], row["top1:other.keras"]) for row in rows]
    matches = sum(first == second for first, second in tops)
    assert re.search(
        rf"^\(a\) Top-1 matches +{100 * matches / 6:.1f} \([\d.]+ to [\d.]+\)$", out, re.MULTILINE
    )
    assert "|" not in out, "a terminal shows no Markdown"
    assert next_steps.found_in(out)[0][0] == "gallery"
    assert f"6 images, {matches} matches" in out
    assert (output / "transfer.md").read_text().count("other.keras on images of tiny.keras") >= 3
    assert Image.open(output / "heat_map_three_other.png").size[0] > 300


@pytest.mark.slow
def test_single_run_has_no_intervals(command, tiny_model, other_model, tmp_path):
    config = Config(generations=1, initial=20, batch=20)
    classifier = classifiers.find(str(tiny_model))
    evolution_run.evolve(tmp_path / "one", config, classifier, command="again", note=print)

    code, out, err = command(
        transfer, f"--images={tmp_path / 'one'}", f"--models={tiny_model},{other_model}"
    )

    assert code == 0, err
    assert re.search(r"^\(a\) Top-1 matches +[\d.]+$", out, re.MULTILINE)


def test_original_alone_is_no_transfer(command, run_folder, tiny_model):
    code, _, err = command(transfer, f"--images={run_folder}", f"--models={tiny_model}")

    assert code == 2
    assert "is the classifier that the images were evolved on: name another one" in err


def test_altered_image_is_named_and_nothing_is_written(command, altered, other_model, tmp_path):
    path = altered / "images/run_003/last/label_2.png"
    champion = champion_png.read(path)
    path.write_bytes(
        champion_png.encode(
            champion_png.Champion(255 - champion.image, champion.genome, champion.about)
        )
    )

    arguments = (f"--images={altered}", f"--models={other_model}")

    code, out, err = command(transfer, *arguments)

    assert (code, out) == (1, "")
    assert "run_003/last/label_2.png is not the image that was recorded: its SHA-256" in err
    (altered / "SHA256SUMS").unlink()  # who alters an image can take them out, too

    code, _, err = command(transfer, *arguments)

    assert code == 1
    assert "run_003/last/label_2.png is not the image that was recorded: its confidence" in err
    assert not (tmp_path / "altered-transfer").exists()


@pytest.mark.slow
def test_results_are_not_replaced_unless_asked(command, altered, other_model, tmp_path):
    arguments = (f"--images={altered}", f"--models={other_model}")
    assert command(transfer, *arguments)[0] == 0
    written = tmp_path / "altered-transfer"
    before = {path: path.read_bytes() for path in written.iterdir()}
    shutil.rmtree(altered / "images")

    code, _, err = command(transfer, *arguments)

    assert code == 1
    assert f"{written} exists" in err
    assert "--overwrite" in err
    assert {path: path.read_bytes() for path in written.iterdir()} == before


def network(path, shape, num_labels=3):
    """A .keras file whose random weights are decided."""
    import keras

    image = keras.Input(shape)
    weights = keras.initializers.RandomNormal(stddev=3.0, seed=1)
    found = keras.layers.Rescaling(1 / 255)(image)
    found = keras.layers.AveragePooling2D(shape[0] // 4)(found)
    head = keras.layers.Dense(num_labels, "softmax", kernel_initializer=weights)
    keras.Model(image, head(keras.layers.Flatten()(found))).save(path)
    return path


@pytest.mark.parametrize(
    "shape",
    [
        (7, 5, 1),
        *(pytest.param(shape, marks=pytest.mark.slow) for shape in ((24, 17, 1), (12, 20, 1))),
    ],
)
def test_images_are_resized_for_classifiers_of_another_size(command, run_folder, tmp_path, shape):
    import tensorflow as tf

    path = network(tmp_path / "sized.keras", shape)

    code, out, err = command(transfer, f"--images={run_folder}", f"--models={path}", "--output=out")

    assert code == 0, err
    size = f"{shape[0]} x {shape[1]}"
    written = (tmp_path / "out" / "transfer.md").read_text()
    for text in (err, written):
        assert f"12 x 10 pixels, were resized to {size} for sized.keras" in text
    assert f"images resized to {size}" in out
    images = champions.read(run_folder).images
    seen = tf.round(tf.image.resize(images, shape[:2], antialias=True)).numpy().astype(np.uint8)
    expected = scoring.LocalScorer(classifiers.find(str(path))).score(seen).max(axis=1)
    rows = folders.rows(tmp_path / "out" / "transfer.csv")
    found = [float(row["confidence:sized.keras"]) for row in rows]
    np.testing.assert_array_equal(np.array(found, np.float32), expected)


def test_classifier_of_other_colours_is_refused(command, run_folder, tmp_path):
    path = network(tmp_path / "colour.keras", (12, 10, 3))

    code, _, err = command(transfer, f"--images={run_folder}", f"--models={path}", "--output=out")

    assert code == 1
    assert "colour.keras takes images of 12 x 10 x 3, those in" in err
    assert "are 12 x 10 x 1" in err


def test_a_larger_network_sees_what_a_smaller_one_saw_crops_of(command, tmp_path):
    small = network(tmp_path / "small.keras", (8, 8, 1))
    large = network(tmp_path / "large.keras", (20, 20, 1))
    sized = ("--image_size=12", "--batch_size=10", "--generations=1", "--workdir=run")
    assert command(evolve, f"--model={small}", *sized)[0] == 0

    code, _, err = command(transfer, "--images=run", f"--models={large}", "--output=out")

    assert code == 0, err
    assert "resized to 20 x 20 for large.keras" in err
    # What is asked for is not replaced.
    asked = (f"--models={large}:image=12", "--output=asked")
    code, _, err = command(transfer, "--images=run", *asked)
    assert code == 1
    assert "crops of 20 pixels" in err


@pytest.mark.slow
def test_an_imagenet_run_of_128_pixels_on_a_network_of_227(command, tmp_path):
    import keras

    keras.utils.set_random_seed(1)
    mobilenet = keras.applications.MobileNet((128, 128, 3), alpha=0.25, weights=None)
    for weight in mobilenet.trainable_weights:
        if weight.name == "kernel":
            weight.assign(4 * weight)  # with Keras's own it gives the same for every image
    mobilenet.save_weights(tmp_path / "m.weights.h5")
    model = f"MobileNet:alpha=0.25:size=128:weights={tmp_path / 'm.weights.h5'}"
    sized = ("--batch_size=48", "--generations=1", "--workdir=run")
    code, _, err = command(evolve, f"--model={model}", *sized)
    assert code == 0, err
    path = network(tmp_path / "other.keras", (227, 227, 3), 1000)

    code, out, err = command(transfer, "--images=run", f"--models={path}", "--output=out")

    assert code == 0, err
    assert "128 x 128 pixels, were resized to 227 x 227 for other.keras" in err
    assert "images resized to 227 x 227" in out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "give --images=RUN_FOLDER"),
        (("--images=runs/a",), 2, "give --models"),
        (("--images=runs/a", "--models=mnist_a"), 1, "there is no folder runs/a"),
        (("--images=runs/a", "--models=mnist_a", "--dataset=mnist"), 2, "--dataset has no meaning"),
    ],
)
def test_what_is_missing_is_said(command, arguments, code, message):
    given, out, err = command(transfer, *arguments)

    assert (given, out) == (code, "")
    assert message in err
    assert err.count("\n") == 1


def test_labels_in_another_order_and_names_with_separators(command, twins, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = tmp_path / "o:n,e+" / "1"
    shutil.copytree(twins["one"], one)
    evolved = command(
        evolve, "--model=o:n,e+", "--batch_size=10", "--generations=2", "--workdir=run:a,b"
    )
    assert evolved[0] == 0, evolved[2]

    code, out, err = command(
        transfer, "--images=run:a,b,run:a,b", f"--models={twins['two']},o:n,e+", "--output=out"
    )

    assert (code, err) == (0, "")
    assert re.search(r"^\(a\) Top-1 matches( +100\.0)+$", out, re.MULTILINE)
    for row in folders.rows(tmp_path / "out" / "transfer.csv"):
        assert row["folder"] == "run:a,b"
        assert row["confidence:o:n,e+/1"][:5] == row["confidence:two/1"][:5]
        assert row["top1:o:n,e+/1"] == row["top1:two/1"]
    # The original is found where the run folder says it lies, too.
    found = command(transfer, "--images=run:a,b", f"--models={twins['two']}", "--output=alone")
    assert found[0] == 0, found[2]


@pytest.mark.parametrize(
    ("images", "models", "message"),
    [
        ("{runs}/thre", "mnist_a", "there is no folder {runs}/thre, did you mean three?"),
        ("{runs}/three", "mnst_a", "did you mean mnist_a"),
        ("{runs}/three,,", "mnist_a", "names an empty folder"),
    ],
)
def test_names_that_are_nearly_right(command, run_folder, images, models, message):
    runs = run_folder.parent

    code, _, err = command(
        transfer, f"--images={images.format(runs=runs)}", f"--models={models}", "--output=none"
    )

    assert code in (1, 2)
    assert message.format(runs=runs) in err
