"""Models of other formats go through the commands, from evolution to export."""

import pathlib

import numpy as np
import pytest
from PIL import Image

from keras_fool import ascend, evolve, export, transfer
from tests import exploring
from tests.keras_fool import folders
from tests.keras_fool.models.formats import FORMATS

SMALL = ("--batch_size=10", "--generations=1")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Writes a format's model, once: name -> path, what its own framework gives."""
    known = {}

    def build(name: str):
        if name not in known:
            known[name] = FORMATS[name].build(tmp_path_factory.mktemp("model"))
        return known[name]

    return build


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def check_rows(run: str, rows) -> None:
    """The champions' confidences are what the model's own framework gives for their PNGs."""
    table = folders.rows(pathlib.Path(run) / "champions.csv")
    images = np.stack([np.asarray(Image.open(pathlib.Path(run) / row["file"])) for row in table])
    # Some formats take four images at a time.
    filled = np.concatenate([images, np.zeros_like(images[:1].repeat(-len(images) % 4, axis=0))])
    found = rows(filled)[np.arange(len(images)), [int(row["label"]) for row in table]]
    recorded = [float(row["confidence"]) for row in table]
    np.testing.assert_allclose(recorded, found, rtol=0, atol=1e-5)


SCORED = (
    *("Keras 3 .h5", "SavedModel of bytes", "ONNX, channels first"),
    *("keras_fool export", "ONNX, four at a time"),
)


@pytest.mark.parametrize("name", exploring.most(SCORED, rare=set(SCORED[3:])))
def test_champions_are_scored_as_by_their_own_framework(command, built, name):
    path, rows = built(name)

    code, _, err = command(evolve, f"--model={path}", *SMALL, "--workdir=run")

    assert code == 0, err
    assert ("no gradients" in err) == name.startswith("ONNX")
    check_rows("run", rows)


@pytest.mark.slow
def test_a_run_transfers_between_formats_and_finds_its_original_again(command, built):
    saved, onnx = built("SavedModel")[0], built("ONNX, channels last")[0]
    assert command(evolve, f"--model={onnx}", *SMALL, "--workdir=run")[0] == 0

    code, out, err = command(transfer, "--images=run", f"--models={saved}", "--output=out")

    assert code == 0, err
    assert "saved on images of a.onnx" in out
    again = command(transfer, "--images=run", f"--models={onnx},{saved}", "--output=again")
    assert again[0] == 0
    assert (
        pathlib.Path("again/transfer.csv").read_bytes()
        == pathlib.Path("out/transfer.csv").read_bytes()
    )


def test_another_file_in_a_saved_model_is_another_model(command, built, tmp_path):
    import shutil

    path = shutil.copytree(built("SavedModel")[0], tmp_path / "copy")
    run = (evolve, f"--model={path}", *SMALL, "--workdir=run")
    assert command(*run)[0] == 0
    (path / "assets" / "labels.txt").write_text("cat\ndog\neel\n")

    code, _, err = command(*run)

    assert code == 1
    assert "run" in err


@pytest.mark.slow
def test_gradients_of_a_saved_model_are_ascended(command, built):
    path, _ = built("keras_fool export")

    code, out, err = command(ascend, f"--model={path}", "--steps=5", "--workdir=run")

    assert code == 0, err
    assert "cat" in out


@pytest.mark.parametrize(
    ("name", "code", "facts"),
    [
        ("ONNX, channels first", 2, ("ONNX", "no gradients", "keras_fool.evolve")),
        ("SavedModel of bytes", 1, ("gradient", "keras_fool.evolve")),
    ],
)
def test_without_gradients_there_is_no_ascent(command, built, name, code, facts):
    found, _, err = command(ascend, f"--model={built(name)[0]}", "--steps=5", "--workdir=run")

    assert found == code
    assert err.strip().count("\n") == 0
    for fact in facts:
        assert fact in err


def test_exports(command, built):
    pytest.importorskip("tensorflow_serving")

    code, _, err = command(export, f"--model={built('SavedModel')[0]}", "--output=out/1")
    assert code == 0, err
    code, _, err = command(export, f"--model={built('ONNX, channels first')[0]}")
    assert code == 1
    assert "TensorFlow" in err


def test_flags_name_outputs_and_signatures(command, built):
    path = built("SavedModel, signature by its name")[0]
    said = command(evolve, f"--model={path}", "--signature_name=score", *SMALL, "--workdir=a")
    assert said[0] == 0, said[2]
    path = built("two outputs")[0]
    said = command(evolve, f"--model={path}", "--output_name=scores", *SMALL, "--workdir=b")
    assert said[0] == 0, said[2]
    code, _, err = command(
        evolve, f"--model={path}", "--signature_name=score", *SMALL, "--workdir=c"
    )
    assert code == 2
    assert "SavedModels" in err
