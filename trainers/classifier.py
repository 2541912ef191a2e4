"""Trains a classifier: the loop, its exact state, its test error.

Many steps run in one call of a `tf.function`, so that they do not wait for Python; their images
are collected on the host and passed together. Every device, and every one of several processes,
processes its share of each batch. Which images a step sees depends only on the seed and on the
step's number. So a training that continues from its state ends with the same bits as one that was
never interrupted.
"""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Mapping

import keras
import numpy as np
import tensorflow as tf

from trainers import config, models, solver, sources, workers

_MAX_STEPS_PER_CALL = 100
_MAX_BYTES_PER_CALL = 2**26
_TEST_BATCH = 500
_MAX_BYTES_PER_TEST = 2**26
# Keeps small gradients from being rounded to 0 in float16; it does not change the updates.
_LOSS_SCALES = {"mixed_float16": 1024.0}


class DivergedError(ArithmeticError):
    """The loss is not finite any more: the training cannot continue."""


@dataclasses.dataclass(frozen=True)
class Progress:
    """The results of the newest steps.

    Attributes:
        step: How many steps are done in all.
        num_new: How many of them are new.
        loss: Mean cross-entropy of the new steps' batches, in nats; for a network with
            several heads, their weighted sum.
        learning_rate: The learning rate of the last step.
        seconds: How long the new steps took, without the test.
        test_error_percent: The error on all test images after these steps; None if there was
            no test.
    """

    step: int
    num_new: int
    loss: float
    learning_rate: float
    seconds: float
    test_error_percent: float | None


