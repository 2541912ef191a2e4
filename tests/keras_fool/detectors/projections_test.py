"""Projections as triangles: the same lengths, half of the numbers."""

import numpy as np
import pytest

from keras_fool.detectors import projections


@pytest.mark.parametrize("shape", [(7, 7), (7, 3), (1, 1), (5, 0)])
def test_a_triangle_projects_to_the_same_lengths(shape):
    rng = np.random.default_rng(1)
    columns, rows = rng.normal(size=shape), rng.normal(size=(20, shape[0]))

    found = projections.triangular(columns)

    assert found.shape == shape
    assert not np.triu(found, 1).any()
    np.testing.assert_allclose(found @ found.T, columns @ columns.T, atol=1e-12)
    lengths = [np.linalg.norm(rows @ each, axis=1) for each in (found, columns)]
    np.testing.assert_allclose(*lengths, atol=1e-12)
