"""Audits without images of a classifier that has fitted detectors beside it."""

import shutil

import jsonschema
import numpy as np
import pytest

import keras_fool
from keras_fool import detectors
from keras_fool.audits import schema
from keras_fool.detectors import judged

NAMES = ("msp", "knn")
SMALL = {"budget": 1000, "quick": True, "progress": False}


@pytest.fixture
def shipped(tiny_model, blots, tmp_path):
    """A classifier with two detectors beside it, and what is known of real images."""
    path = tmp_path / "tiny.keras"
    shutil.copy(tiny_model, path)
    folder = tmp_path / "detectors"
    folder.mkdir()
    source = detectors.open_source(str(path))
    images = blots[0]
    scores = {}
    for name in NAMES:
        fitted = detectors.fit(name, source, images[:100])
        fitted.threshold(0.95, images[100:160])
        fitted.save(folder / f"{name}.npz")
        scores[name] = fitted.score(images[160:])
    confidences = source.score(images[160:]).max(axis=1)
    right = np.arange(len(confidences)) % 5 > 0
    judged.write(folder, judged.Judged("blots", confidences, right, scores))
    return path, folder, scores


def found_in(report) -> dict:
    return {each["name"]: each for each in report["detectors"]}


@pytest.mark.slow
def test_detectors_beside_a_classifier_are_judged_and_attacked(shipped, tmp_path):
    path, folder, scores = shipped

    found = keras_fool.assess(path, workdir=tmp_path / "audit", **SMALL)

    report = found.report
    jsonschema.validate(report, schema.schema())
    assert report["no_data"] is None
    assert report["data"]["name"] == "blots"
    assert report["data"]["num_judged"] == 80
    assert report["data"]["accuracy"]["value"] == pytest.approx(0.8)
    each = found_in(report)
    for name in NAMES:
        there = (tmp_path / "audit" / each[name]["file"]).read_bytes()
        assert there == (folder / f"{name}.npz").read_bytes()
        threshold = each[name]["threshold"]
        assert threshold["num_images"] == 60
        rejected = np.mean(scores[name] < np.float32(threshold["value"]))
        assert threshold["real_rejected"]["value"] == pytest.approx(rejected)
        assert sum(each[name]["histograms"]["counts"]["real"]) == 80
        assert all(row["auroc"] is not None for row in each[name]["static"])
        assert each[name]["adaptive"]["images"] > 0
    for name in set(detectors.NAMES) - set(NAMES):
        assert "real images" in each[name]["not_done"]

    # Other detectors beside it are another audit.
    (folder / "knn.npz").unlink()
    with pytest.raises(ValueError, match=r"beside\.knn"):
        keras_fool.assess(path, workdir=tmp_path / "audit", **SMALL)


@pytest.mark.slow
def test_without_what_they_say_of_real_images_thresholds_are_all(shipped, tmp_path):
    path, folder, _ = shipped
    (folder / judged.FILE).unlink()

    report = keras_fool.assess(path, workdir=tmp_path / "audit", **SMALL).report

    jsonschema.validate(report, schema.schema())
    assert report["data"] is None
    assert report["no_data"]
    each = found_in(report)
    for name in NAMES:
        assert each[name]["threshold"]["real_rejected"] is None
        assert all(row["auroc"] is None for row in each[name]["static"])
        assert all(row["accepted"] is not None for row in each[name]["static"])
        assert each[name]["adaptive"]["images"] > 0
    assert report["verdict"]["threshold"]["real_rejected"] is None
