"""The detectors that are shipped with the classifiers, and files of earlier versions."""

import ast
import json
import pathlib
import re
import shutil

import numpy as np
import pytest

from keras_fool import detectors
from keras_fool.detectors import metrics, outliers
from keras_fool.models import classifiers
from tests.trainers.datasets_test import prepared_mnist
from trainers import datasets

SHIPPED = pathlib.Path(classifiers.find("mnist_a").path).parents[2]
FOLDERS = sorted(SHIPPED.glob("*/*/detectors"))


def test_shipped_files_are_small_and_complete():
    assert {folder.parent.parent.name for folder in FOLDERS} >= {"mnist_a", "mnist_b"}
    for folder in FOLDERS:
        files = {file.stem: file.stat().st_size for file in folder.iterdir()}
        assert set(files) == {*detectors.NAMES, "judged"}, folder
        assert max(files.values()) < 1_000_000, folder
    assert sum(file.stat().st_size for folder in FOLDERS for file in folder.iterdir()) < 6_000_000


def test_they_are_packaged():
    setup = SHIPPED.parent / "setup.py"
    if not setup.is_file():
        pytest.skip("not a checkout")
    (patterns,) = re.findall(r'"saved_models": (\[.*\]),', setup.read_text("utf-8"))
    packaged = {path for pattern in ast.literal_eval(patterns) for path in SHIPPED.glob(pattern)}
    assert {file for folder in FOLDERS for file in folder.iterdir()} <= packaged


@pytest.mark.parametrize("name", ["mnist_a", "mnist_b"])
def test_they_belong_to_their_classifier_and_have_thresholds(name):
    found = detectors.shipped(name)
    assert tuple(found) == detectors.NAMES
    for file in found.values():
        detectors.defence(file)  # has a threshold
    assert not detectors.shipped(f"{name}:view=published")  # otherwise seen, so another classifier


@pytest.mark.parametrize("name", ["mnist_a", "mnist_b"])
def test_real_scores_are_shipped_and_agree_with_thresholds_and_cards(name):
    judged = detectors.shipped_judged(name)
    assert judged.dataset == "mnist"
    assert tuple(judged.scores) == detectors.NAMES
    assert len(judged.confidences) == 5000
    np.testing.assert_array_equal(judged.confidences, judged.scores["msp"])
    card = json.loads((SHIPPED / name / "1" / "card.json").read_text())
    # Of half of the test images.
    assert abs(100 * np.mean(~judged.right) - card["test_error_percent"]) < 0.3
    for detector, file in detectors.shipped(name).items():
        chosen = detectors.defence(file).settings["threshold"]["value"]
        accepted = np.mean(judged.scores[detector] >= np.float32(chosen))
        assert abs(accepted - 0.95) < 0.02, detector  # a standard error of 0.4 %


def test_real_scores_of_replaced_detectors_are_not_taken(tmp_path):
    shutil.copytree(SHIPPED / "mnist_a" / "1", tmp_path / "1")
    folder, model = tmp_path / "1" / "detectors", str(tmp_path / "1")
    assert detectors.shipped_judged(model) is not None
    detectors.fit("msp", model).save(folder / "msp.npz")
    assert detectors.shipped_judged(model) is None
    shutil.copy(SHIPPED / "mnist_a" / "1" / "detectors" / "msp.npz", folder)
    with np.load(folder / "judged.npz") as archive:
        arrays = dict(archive)
    for name, wrong in (
        ("confidences", np.full(5000, 2, np.float32)),
        ("knn", np.full(5000, np.nan, np.float32)),
        ("vim", np.zeros(4999, np.float32)),
        ("card", np.zeros(3, np.uint8)),
        ("right", np.array([{}], object)),
    ):
        np.savez(folder / "judged.npz", allow_pickle=True, **{**arrays, name: wrong})
        with pytest.raises(ValueError, match=r"judged\.npz is damaged"):
            detectors.shipped_judged(model)
    (folder / "judged.npz").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"judged\.npz is damaged"):
        detectors.shipped_judged(model)
    (folder / "judged.npz").unlink()
    assert detectors.shipped_judged(model) is None


