"""Figures S5 to S9 in small, from end to end, on networks made for it."""

import contextlib
import io
import json
import pathlib

import numpy as np
import pytest
from absl.testing import flagsaver
from PIL import Image

from keras_fool import reproduce
from keras_fool.command_line import cli
from keras_fool.studies import ascents, experiment
from tests.keras_fool import folders, terminal


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def thousand(tmp_path_factory) -> pathlib.Path:
    """A .keras file of as many labels as ImageNet has: BGR floats [16, 16, 3]."""
    import keras

    keras.utils.set_random_seed(6)
    decided = keras.initializers.RandomNormal(stddev=0.5, seed=2)
    image = keras.Input((16, 16, 3))
    features = keras.layers.Conv2D(8, 3, activation="relu")(image)
    pooled = keras.layers.GlobalAveragePooling2D()(features)
    outputs = keras.layers.Dense(1000, activation="softmax", kernel_initializer=decided)(pooled)
    path = tmp_path_factory.mktemp("models") / "thousand.keras"
    keras.Model(image, outputs).save(path)
    return path


@pytest.fixture(scope="module")
def figure_s5(tmp_path_factory, thousand) -> tuple[list[str], str]:
    """The experiment is done: the flags that it had, and what it printed."""
    path, printed = tmp_path_factory.mktemp("figures"), io.StringIO()
    arguments = [f"--models={thousand}:bgr", "--scale=0.1", f"--workdir={path}/w"]
    arguments += [f"--results={path}/r"]
    argv = ["reproduce", "--experiment=figure_s5", *arguments]
    with (
        flagsaver.flagsaver(),
        contextlib.redirect_stdout(printed),
        pytest.raises(SystemExit) as ended,
    ):
        cli.run(reproduce.main, uses=reproduce.USES, argv=argv)
    assert ended.value.code == 0
    return arguments, printed.getvalue()


def results_of(arguments: list[str], experiment: str) -> pathlib.Path:
    return pathlib.Path(arguments[-1].removeprefix("--results=")) / f"{experiment}_scale0.1"


def test_classes_elsewhere_than_imagenet_has_them_are_refused(command, thousand, tmp_path):
    names = [ascents.CLASSES.get(label, f"x{label}") for label in range(1000)]
    names[200], names[7] = names[7], names[200]
    (tmp_path / "names.txt").write_text("\n".join(names))
    arguments = [f"--models={thousand}:bgr", "--scale=0.2", "--workdir=w", "--results=r"]

    code, out, err = command(
        reproduce, "--experiment=figure_s5", *arguments, "--label_names=names.txt"
    )

    assert (code, out) == (1, "")
    assert "label 7 of thousand.keras is Tibetan terrier, which is label 200 in ImageNet" in err


@pytest.mark.slow
def test_figures_share_what_they_ascend(command, figure_s5):
    arguments, out = figure_s5
    folder = results_of(arguments, "figure_s5")
    assert "[a try at scale 0.1] Figure S5: gradient ascent with weight decay" in out
    table = (folder / "table.md").read_text()
    images = folders.rows(folder / "images.csv")
    assert [row["label_name"] for row in images] == [
        ascents.CLASSES[int(row["label"])] for row in images
    ]
    assert {int(row["label"]) for row in images} < set(ascents.LEGIBLE)
    assert len(images) == 2
    means = [
        f"{100 * np.mean([float(row[column]) for row in images]):.3f}"
        for column in ("iterate_confidence", "confidence")
    ]
    assert f"| average confidence, % | 98.591 | {' | '.join(means)} |" in table
    assert "| photocopier | 99.9439 |" in table
    settings = json.loads((folder / "settings.json").read_text())
    assert settings["ascents"][0]["steps"] == 150
    assert settings["ascents"][0]["decay"] == 0.01
    assert settings["ascents"][0]["mean"] == [123.0, 117.0, 104.0]
    assert settings["gradients"] == 2 * 150
    assert settings["classifiers"][0]["preprocess"] == "bgr"
    less, plain = (Image.open(folder / name) for name in ("figure_s5.png", "figure_s5_as_seen.png"))
    assert less.size == plain.size
    assert less.tobytes() != plain.tobytes()

    code, _, err = command(reproduce, "--experiment=figure_s8", *arguments)

    assert code == 0, err
    folder = results_of(arguments, "figure_s8")
    images = folders.rows(folder / "images.csv")
    assert len(images) == 2 * 5
    assert {row["run"] for row in images} == set("01234")
    timing = json.loads((folder / "timing.json").read_text())
    assert [stage["reused"] for stage in timing["stages"].values()] == [True, False, False]


