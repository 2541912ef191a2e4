import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.trainers import samples
from trainers import classifier, config, datasets, models, sample_order, shapes, strategies


@pytest.fixture(scope="module")
def strategy() -> tf.distribute.Strategy:
    return strategies.create("one")


def resumed_from(state, settings, data, strategy) -> classifier.Training:
    """A training that goes on from a state to its end."""
    training = classifier.Training(settings, data, strategy)
    training.restore(state)
    while training.step < settings.iterations:
        training.advance()
    return training


def assert_same_bits(state, other):
    assert state.keys() == other.keys()
    for name, value in state.items():
        assert value.tobytes() == other[name].tobytes(), name


def test_steps_are_gradient_descent_on_the_mean_loss(strategy):
    """Five steps against Keras' own loss, autodiff, and Caffe's update in NumPy."""
    data = samples.small_digits()
    settings = config.Config(iterations=5, batch=16, seed=3)
    model = models.build("lenet", data.image_shape, 10, seed=3)
    logits = models.logits(model)
    variables = model.trainable_variables
    weights = [variable.numpy().astype(np.float64) for variable in variables]
    velocities = [np.zeros_like(weight) for weight in weights]
    expected = []
    for step in range(5):
        numbers = sample_order.sample_numbers(3, len(data.train_images), step * 16, 16)
        with tf.GradientTape() as tape:
            each = tf.keras.losses.sparse_categorical_crossentropy(
                data.train_labels[numbers], logits(data.train_images[numbers]), from_logits=True
            )
            loss = tf.reduce_mean(each)
        expected.append(float(loss))
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        rate = 0.01 * (1 + 0.0001 * step) ** -0.75
        for index, gradient in enumerate(gradients):
            multiplier = 2 if variables[index].name == "bias" else 1
            decayed = gradient.numpy() + 0.0005 * weights[index]
            velocities[index] = 0.9 * velocities[index] + rate * multiplier * decayed
            weights[index] -= velocities[index]
            variables[index].assign(weights[index])

    training = classifier.Training(settings, data, strategy)
    losses = [training.advance(until).loss for until in range(1, 6)]

    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    for found, weight in zip(training.model().get_weights(), weights, strict=True):
        np.testing.assert_allclose(found, weight, rtol=1e-3, atol=1e-5)


def test_training_goes_on_with_the_same_bits(strategy):
    data = samples.small_digits()
    settings = config.Config(iterations=120, batch=16, evaluate_every=50)
    progresses, states = [], {}

    whole = classifier.Training(settings, data, strategy)
    for until in (35, 70, 105, 120):
        while whole.step < until:
            progresses.append(whole.advance(until))
        states[until] = whole.state()
    resumed = resumed_from(states[70], settings, data, strategy)

    assert_same_bits(whole.state(), resumed.state())
    assert_same_bits(whole.state(), states[120])
    assert [p.step for p in progresses] == [35, 50, 70, 100, 105, 120]
    assert sum(p.num_new for p in progresses) == 120
    tested = {p.step: p.test_error_percent for p in progresses if p.test_error_percent is not None}
    assert sorted(tested) == [50, 100, 120]
    assert tested[120] == whole.test_error_percent() == resumed.test_error_percent()
    assert progresses[0].learning_rate == pytest.approx(0.01 * 1.0034**-0.75)


@pytest.mark.slow
def test_another_seed_is_another_training(strategy):
    data = samples.small_digits()
    first, second = (
        classifier.train(config.Config(iterations=2, batch=8, seed=seed), data, strategy)
        for seed in (1, 2)
    )

    assert first.state()["weight/ip2/kernel"].tobytes() != (
        second.state()["weight/ip2/kernel"].tobytes()
    )


def test_test_error_is_that_of_the_returned_model(strategy):
    data = samples.small_digits()

    training = classifier.train(config.Config(iterations=30, batch=16), data, strategy)

    confidences = training.model()(data.test_images, training=False).numpy()
    wrong = confidences.argmax(axis=1) != data.test_labels
    assert training.test_error_percent() == 100 * wrong.mean()


@pytest.mark.slow
def test_loss_that_is_no_number_names_the_step(strategy):
    data = samples.small_digits()
    training = classifier.Training(config.Config(iterations=100, batch=16), data, strategy)
    training.advance(3)
    # No state: one that holds such numbers is refused.
    training._variables()["weight/ip2/bias"].assign(np.full(10, np.nan))

    with pytest.raises(classifier.DivergedError, match="the loss of step 3 is nan"):
        training.advance()
    assert training.step == 3


