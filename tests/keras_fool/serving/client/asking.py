"""What the tests of the client ask, and which protocols they ask it through."""

import numpy as np
import pytest

from tests.keras_fool.serving import scripted

PROTOCOLS = pytest.mark.parametrize("protocol", ["grpc", "http"])


def images(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *scripted.SHAPE), np.uint8)
