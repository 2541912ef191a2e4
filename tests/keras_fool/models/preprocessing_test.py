import numpy as np
import pytest
import tensorflow as tf

from keras_fool.models import preprocessing


@pytest.mark.parametrize("word", preprocessing.METHODS)
def test_endpoints_and_networks_get_the_same_values(word):
    images = np.random.default_rng(1).integers(0, 256, (4, 5, 6, 3)).astype(np.float32)
    method = preprocessing.METHODS[word]

    prepared = method.apply(images).astype(np.float32)

    in_tensorflow = method.apply(tf.constant(images)).numpy()
    assert in_tensorflow.dtype == np.float32
    np.testing.assert_allclose(in_tensorflow, prepared, rtol=1e-6, atol=1e-5)
