"""Confidences that count only where a detector accepts, and the scorers that give them."""

import numpy as np
import pytest

from evolvers import program
from evolvers.canvas import Canvas
from keras_fool import detectors
from keras_fool.detectors import adaptive, thresholds
from keras_fool.models import classifiers, endpoints
from tests import exploring
from tests.evolvers import samples


def chosen(value=0.0, spread=1.0):
    return thresholds.Threshold(value, 0.95, 0.95, value - 0.1, value + 0.1, spread, 100)


def test_what_counts():
    confidences = np.array([[0.7, 0.3], [1.0, 0.0], [0.9, 0.1], [0.9, 0.1], [0.2, 0.8]], np.float32)
    scores = np.array([0.0, 3.0, -0.5, -2.0, np.nan], np.float32)

    counted = adaptive.counted(confidences, scores, chosen())

    assert counted.dtype == np.float32
    np.testing.assert_array_equal(counted[0], confidences[0])  # at the threshold
    np.testing.assert_array_equal(counted[1], np.float32([1, adaptive.REJECTED_BELOW]))
    rejected = counted[2:]
    assert (rejected < np.float32(adaptive.REJECTED_BELOW)).all()
    assert (rejected[0] > rejected[1]).all()  # nearer to the threshold
    assert (rejected[1] > 0).all()
    assert (rejected[:2, 0] > rejected[:2, 1]).all()  # the surer label
    assert (rejected[2] == 0).all()  # no score
    lost = adaptive.counted(np.full((1, 2), np.nan, np.float32), scores[-1:], chosen())
    assert np.isnan(lost).all()


def test_every_accepted_image_counts_more_than_every_rejected_one():
    rng = np.random.default_rng(1)
    confidences = rng.random((500, 3)).astype(np.float32) ** 40
    scores = np.concatenate([np.float32([-1e-6, -1e6]), rng.normal(0, 5, 498).astype(np.float32)])

    for spread in (0.0, 1e-9, 1.0, 1e9):
        counted = adaptive.counted(confidences, scores, chosen(spread=spread))
        assert counted[scores >= 0].min() > counted[scores < 0].max()
        assert (counted >= 0).all()
        assert (counted <= 1).all()


@pytest.fixture
def saved(digits, tmp_path):
    def made(name, level=0.95, chosen=True):
        detector = digits.fitted(name)
        detector.operating_point = None
        if chosen:
            detector.threshold(level, digits.test)
        path = tmp_path / f"{name}.npz"
        detector.save(path)
        return path, detector

    return made


@pytest.fixture
def mixed(digits):
    """Some images that detectors accept, and noise that they reject."""
    noise = np.random.default_rng(2).integers(0, 256, (40, 28, 28, 1), np.uint8)
    return np.concatenate([digits.test[:30], noise])


@pytest.mark.parametrize("name", exploring.most(["msp", "odin"], rare={"odin"}))
def test_a_classifier_that_is_loaded_already_gives_the_same(saved, digits, mixed, name):
    path, _ = saved(name)
    defence, loaded = detectors.defence(path), digits.source
    alone = loaded.score(mixed)

    scorer = defence.over(loaded)

    expected = defence.open(classifiers.find("mnist_a")).score(mixed)
    np.testing.assert_array_equal(scorer.score(mixed), expected)
    assert scorer.networks is loaded.networks
    assert scorer.row_length == loaded.row_length + 1
    np.testing.assert_array_equal(loaded.score(mixed), alone)  # as it was


def test_a_loaded_classifier_that_the_detector_was_not_fitted_on_is_refused(saved, colour):
    path, _ = saved("msp")

    with pytest.raises(ValueError, match="was fitted on"):
        detectors.defence(path).over(colour.source)


@pytest.mark.parametrize(
    "name",
    exploring.most(["msp", "odin", "energy", "knn"], rare={"odin", "energy", "knn"}),
)
def test_scores_are_counted_confidences(saved, digits, mixed, name):
    path, detector = saved(name)
    defence = detectors.defence(path)
    plain = digits.source

    scorer = defence.open(classifiers.find("mnist_a"))
    counted = scorer.score(mixed)

    accepted = detector.accepts(mixed)
    assert accepted[:30].any()
    assert not accepted.all()
    np.testing.assert_array_equal(
        counted[accepted], np.maximum(plain.score(mixed[accepted]), np.float32(1e-30))
    )
    assert (counted[~accepted] < 1e-30).all()
    assert (scorer.labels, scorer.image_shape) == (plain.labels, plain.image_shape)
    assert scorer.identity == plain.identity
    assert scorer.traces == 1
    np.testing.assert_array_equal(counted[20:50], scorer.score(mixed[20:50]))
    assert defence.settings["name"] == name
    assert defence.settings["threshold"]["value"] == detector.operating_point.value
    assert len(defence.settings["sha256"]) == 64


@pytest.mark.slow
def test_a_scorer_that_draws_counts_the_same(saved):
    path, _ = saved("energy", level=0.999)
    classifier = classifiers.find("mnist_a")
    programs = program.pack(samples.drift(1, 25, count=24))
    drawing = detectors.defence(path).open(classifier, draws=True)

    counted, images = drawing.score_programs(programs, Canvas(28, 28, 1))

    again = detectors.defence(path).open(classifier).score(np.stack(list(images)))
    np.testing.assert_allclose(counted, again, rtol=1e-5, atol=1e-36)
    assert (counted[:, 0] < 1e-30).any()


def test_what_cannot_be_attacked_is_refused(saved, tmp_path):
    path, _ = saved("energy")
    without, _ = saved("max_logit", chosen=False)
    with pytest.raises(ValueError, match=r"max_logit\.npz has no threshold"):
        detectors.defence(without)
    with pytest.raises(FileNotFoundError, match="missing"):
        detectors.defence(tmp_path / "missing.npz")
    with pytest.raises(ValueError, match="not on mnist_b"):
        detectors.defence(path).open(classifiers.find("mnist_b"))
    with pytest.raises(ValueError, match="endpoint"):
        detectors.defence(path).open(endpoints.parse("grpc://127.0.0.1:9/mnist_a"))
