import numpy as np
import pytest
import tensorflow as tf

from evolvers.ascent import objectives

LABELS = np.array([2, 0], np.int32)
LOGITS = np.array([[0.5, -1.0, 2.0], [-3.0, 1.0, 0.0]])


def softmax(logits):
    powers = np.exp(logits)
    return powers / powers.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("probability", lambda p: p),
        ("log_probability", np.log),
        ("logit", lambda p: np.log(p / (1 - p))),
    ],
)
def test_values(name, expected):
    confidences = softmax(LOGITS)

    values = objectives.BY_NAME[name](tf.constant(confidences, tf.float32), LABELS).numpy()

    np.testing.assert_allclose(values, expected(confidences[[0, 1], LABELS]), rtol=1e-5)


def test_the_logit_has_a_gradient_where_the_probability_is_one():
    """In float32 1 - p is 0 here; from the other confidences it is not."""
    logits = tf.constant([[30.0, 0.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        confidences = tf.nn.softmax(logits)
        value = objectives.logit(confidences, tf.constant([0]))

    assert confidences.numpy()[0, 0] == 1
    assert value.numpy()[0] == pytest.approx(30 - np.log(2), rel=1e-5)
    np.testing.assert_allclose(tape.gradient(value, logits), [[1, -0.5, -0.5]], rtol=1e-5)


@pytest.mark.parametrize("name", objectives.BY_NAME)
@pytest.mark.parametrize("confidences", [[0.0, 1.0], [1.0, 0.0]])
def test_certainty_gives_finite_values(name, confidences):
    value = objectives.BY_NAME[name](tf.constant([confidences]), tf.constant([0]))

    assert np.isfinite(value.numpy()).all()
