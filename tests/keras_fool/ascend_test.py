"""The command `ascend` from end to end, and what reads its folders."""

import json
import pathlib
import random
import shutil
import signal

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing import event_accumulator

from keras_fool import ascend, gallery, render, transfer
from keras_fool.models import classifiers, scoring
from keras_fool.runs import champion_png, champions
from keras_fool.sheets import tile_sheets
from tests.keras_fool import described, folders, next_steps, processes

_STEPS = 40
_KEPT = ("last", "best", "top1", "0.99", "0.999", "0.9999")


@pytest.fixture(scope="module")
def ascended(tmp_path_factory, tiny_model) -> pathlib.Path:
    """A complete run folder: three labels from seeds 0 and 4."""
    from evolvers.ascent import config
    from keras_fool.runs import ascent_run

    path = tmp_path_factory.mktemp("ascents") / "three"
    ascent_run.ascend(
        path,
        config.Config(steps=_STEPS, early=0.2, late=0.3, decay=0.001),
        classifiers.find(str(tiny_model)),
        mean=(100.0,),
        labels=(0, 1, 2),
        seeds=(0, 4),
        command="again",
        note=print,
    )
    return path


def test_what_is_stored_is_what_was_scored(ascended, tiny_model):
    scorer = scoring.LocalScorer(classifiers.find(str(tiny_model)))
    table = folders.rows(ascended / "champions.csv")

    assert [(row["run"], row["label"]) for row in table] == [
        (run, label) for run in ("0", "4") for label in ("0", "1", "2")
    ]
    for kept in _KEPT:
        files = [row for row in table if kept == "last" or row[f"step_{kept}"]]
        assert files, kept
        for row in files:
            path = ascended / row["file"].replace("/last/", f"/{kept}/")
            png = champion_png.read(path)
            confidence = scorer.score(png.image[None])[0, int(row["label"])]
            assert png.genome == ""
            assert png.about["made_by"] == "gradient ascent"
            assert np.float32(png.about["confidence"]) == confidence
            column = {"last": "confidence", "best": "best_confidence"}.get(kept)
            assert column is None or np.float32(row[column]) == confidence
    on_disk = {path.relative_to(ascended).as_posix() for path in ascended.rglob("label_*.png")}
    assert on_disk == {
        row["file"].replace("/last/", f"/{kept}/")
        for row in table
        for kept in _KEPT
        if kept == "last" or row[f"step_{kept}"]
    }


def test_the_table_of_steps_and_what_follows_from_it(ascended):
    steps = folders.rows(ascended / "metrics.csv")

    assert len(steps) == 6 * _STEPS
    for row in folders.rows(ascended / "champions.csv"):
        own = [step for step in steps if (step["run"], step["label"]) == (row["run"], row["label"])]
        assert [int(step["step"]) for step in own] == list(range(_STEPS))
        confidence = np.array([float(step["confidence"]) for step in own])
        assert float(row["iterate_confidence"]) == confidence[-1]
        assert float(row["best_iterate_confidence"]) == confidence.max()
        assert int(row["step_best"]) == confidence.argmax()
        assert float(row["confidence"]) == pytest.approx(confidence[-1], abs=0.02)
        assert row["gradient_zero_at"] == ""
        for threshold in (0.99, 0.999, 0.9999):
            first = np.flatnonzero(confidence > threshold)
            assert row[f"step_{threshold:g}"] == (str(first[0]) if len(first) else "")
        top1 = [step["top1_label"] == row["label"] for step in own]
        assert row["step_top1"] == str(top1.index(True))