@pytest.mark.slow
def test_a_divergence_within_a_call_names_its_step(strategy):
    data = samples.small_digits()
    settings = config.Config(iterations=100, batch=16, base_rate=1e4)
    one_by_one = classifier.Training(settings, data, strategy)
    with pytest.raises(classifier.DivergedError) as expected:
        advance_singly(one_by_one)

    with pytest.raises(classifier.DivergedError) as raised:
        classifier.Training(settings, data, strategy).advance()

    assert str(raised.value) == str(expected.value)
    assert f"step {one_by_one.step} " in str(raised.value)


def advance_singly(training):
    while training.step < training.settings.iterations:
        training.advance(training.step + 1)


@pytest.mark.slow
def test_eleven_labels_of_colour_images_can_be_learned(strategy):
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (33, 18, 20, 3), dtype=np.uint8)
    labels = np.arange(33) % 11
    data = datasets.Dataset("noise", tuple("abcdefghijk"), images, labels, images, labels)

    training = classifier.train(config.Config(iterations=1, batch=8), data, strategy)

    assert training.model().output_shape == (None, 11)


@pytest.fixture(scope="module")
def drawn() -> datasets.Dataset:
    """Circles and crosses of 32x32."""
    images, labels = [], []
    for seed, count in ((0, 200), (1, 60)):
        numbers = np.arange(count) // 2 * 10 + np.array([2, 4])[np.arange(count) % 2]
        images.append(shapes.draw(seed, numbers, 32))
        labels.append(np.arange(count) % 2)
    return datasets.Dataset(
        "drawn", ("circle", "cross"), images[0], labels[0], images[1], labels[1]
    )


@pytest.fixture(scope="module")
def exact(strategy, drawn) -> classifier.Training:
    """20 steps in float32."""
    settings = config.Config(iterations=20, batch=16, evaluate_every=20)
    return classifier.train(settings, drawn, strategy)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_lower_precision_learns_too(strategy, drawn, exact, precision):
    lower = dataclasses.replace(exact.settings, precision=precision)

    training = classifier.Training(lower, drawn, strategy)
    losses = [training.advance(until).loss for until in (5, 10, 15, 20)]

    state, exact_state = training.state(), exact.state()
    name = "weight/ip2/kernel"
    assert state[name].dtype == np.float32
    assert state[name].tobytes() != exact_state[name].tobytes()
    np.testing.assert_allclose(state[name], exact_state[name], atol=0.02)
    assert losses[-1] < losses[0]
    assert training.model().dtype_policy.name == "float32"
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.slow
def test_lower_precision_goes_on_with_the_same_bits(strategy, drawn):
    settings = config.Config(iterations=6, batch=8, precision="mixed_bfloat16")
    whole = classifier.Training(settings, drawn, strategy)
    whole.advance(4)
    state = whole.state()
    whole.advance(6)

    resumed = resumed_from(state, settings, drawn, strategy)

    assert_same_bits(whole.state(), resumed.state())


@pytest.mark.slow
def test_dropout_goes_on_with_the_same_bits(strategy, drawn):
    data = dataclasses.replace(
        drawn,
        train_images=np.pad(drawn.train_images, ((0, 0), (4, 4), (4, 4), (0, 0))),
        test_images=np.pad(drawn.test_images, ((0, 0), (4, 4), (4, 4), (0, 0))),
    )
    settings = config.for_architecture("caffenet", iterations=3, batch=2, base_rate=1e-4)
    whole = classifier.Training(settings, data, strategy)
    whole.advance(1)
    state = whole.state()
    whole.advance(3)

    resumed = classifier.Training(settings, data, strategy)
    resumed.restore(state)
    resumed.advance(3)

    assert_same_bits(whole.state(), resumed.state())


@pytest.mark.slow
def test_digits_are_learned_in_a_few_hundred_steps(strategy):
    data = datasets.load("digits")
    losses = []

    training = classifier.train(
        config.Config(iterations=300), data, strategy, on_progress=lambda p: losses.append(p.loss)
    )

    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.1
    assert training.test_error_percent() < 4


@pytest.mark.slow
def test_shapes_are_learned_in_a_minute(strategy):
    data = datasets.load("shapes")

    training = classifier.train(config.for_architecture("small", iterations=600), data, strategy)

    assert training.test_error_percent() < 5
