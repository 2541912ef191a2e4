import numpy as np
import pytest
import tensorflow as tf

from evolvers.ascent import percentiles

RNG = np.random.default_rng(3)
ROWS = {
    "norms": np.abs(RNG.normal(size=(4, 101))),
    "both signs": RNG.normal(size=(3, 64)) * 1e-3,
    "ties": RNG.integers(-2, 3, size=(5, 33)),
    "zeros of both signs": np.where(RNG.random((3, 40)) < 0.5, -0.0, 0.0),
    "half of them zero": np.maximum(RNG.normal(size=(4, 50)), 0),
    "far apart": np.array([[-3e38, -1e-30, 0, 1e-30, 1, 3e38]]),
    "one value": np.full((2, 1), 7.0),
    "two values": np.array([[1.0, 2.0], [2.0, 1.0]]),
}


QS = (0, 10, 20, 37.5, 50, 80, 99, 100)


@tf.function(autograph=False)
def every(rows):
    return [percentiles.percentile(rows, q) for q in QS]


@pytest.mark.parametrize("kind", ROWS)
def test_equals_numpy(kind):
    rows = ROWS[kind].astype(np.float32)

    for q, found in zip(QS, every(tf.constant(rows)), strict=True):
        # Of doubles: between values far apart NumPy's own float32 is the less exact one.
        expected = np.percentile(rows.astype(float), q, axis=1)
        np.testing.assert_allclose(found, expected, rtol=3e-6, err_msg=f"{q} %")
        # What matters is which values are below it.
        below = rows < found.numpy()[:, None]
        np.testing.assert_array_equal(below, rows < expected[:, None], err_msg=f"{q} %")


def test_of_a_whole_image():
    norms = np.abs(RNG.normal(size=(2, 227 * 227))).astype(np.float32)

    found = percentiles.percentile(tf.constant(norms), 20.0).numpy()

    np.testing.assert_allclose(found, np.percentile(norms, 20, axis=1), rtol=1e-6)
    assert ((norms < found[:, None]).sum(axis=1) == 10306).all()  # 51,529 pixels
