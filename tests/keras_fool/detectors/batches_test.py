"""Scores and statistics depend on no batch, and are computed beside confidences in one pass."""

import numpy as np
import pytest
import tensorflow as tf

from keras_fool import detectors
from keras_fool.detectors import training
from keras_fool.models import classifiers, scoring
from tests import exploring


@pytest.mark.parametrize("name", detectors.NAMES)
def test_images_score_the_same_in_batches_of_any_size(case, name):
    detector = case.fitted(name)
    whole = detector.score(case.test)

    parts, begun = [], 0
    for size in (1, 2, 7, 40):
        parts.append(detector.score(case.test[begun : begun + size]))
        begun += size
    np.testing.assert_allclose(np.concatenate(parts), whole[:begun], rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize(
    "name",
    exploring.most(["mahalanobis", "knn", "vim", "react"], rare={"mahalanobis", "vim"}),
)
def test_statistics_are_the_same_bytes_however_images_come(digits, name):
    def batches():
        begun = 0
        for size in (1, 130, 2, 300, 167):
            yield digits.train[begun : begun + size]
            begun += size
        assert begun == len(digits.train)

    at_once, options = digits.fitted(name), digits.options.get(name, {})
    streamed = detectors.fit(name, digits.source, batches(), digits.labels, **options)

    assert streamed.fitting == at_once.fitting
    assert streamed.fitting.num_images == len(digits.train)
    for key, array in at_once.arrays.items():
        np.testing.assert_array_equal(streamed.arrays[key], array)


def test_chunks_are_of_one_size(digits, monkeypatch):
    monkeypatch.setattr(training, "_CHUNK", 64)
    batches = [digits.train[:100], digits.train[100:103], digits.train[103:300]]

    from_batches = list(training._rechunked(digits.source, iter(batches)))
    from_array = list(training._rechunked(digits.source, digits.train[:300]))

    assert [len(chunk) for chunk in from_batches] == [64, 64, 64, 64, 44]
    for one, other in zip(from_batches, from_array, strict=True):
        np.testing.assert_array_equal(one, other)


def test_of_too_many_images_a_choice_is_kept_that_no_batch_changes(digits, monkeypatch):
    every = training.collect(digits.source, digits.train, digits.labels)
    monkeypatch.setattr(training, "_MOST_VALUES", 500 * 90)

    def collected(chunk):
        monkeypatch.setattr(training, "_CHUNK", chunk)
        return training.collect(digits.source, digits.train, digits.labels)

    kept, other = collected(600), collected(50)

    assert kept.num_images == every.num_images == 600
    assert kept.features.shape == (90, 500)
    np.testing.assert_array_equal(kept.labels, other.labels)
    np.testing.assert_allclose(kept.features, other.features, rtol=1e-6, atol=1e-6)
    rows = [row.tobytes() for row in every.features]
    places = [rows.index(row.tobytes()) for row in kept.features]
    assert places == sorted(places)  # in the order of the images
    assert [digits.labels[place] for place in places] == list(kept.labels)
    assert max(places) > 400  # from all over


# One that looks at logits, one at features, and one at both.
_OF_EACH_KIND = {"max_logit", "mahalanobis", "vim"}


@pytest.mark.parametrize(
    "name", exploring.most(detectors.NAMES, rare=set(detectors.NAMES) - _OF_EACH_KIND)
)
def test_a_graph_computes_scores_beside_confidences(digits, name):
    detector = digits.fitted(name)
    source = digits.source

    @tf.function(autograph=False)
    def both(images):
        found = source.signals(images)
        return found.confidences, detector.from_signals(images, found)

    confidences, scores = both(tf.constant(digits.test[:48]))

    plain = scoring.LocalScorer(classifiers.find("mnist_a")) if name == "msp" else source
    np.testing.assert_array_equal(confidences, plain.score(digits.test[:48]))
    np.testing.assert_allclose(scores, detector.score(digits.test[:48]), rtol=1e-5, atol=2e-6)


def test_scoring_builds_few_graphs(digits):
    detector = detectors.fit("energy", digits.source)
    traced = []
    of_signals = detector.from_signals
    detector.from_signals = lambda *inputs: traced.append(1) or of_signals(*inputs)

    for number in (1, 2, 3, 30, 48, 1, 20):
        detector.score(digits.test[:number])

    assert len(traced) == 1
