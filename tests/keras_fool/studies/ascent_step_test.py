"""What a step gains: against a network whose gains are known in closed form."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from evolvers.ascent import config as config_module
from keras_fool import reproduce
from keras_fool.studies import ascent_step
from tests.keras_fool import folders

SLOPE, BEND = 1e-3, 1e-3
CONFIG = config_module.PRESETS["s5"]


def bowl(images: tf.Tensor) -> tf.Tensor:
    """Confidences p, 1 - p with p = 0.3 + slope x - bend x^2, x being the pixels less 100."""
    x = images - 100
    p = 0.3 + tf.reduce_sum(SLOPE * x - BEND * x * x, axis=[1, 2, 3])
    return tf.stack([p, 1 - p], axis=1)


def test_parts_gain_what_the_curve_says():
    offsets = np.random.default_rng(1).normal(0, 0.1, (5, 8, 8, 1)).astype(np.float32)

    found = ascent_step.measure(bowl, offsets, np.array([100.0]), [0] * 5, CONFIG)

    x = offsets.astype(np.float64)
    p = 0.3 + (SLOPE * x - BEND * x * x).sum(axis=(1, 2, 3))
    squared = np.square(SLOPE - 2 * BEND * x).sum(axis=(1, 2, 3))
    aims = np.minimum(CONFIG.early, CONFIG.late * (1 - p))
    parts = np.arange(31)[:, None] / 20
    gains = parts * aims - BEND * np.square(parts * aims) / squared
    assert gains[20].mean() < 0.9 * aims.mean()  # it bends within a step
    np.testing.assert_allclose(found.confidence, p, atol=1e-6)
    np.testing.assert_allclose(found.aims, aims, atol=1e-7)
    np.testing.assert_allclose(found.gains, gains, atol=1e-6)
    moved = 0.99 * (x + (aims / squared)[:, None, None, None] * (SLOPE - 2 * BEND * x))
    after = 0.3 + (SLOPE * moved - BEND * moved * moved).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(found.after["decay"], after - p, atol=1e-6)


def test_blur_takes_nothing_of_a_plain_gradient_and_nearly_all_of_a_checkerboard():
    board = (np.indices((8, 8)).sum(axis=0) % 2 * 2 - 1)[None, :, :, None]

    def along(pattern):
        weights = tf.constant(pattern * 1e-3, tf.float32)

        def confidences(images: tf.Tensor) -> tf.Tensor:
            p = 0.3 + tf.reduce_sum(weights * (images - 100), axis=[1, 2, 3])
            return tf.stack([p, 1 - p], axis=1)

        start = np.zeros((1, 8, 8, 1), np.float32)
        return ascent_step.measure(confidences, start, np.array([100.0]), [0], CONFIG).blur_takes

    assert along(np.ones_like(board))[0.4] == pytest.approx(0, abs=1e-6)
    # Along each axis a checkerboard keeps its alternating sum of the kernel's weights.
    weights = np.exp(-0.5 * (np.arange(-2, 3) / 0.4) ** 2)
    kept = (weights * [1, -1, 1, -1, 1]).sum() / weights.sum()
    inside = along(board)[0.4]
    assert inside == pytest.approx(1 - kept**2, abs=0.15)  # mirrored edges keep other shares


def test_uses_the_images_of_figure_s5(command, tiny_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = [f"--models={tiny_model}", "--dataset=mnist", "--scale=0.02"]
    arguments += ["--workdir=w", "--results=r"]
    assert command(reproduce, "--experiment=figure_s5", *arguments)[0] == 0

    code, out, err = command(reproduce, "--experiment=ascent_step", *arguments)

    assert code == 0, err
    folder = pathlib.Path("r/ascent_step_mnist_scale0.02")
    timing = json.loads((folder / "timing.json").read_text())
    assert [stage["reused"] for stage in timing["stages"].values()] == [True, False]
    images = folders.rows(folder / "images.csv")
    aims, gains = (np.mean([float(row[name]) for row in images]) for name in ("aim", "gain_1"))
    assert f"| 1 | {100 * aims:.3f} | {100 * gains:.3f} | {100 * gains / aims:.0f} |" in out
    assert (folder / "ascent_step.png").read_bytes().startswith(b"\x89PNG")
