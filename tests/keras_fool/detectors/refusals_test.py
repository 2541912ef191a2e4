"""What cannot be fitted is refused in one line that says what can be used instead."""

import keras
import numpy as np
import pytest

from keras_fool import detectors
from keras_fool.models import classifiers, in_memory, scoring

layers = keras.layers


@pytest.fixture
def refused():
    def message(*arguments, **options) -> str:
        with pytest.raises(ValueError) as caught:  # noqa: PT011, the caller looks
            detectors.fit(*arguments, **options)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return message


def test_an_unknown_detector_names_the_known_ones(refused, digits):
    message = refused("enrgy", digits.source)
    assert "enrgy" in message
    assert "energy" in message


@pytest.mark.parametrize(
    ("name", "parameters", "facts"),
    [
        ("energy", {"k": 3}, ["'k'", "temperature"]),
        ("msp", {"k": 3}, ["'k'", "none"]),
        ("energy", {"temperature": 0}, ["temperature", "0.001", "got 0"]),
        ("energy", {"temperature": float("nan")}, ["temperature", "nan"]),
        ("knn", {"k": 2.5}, ["whole", "2.5"]),
        ("knn", {"k": True}, ["whole", "True"]),
        ("knn", {"k": "many"}, ["whole", "'many'"]),
        ("vim", {"variance": 1.0}, ["(0, 1)", "1.0"]),
        ("react", {"quantile": 90}, ["[0, 1]", "90"]),
    ],
)
def test_parameters_are_checked(refused, digits, name, parameters, facts):
    message = refused(name, digits.source, digits.train, **parameters)
    assert all(fact in message for fact in facts), message


@pytest.mark.parametrize(
    ("images", "labels", "facts"),
    [
        (None, None, ["training images"]),
        (np.zeros((0, 28, 28, 1), np.uint8), None, ["at least 1"]),
        (np.zeros((3, 28, 28, 1), np.float32), None, ["uint8", "float32"]),
        (np.zeros((3, 28, 27, 1), np.uint8), None, ["28, 28, 1", "27"]),
        (iter([]), None, ["none"]),
        ([np.zeros((2, 28, 28, 1), np.uint8), "x"], None, ["each batch", "str"]),
        (np.zeros((3, 28, 28, 1), np.uint8), np.zeros(2, int), ["[3]", "[2]"]),
        (np.zeros((3, 28, 28, 1), np.uint8), np.zeros(4, int), ["[3]", "[4]"]),
        (np.zeros((3, 28, 28, 1), np.uint8), np.array([0, 1, 10]), ["0..9", "10"]),
        (np.zeros((3, 28, 28, 1), np.uint8), np.array([0.0, 1, 2]), ["whole", "float64"]),
    ],
)
def test_images_and_labels_are_checked(refused, digits, images, labels, facts):
    message = refused("mahalanobis", digits.source, images, labels)
    assert all(fact in message for fact in facts), message


def test_too_few_images_are_refused(refused, digits):
    assert "k = 50" in refused("knn", digits.source, digits.train[:49])
    assert "k = 50" in refused("knn", digits.source, digits.train, sample=20)
    same = np.repeat(digits.train[:1], 9, axis=0)
    one_of_each = digits.train[[list(digits.labels).index(label) for label in range(10)]]
    assert "do not vary" in refused("mahalanobis", digits.source, same)
    assert "do not vary" in refused("mahalanobis", digits.source, one_of_each, np.arange(10))


def test_features_that_fill_their_space_leave_vim_nothing(refused, colour):
    message = refused("vim", colour.source, colour.train, variance=0.9999999999)
    assert "smaller variance" in message


def usable(message: str) -> list[str]:
    return message.rpartition(": ")[2].rstrip(".").split(", ")


