"""What regularisers take: from end to end, and what the measurement says of each."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from evolvers.ascent import config as config_module
from keras_fool import reproduce
from keras_fool.studies import ascent_step
from tests.keras_fool import folders


def test_each_regulariser_is_measured_alone_and_after_those_before_it():
    """On confidences that are linear in the image, so that every gain is a dot product."""
    rng = np.random.default_rng(5)
    offsets = rng.normal(0, 1, (3, 9, 9, 1))
    weights = rng.normal(0, 1e-3, (9, 9, 1))
    config = config_module.Config(decay=0.1, blur_sigma=0.4, norm_percentile=20, late=0.2)

    def confidences(images: tf.Tensor) -> tf.Tensor:
        p = 0.3 + tf.reduce_sum(tf.constant(weights, tf.float32) * (images - 100), axis=[1, 2, 3])
        return tf.stack([p, 1 - p], axis=1)

    found = ascent_step.measure(
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
        (found,) = [line for line in out.splitlines() if line.startswith(f"| {name} | ")]
        return found.strip("| ").split(" | ")[1:]

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
