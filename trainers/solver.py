"""Caffe's stochastic gradient descent, with which its examples and networks were trained.

For a weight w with learning rate multiplier m, decay d and rate r(t) at step t:

    v <- momentum * v + r(t) * m * (gradient + d * w)
    w <- w - v

BVLC/caffe, src/caffe/solvers/sgd_solver.cpp. Biases have m = 2. The biases of LeNet
decay like the weights (examples/mnist/lenet_solver.prototxt); those of the ImageNet networks do
not.
"""

from collections.abc import Sequence

import tensorflow as tf

from trainers import config


def learning_rate(settings: config.Config, step: tf.Tensor) -> tf.Tensor:
    """The policy of `settings` at a step: float32 scalar, `base_rate` at step 0."""
    step = tf.cast(step, tf.float32)
    if settings.policy == "inv":
        return settings.base_rate * (1.0 + settings.gamma * step) ** -settings.power
    if settings.policy == "step":
        return settings.base_rate * settings.gamma ** (step // settings.step_size)
    return settings.base_rate * (1.0 - step / settings.iterations) ** settings.power


class CaffeSGD:
    """Updates weights, under the strategy in which they were created.

    Attributes:
        velocities: A variable per weight, of the same shape: the last update.
        step: int64 variable: how many updates were made.
    """

    def __init__(self, settings: config.Config, weights: Sequence[tf.Variable]):
        """Creates the state; call it in the strategy's scope.

        Args:
            settings: Rates, momentum and decay.
            weights: The variables to update; those of rank 1 are the biases.
        """
        self._settings = settings
        self._weights = list(weights)
        biases = [weight.shape.rank == 1 for weight in weights]
        self._multipliers = [settings.bias_multiplier if bias else 1.0 for bias in biases]
        self._decays = [
            0.0 if bias and not settings.decay_biases else settings.decay for bias in biases
        ]
        self.velocities = [
            tf.Variable(tf.zeros(weight.shape), trainable=False) for weight in weights
        ]
        self.step = tf.Variable(
            0,
            dtype=tf.int64,
            trainable=False,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    def apply(self, gradients: Sequence[tf.Tensor]) -> None:
        """Makes one update; call it in a replica, inside `strategy.run`.

        Args:
            gradients: The gradients of this replica: those of the loss, summed over its images and
                divided by the number of all images, so that they add up over replicas.
        """
        replica = tf.distribute.get_replica_context()
        gradients = replica.all_reduce(tf.distribute.ReduceOp.SUM, list(gradients))
        rate = learning_rate(self._settings, self.step)
        replica.merge_call(self._update, args=(gradients, rate))
        self.step.assign_add(1)

    def _update(self, strategy: tf.distribute.Strategy, gradients: list, rate: tf.Tensor) -> None:
        for weight, velocity, gradient, multiplier, decay in zip(
            self._weights, self.velocities, gradients, self._multipliers, self._decays, strict=True
        ):
            args = (velocity, gradient, rate, multiplier, decay)
            strategy.extended.update(weight, self._update_one, args=args, group=False)

    def _update_one(
        self,
        weight: tf.Variable,
        velocity: tf.Variable,
        gradient: tf.Tensor,
        rate: tf.Tensor,
        multiplier: float,
        decay: float,
    ) -> None:
        decayed = gradient + decay * weight
        update = self._settings.momentum * velocity + rate * multiplier * decayed
        velocity.assign(update)
        weight.assign_sub(update)
