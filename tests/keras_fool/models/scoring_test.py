import concurrent.futures
import dataclasses
import json
import zipfile

import keras
import numpy as np
import pytest

from keras_fool.models import batch_shapes, classifiers, drawing_scorer, scoring
from tests import exploring

SHAPE = (40, 30, 3)


def images(count: int, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)


@pytest.fixture(scope="module")
def scorer(shipped) -> scoring.LocalScorer:
    return scoring.LocalScorer(shipped)


@pytest.fixture
def save(tmp_path):
    """Saves a model of the given head; returns what `LocalScorer` opens."""

    def saved(head, *, shape=SHAPE, dtype="float32", **wrapping) -> classifiers.Classifier:
        image = keras.Input(shape, dtype=dtype)
        path = tmp_path / "mine.keras"
        keras.Model(image, head(image)).save(path)
        return classifiers.Classifier("mine.keras", path, **wrapping)

    return saved


def dense(units: int = 3, activation: str | None = "softmax"):
    """A head whose outputs depend on every input value, not too strongly."""

    def head(image):
        weights = keras.initializers.RandomNormal(stddev=0.01, seed=1)
        flat = keras.layers.Flatten()(image)
        return keras.layers.Dense(units, activation, kernel_initializer=weights)(flat)

    return head


def test_confidences_are_the_models(scorer, shipped):
    batch = images(300, scorer.image_shape)
    model = keras.saving.load_model(shipped.path)

    confidences = scorer.score(batch)

    assert confidences.dtype == np.float32
    np.testing.assert_allclose(confidences, model(batch, training=False), atol=1e-6)
    np.testing.assert_allclose(confidences.sum(axis=1), 1, atol=1e-5)


@pytest.fixture(scope="module")
def many(scorer) -> tuple[np.ndarray, np.ndarray]:
    """Images and the confidences that they have together."""
    batch = images(2200, scorer.image_shape)
    return batch, scorer.score(batch)


@pytest.mark.parametrize(
    "count", exploring.most([1, 2, 15, 16, 17, 31, 163, 512, 2049], rare={512, 2049})
)
def test_confidences_of_an_image_do_not_depend_on_its_batch(scorer, many, count):
    batch, expected = many

    for start in (0, 77, len(batch) - count):
        part = scorer.score(batch[start : start + count])
        np.testing.assert_array_equal(part, expected[start : start + count])


def test_confidences_do_not_depend_on_the_size_of_batches(scorer, shipped):
    batch = images(150, scorer.image_shape)

    small = scoring.LocalScorer(shipped, score_batch=16).score(batch)

    np.testing.assert_array_equal(small, scorer.score(batch))


def test_each_batch_shape_is_traced_once(shipped):
    scorer = scoring.LocalScorer(shipped, score_batch=200)
    counts = np.random.default_rng(0).integers(140, 176, 12)

    for _ in range(2):
        for count in counts:
            scorer.score(images(count, scorer.image_shape))
        assert scorer.traces <= 1 + 3  # the one of the first try; then 144, 168, 192


@pytest.mark.parametrize("largest", [24, 192, 2112, 8448])
def test_batches_are_padded_by_an_eighth_and_a_unit_at_most(largest):
    shapes = {count: batch_shapes.fixed(count, largest) for count in range(1, largest + 1)}

    for count, batch in shapes.items():
        assert count <= batch <= max(48, count * 9 / 8 + 24)
        assert batch <= largest
        assert batch % 24 == 0
        assert largest == 24 or batch >= 48, "the smallest go through other kernels"
    assert len(set(shapes.values())) <= 8 + 8 * np.log2(largest / 192 + 1)


@pytest.mark.parametrize(
    ("asked_for", "fitting", "largest"),
    [
        (None, 10_000, 2112),
        (None, 100, 96),
        (None, 47, 24),
        (None, 3, 24),
        (1, 1000, 48),
        (16, 1000, 48),
        (200, 1000, 216),
        (5000, 100, 5016),
        (16, 30, 24),
    ],
)
def test_the_largest_batch_is_whole_units_that_fit(asked_for, fitting, largest):
    assert batch_shapes.largest(asked_for, 2112, fitting) == largest


def test_a_server_with_a_limit_is_sent_whole_units_where_they_fit():
    assert [batch_shapes.limited(limit) for limit in (1, 23, 24, 100, 504)] == [1, 23, 24, 96, 504]
    assert [batch_shapes.fixed(count, 20) for count in (1, 20)] == [20, 20]


