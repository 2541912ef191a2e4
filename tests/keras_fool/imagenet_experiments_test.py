"""The experiments on ImageNet's networks, in small: colour networks of four labels."""

import json
import pathlib

import keras
import numpy as np
import pytest
from PIL import Image

from keras_fool import confidence, reproduce, transfer
from keras_fool.studies import imagenet, tables
from tests.keras_fool import folders, terminal

SCALE = ("--scale=0.001", "--results=res")  # 5 generations
LABELS = ("lamp", "dog", "crane", "crane")  # two labels may have one name


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pathlib.Path("names.txt").write_text("\n".join(LABELS))


@pytest.fixture(scope="module")
def networks(tmp_path_factory) -> list[str]:
    """Specs of three networks of 10, 11 and 12 pixels that see crops of images of 14."""
    folder = tmp_path_factory.mktemp("networks")
    specs = []
    for seed, side in enumerate((10, 11, 12)):
        image = keras.Input((side, side, 3))
        weights = keras.initializers.RandomNormal(stddev=0.2, seed=seed)
        pooled = keras.layers.AveragePooling2D(2)(keras.layers.Rescaling(1 / 64)(image))
        flat = keras.layers.Flatten()(pooled)
        path = folder / f"net{seed}.keras"
        outputs = keras.layers.Dense(4, "softmax", kernel_initializer=weights)(flat)
        keras.Model(image, outputs).save(path)
        specs.append(f"{path}:image=14:crops={10 if seed == 0 else 1}")
    return specs


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> pathlib.Path:
    """Where experiments of any test keep their evolutions, and find those of others."""
    return tmp_path_factory.mktemp("work")


@pytest.fixture
def reproduced(command, work):
    """Runs an experiment: (exit code, stdout, stderr)."""
    return lambda *arguments: command(reproduce, *SCALE, f"--workdir={work}", *arguments)


