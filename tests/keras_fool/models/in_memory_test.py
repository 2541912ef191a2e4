"""Models and functions of this process get the verdicts and confidences that files get."""

import dataclasses
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_fool.models import classifiers, in_memory, meanings, scorer_contract, scoring
from tests.keras_fool.models.kinds import KINDS
from tests.keras_fool.models.kinds_test import built, images  # noqa: F401, a fixture

SHAPE = (6, 5, 3)
WEIGHTS = np.random.default_rng(0).normal(size=(90, 4)).astype(np.float32)


def logits(batch: np.ndarray) -> np.ndarray:
    return batch.reshape(len(batch), -1) / np.float32(255) @ WEIGHTS


def softmax(batch: np.ndarray) -> np.ndarray:
    return meanings.confidences(logits(batch), meanings.LOGITS)


def scored(function, batch: np.ndarray, **options) -> np.ndarray:
    return in_memory.Classifier(function, image_shape=SHAPE, **options).open().score(batch)


def some_images(count: int = 40) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, *SHAPE), np.uint8)


@pytest.mark.parametrize(
    "name",
    [
        *("softmax layer", "convolutional", "bytes in", "BatchNormalization", "unit", "linear"),
        *("one logit", "trained on one logit", "one sigmoid", "labels of their own"),
        *("mixed_float16", "relu", "percentages", "sigmoids said confidences"),
        *("softmax said logits", "logits said sigmoid"),
    ],
)
def test_a_model_in_memory_is_the_same_as_its_file(built, name):  # noqa: F811
    kind, file = KINDS[name], built(name)
    model = keras.saving.load_model(file.path, compile=True)
    live = in_memory.KerasModel.of(
        model, file.name, preprocess=file.preprocess, outputs=file.outputs
    )

    if kind.refused:
        with pytest.raises(ValueError, match=re.escape(file.name)) as of_file:
            scoring.LocalScorer(file)
        with pytest.raises(ValueError, match=re.escape(file.name)) as of_live:
            live.open()
        assert str(of_live.value) == str(of_file.value)
        return
    expected, scorer = scoring.LocalScorer(file), live.open()
    batch = images(scorer.image_shape)
    assert (live.head, live.meaning) == (file.head, file.meaning)
    assert (scorer.labels, scorer.independent) == (expected.labels, expected.independent)
    np.testing.assert_array_equal(scorer.score(batch), expected.score(batch))


def test_a_model_is_identified_by_its_layers_and_weights(tiny_model):
    def live(model) -> in_memory.KerasModel:
        return in_memory.KerasModel.of(model)

    model = keras.saving.load_model(tiny_model)
    same = live(keras.saving.load_model(tiny_model))
    before = live(model)
    assert before.identity == same.identity
    assert before.identity["path"] is None
    assert live(model).identity != dataclasses.replace(before, preprocess="unit").identity

    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel, bias + np.float32(1e-3)])
    assert live(model).identity != before.identity
    model.layers[-1].set_weights([kernel, bias])
    assert live(model).identity == before.identity
    model.layers[-1].activation = keras.activations.sigmoid
    assert live(model).identity != before.identity