def test_works_from_another_thread(scorer):
    batch = images(20, scorer.image_shape)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        elsewhere = pool.submit(scorer.score, batch).result()

    np.testing.assert_array_equal(elsewhere, scorer.score(batch))


def test_no_images_give_no_confidences(scorer):
    assert scorer.score(images(0, scorer.image_shape)).shape == (0, 10)


def test_colour_model_of_another_size(save):
    scorer = scoring.LocalScorer(save(dense(3), preprocess="unit"))

    assert scorer.image_shape == SHAPE
    assert scorer.labels == ("0", "1", "2")
    assert scorer.score(images(5, SHAPE)).shape == (5, 3)


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
def test_preprocess_is_that_of_keras_applications(save, mode):
    classifier = save(dense(activation=None), preprocess=mode, outputs="logits")
    model = keras.saving.load_model(classifier.path)
    batch = images(20, SHAPE)
    preprocess_input = keras.applications.imagenet_utils.preprocess_input
    inputs = preprocess_input(batch.astype(np.float32), "channels_last", mode)

    confidences = scoring.LocalScorer(classifier).score(batch)

    expected = keras.ops.softmax(model(inputs)).numpy()
    np.testing.assert_allclose(confidences, expected, atol=1e-5)


def test_unit_and_none(save):
    batch = images(20, SHAPE)
    for mode, scale in (("none", 1), ("unit", 255)):
        classifier = save(dense(), preprocess=mode)
        model = keras.saving.load_model(classifier.path)
        expected = model(batch.astype(np.float32) / scale).numpy()

        confidences = scoring.LocalScorer(classifier).score(batch)

        np.testing.assert_allclose(confidences, expected, atol=1e-5)


def test_identity_tells_models_and_wrappings_apart(save, shipped):
    classifier = save(dense(), preprocess="unit")
    first = scoring.LocalScorer(classifier).identity
    second = scoring.LocalScorer(dataclasses.replace(classifier, preprocess="tf")).identity

    assert json.loads(json.dumps(first)) == first
    assert first["sha256"] == second["sha256"] != shipped.identity["sha256"]
    assert first["preprocess"] != second["preprocess"]


@keras.saving.register_keras_serializable("scoring_test")
class Broken(keras.layers.Layer):
    """Gives a NaN for every image brighter than usual; at a first try there is none."""

    def __init__(self, low=140, **options):
        super().__init__(**options)
        self.low = low

    def get_config(self):
        return {**super().get_config(), "low": self.low}

    def call(self, inputs):
        mean = keras.ops.mean(inputs, axis=(1, 2, 3))[:, None]
        flat = keras.layers.Flatten()(inputs)[:, :3]
        nan = keras.ops.where((mean > self.low) & (mean < 250), np.nan, 0.0)
        return keras.ops.softmax(flat / 255) + nan

    def compute_output_shape(self, shape):
        return shape[0], 3


@pytest.mark.parametrize("kind", [scoring.LocalScorer, drawing_scorer.DrawingScorer])
def test_an_image_that_is_not_finite_has_nan_and_the_others_their_confidences(save, kind):
    scorer = kind(save(Broken()))
    batch = np.random.default_rng(1).integers(0, 140, (20, *SHAPE), np.uint8)
    expected = scorer.score(batch)
    assert np.isfinite(expected).all()
    batch[[3, 19]] = 200

    found = scorer.score(batch)

    assert np.isnan(found[[3, 19]]).all()
    others = np.delete(np.arange(20), [3, 19])
    np.testing.assert_array_equal(found[others], expected[others])


def nan_for_noise(image):
    return Broken(low=120)(image)


def nothing_but_nan(image):
    return dense()(keras.layers.Rescaling(np.inf, offset=-np.inf)(image))