@pytest.fixture
def photographs(tmp_path) -> pathlib.Path:
    """Two pictures of each label, one of them damaged."""
    rng = np.random.default_rng(0)
    for label in range(4):
        folder = tmp_path / "photographs" / "test" / f"n0{label}"
        folder.mkdir(parents=True)
        for number in range(2):
            pixels = rng.integers(0, 256, (20, 30, 3), np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    (folder / "0.png").write_bytes(b"no picture")
    return tmp_path / "photographs"


@pytest.mark.slow
def test_one_run_over_all_labels(reproduced, networks, tmp_path):
    arguments = ["--experiment=imagenet_run", f"--models={networks[0]}", "--label_names=names.txt"]

    code, out, err = reproduced(*arguments, f"--workdir={tmp_path / 'named'}")

    assert code == 0, err
    folder = tmp_path / "res" / "imagenet_run_scale0.001"
    table = (folder / "table.md").read_text()
    assert table.startswith("# [a try at scale 0.001] One run over all labels")
    assert tables.in_terminal(table) in out
    champions = folders.rows(folder / "champions.csv")
    assert [row["label_name"] for row in champions] == list(LABELS)
    confidences = np.array([float(row["confidence"]) for row in champions], np.float32)
    assert f"| median confidence, % | 88.11 | {100 * np.median(confidences):.2f} |" in table
    sure = int((confidences >= np.float32(0.9)).sum())
    assert f"| of at least 90 % | - | {sure} |" in table
    assert "| what it sees | 10 crops of 256x256 | 10 crops of 14x14 |" in table
    assert f"| images bred | 2,000,800 | {400 + 6 * 400:,} |" in table
    settings = json.loads((folder / "settings.json").read_text())
    assert settings["classifiers"][0]["views"]["crops"] == 10
    assert settings["evolutions"][0]["crops"] == 10
    for name in ("best.jpg", "every.jpg", "curve.png"):
        with Image.open(folder / name) as picture:
            assert picture.width > 400

    before = folders.contents(folder)
    code, _, err = reproduced(*arguments, f"--workdir={tmp_path / 'named'}")
    assert code == 0, err
    assert folders.contents(folder) == before


def test_kinds_are_those_of_imagenet():
    """Label 151 is the first dog, 268 the last; 397 is a fish, 398 an abacus."""
    confidences = np.full(1000, 0.5, np.float32)
    confidences[151:269] = 0.25
    confidences[398:] = 0.75

    table = imagenet.by_kind(confidences)

    assert "| breeds of dogs | 118 | 25.00 |" in table
    assert "| other animals | 280 | 50.00 |" in table
    assert "| everything else | 602 | 75.00 |" in table


@pytest.mark.slow
@pytest.mark.parametrize("name", ["table_s1_imagenet", "transfer_architectures"])
def test_transfer_between_two(reproduced, networks, tmp_path, name):
    models = f"--models={networks[0]},{networks[1]}"

    code, _, err = reproduced(f"--experiment={name}", models)

    assert code == 0, err
    folder = tmp_path / "res" / f"{name}_scale0.001"
    table = (folder / "table.md").read_text()
    images = folders.rows(folder / "images.csv")
    assert len(images) == 8
    for own, other, paper in (("net0", "net1", "65.9"), ("net1", "net0", "62.8")):
        of = [row for row in images if row["folder"].startswith(own)]
        same = [row for row in of if row["top1:net0.keras"] == row["top1:net1.keras"]]
        share = f"{100 * len(same) / len(of):.1f}"
        paper = paper if name == "table_s1_imagenet" else {"net0": "17.3", "net1": "20.7"}[own]
        line = f"| (a) Top-1 matches: {other}.keras on images of {own}.keras | {paper} | {share} |"
        assert line in table


@pytest.mark.slow
def test_several_runs_have_intervals(reproduced, networks, tmp_path):
    pathlib.Path("four.txt").write_text("lamp\ndog\ncrane\npipe")
    models = f"--models={networks[0]},{networks[1]}", "--label_names=four.txt"
    work = f"--workdir={tmp_path / 'named'}"
    arguments = ("--runs=3", "--dataset=folder:somewhere/tiny", work, *models)

    code, _, err = reproduced("--experiment=table_s1_imagenet", *arguments)

    assert code == 0, err
    folder = tmp_path / "res" / "table_s1_imagenet_tiny_scale0.001"
    table = (folder / "table.md").read_text()
    assert table.startswith("# [a try at scale 0.001, on tiny, not ImageNet] Table S1")
    images = folders.rows(folder / "images.csv")
    assert [row["run"] for row in images] == [
        str(run) for _ in range(2) for run in range(3) for _ in range(4)
    ]
    of = [row for row in images if row["folder"].startswith("net0")]
    same = [row["top1:net0.keras"] == row["top1:net1.keras"] for row in of]
    shares = 100 * np.array(same).reshape(3, 4).mean(axis=1)
    line = next(line for line in table.splitlines() if "(a)" in line and "of net0" in line)
    *_, share, interval, _ = line.split("|")
    assert float(share) == pytest.approx(shares.mean(), abs=0.05)
    low, high = map(float, interval.split(" to "))
    assert (low, high) == pytest.approx((shares.min(), shares.max()), abs=0.06)  # of three runs
    assert f"| images bred | {3 * (400 + 6 * 400):,} |" in table

    one = reproduced(
        "--experiment=imagenet_run", *arguments[:-2], models[0].split(",")[0], models[1]
    )
    assert one[0] == 0, one[2]
    folder = tmp_path / "res" / "imagenet_run_tiny_scale0.001"
    metrics = folders.rows(next(tmp_path.glob("named/*/net0*/metrics.csv")))
    last = [float(row["median"]) for row in metrics if row["generation"] == "5"]
    assert f"\n| 5 | {100 * np.median(last):.2f} |" in (folder / "table.md").read_text()


@pytest.mark.slow
def test_ensemble_of_three(reproduced, networks, tmp_path):
    code, _, err = reproduced("--experiment=ensemble", f"--models={','.join(networks)}")

    assert code == 0, err
    folder = tmp_path / "res" / "ensemble_scale0.001"
    table = (folder / "table.md").read_text()
    assert "| generations | 4000 | 4 |" in table
    images = folders.rows(folder / "images.csv")
    ensemble = "net0.keras+net1.keras+net2.keras"
    for row in images:  # what was fooled is the mean of the members
        own = [float(row[f"confidence_for_evolved:net{n}.keras"]) for n in range(3)]
        assert float(row[f"confidence_for_evolved:{ensemble}"]) == pytest.approx(
            np.mean(own), abs=1e-6
        )
    median = np.median([float(row[f"confidence_for_evolved:{ensemble}"]) for row in images])
    assert f"| median confidence, % | 65.2 | {100 * median:.2f} |" in table


@pytest.mark.slow
def test_confidence_in_real_images_beside_fooling_ones(reproduced, networks, photographs, tmp_path):
    model = f"--models={networks[1]}"
    data = f"--dataset=folder:{photographs}"
    assert reproduced("--experiment=imagenet_run", model)[0] == 0

    code, _, err = reproduced("--experiment=confidence", model, data)

    assert code == 0, err
    folder = tmp_path / "res" / "confidence_photographs_scale0.001"
    table = (folder / "table.md").read_text()
    assert "on photographs, not ImageNet" in table
    images = folders.rows(folder / "images.csv")
    assert len(images) == 7
    median = 100 * np.median([float(row["confidence"]) for row in images])
    assert f"| all real images | 7 | 60.3 | {median:.1f} |" in table
    assert "| fooling images | 4 | 88.11 |" in table, "those of the other experiment"
    assert json.loads((folder / "settings.json").read_text())["unreadable"] == ["test/n03/0.png"]
    assert str(tmp_path) not in (folder / "settings.json").read_text()


@pytest.mark.slow
def test_confidence_command(command, networks, photographs, tmp_path):
    model, _, _ = networks[1].partition(":")
    arguments = [f"--model={model}", "--image_size=14", f"--dataset=folder:{photographs}"]

    code, out, err = command(confidence, *arguments)

    assert code == 0, err
    assert "left out: 1 images that cannot be read, such as test/n03/0.png" in out
    folder = tmp_path / "photographs-confidence"
    images = folders.rows(folder / "images.csv")
    right = [row for row in images if row["label"] == row["top1"]]
    assert terminal.shows(out, "classified rightly", len(right), 86.7)
    wrong = [float(row["confidence"]) for row in images if row["label"] != row["top1"]]
    assert terminal.shows(out, len(wrong), 33.7, f"{100 * np.median(wrong):.1f}")
    assert terminal.shows(out, "top-1", f"{100 * len(wrong) / len(images):.2f}")

    code, _, err = command(confidence, *arguments)
    assert (code, err.startswith("error: photographs-confidence exists")) == (1, True)


def test_confidence_of_the_shipped_kind(command, tiny_model):
    code, out, err = command(confidence, f"--model={tiny_model}", "--dataset=digits")

    assert (code, out) == (1, "")
    assert "has 3 labels, digits has 10" in err


@pytest.mark.slow
def test_transfer_sees_the_images_as_the_original_did(
    command, reproduced, networks, tmp_path, work
):
    assert reproduced("--experiment=imagenet_run", f"--models={networks[0]}")[0] == 0
    (run,) = (work / "work_scale0.001").glob("net0_*")
    other, _, _ = networks[1].partition(":")

    code, _, err = command(transfer, f"--images={run}", f"--models={other}", "--output=out")

    assert code == 0, err
    both = folders.rows(tmp_path / "out" / "transfer.csv")
    assert all(row["top1:net1.keras"] for row in both)


@pytest.mark.parametrize("other", ["+", "grpc://127.0.0.1:1/net"])
def test_members_of_the_ensemble_are_single_networks(reproduced, networks, other, tmp_path):
    third = "+".join(networks[1:]) if other == "+" else other
    models = f"--models={networks[0]},{networks[1]},{third}"

    code, out, err = reproduced("--experiment=ensemble", models)

    assert (code, out) == (1, "")
    assert "is an endpoint or an ensemble" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "res").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--experiment=imagenet_run"], 1, "about 1 network: name it in --models"),
        (["--experiment=ensemble", "--models=mnist_a"], 1, "about 3 networks"),
        (
            ["--experiment=ensemble", "--dataset=digits"],
            2,
            "takes --dataset=imagenet, folder:PATH, not digits",
        ),
        (["--experiment=table_s1_mnist", "--dataset=shapes"], 2, "takes --dataset=mnist, digits"),
        (["--experiment=table_s1_mnist", "--runs=3"], 2, "leave --runs out"),
        (["--experiment=imagenet_run", "--label_names=no.txt"], 1, "no file of label names no.txt"),
    ],
)
def test_bad_input_is_one_line(reproduced, arguments, code, message, tmp_path):
    found, out, err = reproduced(*arguments)

    assert (found, out) == (code, "")
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "res").exists()


def test_search_imagenet(reproduced, networks, tmp_path):
    code, _, err = reproduced(
        "--experiment=search_imagenet", f"--models={networks[1]}", "--label_names=names.txt"
    )
    assert code == 0, err
    folder = tmp_path / "res" / "search_imagenet_scale0.001"
    settings = json.loads((folder / "settings.json").read_text())
    assert [(e.get("search"), e["coords"]) for e in settings["evolutions"]] == [
        (None, "raw"),
        (None, "normalized"),
        ("efficient", "normalized"),
    ]
    assert (folder / "medians.png").read_bytes().startswith(b"\x89PNG")
    table = (folder / "table.md").read_text()
    assert "interval" not in table  # of a single run there is none
    assert table.count("| efficient |") == 1
