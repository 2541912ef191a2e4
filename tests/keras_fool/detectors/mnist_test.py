"""MSP on noise against real MNIST, as published: Outlier Exposure's repository has 99.96 %."""

import numpy as np
import pytest

from keras_fool import detectors
from keras_fool.detectors import metrics
from tests.trainers.datasets_test import prepared_mnist
from trainers import datasets


@pytest.mark.slow
@pytest.mark.skipif(not prepared_mnist(), reason="MNIST is not prepared in $TFDS_DATA_DIR")
def test_gaussian_noise_is_told_from_mnist(digits):
    real = datasets.load("mnist").test_images[:2000]
    rng = np.random.default_rng(1)
    # As in the published code: mean and deviation 0.5 on the scale 0..1, clipped to it.
    noise = np.clip(rng.normal(0.5, 0.5, size=real.shape), 0, 1)
    detector = detectors.fit("msp", digits.source)

    real, noise = detector.score(real), detector.score(np.round(255 * noise).astype(np.uint8))

    assert metrics.auroc(real, noise) > 0.9
