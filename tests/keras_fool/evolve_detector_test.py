"""`evolve --detector`: images that pass the detector, a run that resumes, what is refused."""

import csv
import json
import re

import numpy as np
import pytest

import keras_fool
from keras_fool import detectors, evolve
from keras_fool.models import classifiers, scoring
from keras_fool.runs import champion_png
from tests.keras_fool import folders

SMALL = ("--batch_size=100", "--generations=40")


@pytest.fixture(scope="module")
def source(tiny_model):
    return detectors.open_source(str(tiny_model))


@pytest.fixture(scope="module")
def images():
    """What counts as real here: soft blots, which noise and stripes do not look like."""
    rng = np.random.default_rng(1)
    rows, columns = np.mgrid[:12, :10]
    centres = rng.uniform(3, 8, (200, 2, 1, 1))
    squares = (rows - centres[:, 0]) ** 2 + (columns - centres[:, 1]) ** 2
    blots = 200 * np.exp(-squares / rng.uniform(4, 20, (200, 1, 1)))
    return blots.astype(np.uint8)[..., np.newaxis]


@pytest.fixture
def saved(source, images, tmp_path):
    def made(name, **parameters):
        detector = detectors.fit(name, source, images[:120], **parameters)
        detector.threshold(0.95, images[120:])
        detector.save(tmp_path / f"{name}.npz")
        return tmp_path / f"{name}.npz", detector

    return made


def champions(path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, labels and recorded confidences of a run's last champions."""
    with open(path / "champions.csv") as file:
        rows = list(csv.DictReader(file))
    found = [champion_png.read(path / row["file"]).image for row in rows]
    labels = np.array([int(row["label"]) for row in rows])
    return np.stack(found), labels, np.array([float(row["confidence"]) for row in rows])


@pytest.mark.slow
def test_what_is_left_passes_the_detector(command, tiny_model, saved, tmp_path):
    path, detector = saved("knn", k=5)
    arguments = (f"--model={tiny_model}", "--runs=2", *SMALL)

    assert command(evolve, *arguments, f"--workdir={tmp_path}/plain")[0] == 0
    code, out, _ = command(evolve, *arguments, f"--workdir={tmp_path}/both", f"--detector={path}")

    assert code == 0
    assert re.search(r"(?m)^A confidence .*only where knn accepts.*\.$", out)
    plain, _, _ = champions(tmp_path / "plain")
    assert not detector.accepts(plain).all()  # else there is nothing to get around
    found, labels, recorded = champions(tmp_path / "both")
    passed = recorded >= 1e-30
    np.testing.assert_array_equal(passed, detector.accepts(found))
    assert passed.any()
    classifier = classifiers.find(str(tiny_model))
    confidences = scoring.LocalScorer(classifier).score(found)[range(len(found)), labels]
    np.testing.assert_allclose(recorded[passed], confidences[passed], atol=1e-6)
    config = json.loads((tmp_path / "both" / "config.json").read_text())["settings"]
    assert config["detector"]["name"] == "knn"
    assert config["detector"]["threshold"]["value"] == detector.operating_point.value
    plain = json.loads((tmp_path / "plain" / "config.json").read_text())["settings"]
    assert "detector" not in plain
    assert config["scorer"] == plain["scorer"]


@pytest.mark.slow
def test_the_same_from_python(command, tiny_model, saved, tmp_path):
    path, _ = saved("knn", k=5)
    arguments = (f"--model={tiny_model}", "--generations=2", "--batch_size=20", "--labels=2,0")
    command(evolve, *arguments, f"--workdir={tmp_path}/command", f"--detector={path}")

    settings = {"generations": 2, "batch_size": 20, "labels": [2, 0], "progress": False}
    keras_fool.fool(tiny_model, **settings, detector=path, workdir=tmp_path / "fool")

    assert folders.contents(tmp_path / "fool") == folders.contents(tmp_path / "command")
    with pytest.raises(ValueError, match=r"is a function: leave detector out"):
        keras_fool.fool(len, image_shape=(12, 10, 1), detector=path, **settings)


def test_rejected_images_are_climbed_until_one_is_accepted(command, tiny_model, saved, tmp_path):
    """Where the first images are all rejected, evolution is not left without direction."""
    path, detector = saved("mahalanobis")

    code, _, _ = command(
        evolve,
        f"--model={tiny_model}",
        "--encoding=direct",
        *SMALL,
        f"--workdir={tmp_path}/run",
        f"--detector={path}",
    )

    assert code == 0
    first = [
        champion_png.read(file).image
        for file in (tmp_path / "run" / "images" / "run_000" / "first").glob("*.png")
    ]
    first = detector.score(np.stack(first))
    last = detector.score(champions(tmp_path / "run")[0])
    assert (first < detector.operating_point.value).all()
    assert np.median(last) > np.median(first)


def test_a_run_goes_on_with_the_same_detector_alone(command, tiny_model, saved, tmp_path):
    path, _ = saved("energy")
    arguments = (f"--model={tiny_model}", "--batch_size=40", f"--workdir={tmp_path}/run")
    assert command(evolve, *arguments, f"--detector={path}", "--generations=4")[0] == 0
    before = folders.contents(tmp_path / "run")

    code, out, _ = command(evolve, *arguments, f"--detector={path}", "--generations=4")
    assert code == 0
    assert "complete already" in out

    other, _ = saved("energy", temperature=2.0)
    assert other == path  # the same name, and another detector
    for options in ([f"--detector={path}"], []):
        code, _, err = command(evolve, *arguments, *options, "--generations=4")
        assert code == 1
        assert "detector" in err
        assert err.count("\n") == 1
    assert folders.contents(tmp_path / "run") == before


def test_what_cannot_be_attacked_is_one_line(command, tiny_model, other_model, saved, tmp_path):
    path, detector = saved("energy")
    detector.operating_point = None
    detector.save(tmp_path / "without.npz")
    for model, file, fact in (
        (tiny_model, tmp_path / "none.npz", "none.npz"),
        (tiny_model, tmp_path / "without.npz", "no threshold"),
        (tiny_model, tiny_model, "tiny.keras is not a detector's file"),
        (other_model, path, "not on other.keras"),
    ):
        code, out, err = command(
            evolve, f"--model={model}", *SMALL, f"--workdir={tmp_path}/run", f"--detector={file}"
        )
        assert (code, out) == (1, "")
        assert fact in err.splitlines()[-1]
        assert "Traceback" not in err
    assert not (tmp_path / "run").exists()
