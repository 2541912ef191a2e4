"""The command that fits detectors."""

import json

import numpy as np
import pytest

from keras_fool import detectors, fit_detectors
from keras_fool.detectors import judged
from tests.keras_fool import next_steps
from trainers import datasets


def test_fits_chooses_thresholds_and_writes(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["--model=mnist_a", "--dataset=digits", "--output=out", "--parameters=knn.k=9"]
    words += ["--accept=0.9", "--detectors=msp,knn,vim"]
    monkeypatch.setattr("sys.argv", ["fit_detectors", *words])

    code, out, err = command(fit_detectors, *words)

    assert code == 0, err
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {"msp.npz", "knn.npz", "vim.npz", "judged.npz"}
    assert "1,438 of 1,438 training images" in err
    data = datasets.load("digits")
    for name in ("msp", "knn", "vim"):
        with np.load(tmp_path / "out" / f"{name}.npz") as archive:
            card = json.loads(archive["card"].tobytes())
        assert card["threshold"]["num_images"] == 180  # every second of 359
        assert card["threshold"]["level"] == 0.9
        assert card["fitted_on"]["num_images"] == (0 if name == "msp" else 1438)
    knn = detectors.load("out/knn.npz", "mnist_a")
    assert knn.parameters["k"] == 9
    assert np.mean(knn.accepts(data.test_images[::2])) >= 0.9
    real = judged.read(tmp_path / "out")
    assert real.dataset == "digits"
    np.testing.assert_allclose(real.scores["knn"], knn.score(data.test_images[1::2]), atol=1e-6)
    assert "knn" in out
    (suggested,) = next_steps.found_in(out)
    assert suggested[0] == "evolve"
    assert "--detector=out/msp.npz" in suggested


@pytest.mark.parametrize(
    ("words", "fact"),
    [
        (["--parameters=knn.k"], "knn.k"),
        (["--parameters=k=3"], "k=3"),
        (["--parameters=knn.k=x"], "knn.k=x"),
        (["--accept=0"], "--accept"),
        (["--detectors=knm"], "knn"),
        (["--detectors="], "--detectors"),
        (["--parameters=knn.neighbours=3"], "neighbours"),
    ],
)
def test_wrong_words_are_refused_in_one_line(command, tmp_path, words, fact):
    code, _, err = command(
        fit_detectors, "--model=mnist_a", "--dataset=digits", f"--output={tmp_path}/x", *words
    )
    assert code in (1, 2)
    assert fact in err
    assert "Traceback" not in err
    assert not (tmp_path / "x").exists()
