import json
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import exploring
from trainers import export, models

CARD = {"name": "m", "version": 1, "labels": ["a", "b", "c"], "test_error_percent": 0.5}


@pytest.fixture(scope="module")
def model() -> keras.Model:
    model = models.build("lenet", (20, 18, 1), 3, seed=5)
    rng = np.random.default_rng(1)  # decided weights: confidences far from 1/3
    model.set_weights([rng.normal(0, 0.1, weight.shape) for weight in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (50, 20, 18, 1), dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(model, images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved_models") / "m" / "1"
    export.save(folder, model, CARD, images)
    return folder


@pytest.mark.parametrize("batch", exploring.most([1, 7, 50], rare={7}))
def test_what_is_read_back_scores_as_the_model(folder, model, images, batch):
    expected = model.predict_on_batch(images)[:batch]
    loaded = keras.saving.load_model(folder / "classifier.keras", safe_mode=True)
    served = tf.saved_model.load(str(folder)).signatures["serving_default"](
        images=tf.constant(images[:batch])
    )

    assert expected.std() > 0.1
    np.testing.assert_allclose(loaded.predict_on_batch(images[:batch]), expected, atol=1e-6)
    np.testing.assert_allclose(served["probabilities"], expected, atol=1e-6)
    np.testing.assert_allclose(tf.nn.softmax(served["logits"]), expected, atol=1e-6)


def test_signature_takes_bytes(folder):
    signature = tf.saved_model.load(str(folder)).signatures["serving_default"]

    assert signature.structured_input_signature[1] == {
        "images": tf.TensorSpec([None, 20, 18, 1], tf.uint8, name="images")
    }
    assert set(signature.structured_outputs) == {"probabilities", "logits"}


def test_keras_file_needs_no_code_of_ours(folder):
    loaded = keras.saving.load_model(folder / "classifier.keras", safe_mode=True)

    assert {type(layer).__module__.partition(".")[0] for layer in loaded.layers} == {"keras"}
    assert loaded.input.dtype == "uint8"
    assert loaded.output.dtype == "float32"


def test_card_tells_what_was_given_and_when_and_with_what(folder):
    card = json.loads((folder / "card.json").read_text("utf-8"))

    assert CARD.items() <= card.items()
    assert card["versions"].keys() == {"python", "tensorflow", "keras", "numpy"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", card["created"])


def test_folder_is_small_and_holds_no_path_of_this_machine(folder):
    assert sorted(path.name for path in folder.parent.iterdir()) == ["1"]
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for place in (str(folder.parent), export.__file__, ".py"):
                assert place.encode() not in content, path
    weights = 4 * keras.saving.load_model(folder / "classifier.keras").count_params()
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 2 * weights + 150_000


def test_a_folder_that_is_there_is_never_replaced(folder, model, images):
    before = (folder / "card.json").read_bytes()

    with pytest.raises(FileExistsError, match="is there already and was not changed"):
        export.save(folder, model, CARD, images)

    assert (folder / "card.json").read_bytes() == before


@pytest.mark.slow
def test_a_killed_exports_rest_is_no_obstacle(tmp_path, model, images):
    rest = tmp_path / ".1.part"
    rest.mkdir()
    (rest / "saved_model.pb").write_bytes(b"half")

    export.save(tmp_path / "1", model, CARD, images)

    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def test_confidences_that_are_no_numbers_are_not_exported(tmp_path, images):
    model = models.build("lenet", (20, 18, 1), 3, seed=5)
    model.set_weights([weight * np.nan for weight in model.get_weights()])

    with pytest.raises(export.ExportError, match="differs from the trained model by nan"):
        export.save(tmp_path / "1", model, CARD, images)

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("limit", exploring.most([1_000, 100_000], rare={1_000}))
def test_full_disk_leaves_nothing_behind(tmp_path, model, images, full_disk, limit):
    with full_disk(limit), pytest.raises(OSError, match=r"cannot be written|too large"):
        export.save(tmp_path / "1", model, CARD, images)

    assert not list(tmp_path.iterdir())
