"""Audits of ONNX models, which show no gradients and no features."""

import jsonschema
import numpy as np
import pytest

import keras_fool
from keras_fool import detectors
from keras_fool.audits import schema
from keras_fool.runs import champion_png
from tests.keras_fool.models import formats
from tests.keras_fool.pages.parsed import Parsed

SMALL = {"budget": 1000, "quick": True, "progress": False}


def by_name(some) -> dict:
    return {each["name"]: each for each in some}


@pytest.fixture(scope="module")
def real() -> np.ndarray:
    """Colours that the network tells apart, with some noise."""
    rng = np.random.default_rng(1)
    colours = rng.integers(0, 256, (60, 1, 1, 3))
    return np.clip(colours + rng.integers(-20, 21, (60, 8, 8, 3)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def audited(tmp_path_factory, real):
    """The folder of an audit, its report, and what ONNX Runtime gives for images."""
    path, rows = formats.onnx_file(("N", 8, 8, 3))(tmp_path_factory.mktemp("model"))
    folder = tmp_path_factory.mktemp("audit") / "audit"
    labels = rows(real).argmax(axis=1)
    return folder, keras_fool.assess(str(path), real, labels, **SMALL, workdir=folder).report, rows


@pytest.mark.slow
def test_what_cannot_be_done_is_said_in_its_place(audited):
    folder, report, _ = audited
    jsonschema.validate(report, schema.schema())
    attacks, found = by_name(report["how_easily"]["attacks"]), by_name(report["detectors"])
    ascent = attacks["ascent"]["not_done"]
    assert "ONNX" in ascent
    assert not report["model"]["gives_gradients"]
    assert not report["model"]["gives_features"]
    missing = {name: found[name]["not_done"] for name in set(detectors.NAMES) - {"msp"}}
    assert all("does not show its layers" in reason for reason in missing.values())

    said = Parsed((folder / "audit.html").read_text("utf-8")).sections
    said = {name: " ".join(text.split()).replace("\u00a0", " ") for name, text in said.items()}
    assert ascent in said["easily"]
    assert "gradients" in said["model"]
    for reason in missing.values():
        assert reason in said["detectors"]
    for limit in report["verdict"]["limits"]:
        assert limit in said["limits"]
    assert report["verdict"]["sentence"] in said[""]


@pytest.mark.slow
def test_what_can_be_done_is_what_onnx_runtime_gives(audited):
    folder, report, rows = audited
    images = report["by_what"]["images"]
    pngs = np.stack([champion_png.read(folder / image["file"]).image for image in images])
    own = rows(pngs)[range(len(images)), [image["number"] for image in images]]
    np.testing.assert_allclose([image["confidence"] for image in images], own, atol=1e-6)
    found = by_name(report["detectors"])["msp"]
    adaptive = found["adaptive"]
    assert adaptive["images"] > 0
    pngs = np.stack([champion_png.read(folder / file).image for file in adaptive["files"]])
    accepted = rows(pngs).max(axis=1) >= found["threshold"]["value"] - 1e-6
    assert adaptive["accepted"]["value"] == pytest.approx(accepted.mean())
    assert max(image["confidence"] for image in images) < 0.99
    assert "none of its 3 labels" in report["verdict"]["sentence"]


@pytest.mark.slow
def test_logits_are_enough_for_detectors_of_logits(tmp_path, real):
    import onnxruntime

    path, rows = formats.onnx_file(("N", 8, 8, 3), head=False)(tmp_path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    logits = session.run(None, {"image": real.astype(np.float32)})[0]

    report = keras_fool.assess(f"{path}:logits", real, rows(real).argmax(axis=1), **SMALL).report

    done = {each["name"] for each in report["detectors"] if each["not_done"] is None}
    assert done == {"msp", "max_logit", "energy"}
    assert "gradient" in by_name(report["detectors"])["odin"]["not_done"]
    assert report["model"]["why_not"].keys() == {"gradients", "features", "weights"}
    source = detectors.open_source(f"{path}:logits")
    for name, expected in (
        ("max_logit", logits.max(axis=1)),
        ("energy", np.log(np.exp(logits.astype(np.float64)).sum(axis=1))),
    ):
        scores = detectors.fit(name, source, real).score(real)
        np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)
