"""What benchmarks count from layers; what they measure is measured by hand."""

import keras
import pytest

from benchmarks import limits


def test_operations_and_bytes_are_those_of_the_layers():
    model = keras.Sequential(
        [
            keras.layers.Input((6, 5, 3)),
            keras.layers.Conv2D(4, (3, 2), padding="valid"),
            keras.layers.DepthwiseConv2D(3, strides=2, padding="same"),
            keras.layers.Flatten(),
            keras.layers.Dense(7),
        ]
    )
    # 4x4 places of 4 channels from 3 * 2 * 3 values; 2x2 of 4 channels from 9; 7 from 16.
    work = 4 * 4 * 4 * 18 + 2 * 2 * 4 * 9 + 7 * 16
    assert limits.operations(model) == 2 * work
    read_and_written = (90 + 64) + (64 + 16) + (16 + 16) + (16 + 7)
    assert limits.moved_bytes(model) == 4 * read_and_written


def test_a_model_within_a_model_is_counted():
    inner = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3)])
    model = keras.Sequential([keras.layers.Input((4,)), inner, keras.layers.Dense(2)])
    assert limits.operations(model) == 2 * (4 * 3 + 3 * 2)


@pytest.mark.parametrize(
    ("name", "million"),
    # Convolutions of 20 and 50 kernels of 5x5, 500 units, 10 labels; 14 million multiplications
    # and additions are what the authors of MobileNet state (arXiv:1704.04861).
    [
        ("LeNet", 4.586),
        pytest.param("MobileNet 0.25/128", pytest.approx(28, abs=1), marks=pytest.mark.slow),
    ],
)
def test_networks_compute_what_is_known_of_them(name, million):
    build, _, _ = limits._NETWORKS[name]
    assert limits.operations(build()) / 1e6 == million
