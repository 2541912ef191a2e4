"""The command, in this process, as users call it: what it leaves, and how it refuses."""

import json
import os
import pathlib
import re
import shutil
import signal
import threading
import time

import keras
import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing import event_accumulator

from keras_fool import evolve, render, transfer
from keras_fool.models import classifiers, scoring
from keras_fool.runs import champion_png
from keras_fool.sheets import surest as surest_sheet
from tests import exploring
from tests.keras_fool import described, folders, next_steps

SMALL = ("--generations=3", "--batch_size=20")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> pathlib.Path:
    """Every command runs in a folder of its own, far from the checkout."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def scored_again(path: pathlib.Path, classifier: classifiers.Classifier) -> tuple[list, list]:
    """The confidences in champions.csv, and those of the PNGs beside it."""
    rows = folders.rows(path / "champions.csv")
    images = np.stack([champion_png.read(path / row["file"]).image for row in rows])
    confidences = scoring.LocalScorer(classifier).score(images)
    labels = [int(row["label"]) for row in rows]
    return [float(row["confidence"]) for row in rows], list(confidences[range(len(rows)), labels])


def test_mnist_in_one_command(command, here, shipped):
    code, out, err = command(evolve, "--dataset=mnist", *SMALL)

    assert code == 0
    (path,) = (here / "runs").iterdir()
    assert path.name.startswith("mnist-cppn-seed1-20")
    recorded, again = scored_again(path, shipped)
    np.testing.assert_allclose(recorded, again, atol=1e-6)
    assert len(recorded) == 10

    lines = out.splitlines()
    assert [line.split()[0] for line in lines[2:12]] == list("0123456789")
    assert f"run folder   {path.relative_to(here)}" in lines
    assert f"TensorBoard  tensorboard --logdir={path.relative_to(here)}" in lines
    assert "100 images in" in err
    assert "Traceback" not in err
    with Image.open(path / "gallery.png") as sheet:
        assert sheet.width > sheet.height > 100

    # Both classifiers that are shipped know digits.
    rendered, transferred = next_steps.found_in(out)
    surest = max(folders.rows(path / "champions.csv"), key=lambda row: float(row["confidence"]))
    assert rendered[:2] == ["render", str(path.relative_to(here) / surest["file"])]
    assert transferred[2] == "--models=mnist_b"
    for command_module, words in ((render, rendered), (transfer, transferred)):
        code, out, err = command(command_module, *words[1:])
        assert code == 0, err
        assert next_steps.found_in(out)

    events = event_accumulator.EventAccumulator(str(path)).Reload()
    assert [event.step for event in events.Scalars("confidence/median")] == [0, 1, 2, 3]
    assert events.Scalars("confidence/max")[-1].value == pytest.approx(max(recorded))
    assert {"settings", "champions", "champions/surest"} <= set(events.Tags()["tensors"])
    assert not described.undescribed(path)


@pytest.mark.slow
def test_of_many_labels_the_surest_are_shown_with_whole_names(command, here):
    image = keras.Input((9, 9, 1))
    weights = keras.initializers.RandomNormal(stddev=3.0, seed=1)
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    keras.Model(image, keras.layers.Dense(50, "softmax", kernel_initializer=weights)(flat)).save(
        "many.keras"
    )
    names = [f"{number}: {'a long name ' * 5}{number}" for number in range(50)]
    (here / "names.txt").write_text("\n".join(names))

    chosen = f"--labels={','.join(map(str, range(5, 50)))}"
    arguments = ("--model=many.keras", "--label_names=names.txt", chosen, *SMALL)

    code, out, _ = command(evolve, *arguments, "--workdir=a run")

    assert code == 0
    rows = folders.rows(here / "a run" / "champions.csv")
    surest = sorted(rows, key=lambda row: -float(row["confidence"]))[:20]
    lines = out.splitlines()
    assert "20 surest of 45 labels" in lines[1]
    assert "a run/champions.csv" in lines[1]
    shown = [re.split(" {2,}", line) for line in lines[4:24]]
    assert [line[0] for line in shown] == [row["label_name"] for row in surest]
    assert [line[1] for line in shown] == [f"{float(row['confidence']):.7f}" for row in surest]
    assert len({line.index(words[1]) for line, words in zip(lines[4:24], shown, strict=True)}) == 1

    assert next_steps.found_in(out)[0][1] == f"a run/{surest[0]['file']}"

    # best.png shows them with their names; that it is there is checked as for other files.
    assert "best         a run/best.png" in lines
    best = here / "a run" / "best.png"
    expected = surest_sheet.sheet(
        [champion_png.read(here / "a run" / row["file"]).image for row in rows],
        np.float32([row["confidence"] for row in rows]),
        [(row["label_name"],) for row in rows],
        [row["id"] for row in rows],
        "many.keras fooled by images of CPPNs, seed 1",
    )
    with Image.open(best) as sheet:
        np.testing.assert_array_equal(np.asarray(sheet), np.asarray(expected))
    whole = best.read_bytes()
    best.write_bytes(whole[:-1])
    code, _, err = command(evolve, *arguments, "--workdir=a run")
    assert code == 0
    assert "best.png is missing or damaged" in err
    assert best.read_bytes() == whole


@pytest.mark.slow
def test_longer_runs_fool_more(command, here):
    assert command(evolve, "--dataset=mnist", "--generations=40", "--workdir=run")[0] == 0

    medians = [float(row["median"]) for row in folders.rows(here / "run" / "metrics.csv")]
    assert medians == sorted(medians)
    assert medians[0] < 0.99 < medians[-1]


@pytest.mark.parametrize("encoding", ["cppn", "direct"])
def test_run_3_of_8_is_run_3_alone(command, here, tiny_model, encoding):
    arguments = (f"--model={tiny_model}", f"--encoding={encoding}", *SMALL)
    assert command(evolve, *arguments, "--runs=8", "--workdir=eight")[0] == 0
    assert command(evolve, *arguments, "--first_run=3", "--workdir=alone")[0] == 0

    alone = folders.contents(here / "alone" / "images" / "run_003")
    assert len(alone) == 6
    assert alone == folders.contents(here / "eight" / "images" / "run_003")
    of_eight = [row for row in folders.rows(here / "eight" / "champions.csv") if row["run"] == "3"]
    assert folders.rows(here / "alone" / "champions.csv") == of_eight


def test_complete_run_is_left_as_it_is(command, here, tiny_model):
    arguments = (f"--model={tiny_model}", *SMALL, "--workdir=run")
    _, first, _ = command(evolve, *arguments)
    before = folders.contents(here / "run")

    code, again, err = command(evolve, *arguments)

    assert (code, err) == (0, "")
    assert again == f"run is complete already; nothing was changed.\n{first}"
    assert folders.contents(here / "run") == before


@pytest.mark.parametrize("encoding", exploring.most(["cppn", "direct"], rare={"direct"}))
def test_complete_run_goes_on_to_the_bytes_of_a_longer_one(command, here, tiny_model, encoding):
    arguments = (f"--model={tiny_model}", f"--encoding={encoding}", "--batch_size=20", "--runs=2")
    command(evolve, *arguments, "--generations=6", "--workdir=longer")
    assert command(evolve, *arguments, "--generations=2", "--workdir=run")[0] == 0
    short = folders.contents(here / "run")
    assert short != folders.contents(here / "longer")

    code, _, err = command(evolve, *arguments, "--generations=6", "--workdir=run")

    assert code == 0, err
    assert "run goes on after generation 2." in err
    assert folders.contents(here / "run") == folders.contents(here / "longer")

    code, out, err = command(evolve, *arguments, "--generations=2", "--workdir=run")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "6 generations" in err
    assert folders.contents(here / "run") == folders.contents(here / "longer")


def test_complete_run_without_its_state_is_not_begun_again(command, here, tiny_model):
    arguments = (f"--model={tiny_model}", *SMALL, "--workdir=run")
    command(evolve, *arguments)
    shutil.rmtree(here / "run" / "checkpoint")
    before = folders.contents(here / "run")

    code, _, err = command(evolve, *arguments, "--generations=9")

    assert code == 1
    assert "no state in checkpoint/" in err
    assert folders.contents(here / "run") == before


@pytest.mark.parametrize(
    ("labels", "numbers"),
    [("2,0", [2, 0]), pytest.param("1", [1], marks=pytest.mark.slow)],
)
def test_some_labels_alone(command, here, tiny_model, labels, numbers):
    arguments = (f"--model={tiny_model}", *SMALL, f"--labels={labels}", "--runs=2")

    assert command(evolve, *arguments, "--workdir=run")[0] == 0

    rows = folders.rows(here / "run" / "champions.csv")
    assert [(int(row["run"]), int(row["label"])) for row in rows] == [
        (run, label) for run in range(2) for label in numbers
    ]
    np.testing.assert_allclose(
        *scored_again(here / "run", classifiers.find(str(tiny_model))), atol=1e-6
    )
    born = {row["labels"] for row in folders.rows(here / "run" / "lineage.csv")}
    assert {int(label) for of in born for label in of.split()} == set(numbers)
    assert "complete already" in command(evolve, *arguments, "--workdir=run")[1]
    code, _, err = command(evolve, f"--model={tiny_model}", *SMALL, "--runs=2", "--workdir=run")
    assert code == 1
    assert "holds a run of other settings" in err


def test_all_labels_are_none_in_particular(command, tiny_model):
    arguments = (f"--model={tiny_model}", *SMALL, "--workdir=run")
    command(evolve, *arguments)
    assert "complete already" in command(evolve, *arguments, "--labels=all")[1]
    code, _, err = command(evolve, *arguments, "--labels=3")
    assert code == 2
    assert "no label 3" in err


def test_float_model_with_logits_from_elsewhere(command, here):
    image = keras.Input((9, 9, 1))
    weights = keras.initializers.RandomNormal(stddev=0.5, seed=1)
    flat = keras.layers.Flatten()(image)
    keras.Model(image, keras.layers.Dense(4, kernel_initializer=weights)(flat)).save("mine.keras")
    arguments = ("--model=mine.keras", "--preprocess=unit", *SMALL, "--workdir=run")

    code, _, err = command(evolve, *arguments, "--outputs=confidences")
    assert code == 1
    assert err.startswith("error: mine.keras returned negative values")
    assert err.endswith("if they are logits, say --outputs=logits.\n")
    assert not (here / "run").exists()

    assert command(evolve, *arguments, "--outputs=logits")[0] == 0
    classifier = classifiers.Classifier(
        "mine.keras", here / "mine.keras", preprocess="unit", outputs="logits"
    )
    np.testing.assert_allclose(*scored_again(here / "run", classifier), atol=1e-6)

    for same in ((), ("--outputs=logits",)):  # the last layer tells as much
        code, out, err = command(evolve, *arguments, *same)
        assert (code, err) == (0, "")
        assert "complete already" in out


def test_colour_model_of_40x30_pixels_from_elsewhere(command, here):
    image = keras.Input((40, 30, 3), dtype="uint8")
    weights = keras.initializers.RandomNormal(stddev=0.5, seed=1)
    small = keras.layers.AveragePooling2D(5)(keras.layers.Rescaling(1 / 255)(image))
    outputs = keras.layers.Dense(3, "softmax", kernel_initializer=weights)(
        keras.layers.Flatten()(small)
    )
    keras.Model(image, outputs).save("colour.keras")

    assert command(evolve, "--model=colour.keras", *SMALL)[0] == 0

    (path,) = (here / "runs").iterdir()
    assert path.name.startswith("colour-cppn-seed1-")
    classifier = classifiers.Classifier("colour.keras", here / "colour.keras")
    np.testing.assert_allclose(*scored_again(path, classifier), atol=1e-6)
    images = [
        champion_png.read(path / row["file"]).image for row in folders.rows(path / "champions.csv")
    ]
    assert images[0].shape == (40, 30, 3)
    assert any((image[..., 0] != image[..., 1]).any() for image in images)


def test_stopped_run_says_how_to_go_on(command, here, tiny_model, monkeypatch):
    arguments = [f"--model={tiny_model}", "--generations=300", "--batch_size=20"]

    def stop(number, known):
        """Sends a signal once a checkpoint is there that was not known."""
        while not {file.name for file in here.glob("runs/*/checkpoint/*.npz")} - known:
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    place, known = [], set()
    for number, expected in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        words = [*arguments, *place]
        monkeypatch.setattr("sys.argv", ["evolve", *words])
        threading.Thread(target=stop, args=(number, known), daemon=True).start()
        code, _, err = command(evolve, *words, "--checkpoint_every=20")

        (path,) = (here / "runs").iterdir()
        place = [f"--workdir={path.relative_to(here)}"]
        assert code == expected
        line = " ".join(["python -m keras_fool.evolve", *arguments, *place])
        assert f"to go on: {line}" in err
        assert not (path / "champions.csv").exists()
        known = {file.name for file in (path / "checkpoint").iterdir()}

    code, _, err = command(evolve, *arguments, *place)
    assert code == 0
    assert "goes on after generation" in err
    command(evolve, *arguments, "--workdir=whole")
    assert folders.contents(path) == folders.contents(here / "whole")


def test_full_disk_is_one_line_and_loses_nothing(command, here, tiny_model, full_disk):
    arguments = (
        f"--model={tiny_model}",
        "--generations=30",
        "--batch_size=20",
        "--checkpoint_every=5",
    )
    command(evolve, *arguments, "--workdir=whole")

    with full_disk(15_000):  # the first checkpoints fit, the last events and the gallery do not
        code, _, err = command(evolve, *arguments, "--workdir=run")
    assert code == 1
    assert err.splitlines()[-1].startswith("error: ")
    assert "File too large" in err.splitlines()[-1]
    assert "Traceback" not in err
    assert list((here / "run" / "checkpoint").iterdir())

    code, _, err = command(evolve, *arguments, "--workdir=run")
    assert code == 0
    assert "goes on after generation" in err
    assert folders.contents(here / "run") == folders.contents(here / "whole")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "give --dataset (mnist, digits, shapes) or --model."),
        (["--dataset=cifar"], 2, "unknown data set 'cifar'; known: mnist, digits, shapes."),
        (["--model=nothing"], 1, "unknown model 'nothing'; known: "),
        (["--model=text.keras"], 1, "text.keras is not a model that loads safely"),
        (["--model=nan.keras"], 1, "nan.keras returned NaN or infinite confidences for 16 of 16"),
        (
            ["--model=flat.keras"],
            1,
            "flat.keras must take one image [batch, height, width, 1, 3 or 4]",
        ),
        (["--model=taken/notes.txt"], 1, "is not a classifier"),
        (["--dataset=mnist", "--preprocess=tf"], 2, "--preprocess is about a --model"),
        (["--dataset=mnist", "--preprocess=f"], 2, "--preprocess"),
        (["--dataset=mnist", "--runs=0"], 2, "--runs"),
        (["--dataset=mnist", "mnist"], 2, "unexpected argument 'mnist'"),
        (["--dataset=mnist", "--workdir=taken"], 1, "taken holds other files and no run"),
        (["--dataset=mnist", "--workdir=text.keras"], 1, "File exists: text.keras"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(command, here, arguments, code, message):
    (here / "text.keras").write_text("no model")
    (here / "taken").mkdir()
    (here / "taken" / "notes.txt").write_text("all my work")
    image = keras.Input((8,))
    keras.Model(image, keras.layers.Softmax()(image)).save("flat.keras")
    image = keras.Input((8, 8, 1))
    broken = keras.layers.Rescaling(np.inf, offset=-np.inf)(keras.layers.Flatten()(image))
    keras.Model(image, keras.layers.Softmax()(broken)).save("nan.keras")
    before = folders.contents(here)

    found, out, err = command(evolve, *arguments, *SMALL)

    assert (found, out) == (code, "")
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1
    assert folders.contents(here) == before


@pytest.fixture
def uneven(here) -> pathlib.Path:
    """A model that gives NaN for plain images, as one does that divides by their deviation."""
    image = keras.Input((12, 10, 1), dtype="uint8")
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    normal = keras.layers.LayerNormalization(epsilon=0.0)(flat)
    weights = keras.initializers.RandomNormal(stddev=0.5, seed=1)
    keras.Model(image, keras.layers.Dense(3, "softmax", kernel_initializer=weights)(normal)).save(
        here / "uneven.keras"
    )
    return here / "uneven.keras"


def test_images_without_confidences_are_counted_and_end_nothing(command, here, uneven):
    arguments = (f"--model={uneven}", *SMALL, "--runs=2", "--workdir=run")

    code, _, err = command(evolve, *arguments)

    assert code == 0, err
    counts = [int(row["not_finite"]) for row in folders.rows(here / "run" / "metrics.csv")]
    assert sum(counts) > 0
    assert f" {sum(counts)} image" in err.splitlines()[-1]
    recorded, again = scored_again(here / "run", classifiers.find(str(uneven)))
    np.testing.assert_allclose(recorded, again, atol=1e-6)


def test_what_would_fail_again_is_not_offered(command, here):
    # NaN unless neighbours differ by a fifth on average: noise has confidences, smooth images have
    # none, and with one image to begin with, nothing holds a niche.
    image = keras.Input((12, 10, 1), dtype="uint8")
    scaled = keras.layers.Rescaling(1 / 255)(image)
    apart = keras.ops.mean(keras.ops.abs(scaled[:, :, 1:] - scaled[:, :, :-1]), axis=(1, 2))
    features = keras.layers.Flatten()(scaled) * keras.ops.sqrt(apart - 0.2)
    weights = keras.initializers.RandomNormal(stddev=0.5, seed=1)
    outputs = keras.layers.Dense(3, "softmax", kernel_initializer=weights)(features)
    keras.Model(image, outputs).save(here / "rough.keras")
    arguments = ("--model=rough.keras", "--generations=2", "--batch_size=1", "--encoding=cppn")

    code, _, err = command(evolve, *arguments, "--workdir=run")

    assert code == 1
    assert err.splitlines()[-1].startswith("error: rough.keras returned NaN or infinite")
    assert "to go on" not in err
    assert "Traceback" not in err


def test_renderer_is_kept_where_a_run_goes_on(command, tmp_path):
    flags = ["--model=mnist_a", "--batch_size=20", f"--workdir={tmp_path}", "--generations=1"]
    assert command(evolve, *flags, "--renderer=tf")[0] == 0
    assert json.loads((tmp_path / "config.json").read_text())["settings"]["renderer"] == "tf"

    assert "complete already" in command(evolve, *flags)[1]
    code, _, message = command(evolve, *flags, "--renderer=cpu")

    assert code == 1
    assert "renderer is 'tf' there and 'cpu' here" in message


def test_pixels_are_not_drawn_by_tensorflow(command, tmp_path):
    flags = ["--model=mnist_a", "--renderer=tf", "--encoding=direct", f"--workdir={tmp_path}/run"]
    code, _, message = command(evolve, *flags)
    assert code == 2
    assert "renderer must be cpu for the direct encoding" in message


@pytest.mark.parametrize("size", ["0", "many", "-1"])
def test_score_batch_is_a_number_or_auto(command, size):
    code, _, message = command(evolve, "--dataset=mnist", f"--score_batch={size}")
    assert code == 2
    assert "--score_batch" in message
    assert repr(size) in message


class TestSearch:
    def test_efficient_takes_normalized_coordinates_unless_told_otherwise(
        self, command, tiny_model, tmp_path
    ):
        flags = (f"--model={tiny_model}", "--generations=1", "--batch_size=10")
        for more, coords in (((), "normalized"), (("--coords=raw",), "raw")):
            folder = tmp_path / coords
            given = (*flags, *more, "--search=efficient", f"--workdir={folder}")
            assert command(evolve, *given)[0] == 0
            settings = json.loads((folder / "config.json").read_text())["settings"]
            assert (settings["search"], settings["coords"]) == ("efficient", coords)

    def test_the_papers_is_not_named_as_in_folders_from_before(self, command, tiny_model, tmp_path):
        flags = (f"--model={tiny_model}", "--batch_size=10", f"--workdir={tmp_path / 'run'}")
        assert command(evolve, *flags, "--generations=1")[0] == 0
        assert "search" not in json.loads((tmp_path / "run/config.json").read_text())["settings"]
        code, _, err = command(evolve, *flags, "--generations=2", "--search=efficient")
        assert code == 1, "another search is another run"
        assert "search" in err or "coords" in err

    def test_is_not_for_pixels(self, command, tiny_model):
        code, _, err = command(
            evolve, f"--model={tiny_model}", "--search=efficient", "--encoding=direct"
        )
        assert code == 2
        assert "search" in err
