"""Several detectors in one pass of the network: the same as one by one."""

import numpy as np
import pytest

from keras_fool import detectors
from keras_fool.detectors import outliers, signals


def test_all_are_fitted_in_one_pass_as_one_by_one(colour, monkeypatch):
    passes = []
    mapped = signals.SignalScorer.mapped
    monkeypatch.setattr(
        signals.SignalScorer, "mapped", lambda *given: passes.append(1) or mapped(*given)
    )

    found = detectors.fit_all(colour.source, colour.train, colour.labels)

    assert tuple(found) == detectors.NAMES
    assert len(passes) == 1
    for name, each in found.items():
        one = colour.fitted(name)
        assert each.fitting == one.fitting
        assert each.parameters == one.parameters
        assert each.arrays.keys() == one.arrays.keys()
        for array, of_one in zip(each.arrays.values(), one.arrays.values(), strict=True):
            np.testing.assert_array_equal(array, of_one)


@pytest.mark.slow
def test_all_score_in_one_pass_as_one_by_one(colour):
    found = detectors.fit_all(colour.source, colour.train, colour.labels)

    confidences, scores = detectors.score_all(list(found.values()))(colour.test)

    assert tuple(scores) == detectors.NAMES
    np.testing.assert_array_equal(confidences.max(axis=1), found["msp"].score(colour.test))
    for name, each in found.items():
        assert scores[name].dtype == np.float32
        # Kernels of another graph may round differently.
        np.testing.assert_allclose(scores[name], each.score(colour.test), rtol=1e-5, atol=1e-6)


def test_some_detectors_with_parameters(colour):
    names, parameters = ["knn", "energy"], {"knn": {"k": 3}}
    found = detectors.fit_all(colour.source, colour.train, None, names, parameters)

    assert list(found) == names
    assert found["knn"].parameters["k"] == 3
    assert found["knn"].fitting.labels == "predicted"
    assert found["energy"].parameters == {"temperature": 1.0}


def test_what_needs_no_fitting_needs_no_images(colour):
    assert list(detectors.fit_all(colour.source, names=["msp", "odin"])) == ["msp", "odin"]
    with pytest.raises(ValueError, match="fitted on training images"):
        detectors.fit_all(colour.source, names=["msp", "react"])


def test_unknown_names_are_refused(colour):
    with pytest.raises(ValueError, match=r"'mps'.*msp"):
        detectors.fit_all(colour.source, names=["mps"])
    with pytest.raises(ValueError, match=r"'kn'.*knn"):
        detectors.fit_all(colour.source, names=["msp"], parameters={"kn": {"k": 1}})


def test_detectors_of_two_classifiers_do_not_score_together(colour, digits):
    pair = [colour.fitted("msp"), digits.fitted("energy")]
    for wrong in (pair, []):
        with pytest.raises(ValueError, match="one source"):
            detectors.score_all(wrong)


def test_images_of_another_size_are_refused(colour):
    with pytest.raises(ValueError, match="must be uint8"):
        detectors.score_all([colour.fitted("msp")])(outliers.noise("uniform", 2, (5, 5, 1)))