def test_other_files_of_the_folder(ascended):
    config = json.loads((ascended / "config.json").read_text())
    assert config["settings"]["ascent"]["steps"] == _STEPS
    assert config["settings"]["mean"] == [100.0]
    assert config["settings"]["targets"] == {"labels": [0, 1, 2], "seeds": [0, 4]}
    assert (ascended / "gallery.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((ascended / "checkpoint").iterdir())) == 1
    events = event_accumulator.EventAccumulator(str(ascended))
    events.Reload()
    medians = events.Scalars("confidence/median")
    assert [event.step for event in medians] == list(range(_STEPS))
    assert medians[-1].value > medians[0].value


def test_champions_of_an_ascent(ascended):
    last, best, first = (champions.read(ascended, when) for when in ("last", "best", "top1"))

    assert len(last) == len(best) == len(first) == 6
    assert (best.confidences >= last.confidences - 0.02).all()
    assert (first.confidences < last.confidences).any()
    with pytest.raises(ValueError, match="has no first images: those of last, best, top1"):
        champions.read(ascended, "first")


def test_an_evolution_keeps_no_best_images(run_folder):
    with pytest.raises(ValueError, match="has no best images: those of first, last are kept"):
        champions.read(run_folder, "best")


def test_last_images_are_had_as_they_were_before_rounding(ascended):
    rounded = champions.read(ascended)

    unrounded = champions.read(ascended, unrounded=True)

    assert rounded.offsets is None
    assert unrounded.offsets.dtype == np.float32
    assert np.array_equal(np.rint(unrounded.offsets + 100).astype(np.uint8), unrounded.images)
    assert not np.array_equal(unrounded.offsets + 100, unrounded.images)
    recorded = [
        float(row["iterate_confidence"]) for row in folders.rows(ascended / "champions.csv")
    ]
    assert np.array_equal(unrounded.confidences, np.float32(recorded))
    two = unrounded.take(np.array([4, 1]))
    assert np.array_equal(two.minus_mean(0), unrounded.offsets[4])
    assert np.array_equal(rounded.minus_mean(4), rounded.images[4] - 100.0)


@pytest.mark.parametrize("damage", ["not there", "damaged"])
def test_images_before_rounding_need_the_state(ascended, damage, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(ascended, copy)
    (state,) = (copy / "checkpoint").iterdir()
    if damage == "damaged":
        state.write_bytes(state.read_bytes()[:-1])
    else:
        state.unlink()

    champions.read(copy)
    with pytest.raises(ValueError, match="there is no whole state in"):
        champions.read(copy, unrounded=True)


def test_gallery_draws_it(command, ascended, tmp_path):
    sheets = {}
    for name, flags in {
        "plain": [],
        "less": ["--mean_subtracted"],
        "sure": ["--when=0.99", "--layout=selection"],
    }.items():
        output = tmp_path / f"{name}.png"
        code, _, err = command(gallery, f"--images={ascended}", f"--output={output}", *flags)
        assert (code, err) == (0, "")
        sheets[name] = output.read_bytes()

    assert len(set(sheets.values())) == 3


def test_a_sheet_says_which_confidences_it_shows(command, ascended, tmp_path, monkeypatch):
    said = []
    draw = tile_sheets.sheet

    def sheet(rows, **words):
        said.append(words["subtitle"])
        return draw(rows, **words)

    monkeypatch.setattr(tile_sheets, "sheet", sheet)
    for flags in [], ["--mean_subtracted"], ["--mean_subtracted", "--when=best"]:
        output = tmp_path / f"{len(said)}.png"
        assert command(gallery, f"--images={ascended}", f"--output={output}", *flags)[0] == 0

    assert ["before rounding" in words for words in said] == [False, True, False]


@keras.saving.register_keras_serializable("ascend_test")
class Brittle(keras.layers.Layer):
    """Gives NaN once the confidence for label 0 is above 0.6."""

    def call(self, inputs):
        return keras.ops.where(inputs[:, :1] > 0.6, np.nan, inputs)


@pytest.mark.slow
def test_an_image_that_is_lost_ends_at_its_best(command, tiny_model, tmp_path):
    sound = keras.saving.load_model(tiny_model)
    path = tmp_path / "brittle.keras"
    keras.Model(sound.inputs[0], Brittle()(sound.outputs[0])).save(path)
    arguments = [f"--steps={_STEPS}", "--early=0.2", "--late=0.3", "--data_mean=100"]
    models = {"sound": tiny_model, "brittle": path}
    err = {
        name: command(ascend, f"--model={model}", *arguments, f"--workdir={tmp_path / name}")
        for name, model in models.items()
    }

    assert [code for code, _, _ in err.values()] == [0, 0], err
    last = err["brittle"][2].splitlines()[-1]
    assert last.startswith("note: brittle.keras gave NaN or infinite")
    assert "for 1 of 3 images" in last
    expected, rows = (folders.rows(tmp_path / name / "champions.csv") for name in models)
    steps = folders.rows(tmp_path / "brittle" / "metrics.csv")
    (lost,) = {int(step["label"]) for step in steps if not step["confidence"]}
    assert rows[lost]["step"] == rows[lost]["step_best"]
    assert rows[lost]["gradient_zero_at"] == ""
    for row, other in zip(rows, expected, strict=True):
        if row["label"] != str(lost):
            assert float(row["confidence"]) == pytest.approx(float(other["confidence"]), abs=1e-4)
    own = [step for step in steps if step["label"] == str(lost)]
    assert [step["confidence"] == "" for step in own] == [False] * (len(own) - 1) + [True]
    assert own[-1]["top1_label"] == ""
    assert len(champions.read(tmp_path / "brittle", unrounded=True)) == 3


def test_pixels_cannot_be_drawn_larger(command, ascended, run_folder, tmp_path):
    code, _, err = command(
        gallery, f"--images={ascended}", "--size=64", f"--output={tmp_path / 'a.png'}"
    )
    assert code == 1
    assert "were made by gradient ascent: there is no genome" in err

    code, _, err = command(
        gallery, f"--images={run_folder}", "--mean_subtracted", f"--output={tmp_path / 'a.png'}"
    )
    assert code == 1
    assert "holds no ascent: no data mean is known" in err

    code, _, err = command(render, ascended / "images/run_000/last/label_0.png")
    assert code == 1
    assert "it was made by gradient ascent" in err


def test_transfer_takes_it(command, ascended, other_model, tmp_path):
    code, _, err = command(
        transfer, f"--images={ascended}", f"--models={other_model}", f"--output={tmp_path / 'out'}"
    )

    assert code == 0, err
    assert err.count("\n") == 1  # in which order labels without names are taken
    assert len(folders.rows(tmp_path / "out" / "transfer.csv")) == 6


def test_the_command_and_a_second_start(command, tiny_model, tmp_path):
    arguments = (
        f"--model={tiny_model}",
        "--labels=2,0",
        "--preset=s6",
        "--steps=5",
        "--norm_percentile=30",
        f"--workdir={tmp_path / 'run'}",
    )
    code, out, err = command(ascend, *arguments)
    assert code == 0, err
    assert "2 images, mean confidence 0." in out
    assert next_steps.found_in(out)[0][0] == "gallery"
    assert not described.undescribed(tmp_path / "run")
    config = json.loads((tmp_path / "run" / "config.json").read_text())["settings"]
    assert config["ascent"]["blur_sigma"] == 0.3
    assert config["ascent"]["norm_percentile"] == 30
    assert config["ascent"]["steps"] == 5
    assert config["mean"] == [0.0]
    assert config["targets"] == {"labels": [2, 0], "seeds": [0]}
    before = folders.contents(tmp_path / "run")

    code, out, err = command(ascend, *arguments)
    assert (code, err) == (0, "")
    assert "is complete already; nothing was changed" in out
    assert folders.contents(tmp_path / "run") == before

    for change, message in {
        "--decay=0.5": "ascent.decay is 0.001 there and 0.5 here",
        "--seeds=1": r"targets.seeds is [0] there and [1] here",
        "--data_mean=9": "mean is [0.0] there and [9.0] here",
    }.items():
        code, _, err = command(ascend, *arguments, change)
        assert code == 1
        assert message in err
    assert folders.contents(tmp_path / "run") == before


@pytest.mark.slow
def test_bytes_depend_on_no_checkpoint(command, tiny_model, tmp_path):
    arguments = (f"--model={tiny_model}", "--seeds=0-1", "--preset=s7", "--steps=12")
    ends = []
    for name, flags in {"a": [], "b": ["--checkpoint_every=5"]}.items():
        code, _, err = command(ascend, *arguments, f"--workdir={tmp_path / name}", *flags)
        assert code == 0, err
        ends.append(folders.contents(tmp_path / name))

    assert ends[0] == ends[1]


@pytest.fixture
def indifferent_model(tmp_path) -> pathlib.Path:
    """A .keras file that gives all dark images, as an ascent begins with, the same confidences."""
    import keras

    image = keras.Input((12, 10, 1), dtype="uint8")
    bright = keras.layers.ReLU()(keras.layers.Rescaling(1.0, -200.0)(image))
    decided = keras.initializers.RandomNormal(stddev=0.01, seed=2)
    flat = keras.layers.Flatten()(bright)
    outputs = keras.layers.Dense(3, activation="softmax", kernel_initializer=decided)(flat)
    path = tmp_path / "indifferent.keras"
    keras.Model(image, outputs).save(path)
    return path


def test_without_a_gradient_it_says_so(command, indifferent_model, tmp_path):
    code, _, err = command(
        ascend, f"--model={indifferent_model}", "--steps=4", f"--workdir={tmp_path / 'run'}"
    )

    assert code == 0
    assert "the gradient is 0 everywhere, so these images stay as they are: 0 of seed 0" in err
    table = folders.rows(tmp_path / "run" / "champions.csv")
    assert [row["gradient_zero_at"] for row in table] == ["0", "0", "0"]
    assert len(folders.rows(tmp_path / "run" / "metrics.csv")) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--blur_sigma=0.2"], 2, "blur_sigma must be 0 (no blur) or at least 0.3 pixels, got 0.2"),
        (["--norm_percentile=100"], 2, "norm_percentile must be from 0 (none) to below 100"),
        (["--contribution_percentile=-1"], 2, "contribution_percentile must be from 0"),
        (["--decay=1"], 2, "decay must be from 0 to below 1"),
        (["--steps=0"], 2, "--steps=0"),
        (["--seeds=one"], 2, "--seeds takes numbers such as 0,3,10-19, not 'one'"),
        (["--preset=s4"], 2, "--preset=s4"),
        (["--objective=loss"], 2, "--objective=loss"),
        (["--data_mean=300"], 2, "the mean must be one number in 0..255"),
        (["--labels=3"], 2, "there is no label 3: they are numbered 0 to 2"),
        (["--labels=gorila"], 2, "unknown label 'gorila'; known: "),
        (["--seed=3"], 2, "--seed has no meaning"),
        (["x"], 2, "unexpected argument 'x'"),
    ],
)
def test_wrong_command_lines(command, tiny_model, arguments, code, message):
    found, out, err = command(ascend, f"--model={tiny_model}", "--steps=1", *arguments)

    assert (found, out) == (code, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "url", ["grpc://127.0.0.1:8500/mnist", "http://127.0.0.1:8501/v1/models/mnist"]
)
def test_an_endpoint_has_no_gradients(command, url):
    code, out, err = command(ascend, f"--model={url}")

    assert (code, out) == (2, "")
    assert f"{url} is an endpoint, and an endpoint gives no gradients to follow" in err
    assert f"python -m keras_fool.evolve --model={url}" in err