def test_a_classifier_that_was_replaced_has_no_shipped_detectors(tmp_path, colour_model):
    shutil.copytree(SHIPPED / "mnist_a" / "1", tmp_path / "1")
    assert len(detectors.shipped(str(tmp_path / "1"))) == 8
    shutil.copy(SHIPPED / "mnist_b" / "1" / "classifier.keras", tmp_path / "1")
    assert detectors.shipped(str(tmp_path / "1")) == {}
    assert detectors.shipped(str(colour_model)) == {}


def test_damage_beside_a_classifier_is_refused(tmp_path):
    shutil.copytree(SHIPPED / "mnist_a" / "1", tmp_path / "1")
    (tmp_path / "1" / "detectors" / "vim.npz").write_bytes(b"no file")
    with pytest.raises(ValueError, match=r"vim\.npz is not a detector's file"):
        detectors.shipped(str(tmp_path / "1"))


@pytest.mark.slow
def test_all_shipped_ones_tell_noise_from_mnist_where_mnist_is_not_at_hand(digits):
    files, real = detectors.shipped("mnist_a"), detectors.shipped_judged("mnist_a")
    loaded = [detectors.load(file, digits.source) for file in files.values()]
    _, noise = detectors.score_all(loaded)(outliers.noise("uniform", 100, (28, 28, 1)))
    found = {name: metrics.auroc(real.scores[name], noise[name]) for name in files}
    assert min(found.values()) > 0.9, found


@pytest.mark.slow
@pytest.mark.skipif(not prepared_mnist(), reason="MNIST is not prepared in $TFDS_DATA_DIR")
def test_shipped_thresholds_accept_as_many_judged_images_as_they_say(digits):
    judged = datasets.load("mnist").test_images[1::2][:1000]
    loaded = [detectors.load(file, digits.source) for file in detectors.shipped("mnist_a").values()]
    _, scores = detectors.score_all(loaded)(judged)
    for each in loaded:
        accepted = np.mean(scores[each.name] >= np.float32(each.operating_point.value))
        # 5000 held-out images and 1000 judged ones: a standard error of 0.8 %.
        assert abs(accepted - 0.95) < 0.032, each.name


@pytest.mark.slow
def test_a_file_of_an_earlier_version_is_read(digits, tmp_path):
    """Mahalanobis had a whitening of float64, not triangular, and KNN no parameter `bits`."""
    detector = digits.fitted("mahalanobis")
    turned = np.linalg.qr(
        np.random.default_rng(1).normal(size=(len(detector.arrays["means"][0]),) * 2)
    )[0]
    old = {
        "means": detector.arrays["means"] @ turned,
        "whitening": detector.arrays["whitening"].astype(np.float64) @ turned,
    }
    path = tmp_path / "old.npz"
    detector.save(path)
    with np.load(path) as archive:
        card = archive["card"]
    np.savez_compressed(path, card=card, **old)

    found = detectors.load(path, digits.source)

    np.testing.assert_allclose(found.score(digits.test), detector.score(digits.test), rtol=1e-5)
    knn = digits.fitted("knn")
    knn.save(path)
    with np.load(path) as archive:
        arrays = dict(archive)
    words = json.loads(arrays["card"].tobytes())
    del words["parameters"]["bits"]
    arrays["card"] = np.frombuffer(json.dumps(words).encode(), np.uint8)
    np.savez_compressed(path, **arrays)
    again = detectors.load(path, digits.source)
    np.testing.assert_array_equal(again.score(digits.test), knn.score(digits.test))


@pytest.mark.slow
def test_neighbours_of_fewer_bits_make_small_files_and_nearly_the_same_scores(digits, tmp_path):
    few = detectors.fit("knn", digits.source, digits.train, k=7, bits=8)
    few.save(tmp_path / "few.npz")
    digits.fitted("knn").save(tmp_path / "all.npz")

    neighbours = few.arrays["neighbours"]
    fractions = np.frexp(neighbours)[0] * 2**8
    np.testing.assert_array_equal(fractions, np.rint(fractions))
    assert neighbours.dtype == np.float32
    sizes = [(tmp_path / f"{name}.npz").stat().st_size for name in ("few", "all")]
    assert sizes[0] < 0.65 * sizes[1]
    full = digits.fitted("knn").score(digits.test)
    np.testing.assert_allclose(few.score(digits.test), full, rtol=0, atol=2e-3)
