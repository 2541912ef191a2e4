import numpy as np
import pytest
import tensorflow as tf

from trainers import config, solver


@pytest.mark.parametrize(
    ("step", "rate"),
    [(0, 0.01), (100, 0.00992565), (1000, 0.00931012), (5000, 0.00737788), (10_000, 0.00594604)],
)
def test_learning_rate_falls_as_caffes_policy_inv(step, rate):
    assert float(solver.learning_rate(config.Config(), step)) == pytest.approx(rate, abs=5e-9)


@pytest.mark.parametrize(
    ("step", "rate"),
    [(0, 0.01), (99_999, 0.01), (100_000, 0.001), (299_999, 0.0001), (449_999, 0.000001)],
)
def test_learning_rate_of_alexnet_falls_in_steps(step, rate):
    settings = config.for_architecture("alexnet")

    assert float(solver.learning_rate(settings, step)) == pytest.approx(rate, rel=1e-5)


@pytest.mark.parametrize(
    ("step", "rate"),
    [(0, 0.01), (600_000, 0.00866025), (1_200_000, 0.00707107), (2_340_000, 0.00158114)],
)
def test_learning_rate_of_googlenet_falls_to_nothing(step, rate):
    settings = config.for_architecture("googlenet")

    assert float(solver.learning_rate(settings, step)) == pytest.approx(rate, rel=1e-5)


@pytest.mark.parametrize("name", config.ARCHITECTURES)
def test_learning_rate_never_rises(name):
    settings = config.for_architecture(name, iterations=1000)

    rates = solver.learning_rate(settings, tf.range(1000, dtype=tf.int64)).numpy()

    assert rates.dtype == np.float32
    assert rates[0] == np.float32(settings.base_rate)
    assert (np.diff(rates) <= 0).all()
    assert rates[-1] > 0
    assert rates[-1] < rates[0]


@pytest.mark.parametrize("decay_biases", [True, False])
def test_updates_are_caffes(decay_biases):
    settings = config.Config(decay_biases=decay_biases)
    rng = np.random.default_rng(1)
    kernel, bias = rng.normal(size=(3, 4)), rng.normal(size=4)
    gradients = [(rng.normal(size=(3, 4)), rng.normal(size=4)) for _ in range(60)]
    variables = [tf.Variable(kernel, dtype=tf.float32), tf.Variable(bias, dtype=tf.float32)]
    strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    with strategy.scope():
        sgd = solver.CaffeSGD(settings, variables)

    weights, velocities = [kernel, bias], [np.zeros((3, 4)), np.zeros(4)]
    for step, gradient in enumerate(gradients):
        strategy.run(sgd.apply, args=([tf.constant(g, tf.float32) for g in gradient],))
        rate = 0.01 * (1 + 0.0001 * step) ** -0.75
        for index, multiplier in enumerate((1, 2)):
            decay = 0.0005 if index == 0 or decay_biases else 0.0
            decayed = gradient[index] + decay * weights[index]
            velocities[index] = 0.9 * velocities[index] + rate * multiplier * decayed
            weights[index] = weights[index] - velocities[index]

    assert int(sgd.step) == 60
    for variable, expected in zip(
        [*variables, *sgd.velocities], [*weights, *velocities], strict=True
    ):
        np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("decay_biases", "bias"), [(True, 1 - 2 * 0.01 * 0.0005), (False, 1)])
def test_without_a_gradient_weights_and_perhaps_biases_decay(decay_biases, bias):
    settings = config.Config(momentum=0.0, decay_biases=decay_biases)
    variables = [tf.Variable(tf.ones((2, 2))), tf.Variable(tf.ones(2))]
    sgd = solver.CaffeSGD(settings, variables)

    tf.distribute.get_strategy().run(sgd.apply, args=([tf.zeros((2, 2)), tf.zeros(2)],))

    np.testing.assert_allclose(variables[0], 1 - 0.01 * 0.0005, rtol=1e-7)
    np.testing.assert_allclose(variables[1], bias, rtol=1e-7)