def test_labels_have_names_and_near_ones_are_suggested(command, tiny_model, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("\ufeffTibetan terrier\r\ngolden retriever\r\nzero, digit 0\r\n\r\n")
    arguments = (f"--model={tiny_model}", f"--label_names={names}", "--steps=2")

    code, _, err = command(ascend, *arguments, "--labels=golden retreiver")
    assert code == 2
    assert "unknown label 'golden retreiver', did you mean golden retriever?" in err

    path = tmp_path / "run"
    code, out, err = command(
        ascend, *arguments, "--labels=golden_retriever, zero, digit 0", f"--workdir={path}"
    )
    assert code == 0, err
    assert "golden retriever" in out
    assert [row["label"] for row in folders.rows(path / "champions.csv")] == ["1", "2"]


@pytest.mark.slow
def test_killed_it_ends_with_the_same_bytes(tmp_path):
    arguments = ("--dataset=mnist", "--labels=3,7", "--preset=s7", "--steps=60")
    arguments += ("--checkpoint_every=4",)
    log, path = tmp_path / "log", tmp_path / "killed"
    processes.start("ascend", *arguments, f"--workdir={tmp_path / 'alone'}", log=log).finish()
    expected = folders.contents(tmp_path / "alone")
    assert "champions.csv" in expected

    moments = random.Random(1)
    for number in range(3):
        # First before any checkpoint is there, then among those that it writes.
        change, once = moments.randint(1, 30), "checkpoint/*.npz"
        if not number:
            change, once = moments.randint(1, 4), ""
        processes.killed(
            *("ascend", *arguments, f"--workdir={path}"),
            log=log,
            within=path,
            change=change,
            once=once,
        )

    processes.start("ascend", *arguments, f"--workdir={path}", log=log).finish()

    assert "goes on after step" in log.read_text()
    assert "Traceback" not in log.read_text()
    assert folders.contents(path) == expected


@pytest.mark.slow
def test_stopped_it_goes_on(tmp_path, tiny_model):
    arguments = (f"--model={tiny_model}", "--steps=200000", "--preset=s5")
    log, path = tmp_path / "log", tmp_path / "run"
    started = processes.start("ascend", *arguments, f"--workdir={path}", log=log)
    started.wait_until(lambda: folders.has_rows(path / "metrics.csv"))
    started.process.terminate()
    started.process.join(processes.LONGEST)

    assert started.process.exitcode == 128 + signal.SIGTERM
    assert "which is saved in" in log.read_text()
    assert "to go on: python -m keras_fool.ascend" in log.read_text()
    assert folders.names(path / "checkpoint")
