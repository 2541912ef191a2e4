"""The Python interface: what it returns, that it is the commands', and how it refuses."""

import doctest
import gc
import inspect
import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import keras
import numpy as np
import pytest

import keras_fool
from keras_fool import __main__ as program
from keras_fool import api, ascend, evolve
from keras_fool.models import classifiers, in_memory, scoring
from keras_fool.runs import champion_png, champions, checkpoints
from tests import exploring
from tests.keras_fool import folders

SMALL = ("--generations=3", "--batch_size=20")
CLASSIFIES = (keras_fool.fool, keras_fool.assess, keras_fool.cross_score)
FEW = {"generations": 3, "batch_size": 20, "progress": False}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> pathlib.Path:
    """Every run is made in a folder of its own, far from the checkout."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def whole(made_once, tiny_model) -> keras_fool.Result:
    """A result of three labels."""
    folder = made_once("whole", lambda path: keras_fool.fool(tiny_model, **FEW).save(path / "run"))
    return keras_fool.load(folder / "run")


def evolved(folder: pathlib.Path) -> dict[str, bytes]:
    """What a run folder has of the evolution itself, whatever the classifier is called."""
    named = ("config.json", "SHA256SUMS", "gallery.png")
    return {name: file for name, file in folders.contents(folder).items() if name not in named}


def test_mnist_in_five_lines():
    """The examples that docstrings have, executed; the first is how it begins."""
    first = doctest.DocTestParser().get_examples(api.fool.__doc__)
    assert 2 <= len(first) <= 5
    for module in (api, in_memory):
        for test in doctest.DocTestFinder(exclude_empty=True).find(module):
            result = doctest.DocTestRunner().run(test)
            assert result.failed == 0, test.name


def test_what_is_said_of_a_classifier_has_one_name_and_default_in_every_function():
    each = [inspect.signature(function).parameters for function in CLASSIFIES]
    for name in (*api.WORDS, "label_names", *api.VIEWS):
        assert len({str(parameters[name]) for parameters in each}) == 1, name


@pytest.mark.parametrize("setting", [{"coords": "normalized"}, {"search": "efficient"}])
def test_the_same_bytes_as_evolve(command, here, tiny_model, setting):
    flags = (f"--model={tiny_model}", *SMALL, "--runs=2", "--labels=2,0", "--seed=5")
    flags += tuple(f"--{name}={value}" for name, value in setting.items())
    assert command(evolve, *flags, "--workdir=command")[0] == 0

    result = keras_fool.fool(str(tiny_model), labels=[2, 0], runs=2, seed=5, **setting, **FEW)

    assert folders.names(here) == {"command"}  # nothing was written
    assert result.save("saved/of mine") == pathlib.Path("saved/of mine")
    assert folders.contents(here / "saved/of mine") == folders.contents(here / "command")
    assert oct(os.stat("saved/of mine").st_mode) == oct(os.stat("command").st_mode)


@pytest.mark.slow
def test_the_same_bytes_as_ascend(command, here, tiny_model):
    flags = (f"--model={tiny_model}", "--preset=s6", "--steps=6", "--labels=2,0", "--seeds=0-1")
    assert command(ascend, *flags, "--decay=0.002", "--workdir=command")[0] == 0

    result = keras_fool.fool(
        tiny_model,
        method="ascend",
        preset="s6",
        steps=6,
        labels=[2, 0],
        seeds=[1, 0],
        decay=0.002,
        progress=False,
    )

    result.save(here / "saved")
    assert folders.contents(here / "saved") == folders.contents(here / "command")
    assert result.generations.tolist() == [5, 5]
    assert result.images.shape == (2, 12, 10, 1)
    with pytest.raises(ValueError, match=r"made by gradient ascent; smooth enlarges"):
        keras_fool.draw(result.champions[0])
    assert keras_fool.draw(result.champions[0], 24, smooth=True).shape == (24, 20, 1)


def test_a_result_is_the_best_of_all_runs(run_folder):
    result = keras_fool.load(run_folder)

    every = champions.read(run_folder)
    assert result.images.dtype == np.uint8
    assert result.confidences.dtype == np.float32
    assert result.labels == every.labels == ("0", "1", "2")
    assert set(result.runs) <= {3, 4}
    for number, label in enumerate(result.numbers):
        own = np.flatnonzero(every.niches == label)
        best = own[every.confidences[own].argmax()]
        assert result.confidences[number] == every.confidences[best]
        np.testing.assert_array_equal(result.images[number], every.images[best])
        assert result.champions[number].genome == every.genomes[best]
        assert result.runs[number] == every.runs[best]
    rows = folders.rows(run_folder / "champions.csv")
    born = {(int(row["run"]), int(row["label"])): int(row["generation"]) for row in rows}
    pairs = zip(result.runs.tolist(), result.numbers.tolist(), strict=True)
    assert result.generations.tolist() == [born[pair] for pair in pairs]
    for fact in ("3 images", "tiny.keras", "4 generations", f"{result.confidences.max():.7f}"):
        assert fact in repr(result)


def test_sheets_of_some_labels_name_these(here):
    """Labels in another order of the classifier, and in that order alone, are the same sheets."""
    weights = np.random.default_rng(0).normal(size=(30, 45)).astype(np.float32) / 20
    order = np.random.default_rng(1).permutation(45)

    def logits(images):
        return images.reshape(len(images), -1) @ weights

    for name, function, labels, numbers in (
        ("some", logits, range(45), order[:42]),
        ("first", lambda images: logits(images)[:, order], order, range(42)),
    ):
        classifier = keras_fool.Classifier(
            function,
            image_shape=(6, 5, 1),
            outputs="logits",
            labels=[f"label {number}" for number in labels],
            name="the same",
        )
        result = keras_fool.fool(classifier, labels=numbers, **FEW, workdir=name)
        assert result.labels == tuple(f"label {number}" for number in order[:42])

    for sheet in ("gallery.png", "best.png"):
        assert (here / "some" / sheet).read_bytes() == (here / "first" / sheet).read_bytes()


def test_a_model_in_memory_is_as_its_file(here, tiny_model, whole):
    model = keras.saving.load_model(tiny_model)

    result = keras_fool.fool(model, **FEW)

    np.testing.assert_array_equal(result.images, whole.images)
    np.testing.assert_array_equal(result.confidences, whole.confidences)
    result.save(here / "run")
    assert evolved(here / "run") == evolved(whole.folder)
    settings = json.loads((here / "run" / "config.json").read_text())["settings"]
    assert settings["scorer"]["sha256"] == in_memory.KerasModel.of(model).sha256
    followed = keras_fool.fool(model, method="ascend", steps=4, labels="1", progress=False)
    assert followed.numbers.tolist() == [1]


@pytest.mark.parametrize("size", exploring.most([8, None], rare={None}))
def test_a_model_in_memory_is_not_changed(size):
    """One of bytes, which is given floats for its gradient, and one of images of any size."""
    image = keras.Input((size, size, 1), dtype="float32" if size is None else "uint8")
    drawn = keras.layers.Conv2D(4, 3, name="drawn")(keras.layers.Rescaling(1 / 255)(image))
    pooled = keras.layers.GlobalAveragePooling2D()(drawn)
    model = keras.Model(image, keras.layers.Dense(3, "softmax")(pooled))
    nodes = [len(layer._inbound_nodes) for layer in model.layers]
    trial = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), np.uint8)
    before = model.to_json(), model(trial).numpy(), io.StringIO(), io.StringIO()
    model.summary(print_fn=before[2].write)

    keras_fool.fool(model, **FEW, image_size=None if size else 8)
    if size:
        assert [len(layer._inbound_nodes) for layer in model.layers] == nodes
    arguments = {"method": "ascend", "steps": 3, "progress": False}
    keras_fool.fool(model, **arguments, image_size=None if size else 8)

    assert model.to_json() == before[0]
    np.testing.assert_array_equal(model(trial), before[1])
    model.summary(print_fn=before[3].write)
    assert before[3].getvalue() == before[2].getvalue()
    model.save("saved.keras")
    np.testing.assert_array_equal(keras.saving.load_model("saved.keras")(trial), before[1])
    assert model.get_layer("drawn").output is drawn


def test_a_function_is_as_what_it_computes(here, tiny_model, whole):
    scorer = scoring.LocalScorer(classifiers.find(str(tiny_model)))
    names = ["a", "b", "c"]

    result = keras_fool.fool(scorer.score, image_shape=(12, 10, 1), **FEW)
    named = keras_fool.Classifier(scorer.score, image_shape=(12, 10, 1), labels=names, name="mine")
    with_names = keras_fool.fool(named, **FEW)

    result.save(here / "run")
    assert evolved(here / "run") == evolved(whole.folder)
    assert with_names.labels == ("a", "b", "c")
    assert "mine" in repr(with_names)
    np.testing.assert_array_equal(with_names.images, whole.images)
    with pytest.raises(ValueError, match=r"no gradients.*method='evolve'"):
        keras_fool.fool(named, method="ascend")


def test_one_of_several_outputs(tiny_model, whole):
    model = keras.saving.load_model(tiny_model)
    both = {"first": keras.ops.flip(model.output, axis=1), "second": model.output}
    two = keras.Model(model.input, both)

    with pytest.raises(ValueError, match=r"first.*output_name"):
        keras_fool.fool(two, **FEW)
    result = keras_fool.fool(two, output_name="second", **FEW)

    np.testing.assert_array_equal(result.images, whole.images)
    with pytest.raises(ValueError, match="signature_name is for SavedModel folders"):
        keras_fool.fool(two, signature_name="serve", **FEW)


def test_a_list_is_an_ensemble(command, here, tiny_model, other_model):
    command(evolve, f"--model={tiny_model},{other_model}", *SMALL, "--workdir=command")
    live = keras.saving.load_model(tiny_model)

    result = keras_fool.fool([tiny_model, str(other_model)], **FEW)
    mixed = keras_fool.fool([live, other_model], **FEW)

    result.save("run")
    assert folders.contents(here / "run") == folders.contents(here / "command")
    np.testing.assert_array_equal(mixed.images, result.images)
    with pytest.raises(ValueError, match="twice"):
        keras_fool.fool([live, live], **FEW)
    function = keras_fool.Classifier(len, image_shape=(12, 10, 1), name="mine")
    with pytest.raises(ValueError, match="mine is a function, which no ensemble has"):
        keras_fool.fool([live, function], **FEW)


@pytest.mark.slow
def test_many_calls_warn_of_nothing(tiny_model, caplog):
    for seed in range(8):  # TensorFlow warns from the fifth graph on that it takes for the same
        keras_fool.fool(tiny_model, **FEW | {"generations": 0}, seed=seed)
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_a_temporary_folder_goes_with_its_result(tiny_model):
    result = keras_fool.fool(tiny_model, **FEW)
    folder = result.folder
    assert folder.is_dir()
    del result
    gc.collect()
    assert not folder.parent.exists()


def test_a_workdir_goes_on_and_may_be_raised(here, tiny_model, whole):
    keras_fool.fool(tiny_model, **FEW | {"generations": 1}, workdir=here / "run")

    result = keras_fool.fool(tiny_model, **FEW, workdir="run")

    assert folders.contents(here / "run") == folders.contents(whole.folder)
    assert result.folder == pathlib.Path("run")
    again = keras_fool.fool(tiny_model, **FEW, workdir="run")
    np.testing.assert_array_equal(again.images, whole.images)
    with pytest.raises(ValueError, match=r"3 generations, more than 2.*generations can be raised"):
        keras_fool.fool(tiny_model, **FEW | {"generations": 2}, workdir="run")
    with pytest.raises(ValueError, match="seed is 1 there and 2 here"):
        keras_fool.fool(tiny_model, **FEW, seed=2, workdir="run")


def test_a_workdir_of_another_function_is_refused(tiny_model, other_model):
    def function(path):
        score = scoring.LocalScorer(classifiers.find(str(path))).score
        return keras_fool.Classifier(score, image_shape=(12, 10, 1), name="mine")

    keras_fool.fool(function(tiny_model), **FEW, workdir="run")
    keras_fool.fool(function(tiny_model), **FEW | {"generations": 4}, workdir="run")
    with pytest.raises(ValueError, match=r"other settings: scorer\.answers_sha256"):
        keras_fool.fool(function(other_model), **FEW | {"generations": 4}, workdir="run")


LONG = {"generations": 400, "batch_size": 20, "progress": False}


def signalled(folder: pathlib.Path, number: int) -> threading.Thread:
    """Sends a signal once the first generation of a run in a folder is complete."""

    def send() -> None:
        while not list(folder.glob("images/run_000/first/label_2.png")):
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    return sender


@pytest.mark.parametrize("encoding", ["cppn", "direct"])
def test_ctrl_c_gives_what_there_is(here, tiny_model, encoding):
    sender = signalled(here / "run", signal.SIGINT)

    result = keras_fool.fool(tiny_model, **LONG, encoding=encoding, workdir="run")

    sender.join()
    assert not result.is_complete
    assert any("stopped" in note for note in result.notes)
    assert result.images.shape == (3, 12, 10, 1)
    scored = scoring.LocalScorer(classifiers.find(str(tiny_model))).score(result.images)
    np.testing.assert_array_equal(result.confidences, scored[range(3), range(3)])
    for image, champion in zip(result.images, result.champions, strict=True):
        np.testing.assert_array_equal(keras_fool.draw(champion, 12), image)
    result.save("kept")
    kept = keras_fool.load("kept")
    assert not kept.is_complete
    np.testing.assert_array_equal(kept.images, result.images)

    last = int(folders.rows(here / "run" / "metrics.csv")[-1]["generation"])
    assert 0 < last < 400
    assert result.stopped_after == kept.stopped_after == last
    for text in (repr(result), result.plot().get_suptitle()):
        assert f"after generation {last}" in text
    shorter = LONG | {"generations": last, "encoding": encoding}
    with pytest.raises(ValueError, match="400 generations, more than"):
        keras_fool.fool(tiny_model, **shorter, workdir="run")


def test_ctrl_c_and_on_to_the_same_bytes(here, tiny_model):
    settings = LONG | {"generations": 60}
    sender = signalled(here / "run", signal.SIGINT)
    stopped = keras_fool.fool(tiny_model, **settings, workdir="run")
    sender.join()
    stopped.save("kept")

    for folder in ("run", "kept", "never stopped"):
        assert keras_fool.fool(tiny_model, **settings, workdir=folder).is_complete
    expected = folders.contents(here / "never stopped")
    assert folders.contents(here / "run") == expected
    assert folders.contents(here / "kept") == expected


@pytest.mark.slow
def test_ctrl_c_of_an_ascent(here, tiny_model):
    def send() -> None:
        while not folders.has_rows(here / "run" / "metrics.csv"):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    result = keras_fool.fool(
        tiny_model, method="ascend", steps=10**6, labels=[2, 1], progress=False, workdir="run"
    )
    sender.join()
    assert not result.is_complete
    assert f"after step {result.stopped_after}" in repr(result)
    assert result.generations.tolist() == 2 * [result.stopped_after]
    assert result.numbers.tolist() == [2, 1]
    scored = scoring.LocalScorer(classifiers.find(str(tiny_model))).score(result.images)
    np.testing.assert_allclose(result.confidences, scored[range(2), [2, 1]], atol=0.02)


def test_other_signals_are_the_programs(here, tiny_model):
    got = []
    before = signal.signal(signal.SIGTERM, lambda number, _: got.append(number))
    try:
        sender = signalled(here / "run", signal.SIGTERM)
        assert not keras_fool.fool(tiny_model, **LONG, workdir="run").is_complete
        sender.join()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert got == [signal.SIGTERM]


def test_ctrl_c_before_there_is_anything(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def interrupted(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keras_fool.fool(interrupted, image_shape=(8, 8, 1), **FEW)
    assert folders.names(tmp_path) == set()


def test_it_runs_in_any_thread(tiny_model, whole):
    found = []
    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=lambda: found.append(keras_fool.fool(tiny_model, **FEW)))
    thread.start()
    thread.join()
    np.testing.assert_array_equal(found[0].images, whole.images)
    assert signal.getsignal(signal.SIGINT) is before


def test_what_a_function_raises_comes_through_and_the_run_goes_on(tiny_model, whole):
    scorer = scoring.LocalScorer(classifiers.find(str(tiny_model)))
    calls = []

    def failing(images):
        calls.append(len(images))
        if len(calls) == 5:
            raise ZeroDivisionError("mine alone")
        return scorer.score(images)

    arguments = FEW | {"workdir": "run", "image_shape": (12, 10, 1), "checkpoint_every": 1}
    with pytest.raises(ZeroDivisionError, match="mine alone"):
        keras_fool.fool(failing, **arguments)

    result = keras_fool.fool(failing, **arguments)

    assert "goes on after generation" in " ".join(result.notes)
    np.testing.assert_array_equal(result.images, whole.images)


def test_notes_are_kept_and_shown_where_progress_is(here, capfd):
    image = keras.Input((6, 6, 1))
    weights = keras.initializers.RandomNormal(stddev=5.0, seed=1)
    flat = keras.layers.Flatten()(image)
    model = keras.Model(image, keras.layers.Dense(3, "softmax", kernel_initializer=weights)(flat))

    quiet = keras_fool.fool(model, **FEW)
    assert any(note.endswith("see preprocess.") for note in quiet.notes), quiet.notes
    assert "note:" not in capfd.readouterr().err
    keras_fool.fool(model, **FEW | {"progress": True})
    err = capfd.readouterr().err
    assert f"note: {model.name} is at least" in err
    assert "images in" in err
    assert folders.names(here) == set()


def test_cross_scores_are_what_the_other_says(whole, tiny_model, other_model):
    expected = scoring.LocalScorer(classifiers.find(str(other_model))).score(whole.images)
    model = keras.saving.load_model(other_model)

    for other in (other_model, str(other_model), model):
        found = keras_fool.cross_score(whole, other)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)
    itself = keras_fool.cross_score(whole, tiny_model)
    np.testing.assert_array_equal(itself[range(3), whole.numbers], whole.confidences)
    with pytest.raises(ValueError, match="mnist_a/1 has 10 labels"):
        keras_fool.cross_score(whole, "mnist_a")


def test_cross_scores_compare_labels_by_name(twins):
    result = keras_fool.fool(twins["one"], labels=["cross", "heart"], **FEW)
    np.testing.assert_allclose(
        keras_fool.cross_score(result, twins["two"]),
        keras_fool.cross_score(result, twins["one"]),
        atol=1e-6,
    )
    assert result.labels == ("cross", "heart")


def test_champions_are_drawn_at_any_size(here, whole):
    champion = whole.champions[1]
    np.testing.assert_array_equal(keras_fool.draw(champion, 12), champion.image)
    large = keras_fool.draw(champion, 120)
    assert (large.shape, large.dtype) == ((120, 100, 1), np.uint8)
    smooth = keras_fool.draw(champion, 120, smooth=True)
    assert (smooth.shape, smooth.dtype) == ((120, 100, 1), np.uint8)
    assert (smooth != large).any()
    path = here / "champion.png"
    path.write_bytes(champion_png.encode(champion))
    np.testing.assert_array_equal(keras_fool.draw(path, 120), large)
    for size in (0, 8193):
        with pytest.raises(ValueError, match=r"size must be in 1\.\.8192"):
            keras_fool.draw(champion, size)
    with pytest.raises(TypeError, match="size must be a whole number"):
        keras_fool.draw(champion, 12.5)
    with pytest.raises(TypeError, match="a champion is one of result"):
        keras_fool.draw(whole)
    with pytest.raises(FileNotFoundError):
        keras_fool.draw(here / "nothing.png")


def test_plots(whole, here):
    figure = whole.plot()
    shown = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title().split("\n")[0] for axes in shown] == ["0", "1", "2"]
    for axes, image in zip(shown, whole.images, strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), image[..., 0])
    assert not any(axes.axison for axes in figure.axes)
    figure.savefig(here / "plot.png")
    for shown_in_notebook in (whole, figure):
        assert shown_in_notebook._repr_png_().startswith(b"\x89PNG")


def test_nothing_is_overwritten(here, whole):
    (here / "taken").mkdir()
    (here / "taken" / "notes.txt").write_text("all my work")
    before = folders.contents(here)
    with pytest.raises(ValueError, match="taken exists"):
        whole.save("taken")
    with pytest.raises(ValueError, match="holds other files and no run"):
        keras_fool.fool("mnist_a", **FEW, workdir="taken")
    assert folders.contents(here) == before
    (here / "empty").mkdir()
    whole.save("empty")
    assert folders.contents(here / "empty") == folders.contents(whole.folder)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"genrations": 3}, TypeError, r"no argument 'genrations', did you mean generations\?"),
        ({"preset": "s6"}, ValueError, "preset is for method='ascend'"),
        ({"method": "ascend", "seed": 3}, ValueError, "seed is for method='evolve'"),
        ({"method": "climb"}, ValueError, "unknown method 'climb'; known: evolve, ascend"),
        ({"generations": "3"}, TypeError, "generations must be a whole number, got '3'"),
        ({"generations": 2.0}, TypeError, "generations must be a whole number"),
        ({"runs": True}, TypeError, "runs must be a whole number"),
        ({"generations": -1}, ValueError, "generations must be at least 0"),
        ({"checkpoint_every": 0}, ValueError, "checkpoint_every must be at least 1"),
        ({"score_batch": 0}, ValueError, "score_batch must be"),
        ({"encoding": "pixels"}, ValueError, "encoding must be one of cppn, direct"),
        ({"renderer": "gpu"}, ValueError, "unknown renderer 'gpu'"),
        ({"labels": [10]}, ValueError, "no label 10: they are numbered 0 to 9"),
        ({"labels": ["ten"]}, ValueError, "unknown label 'ten'"),
        ({"labels": []}, ValueError, "at least one"),
        ({"outputs": "logits"}, ValueError, "its outputs are confidences, not logits"),
        ({"preprocess": "nix"}, ValueError, "unknown option of mnist_a 'nix'"),
        ({"preprocess": "tf"}, ValueError, "preprocess must be none, not tf"),
        ({"detector": "nothing.npz"}, FileNotFoundError, "nothing.npz"),
        ({"max_requests": 3}, ValueError, "max_requests is about endpoints"),
        ({"view": "side"}, ValueError, "view must be one of plain"),
        ({"crops": 10}, ValueError, "say how large, such as image_size=256"),
        ({"model": "nothing"}, ValueError, "unknown model 'nothing'"),
        ({"model": 3}, TypeError, "a classifier is a name, .* got int"),
        ({"model": []}, ValueError, "the list of classifiers is empty"),
        ({"model": len}, ValueError, "does not say what images it takes: give image_shape"),
        ({"model": len, "image_shape": (2, 2)}, ValueError, "height, width, channels"),
        ({"image_shape": (28, 28, 1)}, ValueError, "image_shape is about functions"),
        ({"dataset": "cifar"}, ValueError, "unknown data set 'cifar'"),
        ({"label_names": ["a"]}, ValueError, "1 labels are named"),
        ({"label_names": 3}, TypeError, "label_names takes a list of names or a file"),
        ({"model": None, "preprocess": "tf"}, ValueError, "preprocess is about a model, and none"),
        ({"model": "grpc://a:1/m", "preprocess": "tf"}, ValueError, "not about endpoints"),
        ({"method": "ascend", "decay": "much"}, TypeError, "decay must be a number"),
        ({"method": "ascend", "decay": 7}, ValueError, "decay must be from 0 to below 1"),
        ({"method": "ascend", "preset": "s9"}, ValueError, "unknown preset 's9'"),
        ({"method": "ascend", "seeds": [-1]}, ValueError, "seeds must be numbers from 0 on"),
        ({"method": "ascend", "data_mean": 300}, ValueError, r"a number|one number in 0\.\.255"),
    ],
)
def test_what_is_impossible_is_refused_in_one_line(here, arguments, error, message):
    with pytest.raises(error, match=message) as raised:
        keras_fool.fool(**{"model": "mnist_a", "progress": False} | arguments)
    assert "\n" not in str(raised.value)
    assert "--" not in str(raised.value)
    assert folders.names(here) == set()


def test_unfinished_folders_of_anyone_are_checked(here, tiny_model):
    with pytest.raises(ValueError, match="there is no folder nothing"):
        keras_fool.load("nothing")
    sender = signalled(here / "run", signal.SIGINT)
    keras_fool.fool(tiny_model, **LONG, workdir="run")
    sender.join()
    (path,) = sorted((here / "run" / "checkpoint").iterdir())[-1:]
    with np.load(path) as state:
        arrays = dict(state)
    arrays["niches"] = arrays["niches"] + 10**6
    for file in (here / "run" / "checkpoint").iterdir():
        file.unlink()
    checkpoints.CheckpointFolder(here / "run" / "checkpoint").save(arrays)
    with pytest.raises(ValueError, match=r"checkpoint.*niches"):
        keras_fool.load("run")
    for file in (here / "run" / "checkpoint").iterdir():
        file.unlink()
    with pytest.raises(ValueError, match="has only begun"):
        keras_fool.load("run")


def test_public_names_are_no_commands_and_all_are_there():
    assert not set(keras_fool.__all__) & set(program.commands())
    assert set(keras_fool.__all__) <= set(dir(keras_fool))
    for name in keras_fool.__all__:
        assert getattr(keras_fool, name).__doc__, name
    with pytest.raises(AttributeError, match="evolv"):
        _ = keras_fool.evolv


def test_importing_it_is_quick_and_loads_nothing_large():
    """In processes of their own; processor time, which other processes do not change."""
    code = (
        "import sys, time; before = set(sys.modules); begun = time.process_time(); "
        "import keras_fool; seconds = time.process_time() - begun; "
        "print(seconds, *{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    root = pathlib.Path(keras_fool.__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": str(root)}
    found = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=environment
        )
        seconds, *modules = done.stdout.split()
        found.append(float(seconds))
        large = {"numpy", "tensorflow", "keras", "numba", "matplotlib", "PIL", "absl", "tqdm"}
        assert not large & set(modules)
    assert min(found) < 0.2