@pytest.mark.parametrize(
    ("head", "settings", "message"),
    [
        (nothing_but_nan, {}, "returned NaN or infinite confidences for 16 of 16 images"),
        (nan_for_noise, {}, "returned NaN or infinite confidences for 14 of 16 images"),
        (dense(activation="tanh"), {}, "negative values.*not to 1.*--outputs=logits"),
        (dense(activation="relu"), {}, "values above 1.*not to 1.*--outputs=logits"),
        (dense(), {"outputs": "logits"}, "ends in a softmax"),
        (dense(), {"shape": (40, 30, 5)}, r"takes \[None, 40, 30, 5\]"),
        (keras.layers.GlobalAveragePooling2D(), {"shape": (None, None, 3)}, "--image_size="),
        (keras.layers.Conv2D(3, 3), {}, r"gives \[None, 38, 28, 3\]"),
        (dense(), {"labels": ("a", "b")}, "2 labels are named, but the model has 3"),
        (dense(), {"dtype": "uint8", "preprocess": "unit"}, "--preprocess must be none"),
        (dense(), {"shape": (9, 9, 1), "preprocess": "torch"}, "takes grey images"),
    ],
)
def test_models_that_give_no_confidences_are_refused(save, head, settings, message):
    with pytest.raises(ValueError, match=rf"mine\.keras.*{message}"):
        scoring.LocalScorer(save(head, **settings))


def test_models_of_two_images_are_refused(tmp_path):
    inputs = [keras.Input(SHAPE), keras.Input(SHAPE)]
    path = tmp_path / "two.keras"
    keras.Model(inputs, dense()(keras.layers.Add()(inputs))).save(path)

    with pytest.raises(ValueError, match=r"two\.keras must take one image"):
        scoring.LocalScorer(classifiers.Classifier("two.keras", path))


def test_code_in_a_model_is_not_run(save):
    classifier = save(lambda image: dense()(keras.layers.Lambda(lambda x: x * 2)(image)))

    with pytest.raises(ValueError, match=r"mine\.keras is not a model that loads safely: .*Lambda"):
        scoring.LocalScorer(classifier)


def test_files_that_are_no_models_are_refused(tmp_path):
    text, archive = tmp_path / "text.keras", tmp_path / "zip.keras"
    text.write_text("no model")
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("notes.txt", "no model")

    for path in (text, archive):
        with pytest.raises(ValueError, match=f"{path.name} is not a model that loads safely"):
            scoring.LocalScorer(classifiers.Classifier(path.name, path))


@pytest.mark.parametrize(
    "batch", [np.zeros((5, 28, 28, 1), np.float32), np.zeros((5, 28, 28), np.uint8)]
)
def test_other_images_are_refused(scorer, batch):
    with pytest.raises(ValueError, match="takes uint8 images"):
        scorer.score(batch)


@pytest.mark.slow
def test_the_tuned_batch_changes_no_confidence(shipped):
    scorer = scoring.LocalScorer(shipped, score_batch=64)
    batch = images(600, scorer.image_shape)
    before = scorer.score(batch)

    chosen = scorer.tune(len(batch))

    assert chosen == scorer.score_batch
    assert chosen in (72, 264, 528)  # no more than are scored at a time
    np.testing.assert_array_equal(scorer.score(batch), before)


def test_tuning_keeps_the_batch_of_few_images(shipped):
    scorer = scoring.LocalScorer(shipped, score_batch=100)
    assert scorer.tune(200) == scorer.score_batch == 120


@keras.saving.register_keras_serializable("scoring_test")
class Branching(keras.layers.Layer):
    """Decides by a value, which no graph has before it runs."""

    def call(self, image):
        return image * 0 if keras.ops.sum(image) > 1e9 else image

    def compute_output_spec(self, image):
        return keras.KerasTensor(image.shape, image.dtype)


@keras.saving.register_keras_serializable("scoring_test")
class OutOfTensorFlow(Branching):
    """Leaves TensorFlow on the way."""

    def call(self, image):
        return keras.ops.convert_to_tensor(image.numpy())


@pytest.mark.parametrize("layer", [Branching, OutOfTensorFlow])
def test_custom_layers_that_fail_in_a_graph_are_refused_at_once(save, layer):
    with pytest.raises(scoring.ScorerError, match=r"mine\.keras.*graph.*custom layers") as caught:
        scoring.LocalScorer(save(lambda image: dense()(layer()(image))))
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert not scoring.LocalScorer(save(dense())).networks[0].has_custom_layers


def test_custom_layers_that_run_in_a_graph_are_taken(save):
    class Halving(keras.layers.Layer):
        def call(self, image):
            return image / 2

    Halving = keras.saving.register_keras_serializable("scoring_test")(Halving)  # noqa: N806
    scorer = scoring.LocalScorer(save(lambda image: dense()(Halving()(image))))
    assert scorer.networks[0].has_custom_layers
    np.testing.assert_allclose(scorer.score(images(5, SHAPE)).sum(axis=1), 1, atol=1e-5)
