"""Every kind of model gets the verdict it deserves, and scores as plain Keras does."""

import re
import warnings

import keras
import numpy as np
import psutil
import pytest

from keras_fool.models import classifiers, meanings, scoring
from tests import exploring
from tests.keras_fool.models.kinds import KINDS

ACCEPTED = [name for name, kind in KINDS.items() if not kind.refused]
REFUSED = [name for name, kind in KINDS.items() if kind.refused]
RARE = {
    *("Activation softmax", "temperature", "oblong", "int32 in", "float64", "noise", "Dropout"),
    *("list of one output", "linear, convolutional", "log-softmax operation", "hard sigmoids"),
    *("labels of their own, operation", "mixed_float16, softmax layer", "one sigmoid layer"),
    *("mixed_float16, cast behind", "mixed_float16, float32 head", "mixed_bfloat16, 1000 labels"),
    *("float16 sigmoids", "float16 logits", "trained on one logit", "one sigmoid said"),
    *("optimizer inside", "mixed_float16, 1000 labels", "softmax layer", "nested", "augmentation"),
    *("linear said logits", "dict of one output", "passing layers", "Normalization", "float16"),
}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Writes a kind's model, once: name -> classifier."""
    folder, known = tmp_path_factory.mktemp("kinds"), {}

    def build(name: str) -> classifiers.Classifier:
        kind = KINDS[name]
        if name not in known:
            path = folder / f"{len(known)}.keras"
            kind.build(path)
            known[name] = path
        options = [kind.preprocess, *([kind.said] if kind.said else [])]
        return classifiers.find(":".join([str(known[name]), *options]))

    return build


def images(shape: tuple[int, int, int]) -> np.ndarray:
    batch = np.random.default_rng(3).integers(0, 256, (40, *shape), np.uint8)
    batch[:20] //= np.arange(1, 21, dtype=np.uint8)[:, None, None, None]
    return batch


def plain(classifier: classifiers.Classifier, meaning: str, batch: np.ndarray) -> np.ndarray:
    """The confidences by the model itself and NumPy in double precision."""
    model = keras.saving.load_model(classifier.path, compile=False)
    inputs = batch.astype(np.float32) / (255 if classifier.preprocess == "unit" else 1)
    if isinstance(named := getattr(model, "input", None), dict):
        inputs = dict.fromkeys(named, inputs)
    (found,) = keras.tree.flatten(model(inputs, training=False))
    found = np.asarray(found, np.float64).reshape(len(batch), -1)
    if meaning == meanings.LOGITS:
        found = found if found.shape[1] > 1 else np.c_[0 * found, found]
        powers = np.exp(found - found.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)
    if meaning == meanings.SIGMOID and found.shape[1] == 1:
        return np.c_[1 - found, found]
    return found


@pytest.mark.parametrize("name", exploring.most(ACCEPTED, rare=RARE))
def test_accepted_and_scored_as_keras_does(built, name):
    kind, classifier = KINDS[name], built(name)

    with warnings.catch_warnings(record=True) as warned:
        scorer = scoring.LocalScorer(classifier)
        batch = images(scorer.image_shape)
        confidences = scorer.score(batch)

    assert not [str(warning.message) for warning in warned]
    assert classifier.meaning == kind.meaning
    assert len(scorer.labels) == confidences.shape[1] == kind.num_labels
    assert scorer.independent == (kind.meaning == meanings.SIGMOID and kind.num_labels != 2)
    assert len(np.unique(confidences, axis=0)) > 1
    np.testing.assert_allclose(
        confidences, plain(classifier, kind.meaning, batch), rtol=0, atol=kind.tolerance
    )
    if not scorer.independent:
        np.testing.assert_allclose(confidences.sum(axis=1), 1, atol=1e-5)
    for fact in kind.noted:
        assert re.search(fact, " ".join(scorer.notes))
    assert bool(scorer.notes) == bool(kind.noted)
    # Where it is said or guessed, another look gives the same.
    assert classifiers.find(classifier.spec).identity == classifier.identity
    assert ("outputs" in classifier.identity) == (kind.meaning == meanings.SIGMOID)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_the_facts_in_one_line(built, name):
    kind = KINDS[name]

    with pytest.raises(ValueError, match=r"\d+\.(keras|h5)") as raised:
        scoring.LocalScorer(built(name))

    message = str(raised.value)
    assert "\n" not in message.strip()
    assert "safe_mode" not in message
    for fact in kind.refused:
        assert re.search(fact, message), message


def test_weights_of_a_refused_model_are_never_filled(built):
    """Keras fills weights that have no values yet when a scope without state ends."""
    with pytest.raises(ValueError, match="bytes of weights"):
        scoring.LocalScorer(built("huge units"))
    process = psutil.Process()
    before = process.memory_info().rss

    with keras.StatelessScope():
        pass

    assert process.memory_info().rss - before < 2**28  # they would take ten times as much
