import types

import pytest

from keras_fool import detectors
from keras_fool.models import scorer_contract
from keras_fool.studies import fitted_detectors


@pytest.mark.parametrize("fails_alone", [False, True])
def test_a_classifier_that_fails_leaves_no_detector_out(monkeypatch, fails_alone):
    """It may answer another time: the images are not to blame."""

    def fit_all(*given):
        if fails_alone and len(given[3]) > 1:
            raise ValueError("one of them needs several images of each label")
        raise scorer_contract.ScorerError("the classifier gave nothing")

    monkeypatch.setattr(detectors, "fit_all", fit_all)
    part = types.SimpleNamespace(images=None, labels=None)
    parts = types.SimpleNamespace(fitted=part, held_out=part)
    left_out = {}
    with pytest.raises(scorer_contract.ScorerError):
        fitted_detectors.fit(None, parts, left_out=left_out)
    assert left_out == {}