def test_a_model_gives_gradients_and_names_what_is_wrong_with_it(tiny_model):
    model = keras.saving.load_model(tiny_model)
    live = in_memory.KerasModel.of(model, labels=("a", "b", "c"))
    scorer = live.open()
    batch = tf.constant(np.random.default_rng(0).uniform(0, 255, (2, 12, 10, 1)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(batch)
        total = tf.reduce_sum(scorer.confidences(batch)[:, 0])
    assert live.gives_gradients
    assert np.any(tape.gradient(total, batch))
    assert scorer.labels == ("a", "b", "c")

    model.layers[-1].set_weights([np.nan * weight for weight in model.layers[-1].get_weights()])
    with pytest.raises(ValueError, match=f"{model.name} has NaN in its weights"):
        live.open()


def test_a_model_of_ones_own_class_says_what_to_do():
    class Mine(keras.Model):
        def call(self, images):
            return keras.ops.mean(images, axis=(1, 2))

    with pytest.raises(ValueError, match=r"keras_fool\.Classifier.*image_shape"):
        in_memory.KerasModel.of(Mine(name="mine")).open()


class Tensor:
    """As PyTorch's: no array until it has left its graph and its device."""

    def __init__(self, values, ready=False):
        self._values, self._ready = values, ready

    dtype = "torch.float32"

    def detach(self):
        return Tensor(self._values, ready=False)

    def cpu(self):
        return Tensor(self._values, ready=True)

    def float(self):
        return self

    def __array__(self, dtype=None, copy=None):
        del copy
        assert self._ready, "Can't call numpy() on Tensor that requires grad."
        return np.asarray(self._values, dtype)


@pytest.mark.parametrize(
    ("function", "options"),
    [
        (softmax, {}),
        (lambda batch: softmax(batch).tolist(), {}),
        (lambda batch: tf.constant(softmax(batch)), {}),
        (lambda batch: Tensor(softmax(batch)), {}),
        (lambda batch: softmax(batch).astype(np.float64), {}),
        (logits, {"outputs": "logits"}),
        (tf.function(lambda batch: tf.constant(1.0) * softmax_by_tensorflow(batch)), {}),
    ],
    ids=["NumPy", "lists", "TensorFlow", "PyTorch", "float64", "logits", "tf.function"],
)
def test_functions_of_any_library(function, options):
    batch = some_images()
    np.testing.assert_allclose(scored(function, batch, **options), softmax(batch), atol=1e-6)


def softmax_by_tensorflow(batch) -> tf.Tensor:
    flat = tf.cast(tf.reshape(batch, [-1, 90]), tf.float32) / 255
    return tf.nn.softmax(flat @ WEIGHTS)


def test_sigmoids_are_independent_and_one_stands_for_two():
    def sigmoids(batch):
        return 1 / (1 + np.exp(-logits(batch)))

    batch = some_images()
    own = in_memory.Classifier(sigmoids, image_shape=SHAPE, outputs="sigmoid").open()
    assert own.independent
    np.testing.assert_allclose(own.score(batch), sigmoids(batch), atol=1e-6)
    two = scored(lambda some: sigmoids(some)[:, :1], batch, outputs="sigmoid")
    first = sigmoids(batch)[:, 0]
    np.testing.assert_allclose(two, np.c_[1 - first, first], atol=1e-6)


def test_batches_are_few_shapes_and_copies():
    seen, batch = set(), some_images(500)
    before = batch.copy()

    def spoiling(given):
        seen.add(given.shape)
        rows = softmax(given)
        given[:] = 0
        return rows

    scorer = in_memory.Classifier(spoiling, image_shape=SHAPE).open(score_batch=100)
    for count in range(1, 500, 7):
        np.testing.assert_allclose(scorer.score(batch[:count]), softmax(before[:count]), atol=1e-6)
    assert len(seen) <= 4
    assert max(seen)[0] <= 120
    assert scorer.score(batch[:0]).shape == (0, 4)
    np.testing.assert_array_equal(batch, before)


def test_a_function_is_identified_by_its_name_and_answers():
    def identity(function, **options):
        return in_memory.Classifier(function, image_shape=SHAPE, **options).identity

    assert identity(softmax) == identity(softmax)
    assert identity(softmax) != identity(softmax, name="another")
    assert identity(softmax) != identity(lambda batch: softmax(batch)[:, ::-1], name="softmax")
    assert identity(softmax) != identity(softmax, outputs="logits")


def test_labels_have_names():
    classifier = in_memory.Classifier(softmax, image_shape=SHAPE, labels=["a", "b", "c", "d"])
    assert classifier.open().labels == ("a", "b", "c", "d")
    assert in_memory.Classifier(softmax, image_shape=SHAPE).open().labels == ("0", "1", "2", "3")
    assert classifier.with_labels(("e", "f", "g", "h")).open().labels == ("e", "f", "g", "h")
    with pytest.raises(ValueError, match=r"3 labels are named.*4 numbers"):
        in_memory.Classifier(softmax, image_shape=SHAPE, labels=["a", "b", "c"]).open()


@pytest.mark.parametrize(
    ("function", "facts"),
    [
        (logits, ("outputs='logits'",)),
        (lambda batch: 100 * softmax(batch), ("percentages",)),
        (lambda batch: softmax(batch)[:, 0], (r"\[48, number of labels\]", r"float32 \[48\]")),
        (lambda batch: softmax(batch[:-1]), (r"\[47, 4\]",)),
        (lambda _: None, ("object",)),
        (lambda _: "cat", ("must return numbers",)),
        (lambda batch: np.nan * softmax(batch), ("NaN", "16 of 16")),
        (lambda batch: np.full((len(batch), 4), 0.25), ("same for all of 80 images",)),
    ],
)
def test_functions_that_give_no_confidences_are_refused(function, facts):
    with pytest.raises(scorer_contract.ScorerError) as raised:
        in_memory.Classifier(function, image_shape=SHAPE, name="mine").open()
    assert str(raised.value).startswith("mine ")
    assert "\n" not in str(raised.value)
    for fact in facts:
        assert re.search(fact, str(raised.value)), raised.value


def test_what_a_function_raises_is_what_is_seen():
    def failing(_):
        raise ZeroDivisionError("mine alone")

    with pytest.raises(ZeroDivisionError, match="mine alone"):
        in_memory.Classifier(failing, image_shape=SHAPE).open()


def test_one_that_changes_its_mind_is_refused_later():
    calls = []

    def changing(batch):
        calls.append(len(batch))
        return softmax(batch) if len(calls) < 2 else softmax(batch)[:, :3]

    scorer = in_memory.Classifier(changing, image_shape=SHAPE).open()
    with pytest.raises(scorer_contract.ScorerError, match=r"3 numbers.*4 before"):
        scorer.score(some_images())


def test_one_hot_answers_are_noted():
    def hard(batch):
        return np.eye(4)[logits(batch).argmax(axis=1)]

    (note,) = in_memory.Classifier(hard, image_shape=SHAPE, name="hard").open().notes
    assert note.startswith("hard gives nothing but 0 and 1")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"function": 3}, TypeError, "function must be something to call, got 3"),
        ({"image_shape": (28, 28)}, ValueError, "height, width, channels"),
        ({"image_shape": (28, 28, 2)}, ValueError, "1 or 3 channels"),
        ({"image_shape": (0, 28, 3)}, ValueError, "1 or 3 channels"),
        ({"image_shape": 28}, TypeError, "height, width, channels"),
        ({"image_shape": (28.0, 28, 1)}, TypeError, "height, width, channels"),
        ({"image_shape": (2**14, 2**14, 3)}, ValueError, "too large"),
        ({"outputs": "logit"}, ValueError, "did you mean logits"),
        ({"labels": "abcd"}, TypeError, "list of names"),
        ({"labels": ["a", 2]}, ValueError, "the name of label 1 must be a text"),
    ],
)
def test_arguments_are_checked(arguments, error, message):
    with pytest.raises(error, match=message):
        in_memory.Classifier(**{"function": softmax, "image_shape": SHAPE} | arguments)


def test_kinds_answer_the_same_questions(tiny_model):
    file = classifiers.find(str(tiny_model))
    live = in_memory.KerasModel.of(keras.saving.load_model(tiny_model))
    function = in_memory.Classifier(softmax, image_shape=SHAPE)
    asked = [name for name in dir(file) if not name.startswith("_") and name not in ("load",)]
    for name in asked:
        assert hasattr(live, name), name
    # A function has no file and no layers; nobody asks for them who does not load it.
    for name in set(asked) - {"format", "sha256", "saved"}:
        assert hasattr(function, name), name
    assert not function.gives_gradients
    assert not function.in_graph
    with pytest.raises(ValueError, match="renderer must be cpu"):
        function.open(draws=True)