@pytest.mark.slow
def test_decay_is_varied_from_figure_s5(command, figure_s5):
    arguments, _ = figure_s5

    code, _, err = command(reproduce, "--experiment=ascent_decay", *arguments)

    assert code == 0, err
    folder = results_of(arguments, "ascent_decay")
    timing = json.loads((folder / "timing.json").read_text())
    assert [stage["reused"] for stage in timing["stages"].values()] == [True, *[False] * 5]
    settings = json.loads((folder / "settings.json").read_text())["ascents"]
    assert [(of["decay"], of["early"], of["late"]) for of in settings] == [
        (0.01, 0.03, 0.02),
        (0.003, 0.03, 0.02),
        (0.001, 0.03, 0.02),
        (0.01, 0.09, 0.06),
        (0.01, pytest.approx(0.3), pytest.approx(0.2)),
    ]
    images = folders.rows(folder / "images.csv")
    assert len({row["preset"] for row in images}) == 5
    averages = [
        100 * np.mean([float(row["iterate_confidence"]) for row in images if row["preset"] == of])
        for of in dict.fromkeys(row["preset"] for row in images)
    ]
    lines = (folder / "table.md").read_text().splitlines()
    found = [line.split(" | ") for line in lines if line.startswith("| 0.0")]
    assert [float(line[3]) for line in found] == pytest.approx(averages, abs=0.001)


@pytest.mark.slow
def test_on_digits(command, tiny_model):
    arguments = [f"--models={tiny_model}", "--dataset=mnist", "--scale=0.02"]
    arguments += ["--workdir=w", "--results=r"]

    code, out, err = command(reproduce, "--experiment=figure_s7", *arguments)
    assert code == 0, err
    assert "[a try at scale 0.02, on mnist, not ImageNet] Figure S7" in out
    assert "photocopier" not in out

    code, out, err = command(reproduce, "--experiment=ascent_mnist", *arguments)
    assert code == 0, err
    images = folders.rows(pathlib.Path("r/ascent_mnist_scale0.02/images.csv"))
    assert [row["preset"] for row in images] == [
        preset for preset in ("plain", "s5", "s6", "s7") for _ in range(2)
    ]
    for preset in ("plain", "s5", "s6", "s7"):
        assert terminal.shows(out, preset, 2)


def test_a_network_of_imagenet_must_be_named(command):
    code, _, err = command(reproduce, "--experiment=figure_s6")

    assert code == 1
    assert "this experiment is about 1 network: name it in --models" in err


def test_figures_have_the_settings_of_the_paper():
    found = {}
    for name in ("ascent_plain", "figure_s5", "figure_s6", "figure_s7", "figure_s8", "figure_s9"):
        figure = experiment.load(name).steps.__self__
        labels = ascents.LEGIBLE if figure.few else ascents.CLASSES
        found[name] = figure.preset, figure.seeds, len(labels)

    assert found == {
        "ascent_plain": ("plain", 1, 20),
        "figure_s5": ("s5", 1, 20),
        "figure_s6": ("s6", 1, 20),
        "figure_s7": ("s7", 1, 20),
        "figure_s8": ("s5", 5, 5),
        "figure_s9": ("s7", 5, 5),
    }
    assert len(ascents.CLASSES) == 20
    assert set(ascents.LEGIBLE) < set(ascents.CLASSES)
