import io
import re

import keras
import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from keras_fool import export
from keras_fool.models import classifiers, scoring
from keras_fool.serving.server import loaded_version, status
from tests import exploring


@pytest.fixture(scope="module")
def softmax_model(tmp_path_factory):
    """A .keras file that ends in a softmax layer, of colour images."""
    keras.utils.set_random_seed(3)
    image = keras.Input((9, 8, 3))
    logits = keras.layers.Dense(4)(keras.layers.Flatten()(image))
    path = tmp_path_factory.mktemp("models") / "softmax.keras"
    keras.Model(image, keras.layers.Softmax()(logits)).save(path)
    return path


@pytest.fixture(scope="module")
def exported(softmax_model, tmp_path_factory):
    """(classifier, its version folder): preprocessing and all."""
    base = tmp_path_factory.mktemp("exports") / "mine"
    spec = f"{softmax_model}:tf"
    from keras_fool.serving.server import saved_model

    classifier = classifiers.find_all(spec)
    saved_model.save(base / "1", classifier)
    return classifier, base / "1"


def images_of(shape, number=40) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (number, *shape), np.uint8)


def encoded(images, kind="PNG") -> np.ndarray:
    found = np.empty(len(images), object)
    for number, image in enumerate(images):
        file = io.BytesIO()
        PIL.Image.fromarray(image.squeeze()).save(file, kind)
        found[number] = file.getvalue()
    return found


def test_every_signature_scores_as_the_original(exported):
    classifier, folder = exported
    images = images_of((9, 8, 3))
    expected = scoring.LocalScorer(classifier).score(images)
    loaded = loaded_version.LoadedVersion(folder, 1)

    assert expected.std() > 0.1
    for name, given in (
        ("serving_default", images),
        ("float_images", images.astype(np.float32)),
        ("encoded_images", encoded(images)),
    ):
        found = loaded.call(name, {"images": given})
        np.testing.assert_allclose(found["probabilities"], expected, atol=1e-6)
        np.testing.assert_allclose(tf.nn.softmax(found["logits"]), expected, atol=1e-6)
    halves = loaded.call("float_images", {"images": images + np.float32(0.5)})
    assert not np.array_equal(halves["probabilities"], found["probabilities"])


def test_logits_are_the_networks_own(exported, softmax_model):
    model = keras.saving.load_model(softmax_model)
    logits = keras.Model(model.input, model.layers[-1].input)
    images = images_of((9, 8, 3))
    found = loaded_version.LoadedVersion(exported[1], 1).call("serving_default", {"images": images})

    expected = logits.predict_on_batch(images / np.float32(127.5) - 1)
    np.testing.assert_allclose(found["logits"], expected, atol=1e-4)


def test_folder_has_labels_and_a_warm_up_for_every_signature(exported):
    folder = exported[1]

    assert (folder / "assets" / "labels.txt").read_text() == "0\n1\n2\n3\n"
    from tensorflow_serving.apis import prediction_log_pb2

    records = tf.data.TFRecordDataset(str(folder / "assets.extra/tf_serving_warmup_requests"))
    logs = [prediction_log_pb2.PredictionLog.FromString(r) for r in records.as_numpy_iterator()]
    names = [log.predict_log.request.model_spec.signature_name for log in logs]
    assert names == ["serving_default", "float_images", "encoded_images"]
    assert [path.name for path in folder.parent.iterdir()] == ["1"]


def test_encoded_images_are_scaled_and_made_colour(exported):
    loaded = loaded_version.LoadedVersion(exported[1], 1)
    plain = np.full((1, 90, 80), 100, np.uint8)
    expected = loaded.call("serving_default", {"images": np.full((1, 9, 8, 3), 100, np.uint8)})
    for kind in ("PNG", "JPEG"):
        found = loaded.call("encoded_images", {"images": encoded(plain, kind)})
        np.testing.assert_allclose(found["probabilities"], expected["probabilities"], atol=1e-6)


def huge_png(width: int, height: int) -> bytes:
    """A PNG whose header tells of that size; nothing has to be behind it."""
    png = encoded(np.zeros((1, 4, 4, 3), np.uint8))[0]
    return png[:16] + (width % 2**32).to_bytes(4) + (height % 2**32).to_bytes(4) + png[24:]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "neither PNG nor JPEG"),
        (b"GIF89a" + bytes(50), "neither PNG nor JPEG"),
        (huge_png(60_000, 60_000), "images of 1 to 16777216 pixels"),
        (huge_png(-1, -1), "images of 1 to 16777216 pixels"),
        (huge_png(0, 5), "images of 1 to 16777216 pixels"),
        (b"\x89PNG\r\n\x1a\n" + bytes(4), None),
        (b"\xff\xd8\xff\xe0" + bytes(40), None),
    ],
)
def test_what_is_no_image_is_an_error(exported, content, expected):
    loaded = loaded_version.LoadedVersion(exported[1], 1)
    given = np.empty(1, object)
    given[0] = content

    with pytest.raises(status.ServingError, match=expected) as caught:
        loaded.call("encoded_images", {"images": given})

    assert caught.value.code is status.grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.slow
def test_command_exports_an_ensemble_to_the_next_version(
    tmp_path, command, tiny_model, other_model
):
    (tmp_path / "both" / "3").mkdir(parents=True)
    spec = f"{tiny_model},{other_model}"
    code, out, err = command(export, f"--model={spec}", f"--output={tmp_path / 'both'}")

    assert (code, err) == (0, "")
    assert f"--model_base_path={tmp_path / 'both'}" in out
    loaded = loaded_version.LoadedVersion(tmp_path / "both" / "4", 4)
    images = images_of((12, 10, 1))
    expected = scoring.LocalScorer(classifiers.find_all(spec)).score(images)
    found = loaded.call("serving_default", {"images": images})
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-6)
    np.testing.assert_allclose(np.exp(found["logits"]), expected, atol=1e-6)


def test_command_names_the_version_and_never_replaces(tmp_path, command, tiny_model):
    folder = tmp_path / "mine" / "7"
    folder.mkdir(parents=True)
    code, _, err = command(export, f"--model={tiny_model}", f"--output={folder}")

    assert code == 1
    assert re.fullmatch(r"error: .*7 exists and was not changed;[^\n]*\n", err)


def test_an_export_that_scores_otherwise_is_not_left_behind(tmp_path, monkeypatch, tiny_model):
    from keras_fool.serving.server import saved_model

    monkeypatch.setattr(
        scoring.LocalScorer, "score", lambda _, images: np.zeros((len(images), 3), np.float32)
    )
    with pytest.raises(saved_model.ExportError, match="serving_default of the export differs"):
        saved_model.save(tmp_path / "1", classifiers.find_all(str(tiny_model)))

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "channels"),
    exploring.most([("mnist_a", 1), ("mnist_b", 1), ("cifar_a", 3)], rare={("mnist_b", 1)}),
)
def test_shipped_folders_load_and_score_as_their_keras_files(name, channels):
    classifier = classifiers.find(name)
    loaded = loaded_version.LoadedVersion(classifier.path.parent, 1)
    images = images_of((28, 28, channels), 48)  # as many as a scorer gives the model, too

    found = loaded.call("serving_default", {"images": images})["probabilities"]

    expected = scoring.LocalScorer(classifier).score(images)
    np.testing.assert_array_equal(found, expected)