def train(
    settings: config.Config,
    data: sources.Source,
    strategy: tf.distribute.Strategy,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> "Training":
    """Trains from the beginning to the last iteration, in memory.

    Args:
        settings: The settings that determine the result.
        data: The training and the test images.
        strategy: The devices.
        on_progress: Called about every hundred steps, and after every test.

    Returns:
        The training, complete.

    Raises:
        ValueError: Settings, data and devices do not fit together.
        DivergedError: The loss became NaN or infinite; the message names the step.
        LostError: Another process of the training has ended.
    """
    training = Training(settings, data, strategy)
    while training.step < settings.iterations:
        on_progress(training.advance())
    return training


class Training:
    """One training: the network, the solver's state, and the number of steps done.

    Attributes:
        settings: The settings that determine the result.
        step: How many steps are done.
        workers: The processes that take part.
    """

    def __init__(
        self, settings: config.Config, data: sources.Source, strategy: tf.distribute.Strategy
    ):
        """Creates the network; makes no step.

        Args:
            settings: The settings that determine the result.
            data: The training and the test images.
            strategy: The devices. Each takes an equal share of every batch.

        Raises:
            ValueError: The batch is not a multiple of the number of devices, or the
                architecture does not take such images.
        """
        num_replicas = strategy.num_replicas_in_sync
        if settings.batch % num_replicas:
            raise ValueError(
                f"batch must be a multiple of {num_replicas}, the number of devices that "
                f"share it, got {settings.batch}."
            )
        self.settings = settings
        self.step = 0
        self.workers = workers.Workers(strategy)
        self._data = data
        self._strategy = strategy
        with (
            self.workers.losses_reported(),
            strategy.scope(),
            _dtype_policy(settings.precision),
        ):
            self._network = models.for_training(
                settings.architecture, data.image_shape, len(data.labels), settings.seed
            )
            self._logits = models.logits(self._network.model)
            weights = [variable.value for variable in self._network.variables]
            self._solver = solver.CaffeSGD(settings, weights)
        bytes_per_image = math.prod(data.image_shape)
        fitting = _MAX_BYTES_PER_CALL // (settings.batch * bytes_per_image)
        self._steps_per_call = max(1, min(_MAX_STEPS_PER_CALL, fitting))
        self._test_batch = max(1, min(_TEST_BATCH, _MAX_BYTES_PER_TEST // bytes_per_image))
        self._share = settings.batch // num_replicas
        here = self.workers.replicas
        columns = slice(here.start * self._share, here.stop * self._share)
        self._feed = data.train_feed(settings.seed, settings.batch, columns)
        # Functions of this object: each is traced once, for one shape.
        self._run_steps = tf.function(self._run_steps)  # type: ignore[method-assign]
        self._predict = tf.function(
            self._logits, input_signature=[tf.TensorSpec([None, *data.image_shape], tf.uint8)]
        )

    def advance(self, until: int | None = None) -> Progress:
        """Makes up to a hundred steps, but not beyond `until`, the next test, or the end.

        Args:
            until: The step at which to stop, above `step`; None for no such step.

        Raises:
            DivergedError: The loss became NaN or infinite; the message names the step.
        """
        every = self.settings.evaluate_every
        test_at = min((self.step // every + 1) * every, self.settings.iterations)
        stops = [self.step + self._steps_per_call, test_at]
        num_new = min(stops if until is None else [*stops, until]) - self.step
        begun = time.monotonic()
        batches = self._batches(num_new)
        with self.workers.losses_reported():
            losses = self._run_steps(*batches, tf.constant(num_new)).numpy()
        seconds = time.monotonic() - begun
        if not np.isfinite(losses).all():
            step = self.step + int(np.flatnonzero(~np.isfinite(losses))[0])
            raise DivergedError(
                f"the loss of step {step} is {losses[step - self.step]}: the training diverged; "
                "a larger batch may help."
            )
        self.step += num_new
        return Progress(
            step=self.step,
            num_new=num_new,
            loss=float(losses.mean(dtype=np.float64)),
            learning_rate=float(solver.learning_rate(self.settings, self.step - 1)),
            seconds=seconds,
            test_error_percent=self.test_error_percent() if self.step == test_at else None,
        )

    def test_error_percent(self) -> float:
        """The percentage of test images whose most confident label is wrong.

        Several processes test a part each, so all of them must call this.
        """
        counts = np.zeros(2, np.int64)
        for images, labels in self._data.test_batches(
            self._test_batch, self.workers.number, self.workers.count
        ):
            logits = self._predict(images).numpy()
            counts[0] += np.count_nonzero(logits.argmax(axis=1) != labels)
            counts[1] += len(labels)
        wrong, tested = map(int, self.workers.total(counts))
        if not tested:
            raise ValueError(f"none of the test images of {self._data.name} can be read.")
        return 100 * wrong / tested

    def state(self) -> dict[str, np.ndarray]:
        """A copy of everything on which the next steps depend."""
        variables = self._variables()
        return {"step": np.array(self.step)} | {
            name: variable.numpy().copy() for name, variable in variables.items()
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continues from a `state` of a training with the same settings.

        Raises:
            ValueError: It is not such a state.
        """
        for name, array in self.state().items():
            given = state.get(name)
            if given is None or given.dtype != array.dtype or given.shape != array.shape:
                raise ValueError(
                    f"not a state of this training: {name} is missing or another array."
                )
            if name != "step" and not np.isfinite(given).all():
                raise ValueError(
                    f"not a state of this training: {name} has numbers that are not finite."
                )
        if not 0 <= int(state["step"]) <= self.settings.iterations:
            raise ValueError(
                f"not a state of this training: expected step in 0..{self.settings.iterations}."
            )
        self.step = int(state["step"])
        self._solver.step.assign(self.step)
        for name, variable in self._variables().items():
            variable.assign(state[name])

    def model(self) -> keras.Model:
        """A copy of the network as it is now, which belongs to no strategy.

        Returns:
            uint8 [batch, height, width, channels] -> float32 confidences [batch, labels].
        """
        settings, data = self.settings, self._data
        model = models.build(
            settings.architecture, data.image_shape, len(data.labels), settings.seed
        )
        model.set_weights(self._network.model.get_weights())
        return model

    def _variables(self) -> dict[str, tf.Variable]:
        named = {}
        for weight, velocity in zip(self._network.variables, self._solver.velocities, strict=True):
            named[f"weight/{weight.path}"] = weight.value
            named[f"velocity/{weight.path}"] = velocity
        return named

    def _batches(self, num_new: int) -> tuple[object, object]:
        """The images and labels of the next call, [steps, share, ...] on every replica.

        If a call makes fewer steps than it could, the arrays are filled up with zeros.
        """
        arrays = [
            np.concatenate(
                [array, np.zeros((self._steps_per_call - num_new, *array.shape[1:]), array.dtype)]
            )
            if num_new < self._steps_per_call
            else array
            for array in self._feed.read(self.step, num_new)
        ]
        place = self._strategy.experimental_distribute_values_from_function
        first = self.workers.replicas.start

        def placed(array: np.ndarray) -> object:
            def share_of(replica: tf.distribute.experimental.ValueContext) -> tf.Tensor:
                begin = (replica.replica_id_in_sync_group - first) * self._share
                return tf.constant(array[:, begin : begin + self._share])

            return place(share_of)

        images, labels = arrays
        return placed(images), placed(labels)

    def _run_steps(self, images: tf.Tensor, labels: tf.Tensor, num_steps: tf.Tensor) -> tf.Tensor:
        """Makes the first `num_steps` of the steps whose images are given.

        Returns:
            float32 [num_steps], each step's mean loss before its update.
        """
        losses = tf.TensorArray(tf.float32, size=num_steps)
        for index in tf.range(num_steps):
            shares = self._strategy.run(self._one_step, args=(images, labels, index))
            loss = self._strategy.reduce(tf.distribute.ReduceOp.SUM, shares, axis=None)
            losses = losses.write(index, loss)
        return losses.stack()

    def _one_step(self, images: tf.Tensor, labels: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
        """One replica's part of a step; returns its part of the mean loss."""
        weights = [variable.value for variable in self._network.variables]
        scale = _LOSS_SCALES.get(self.settings.precision)
        replica = tf.distribute.get_replica_context()
        draw = self._solver.step * replica.num_replicas_in_sync + tf.cast(
            replica.replica_id_in_sync_group, tf.int64
        )
        with tf.GradientTape() as tape:
            parts = []
            for logits, weight in self._network.outputs(images[index], draw):
                each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels[index], logits)
                parts.append(weight * tf.reduce_sum(each) / self.settings.batch)
            loss = tf.add_n(parts)
            scaled = loss if scale is None else loss * scale
        gradients = tape.gradient(scaled, weights)
        if scale is not None:
            gradients = [gradient / scale for gradient in gradients]
        self._solver.apply(gradients)
        return loss


@contextlib.contextmanager
def _dtype_policy(name: str) -> Iterator[None]:
    """The number format of layers that are created inside the `with` block."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
