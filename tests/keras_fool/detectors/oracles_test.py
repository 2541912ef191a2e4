"""Every detector against its formula, written again in NumPy, SciPy and scikit-learn."""

import numpy as np
import pytest
import tensorflow as tf

from keras_fool import detectors
from tests.keras_fool.detectors import cases


@pytest.mark.parametrize("name", detectors.NAMES)
def test_scores_are_those_of_the_formula(case, name):
    scores = case.fitted(name).score(case.test)

    check(scores, cases.ORACLES[name](case, **case.options.get(name, {})))


@pytest.mark.parametrize("name", cases.OTHERS)
def test_parameters_are_those_of_the_formula(colour, name):
    parameters = cases.OTHERS[name]

    detector = detectors.fit(name, colour.source, colour.train, **parameters)
    scores = detector.score(colour.test)

    check(scores, cases.ORACLES[name](colour, **parameters))
    assert np.abs(scores - colour.fitted(name).score(colour.test)).max() > 1e-3


def check(scores, expected):
    assert scores.dtype == np.float32
    assert scores.shape == expected.shape
    scale = max(1, np.abs(expected).max())
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-4 * scale)
    # Their order is what matters: what varies little must agree as well.
    assert np.abs(scores - expected).max() < 1e-2 * np.std(expected)


def test_odin_moves_along_the_slope_that_finite_differences_have(colour):
    odin = detectors.fit("odin", colour.source, temperature=2.0, step=0.002)
    images = colour.test[:6].astype(np.float32)

    moved = odin.moved(images).numpy()

    given = colour.source.signals(tf.constant(images)).logits.numpy().argmax(axis=1)

    def loss(values):
        values = tf.constant(values, tf.float32)
        logits = colour.source.signals(values).logits.numpy() / 2.0
        high = logits.astype(np.float64)
        high -= high.max(axis=1, keepdims=True)
        return np.log(np.exp(high).sum(axis=1)) - high[np.arange(len(high)), given]

    rng = np.random.default_rng(6)
    for _ in range(20):
        place = tuple(int(rng.integers(size)) for size in colour.test.shape[1:])
        up, down = images.copy(), images.copy()
        up[(slice(None), *place)] += 4
        down[(slice(None), *place)] -= 4
        slope = (loss(up) - loss(down)) / 8
        steep = np.abs(slope) > 2e-5  # beyond rounding and curvature
        step = (moved - images)[(slice(None), *place)]
        np.testing.assert_allclose(
            step[steep], -0.002 * 255 * np.sign(slope[steep]), rtol=0, atol=1e-4
        )


def test_mahalanobis_takes_the_classifiers_own_labels_where_none_are_given(colour):
    own = colour.by_keras(colour.train)[1].argmax(axis=1)
    others = np.roll(own, 1)

    without = detectors.fit("mahalanobis", colour.source, colour.train)
    given = detectors.fit("mahalanobis", colour.source, colour.train, own)
    wrong = detectors.fit("mahalanobis", colour.source, colour.train, others)

    scores = without.score(colour.test)
    np.testing.assert_array_equal(scores, given.score(colour.test))
    assert (scores != wrong.score(colour.test)).any()
    fitted_on = [detector.fitting.labels for detector in (without, given)]
    assert fitted_on == ["predicted", "given"]


@pytest.mark.slow
def test_knn_keeps_a_sample_that_its_seed_chooses(digits):
    def fitted(**parameters):
        return detectors.fit("knn", digits.source, digits.train, k=5, **parameters)

    rows = fitted().arrays["neighbours"]
    kept = fitted(sample=40).arrays["neighbours"]
    other = fitted(sample=40, seed=1).arrays["neighbours"]

    assert len(rows) == len(digits.train)
    assert kept.shape == other.shape == (40, 500)
    assert (kept != other).any()
    np.testing.assert_array_equal(kept, fitted(sample=40).arrays["neighbours"])
    assert {row.tobytes() for row in kept} <= {row.tobytes() for row in rows}
