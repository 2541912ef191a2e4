"""The experiment on detectors in small: its tables follow from its files, and it goes on."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

from keras_fool import detectors, reproduce
from keras_fool.detectors import metrics, outliers
from keras_fool.runs import champions
from tests.keras_fool import folders
from trainers import datasets

WORDS = ("--experiment=detectors", "--dataset=digits", "--models=mnist_a", "--scale=0.005")


def number(row: dict, name: str) -> float:
    return float(row[name])


@pytest.mark.slow
def test_tables_follow_from_the_images(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [*WORDS, "--outliers=shapes", "--workdir=work", "--results=res"]
    monkeypatch.setattr("sys.argv", ["reproduce", *words])

    code, _, err = command(reproduce, *words)

    assert code == 0, err
    assert "stage 13 of 13" in err
    folder = tmp_path / "res" / "detectors_digits_scale0.005"
    files = {path.name for path in folder.iterdir()}
    csvs = {"static.csv", "adaptive.csv", "thresholds.csv", "images.csv"}
    assert files == {*csvs, "detectors.png", "settings.json", "table.md", "timing.json"}

    work = tmp_path / "work" / "work_scale0.005"
    (fitted,) = work.glob("*_detectors")
    source = detectors.open_source("mnist_a")
    loaded = {name: detectors.load(fitted / f"{name}.npz", source) for name in detectors.NAMES}
    data = datasets.load("digits")
    held_out, judged = data.test_images[::2], data.test_images[1::2]
    for row in folders.rows(folder / "thresholds.csv"):
        each = loaded[row["detector"]]
        assert each.threshold(0.95).num_images == len(held_out)
        accepted = np.mean(each.accepts(judged))
        assert number(row, "accepted_judged") == pytest.approx(accepted, abs=0.011)
        assert number(row, "accepted") >= 0.95

    static = {(row["images"], row["detector"]): row for row in folders.rows(folder / "static.csv")}
    kinds = (*outliers.NAMES, "shapes", "cppn", "direct", "ascent")
    assert list(static) == [(kind, name) for kind in kinds for name in detectors.NAMES]
    noise = outliers.noise("gaussian", 100, (28, 28, 1), seed=1)
    for name in ("msp", "vim"):
        score = loaded[name].score
        expected = metrics.auroc(score(judged), score(noise))
        assert number(static["gaussian", name], "auroc") == pytest.approx(expected, abs=1e-4)

    images = folders.rows(folder / "images.csv")
    assert len(images) == 3 * 10 * (3 + 8)
    plain = [row for row in images if not row["made_against"] and row["kind"] == "cppn"]
    (run,) = work.glob("*_runs_000-002_seed_1")
    found = champions.read(run)
    assert [row["file"] for row in plain] == list(found.files)
    np.testing.assert_allclose(
        [number(row, "confidence") for row in plain], found.confidences, 1e-5
    )

    for row in folders.rows(folder / "adaptive.csv")[1:]:
        name, chosen = row["detector"], loaded[row["detector"]].threshold(0.95).value
        made = [image for image in images if image["made_against"] == name]
        for when, those in (("static", plain), ("adaptive", made)):
            accepted = np.array([number(image, name) >= chosen - 1e-6 for image in those])
            sure = np.array([number(image, "confidence") >= 0.99 for image in those])
            share = np.mean(accepted & sure)
            assert number(row, f"{when}_fooled99") == pytest.approx(share, abs=0.04)
            assert number(row, f"{when}_fooled99_low") <= number(row, f"{when}_fooled99_high")
            assert number(row, f"{when}_accepted") == pytest.approx(accepted.mean(), abs=0.04)
    settings = json.loads((folder / "settings.json").read_text())
    assert settings["detectors"]["knn"]["k"] == 50
    assert set(settings["data_digests"]) == {"digits", "shapes"}
    assert [entry["detector"] for entry in settings["evolutions"]] == [None, None, *detectors.NAMES]


@pytest.mark.slow
def test_the_same_command_again_makes_nothing_again(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [*WORDS, "--workdir=work", "--results=res"]
    monkeypatch.setattr("sys.argv", ["reproduce", *words])
    code, _, err = command(reproduce, *words)
    assert code == 0, err
    folder = tmp_path / "res" / "detectors_digits_scale0.005"
    before = folders.contents(folder)

    code, _, err = command(reproduce, *words)

    assert code == 0, err
    assert "stage 13 of 13" in err
    assert "stage 12" not in err
    assert folders.contents(folder) == before
    assert len(before) == 7

    # Detectors that were fitted on other images are not taken.
    (fitted,) = tmp_path.glob("work/*/*_detectors")
    (fitted / "data.json").write_text('{"dataset": "digits", "digest": "another"}\n')
    code, _, err = command(reproduce, *words)
    assert code == 1
    assert "fitted on other images" in err


@pytest.mark.slow
def test_detectors_that_cannot_be_fitted_are_left_out_and_named(command, tmp_path, monkeypatch):
    """Of nine photographs three are fitted on, each of another label."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    network = keras.Sequential(
        [keras.Input((12, 12, 3)), keras.layers.Flatten(), keras.layers.Dense(9, "softmax")]
    )
    network.save(tmp_path / "net.keras")
    for label in range(9):
        folder = tmp_path / "photos" / "test" / f"l{label}"
        folder.mkdir(parents=True)
        Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8)).save(folder / "one.png")
    words = ["--experiment=detectors", "--dataset=folder:photos", "--scale=0.005"]
    words += ["--models=net.keras:unit", "--workdir=work", "--results=res"]
    monkeypatch.setattr("sys.argv", ["reproduce", *words])

    for _ in range(2):
        code, _, err = command(reproduce, *words)

        assert code == 0, err
        folder = tmp_path / "res" / "detectors_photos_scale0.005"
        settings = json.loads((folder / "settings.json").read_text())
        left_out = settings["left_out"]
        assert {"mahalanobis", "knn"} <= set(left_out)
        assert "mahalanobis needs several" in left_out["mahalanobis"]
        table = (folder / "table.md").read_text()
        assert all(f"Not fitted: {why}" in table for why in left_out.values())
        named = {row["detector"] for row in folders.rows(folder / "static.csv")}
        assert named == set(detectors.NAMES) - set(left_out)
        against = {each["detector"] for each in settings["evolutions"]} - {None}
        assert against == named


@pytest.mark.parametrize(
    ("words", "fact"),
    [
        (["--experiment=detectors", "--dataset=shapes"], "--models"),
        (["--experiment=detectors", "--models=mnist_a,mnist_b"], "one classifier"),
        (["--experiment=detectors", "--outliers=mnits"], "mnits"),
        (["--experiment=figure_s4", "--outliers=shapes"], "--outliers"),
        (["--experiment=detectors", "--runs=5"], "--runs"),
    ],
)
def test_wrong_words_are_refused_in_one_line(command, tmp_path, words, fact):
    arguments = [*words, f"--workdir={tmp_path}/work", f"--results={tmp_path}/res"]
    code, _, err = command(reproduce, *arguments)
    assert code in (1, 2)
    assert fact in err
    assert "Traceback" not in err
    assert not (tmp_path / "work").exists()
