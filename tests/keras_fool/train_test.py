import contextlib
import io
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from absl.testing import flagsaver
from tensorboard.backend.event_processing import event_accumulator

from keras_fool import confidence, train
from keras_fool.command_line import cli
from keras_fool.models import classifiers
from tests.keras_fool import described, folders, next_steps, processes, terminal
from tests.trainers import samples
from trainers import datasets

ROOT = pathlib.Path(__file__).parent.parent.parent
SMALL = ("--dataset=digits", "--name=d", "--batch_size=8")


@pytest.fixture
def places(tmp_path):
    """The flags that keep a training in a folder of its own."""
    return f"--output_dir={tmp_path / 'models'}", f"--workdir={tmp_path / 'work'}"


def weights_of(folder: pathlib.Path) -> bytes:
    model = keras.saving.load_model(folder / "classifier.keras", safe_mode=True)
    return b"".join(weight.tobytes() for weight in model.get_weights())


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A training of 60 steps, uninterrupted: its folder and what it printed."""
    path, printed = tmp_path_factory.mktemp("trained"), io.StringIO()
    argv = ["train", *SMALL, "--steps=60", "--seed=3", "--checkpoint_every=40"]
    argv += [f"--output_dir={path / 'models'}", f"--workdir={path / 'work'}"]
    with (
        flagsaver.flagsaver(),
        contextlib.redirect_stdout(printed),
        pytest.raises(SystemExit) as ended,
    ):
        cli.run(train.main, uses=train.USES, argv=argv)
    assert ended.value.code == 0
    return path, printed.getvalue()


def test_trained_classifier_is_where_the_command_says(trained):
    path, out = trained
    folder = path / "models" / "d" / "1"
    card = json.loads((folder / "card.json").read_text("utf-8"))

    assert f"classifier   {folder}" in out
    assert next_steps.found_in(out) == [["evolve", f"--model={folder}"]]
    assert not described.undescribed(path / "work")
    assert f"test error   {card['test_error_percent']:.2f} % of 359 images" in out
    assert f"tensorboard --logdir={path / 'work'}" in out
    assert sorted(entry.name for entry in folder.iterdir()) == [
        *("assets", "card.json", "classifier.keras", "fingerprint.pb", "mean_image.npy"),
        *("saved_model.pb", "variables"),
    ]


def test_card_tells_the_whole_training(trained):
    path, _ = trained
    card = json.loads((path / "models" / "d" / "1" / "card.json").read_text("utf-8"))

    assert (card["name"], card["version"], card["dataset"], card["seed"]) == ("d", 1, "digits", 3)
    assert card["labels"] == list("0123456789")
    assert card["image_shape"] == [28, 28, 1]
    assert (card["num_train"], card["num_test"]) == (1438, 359)
    assert card["training"]["iterations"] == 60
    assert card["training"]["batch"] == 8
    assert card["training"]["momentum"] == 0.9


def test_card_has_the_test_error_of_what_was_written(trained):
    folder = trained[0] / "models" / "d" / "1"
    card = json.loads((folder / "card.json").read_text("utf-8"))
    data = datasets.load("digits")

    model = keras.saving.load_model(folder / "classifier.keras", safe_mode=True)
    confidences = model(data.test_images, training=False).numpy()
    wrong = confidences.argmax(axis=1) != data.test_labels

    assert card["test_error_percent"] == pytest.approx(100 * wrong.mean(), abs=1e-4)
    assert card["test_error_percent"] < 50  # 90 is chance


def test_evolve_finds_it(trained, monkeypatch):
    monkeypatch.chdir(trained[0])

    found = classifiers.find(str(pathlib.Path("models") / "d"), "digits")

    assert found.labels == tuple("0123456789")


def test_tensorboard_shows_the_training(trained):
    events = event_accumulator.EventAccumulator(str(trained[0] / "work")).Reload()

    def last(tag):
        event = events.Scalars(tag)[-1]
        return event.step, event.value

    step, rate = last("train/learning_rate")
    assert step == 60
    assert rate == pytest.approx(0.01 * 1.0059**-0.75, rel=1e-4)
    assert 0 < last("train/loss")[1] < 3
    assert last("train/steps_per_second")[1] > 0
    card = json.loads((trained[0] / "models" / "d" / "1" / "card.json").read_text("utf-8"))
    assert last("test/error_percent")[1] == pytest.approx(card["test_error_percent"], abs=1e-3)
    (settings,) = events.Tensors("settings")[0].tensor_proto.string_val
    assert b"| seed | 3 |" in settings


def test_no_file_of_a_classifier_names_this_machine(trained):
    path, _ = trained
    for file in (path / "models").rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert str(path).encode() not in content, file
            assert str(ROOT).encode() not in content, file


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_with_the_same_weights(trained, command, places, tmp_path):
    moments = random.Random(1)
    arguments = (*SMALL, *places, "--steps=60", "--seed=3", "--checkpoint_every=4")
    log, killed_after = tmp_path / "log", []
    for _ in range(2):
        processes.killed(
            *("train", *arguments),
            log=log,
            within=tmp_path / "work",
            change=moments.randint(1, 20),
            once="checkpoint/*.npz",
        )
        killed_after.append(sorted(folders.names(tmp_path / "work" / "checkpoint")))
        assert not (tmp_path / "models" / "d" / "1").exists()

    code, _, err = command(train, *arguments)

    assert code == 0, err
    assert "goes on after step" in err
    assert weights_of(tmp_path / "models" / "d" / "1") == (
        weights_of(trained[0] / "models" / "d" / "1")
    ), killed_after


@pytest.mark.slow
def test_where_a_worker_is_killed_all_are_started_again_and_go_on(command, places, tmp_path):
    flags = (*SMALL, *places, "--steps=30", "--checkpoint_every=5")
    code, *_ = command(train, *flags, f"--workdir={tmp_path / 'one'}", "--version=2")
    assert code == 0

    def start() -> list[subprocess.Popen]:
        return [
            subprocess.Popen(
                [sys.executable, "-m", "keras_fool.train", *flags, "--strategy=multiworker"],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for environment in samples.worker_environments(2)
        ]

    survivor, victim = start()
    while not list((tmp_path / "work").glob("checkpoint/*.npz")):
        assert survivor.poll() is None, survivor.communicate()
        time.sleep(0.01)
    victim.kill()
    victim.communicate()
    _, stderr = survivor.communicate(timeout=120)

    assert survivor.returncode == 1
    assert stderr.splitlines()[-1].startswith("error: worker 0 lost another of the 2 workers")
    assert not (tmp_path / "models" / "d" / "1").exists()

    results = [(process, *process.communicate(timeout=120)) for process in start()]

    for process, _, stderr in results:
        assert process.returncode == 0, stderr
    (_, stdout, stderr), (_, other_stdout, _) = results
    assert "goes on after step" in stderr
    assert "classifier " in stdout
    assert other_stdout == "worker 1 is done; worker 0 has written the classifier\n"
    found, expected = (
        keras.saving.load_model(tmp_path / "models" / "d" / version / "classifier.keras")
        for version in ("1", "2")
    )
    for weight, other in zip(found.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-2, atol=1e-4)


@pytest.mark.slow
def test_stop_signal_saves_and_says_how_to_go_on(command, places, tmp_path, monkeypatch):
    from trainers import classifier

    # The first steps bring the signal, as a user's Ctrl-C would.
    advance = classifier.Training.advance

    def interrupted(training, until):
        progress = advance(training, until)
        os.kill(os.getpid(), signal.SIGINT)
        return progress

    with monkeypatch.context() as patch:
        patch.setattr(classifier.Training, "advance", interrupted)
        code, _, stderr = command(train, *SMALL, *places, "--steps=10", "--checkpoint_every=4")
    assert code == 128 + signal.SIGINT
    assert "stopped after step 4, which is saved" in stderr
    assert "to go on: python -m keras_fool.train" in stderr
    assert not (tmp_path / "models").exists()

    code, _, stderr = command(train, *SMALL, *places, "--steps=10")

    assert code == 0
    assert "goes on after step 4." in stderr
    assert (tmp_path / "models" / "d" / "1" / "card.json").is_file()


def test_other_settings_are_refused_by_name(command, trained, tmp_path):
    work = trained[0] / "work"
    flags = (*SMALL, f"--output_dir={tmp_path}", f"--workdir={work}", "--steps=60")
    before = sorted(work.rglob("*"))

    code, _, stderr = command(train, *flags, "--seed=4")
    assert code == 1
    assert "seed is 3 there and 4 here" in stderr

    code, _, stderr = command(train, *flags, "--seed=4", "--steps=50")
    assert code == 1
    assert "iterations is 60 there and 50 here" in stderr
    assert sorted(work.rglob("*")) == before
    assert not list(tmp_path.iterdir())


def test_existing_version_is_never_replaced(command, trained):
    models = trained[0] / "models"
    before = (models / "d" / "1" / "card.json").read_bytes()

    code, _, stderr = command(train, *SMALL, f"--output_dir={models}")

    assert code == 1
    assert "is there already and was not changed. Give --version=2, or another --name." in stderr
    assert (models / "d" / "1" / "card.json").read_bytes() == before


@pytest.mark.slow
def test_finished_training_is_exported_again_where_its_classifier_is_gone(
    command, trained, tmp_path
):
    path, _ = trained

    code, _, stderr = command(
        train,
        *(*SMALL, f"--workdir={path / 'work'}", f"--output_dir={tmp_path}"),
        *("--steps=60", "--seed=3"),
    )

    assert code == 0
    assert "goes on after step 60" in stderr
    assert weights_of(tmp_path / "d" / "1") == weights_of(path / "models" / "d" / "1")


@pytest.mark.slow
def test_neither_a_full_disk_nor_damage_loses_a_whole_state(command, trained, tmp_path, full_disk):
    path, _ = trained
    flags = (*SMALL, "--steps=60", "--seed=3", f"--workdir={tmp_path / 'work'}")
    shutil.copytree(path / "work", tmp_path / "work")
    older, newer = sorted((tmp_path / "work" / "checkpoint").glob("*.npz"))
    whole = newer.read_bytes()
    newer.unlink()

    with full_disk(1_000_000):
        code, _, stderr = command(train, *flags, f"--output_dir={tmp_path / 'none'}")

    assert code == 1
    assert stderr.splitlines()[-1].startswith("error: File too large: ")
    assert list((tmp_path / "work" / "checkpoint").iterdir()) == [older]

    newer.write_bytes(whole)
    damage(newer)
    code, _, stderr = command(train, *flags, f"--output_dir={tmp_path / 'models'}")

    assert code == 0
    assert f"note: {newer.name} in {newer.parent} is damaged; going on from" in stderr
    assert "goes on after step 40." in stderr
    assert weights_of(tmp_path / "models" / "d" / "1") == weights_of(path / "models" / "d" / "1")

    damage(older)
    damage(newer)  # written anew meanwhile
    code, _, stderr = command(train, *flags, f"--output_dir={tmp_path / 'again'}")

    assert code == 1
    assert "no checkpoint in" in stderr
    assert not (tmp_path / "again").exists()


def damage(path: pathlib.Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (
            ["--name=d"],
            2,
            "give --dataset (mnist, digits, shapes, imagenet2012, folder:PATH, tfds:NAME)",
        ),
        (["--dataset=digits"], 2, "give the classifier a --name"),
        (["--dataset=digits", "--name=../d"], 2, "--name must be of letters"),
        (["--dataset=cifar", "--name=d"], 2, "unknown data set 'cifar'; known: mnist, digits"),
        (["--dataset=digits", "--name=d", "--strategy=tpu"], 2, "--strategy"),
        (["--dataset=digits", "--name=d", "--steps=0"], 2, "--steps"),
        (["--dataset=digits", "--name=d", "--image_size=32"], 1, "have a size of their own"),
        (["--dataset=digits", "--name=d", "--mixed_precision=int8"], 2, "--mixed_precision"),
        (["--dataset=digits", "--name=d", "--strategy=multiworker"], 2, "TF_CONFIG is not set"),
        (["--dataset=folder:nowhere", "--name=d"], 1, "there is no folder nowhere."),
        (["--dataset=digits", "--name=d", "--model=x"], 2, "--model has no meaning"),
        (["--dataset=digits", "--name=d", "5"], 2, "unexpected argument '5'"),
    ],
)
def test_wrong_command_lines_get_one_line(command, places, tmp_path, flags, code, message):
    found, stdout, stderr = command(train, *flags, *places)

    assert (found, stdout) == (code, "")
    assert message in stderr
    assert len(stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_folder_of_pictures_is_learned_and_what_is_damaged_is_named(command, places, tmp_path):
    folder = samples.picture_folder(tmp_path / "pictures", num_train=20, num_test=10)
    for name in ("train/circle/002.JPG", "train/cross/007.JPG", "test/cross/001.JPG"):
        (folder / name).write_bytes((folder / name).read_bytes()[:300])

    code, stdout, stderr = command(
        train,
        *(f"--dataset=folder:{folder}", "--architecture=small", "--name=d", *places),
        *("--image_size=20", "--crop_size=16", "--steps=12", "--batch_size=4"),
    )

    assert code == 0, stderr
    card = json.loads((tmp_path / "models" / "d" / "1" / "card.json").read_text("utf-8"))
    assert (card["dataset"], card["labels"]) == ("folder:pictures", ["circle", "cross"])
    assert card["image_shape"] == [16, 16, 3]
    assert (card["num_train"], card["num_test"]) == (20, 10)
    assert "test error" in stdout
    last = stderr.splitlines()[-1]
    assert last.startswith("note: 3 pictures could not be read and were left out: test/cross/001")
    assert "train/cross/007.JPG (" in last


@pytest.mark.slow
def test_pictures_are_learned_grey_and_given_to_the_classifier_grey(command, places, tmp_path):
    folder = samples.picture_folder(tmp_path / "pictures", num_train=20, num_test=10)
    arguments = (f"--dataset=folder:{folder}", "--steps=4", "--batch_size=4")

    code, _, stderr = command(train, *arguments, "--grey", "--name=d", *places)

    assert code == 0, stderr
    path = tmp_path / "models" / "d" / "1"
    card = json.loads((path / "card.json").read_text("utf-8"))
    assert (card["image_shape"], card["labels"]) == ([28, 28, 1], ["circle", "cross"])
    output = f"--output={tmp_path / 'out'}"
    code, stdout, stderr = command(confidence, f"--model={path}", arguments[0], output)
    assert code == 0, stderr
    assert terminal.shows(stdout, "top-1", f"{card['test_error_percent']:.2f}")
    assert "by their names" in stdout


@pytest.mark.parametrize(
    "flags",
    [
        ("--dataset=digits",),
        ("--dataset=shapes",),
        ("--dataset=folder:x", "--architecture=alexnet"),
    ],
)
def test_what_is_never_grey_says_so(command, places, tmp_path, flags):
    samples.picture_folder(tmp_path / "x")
    flags = [flag.replace(":x", f":{tmp_path / 'x'}") for flag in flags]

    code, _, stderr = command(train, *flags, "--grey", "--name=d", *places)

    assert code in (1, 2)
    assert "colour" in stderr
    assert stderr.splitlines()[-1].startswith("error: ")


def test_folder_of_something_else_is_left_alone(command, places, tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "letter.txt").write_text("dear")

    code, _, stderr = command(train, *SMALL, *places)

    assert code == 1
    assert "holds other files" in stderr
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["letter.txt"]


def test_shipped_classifiers_are_those_of_the_readme():
    for name, seed in (("mnist_a", 1), ("mnist_b", 2)):
        folder = ROOT / "saved_models" / name / "1"
        card = json.loads((folder / "card.json").read_text("utf-8"))
        model = keras.saving.load_model(folder / "classifier.keras", safe_mode=True)

        assert (card["name"], card["version"], card["seed"]) == (name, 1, seed)
        assert (card["dataset"], card["num_train"], card["num_test"]) == ("mnist", 60_000, 10_000)
        assert card["training"]["iterations"] == 10_000
        assert 0.7 <= card["test_error_percent"] <= 1.1
        assert f"{card['test_error_percent']:.2f} %" in (
            ROOT / "saved_models" / "README.md"
        ).read_text("utf-8")
        confidences = model(np.zeros((3, 28, 28, 1), np.uint8), training=False)
        np.testing.assert_allclose(confidences.numpy().sum(axis=1), 1, atol=1e-6)