@pytest.mark.slow
def test_an_ensemble_has_confidences_alone(refused, digits):
    ensemble = classifiers.find_all("mnist_a,mnist_b")
    source = detectors.open_source(ensemble)
    for name in detectors.NAMES[1:]:
        message = refused(name, source, digits.train)
        assert "ensemble" in message
        assert usable(message) == ["msp"]

    msp = detectors.fit("msp", source)

    expected = scoring.LocalScorer(ensemble).score(digits.test).max(axis=1)
    np.testing.assert_array_equal(msp.score(digits.test), expected)


def test_of_a_scorer_only_confidences_are_known(refused, digits):
    scorer = scoring.LocalScorer(classifiers.find("mnist_b"))
    message = refused("energy", scorer)
    assert "nothing but confidences" in message
    assert usable(message) == ["msp"]

    msp = detectors.fit("msp", scorer)

    np.testing.assert_array_equal(msp.score(digits.test), scorer.score(digits.test).max(axis=1))


def test_a_keras_model_in_memory_is_a_classifier(digits):
    model = digits.by_keras.model

    scores = detectors.fit("energy", model).score(digits.test)

    np.testing.assert_array_equal(scores, digits.fitted("energy").score(digits.test))


def test_of_a_function_only_confidences_are_known(refused):
    def light(images):
        share = images.mean(axis=(1, 2, 3)) / 255
        return np.stack([1 - share, share], axis=1)

    classifier = in_memory.Classifier(light, image_shape=(6, 5, 1))
    assert usable(refused("knn", classifier, [np.zeros((60, 6, 5, 1), np.uint8)])) == ["msp"]
    images = np.full((1, 6, 5, 1), 51, np.uint8)
    assert detectors.fit("msp", classifier).score(images) == pytest.approx(0.8)


def test_independent_labels_have_features_but_no_logits(refused, tmp_path):
    image = keras.Input((8, 8, 1))
    flat = layers.Flatten()(layers.Rescaling(1 / 255)(image))
    keras.Model(image, layers.Dense(3, "sigmoid")(flat)).save(tmp_path / "several.keras")
    source = detectors.open_source(f"{tmp_path}/several.keras")

    message = refused("energy", source)

    assert "independent" in message
    assert usable(message) == ["msp", "mahalanobis", "knn"]
    images = np.random.default_rng(1).integers(0, 256, (60, 8, 8, 1), np.uint8)
    for name in usable(message):
        scores = detectors.fit(name, source, images).score(images)
        assert np.isfinite(scores).all()
        assert np.ptp(scores) > 0


@pytest.mark.slow
def test_several_crops_have_no_common_logits(refused, digits):
    message = refused("energy", "mnist_a:image=32:crops=10")
    assert "10 crops" in message
    assert usable(message) == ["msp"]

    one = detectors.fit("energy", "mnist_a:image=32:crops=1")
    larger = np.pad(digits.test, ((0, 0), (2, 2), (2, 2), (0, 0)), constant_values=9)
    whole = detectors.fit("energy", digits.source).score(digits.test)
    np.testing.assert_allclose(one.score(larger), whole, rtol=1e-5)


def test_features_that_are_not_finite_are_refused(refused, tmp_path):
    image = keras.Input((8, 8, 1))
    mean = layers.GlobalAveragePooling2D()(image)
    huge = keras.ops.exp(mean / 2) / 1e27  # of a white image infinite
    flat = keras.ops.concatenate([huge, mean], axis=-1)
    path = tmp_path / "overflows.keras"
    keras.Model(image, layers.Dense(2, "softmax")(flat)).save(path)
    images = np.full((5, 8, 8, 1), 20, np.uint8)
    images[3] = 255
    source = detectors.open_source(str(path))

    assert "1 of 5 training images" in refused("mahalanobis", source, images)
    scores = detectors.fit("max_logit", source).score(images)
    assert np.isnan(scores[3])
    assert np.isfinite(np.delete(scores, 3)).all()


def test_scored_images_are_checked(digits):
    detector = detectors.fit("energy", digits.source)
    for wrong in (digits.test[:0], digits.test.astype(float), digits.test[:, :20], "images"):
        with pytest.raises(ValueError, match="uint8"):
            detector.score(wrong)
