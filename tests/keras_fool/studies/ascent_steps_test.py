"""What a step gains and what regularisers take: in closed form, and from end to end."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from evolvers.ascent import config as config_module
from keras_fool import reproduce
from keras_fool.studies import ascent_steps
from tests.keras_fool import folders, terminal

SLOPE, BEND = 1e-3, 1e-3
CONFIG = config_module.PRESETS["s5"]


def bowl(images: tf.Tensor) -> tf.Tensor:
    """Confidences p, 1 - p with p = 0.3 + slope x - bend x^2, x being the pixels less 100."""
    x = images - 100
    p = 0.3 + tf.reduce_sum(SLOPE * x - BEND * x * x, axis=[1, 2, 3])
    return tf.stack([p, 1 - p], axis=1)


def test_parts_gain_what_the_curve_says():
    offsets = np.random.default_rng(1).normal(0, 0.1, (5, 8, 8, 1)).astype(np.float32)

    found = ascent_steps.measure(bowl, offsets, np.array([100.0]), [0] * 5, CONFIG)

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
        return ascent_steps.measure(confidences, start, np.array([100.0]), [0], CONFIG).blur_takes

    assert along(np.ones_like(board))[0.4] == pytest.approx(0, abs=1e-6)
    # Along each axis a checkerboard keeps its alternating sum of the kernel's weights.
    weights = np.exp(-0.5 * (np.arange(-2, 3) / 0.4) ** 2)
    kept = (weights * [1, -1, 1, -1, 1]).sum() / weights.sum()
    inside = along(board)[0.4]
    assert inside == pytest.approx(1 - kept**2, abs=0.15)  # mirrored edges keep other shares


@pytest.mark.slow
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
    shown = (f"{100 * aims:.3f}", f"{100 * gains:.3f}", f"{100 * gains / aims:.0f}")
    assert terminal.shows(out, 1, *shown)
    assert (folder / "ascent_step.png").read_bytes().startswith(b"\x89PNG")


def test_each_regulariser_is_measured_alone_and_after_those_before_it():
    """On confidences that are linear in the image, so that every gain is a dot product."""
    rng = np.random.default_rng(5)
    offsets = rng.normal(0, 1, (3, 9, 9, 1))
    weights = rng.normal(0, 1e-3, (9, 9, 1))
    config = config_module.Config(decay=0.1, blur_sigma=0.4, norm_percentile=20, late=0.2)

    def confidences(images: tf.Tensor) -> tf.Tensor:
        p = 0.3 + tf.reduce_sum(tf.constant(weights, tf.float32) * (images - 100), axis=[1, 2, 3])
        return tf.stack([p, 1 - p], axis=1)

    found = ascent_steps.measure(
        confidences, offsets.astype(np.float32), np.array([100.0]), [0] * 3, config
    )

    kernel = np.exp(-0.5 * (np.arange(-2, 3) / 0.4) ** 2)
    kernel /= kernel.sum()

    def blurred(images: np.ndarray) -> np.ndarray:
        for axis in (1, 2):
            images = np.apply_along_axis(
                lambda line: np.convolve(np.pad(line, 2, "symmetric"), kernel, "valid"),
                axis,
                images,
            )
        return images

    def clipped(images: np.ndarray) -> np.ndarray:
        norms = np.abs(images).reshape(3, -1)
        threshold = np.percentile(norms, 20, axis=1)[:, None, None, None]
        return np.where(np.abs(images) < threshold, 0, images)

    def gain(images: np.ndarray) -> np.ndarray:
        return ((images - offsets) * weights).sum(axis=(1, 2, 3))

    stepped = offsets + found.aims[:, None, None, None] * weights / np.square(weights).sum()
    decayed = 0.9 * stepped
    expected = [gain(decayed), gain(blurred(decayed)), gain(clipped(blurred(decayed)))]
    assert list(found.after) == list(found.alone) == ["decay", "blur", "clip"]
    np.testing.assert_allclose(list(found.after.values()), expected, atol=1e-6)
    alone = [gain(0.9 * offsets), gain(blurred(offsets)), gain(clipped(offsets))]
    np.testing.assert_allclose(list(found.alone.values()), alone, atol=1e-6)


@pytest.mark.slow
def test_three_figures_in_one_table(command, tiny_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["--experiment=ascent_losses", f"--models={tiny_model}", "--dataset=mnist"]
    arguments += ["--scale=0.1", "--workdir=w", "--results=r"]

    code, out, err = command(reproduce, *arguments)

    assert code == 0, err
    folder = pathlib.Path("r/ascent_losses_mnist_scale0.1")
    settings = json.loads((folder / "settings.json").read_text())["ascents"]
    assert [(of["steps"], of["decay"], of["blur_sigma"]) for of in settings] == [
        (30, 0.01, 0.0),
        (30, 0.001, 0.3),
        (30, 0.001, 0.4),
    ]
    images = folders.rows(folder / "images.csv")
    assert [row["preset"] for row in images] == ["s5", "s5", "s6", "s6", "s7", "s7"]
    assert {row["gain_after_clip"] == "" for row in images if row["preset"] != "s6"} == {True}

    def line(name: str) -> list[str]:
        (found,) = [row for row in terminal.rows(out) if row[0] == name]
        return found[1:]

    for column, preset in enumerate(("s5", "s6", "s7")):
        of_preset = [row for row in images if row["preset"] == preset]
        aim, whole = (
            np.mean([float(row[name]) for row in of_preset]) for name in ("aim", "gain_1")
        )
        assert int(line("the whole of it gains, % of its aim")[column]) == pytest.approx(
            100 * whole / aim, abs=0.51
        )
    assert line("blur takes of the confidence, %")[0] == "-"
    assert line("and after clip")[2] == "-"
    for preset in ("s5", "s6", "s7"):
        assert (folder / f"step_{preset}.png").read_bytes().startswith(b"\x89PNG")
