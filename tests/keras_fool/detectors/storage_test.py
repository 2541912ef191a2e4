"""Files of detectors: the same bits after loading, and what is refused at the door."""

import io
import json
import zipfile

import numpy as np
import pytest

import keras_fool
from keras_fool import detectors


@pytest.mark.parametrize("name", detectors.NAMES)
def test_a_loaded_detector_scores_the_same_bits(colour, colour_model, tmp_path, name):
    detector = colour.fitted(name)
    detector.threshold(0.9, colour.test)
    path = tmp_path / "detector.npz"

    detector.save(path)
    # From the file of the model, as another process would.
    model = str(colour_model) if name in ("odin", "knn") else colour.source
    again = detectors.load(str(path), model)

    np.testing.assert_array_equal(again.score(colour.test), detector.score(colour.test))
    assert (again.name, again.parameters, again.fitting, again.operating_point) == (
        name,
        detector.parameters,
        detector.fitting,
        detector.operating_point,
    )
    again.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()
    assert {file.name for file in tmp_path.iterdir()} == {"detector.npz", "again.npz"}


@pytest.fixture
def written(digits, tmp_path):
    """A small file: the arrays in it are one number."""
    path = tmp_path / "react.npz"
    detector = digits.fitted("react")
    detector.threshold(0.95, digits.test)
    detector.save(path)
    return path


def parts(path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


def test_the_card_says_what_a_file_is(written, digits):
    card = json.loads(parts(written)["card"].tobytes())

    assert card["detector"] == "react"
    assert card["parameters"] == {"quantile": 0.9}
    assert card["classifier"] == "mnist_a/1"
    assert len(card["classifier_sha256"]) == 64
    assert card["fitted_on"] == {"num_images": len(digits.train), "labels": "given"}
    assert card["keras_fool"] == keras_fool.__version__
    assert card["threshold"]["level"] == 0.95
    assert card["threshold"]["num_images"] == len(digits.test)


def test_another_classifier_is_refused(written):
    with pytest.raises(ValueError, match=r"fitted on 'mnist_a/1'.*not on mnist_b/1") as caught:
        detectors.load(written, "mnist_b")
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="not on mnist_a"):
        detectors.load(written, "mnist_a:view=published")  # the same file, otherwise seen


def with_card(**changes):
    def altered(found):
        card = json.loads(found["card"].tobytes()) | changes
        found["card"] = np.frombuffer(json.dumps(card).encode(), np.uint8)

    return altered


def with_array(array):
    return lambda found: found.update(limit=array)


THRESHOLD = dict.fromkeys(("value", "level", "accepted", "high", "spread"), 0.9)
THRESHOLD |= {"low": 0.5, "num_images": 20}
DAMAGES = {
    "no card": (lambda found: found.pop("card"), "card"),
    "no JSON": (lambda found: found.update(card=np.zeros(9, np.uint8)), "damaged"),
    "a list": (lambda found: found.update(card=np.frombuffer(b"[1]", np.uint8)), "JSON object"),
    "another format": (with_card(format=2), "format"),
    "another detector": (with_card(detector="reactor"), "reactor"),
    "a number for a name": (with_card(detector=3), "detector"),
    "another detector's array": (with_card(detector="knn", parameters={}), "neighbours"),
    "an unknown parameter": (with_card(parameters={"k": 1}), "'k'"),
    "a wrong parameter": (with_card(parameters={"quantile": 2}), "quantile"),
    "no count": (with_card(fitted_on={"num_images": -1, "labels": "given"}), "num_images"),
    "other words": (with_card(fitted_on={"num_images": 1, "labels": "x"}), "labels"),
    "more words": (with_card(fitted_on={"images": 1}), "images"),
    "no threshold": (with_card(threshold={"value": 1}), "threshold"),
    "a threshold of text": (with_card(threshold=THRESHOLD | {"value": "1"}), "value"),
    "a threshold for all": (with_card(threshold=THRESHOLD | {"level": 1.5}), "threshold"),
    "crossed ends": (with_card(threshold=THRESHOLD | {"low": 2.0}), "threshold"),
    "NaN": (with_array(np.array([np.nan], np.float32)), "not finite"),
    "more numbers": (with_array(np.zeros(2, np.float32)), r"\[1\]"),
    "other numbers": (with_array(np.zeros(1, np.float64)), "float64"),
    "an object": (with_array(np.array([{}], dtype=object)), "object"),
    "no array": (lambda found: found.pop("limit"), "limit"),
    "one more array": (lambda found: found.update(more=np.zeros(1)), "more"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_refused(written, digits, damage):
    change, fact = DAMAGES[damage]
    found = parts(written)
    change(found)
    np.savez(written, allow_pickle=True, **found)

    with pytest.raises(ValueError, match=fact) as caught:
        detectors.load(written, digits.source)

    assert "react.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_byte_that_is_lost_or_changed_is_noticed_or_harmless(written, digits):
    whole = written.read_bytes()
    scores = detectors.load(written, digits.source).score(digits.test[:20])
    rng = np.random.default_rng(8)
    changed = [whole[: rng.integers(len(whole))] for _ in range(15)]
    for place in rng.integers(0, len(whole), 45):
        changed.append(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
    refused = 0
    for content in changed:
        written.write_bytes(content)
        try:
            found = detectors.load(written, digits.source)
        except ValueError as error:
            refused += 1
            assert "\n" not in str(error)  # noqa: PT017
        else:
            np.testing.assert_array_equal(found.score(digits.test[:20]), scores)
    assert refused > 30


def test_a_header_that_promises_more_than_the_file_holds_is_refused(written, digits):
    header = io.BytesIO()
    form = {"descr": "<f4", "fortran_order": False, "shape": (2**38,)}
    np.lib.format.write_array_header_1_0(header, form)
    content = {name: io.BytesIO() for name in ("card",)}
    np.lib.format.write_array(content["card"], parts(written)["card"])
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("card.npy", content["card"].getvalue())
        archive.writestr("limit.npy", header.getvalue() + bytes(4))

    with pytest.raises(ValueError, match=r"limit must be float32 \[1\]"):
        detectors.load(written, digits.source)


def test_what_is_no_file_of_a_detector_is_refused(digits, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npz"):
        detectors.load(tmp_path / "none.npz", digits.source)
    (tmp_path / "text.npz").write_text("energy")
    for path in (tmp_path / "text.npz", tmp_path):
        with pytest.raises(ValueError, match=str(path)):
            detectors.load(path, digits.source)


def test_saving_replaces_a_file_whole_or_not_at_all(written, digits, tmp_path):
    before = written.read_bytes()
    detector = digits.fitted("energy")

    with pytest.raises(ValueError, match=r"\.npz"):
        detector.save(tmp_path / "energy.bin")
    with pytest.raises(OSError, match="missing"):
        detector.save(tmp_path / "missing" / "energy.npz")
    detector.save(written)

    assert written.read_bytes() != before
    assert detectors.load(written, digits.source).name == "energy"
    assert {path.name for path in tmp_path.iterdir()} == {"react.npz"}
