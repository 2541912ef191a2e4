"""Every accepted format scores as its own framework does; every other one gets one line."""

import re
import sys

import numpy as np
import pytest
import tensorflow as tf

from keras_fool.models import classifiers, scoring
from tests import exploring
from tests.keras_fool.models.formats import FORMATS, REFUSED, SIDE, channels_first

RARE = {
    *("Keras 3 .hdf5", "Keras 3 .h5, Sequential, logits", "SavedModel of half floats"),
    *("SavedModel, the only signature for images", "SavedModel, any size", "any size, .h5"),
    *("SavedModel, outputs named as endpoints name them", "two outputs, .h5"),
    *("ONNX of bytes", "ONNX, logits, any size, tf", "channels first, any size"),
    *("channels first, of bytes", "RGBA, channels first, unit", "two outputs, logits"),
    *("dictionary of outputs, by the layer", "Keras 3 .h5, bytes", "any height"),
    *("keras_fool export", "SavedModel, signature by its name"),
}


@pytest.fixture
def images() -> np.ndarray:
    """As `tf_keras_files/make.py` has them."""
    return np.random.default_rng(3).integers(0, 256, (40, SIDE, SIDE, 3), np.uint8)


@pytest.mark.parametrize("name", exploring.most(FORMATS, rare=RARE))
def test_scored_as_by_its_own_framework(name, tmp_path, images):
    form = FORMATS[name]
    path, rows = form.build(tmp_path)
    expected = rows(images)
    classifier = classifiers.find(":".join(filter(None, (str(path), form.options))))

    scorer = scoring.LocalScorer(classifier)

    confidences = scorer.score(images)
    assert np.ptp(confidences, axis=0).max() > 5e-4, "images make a difference"
    np.testing.assert_allclose(confidences, expected, rtol=0, atol=1e-5)
    assert scorer.labels == form.labels
    assert scorer.image_shape == (SIDE, SIDE, 3)
    assert scorer.gives_gradients == form.gives_gradients
    assert form.noted in " ".join(scorer.notes)
    assert bool(scorer.notes) == bool(form.noted)
    again = classifiers.find(classifier.spec)
    assert again.identity == classifier.identity
    assert again.output == classifier.output


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_line_that_says_what_to_do(name, tmp_path):
    build, facts = REFUSED[name]
    path = build(tmp_path)

    with pytest.raises(ValueError, match=re.escape(path.name)) as raised:
        scoring.LocalScorer(classifiers.find(str(path)))

    message = str(raised.value)
    assert "\n" not in message.strip()
    for fact in facts:
        assert re.search(fact, message), message


def test_convolutions_with_channels_first_where_the_processor_has_them(tmp_path, images):
    """oneDNN has them, TensorFlow's own kernels for CPUs do not."""
    model, rng = channels_first(), np.random.default_rng(1)
    model.set_weights([rng.normal(0, 0.01, each.shape) for each in model.get_weights()])
    model.save(tmp_path / "a.keras")
    filters, bias, weights, offsets = model.get_weights()
    found = tf.nn.conv2d(images.astype(np.float32), filters, 1, "VALID") + bias
    logits = tf.reshape(tf.transpose(found, (0, 3, 1, 2)), (len(images), -1)) @ weights + offsets
    classifier = classifiers.find(str(tmp_path / "a.keras"))
    try:
        tf.nn.conv2d(tf.zeros((1, 3, 4, 4)), filters, 1, "VALID", data_format="NCHW")
    except tf.errors.UnimplementedError:
        with pytest.raises(ValueError, match=r"a\.keras") as raised:
            scoring.LocalScorer(classifier)
        message = str(raised.value)
        assert "\n" not in message.strip()
        assert all(fact in message for fact in ("Conv2D", "NHWC", "CPU"))
    else:
        confidences = scoring.LocalScorer(classifier).score(images)
        assert np.ptp(confidences, axis=0).max() > 0.01, "images make a difference"
        np.testing.assert_allclose(confidences, tf.nn.softmax(logits), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "options", "facts"),
    [
        ("any size", "", ("any size", "--image_size=")),
        ("any size", "image=16:crops=10", ("any size", "--crop_size=14")),
        ("any height", "image=16", ("any number of x 8", "16 x 16")),
        ("two outputs", "", (r"boxes \[None, 4\], scores \[None, 3\]", "--output_name=boxes")),
        ("two outputs", "output=labls", ("no output 'labls'", "scores")),
        ("dictionary of outputs", "output=lables", ("did you mean labels",)),
        ("Keras 3 .keras", "output=other", ("no output 'other'", "scores")),
        ("RGBA", "caffe", ("RGBA", "--preprocess=caffe")),
    ],
)
def test_options_that_contradict_the_model(name, options, facts, tmp_path):
    path, _ = FORMATS[name].build(tmp_path)

    with pytest.raises(ValueError, match=re.escape(path.name)) as raised:
        scoring.LocalScorer(classifiers.find(f"{path}:{options}" if options else str(path)))

    assert "\n" not in str(raised.value)
    for fact in facts:
        assert re.search(fact, str(raised.value)), raised.value


def test_crops_of_a_network_of_any_size(tmp_path):
    path, rows = FORMATS["any size"].build(tmp_path)
    larger = np.random.default_rng(0).integers(0, 256, (30, 12, 12, 3), np.uint8)
    corners = [(0, 0), (4, 0), (0, 4), (4, 4), (2, 2)]
    cut = [larger[:, y : y + SIDE, x : x + SIDE] for x, y in corners]
    cut += [part[:, :, ::-1] for part in cut]

    scorer = scoring.LocalScorer(classifiers.find(f"{path}:image=12:crops=10:crop={SIDE}"))

    expected = rows(np.concatenate(cut)).reshape(10, len(larger), -1).mean(axis=0)
    np.testing.assert_allclose(scorer.score(larger), expected, atol=1e-5)


def test_without_onnx_runtime_it_is_said_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # as where it is not installed
    (tmp_path / "a.onnx").write_bytes(b"any model")

    with pytest.raises(ValueError, match=r"a\.onnx") as raised:
        scoring.LocalScorer(classifiers.find(str(tmp_path / "a.onnx")))

    assert "pip install 'keras_fool[onnx]'" in str(raised.value)
    assert "\n" not in str(raised.value)
