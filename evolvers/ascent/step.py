"""One step of an ascent, for a batch of images, as TensorFlow operations.

The update of Nguyen, Yosinski and Clune, 2015, supplement E,
https://arxiv.org/abs/1412.1897, in the order of their published code. With X the image minus
the data mean M, p the confidence for the target, and t = 0 .. steps - 1:

    X <- clip(X + M, 0, 255) - M
    g = dp/dX;  if it is 0 everywhere, the image does not change any more
    d = min(early, late (1 - p))           the gain that the step aims at
    X <- X + min(max_learning_rate, d / |g|^2) g, then the regularisers; not after the last

Every image has its own p, g, d and learning rate. If p or g is NaN or infinite, the image becomes
its best one and does not change any more.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from evolvers.ascent import config as config_module
from evolvers.ascent import objectives, regularisers, views
from evolvers.ascent.config import THRESHOLDS

NEVER = -1
_NOT_FINITE = -2  # minus the step: so `State.stopped` distinguishes it from a gradient of 0


class State(NamedTuple):
    """A batch of images during the ascent; the first axis of every array is the batch.

    Attributes:
        offsets: float32 [batch, height, width, channels]; the images minus their mean.
        stopped: int32 [batch]; the step whose gradient was 0, or `NEVER`, or -2 minus the step
            whose confidences or gradient were not finite; see `zero_at` and `not_finite_at`.
        best: uint8 [batch, height, width, channels]; the images of the highest confidence so far.
        best_confidence: float32 [batch].
        best_step: int32 [batch].
        firsts: uint8 [batch, len(FIRSTS), height, width, channels]; black until they exist.
        first_steps: int32 [batch, len(FIRSTS)], or `NEVER`.
        first_confidences: float32 [batch, len(FIRSTS)].
        last_confidence: float32 [batch]; the confidence in the newest step.
    """

    offsets: tf.Tensor
    stopped: tf.Tensor
    best: tf.Tensor
    best_confidence: tf.Tensor
    best_step: tf.Tensor
    firsts: tf.Tensor
    first_steps: tf.Tensor
    first_confidences: tf.Tensor
    last_confidence: tf.Tensor


class Seen(NamedTuple):
    """What a step saw: float32 [batch], except `top1`, int32 [batch], -1 for none."""

    confidence: tf.Tensor
    gradient_norm: tf.Tensor
    learning_rate: tf.Tensor
    top1: tf.Tensor


def zero_at(stopped: np.ndarray) -> np.ndarray:
    """The steps whose gradients were 0: int32 [batch], otherwise `NEVER`."""
    return np.maximum(stopped, np.int32(NEVER))


def not_finite_at(stopped: np.ndarray) -> np.ndarray:
    """The steps with confidences or gradients that were not finite: int32 [batch], or `NEVER`."""
    return np.where(stopped <= _NOT_FINITE, np.int32(_NOT_FINITE) - stopped, np.int32(NEVER))


class Step:
    """Takes one step with a batch of images."""

    def __init__(
        self,
        config: config_module.Config,
        confidences: Callable[[tf.Tensor], tf.Tensor],
        mean: np.ndarray,
        independent: bool = False,
    ):
        """Prepares what all steps share.

        Args:
            config: The settings.
            confidences: Differentiable: float32 images [batch, height, width, channels] in
                0..255 -> float32 [batch, num_labels].
            mean: float32 [height, width, channels], in 0..255.
            independent: Whether each label has a probability of its own.
        """
        self._config = config
        self._confidences = confidences
        self._confidences_apart = _apart(confidences)
        self._gradient = _apart(self._traced_gradient)
        self._mean = mean
        known = objectives.BY_NAME_INDEPENDENT if independent else objectives.BY_NAME
        self._objective = known[config.objective]
        self._regularisers = regularisers.from_config(config)

    def __call__(
        self, number: tf.Tensor, state: State, labels: tf.Tensor, drawn: tf.Tensor
    ) -> tuple[State, Seen]:
        """One step.

        Args:
            number: int32 scalar; the number of the step.
            state: The images.
            labels: int32 [batch]; their targets.
            drawn: float32 [batch, steps, 3]; what `views.drawn` returned.

        Returns:
            The state after the step, and what the step saw.
        """
        images = tf.clip_by_value(state.offsets + self._mean, 0.0, 255.0)
        offsets = images - self._mean
        viewed, gradient = self._gradient(number, images, labels, drawn)
        confidences = viewed if drawn.shape[1] == 0 else self._confidences_apart(images)
        seen_probability = objectives.probability(viewed, labels)
        squared = tf.reduce_sum(tf.square(gradient), axis=[1, 2, 3])
        rate = self._learning_rate(seen_probability, squared)

        probability = objectives.probability(confidences, labels)
        scored = tf.reduce_all(tf.math.is_finite(confidences), axis=1)
        top1 = tf.where(scored, tf.argmax(confidences, axis=1, output_type=tf.int32), -1)
        active = state.stopped == NEVER
        state = self._kept(number, state, images, active & scored, probability, top1 == labels)
        finite = scored & tf.math.is_finite(squared) & tf.math.is_finite(rate)
        goes_on = active & finite & (squared > 0)
        moved = offsets + _of_images(rate, offsets) * gradient
        for regularise in self._regularisers:
            moved = regularise(moved, gradient, number)
        moves = goes_on & (number < self._config.steps - 1)
        state = state._replace(
            offsets=_either(moves, moved, offsets),
            stopped=tf.where(active & ~goes_on, number, state.stopped),
        )
        lost = active & ~finite
        state = tf.cond(
            tf.reduce_any(lost), lambda: self._gone_back(number, state, lost), lambda: state
        )
        return state, Seen(probability, tf.sqrt(squared), rate, top1)

    def _gone_back(self, number: tf.Tensor, state: State, lost: tf.Tensor) -> State:
        """The state in which every `lost` image is its best one, if it has one."""
        back = lost & (state.best_step != NEVER)
        best = tf.cast(state.best, tf.float32) - self._mean
        return state._replace(
            offsets=_either(back, best, state.offsets),
            last_confidence=tf.where(back, state.best_confidence, state.last_confidence),
            stopped=tf.where(lost, _NOT_FINITE - number, state.stopped),
        )

    def _traced_gradient(
        self, number: tf.Tensor, images: tf.Tensor, labels: tf.Tensor, drawn: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The confidences of the viewed images, and the gradient of the objective."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            viewed = images if drawn.shape[1] == 0 else views.seen(images, drawn[:, number])
            confidences = self._confidences(viewed)
            # The objective of an image depends on that image alone, so the gradient of the sum
            # holds the gradient of every image.
            objective = tf.reduce_sum(self._objective(confidences, labels))
        gradient = tape.gradient(objective, images)
        if gradient is None:
            raise ValueError(
                "the classifier has no gradient: an operation in it has no derivative, such as an "
                "argmax. Evolution does not need one."
            )
        return confidences, gradient

    def _learning_rate(self, probability: tf.Tensor, squared: tf.Tensor) -> tf.Tensor:
        """The learning rates that gain `d` to first order: float32 [batch]."""
        config = self._config
        aimed_at = tf.minimum(config.early, config.late * (1 - probability))
        rate = tf.minimum(config.max_learning_rate, tf.math.divide_no_nan(aimed_at, squared))
        return config.learning_rate * rate

    def _kept(
        self,
        number: tf.Tensor,
        state: State,
        images: tf.Tensor,
        active: tf.Tensor,
        probability: tf.Tensor,
        is_top1: tf.Tensor,
    ) -> State:
        """The state with those images of this step that are to be kept."""
        rounded = tf.cast(tf.round(images), tf.uint8)
        better = active & (probability > state.best_confidence)
        reached = [is_top1, *(probability > threshold for threshold in THRESHOLDS)]
        new = tf.stack(reached, axis=1) & (state.first_steps == NEVER) & active[:, None]
        firsts = tf.cond(
            tf.reduce_any(new),  # true in few steps, and copying takes long
            lambda: tf.where(_of_images(new, state.firsts), rounded[:, None], state.firsts),
            lambda: state.firsts,
        )
        return state._replace(
            best=_either(better, rounded, state.best),
            best_confidence=tf.where(better, probability, state.best_confidence),
            best_step=tf.where(better, number, state.best_step),
            firsts=firsts,
            first_steps=tf.where(new, number, state.first_steps),
            first_confidences=tf.where(new, probability[:, None], state.first_confidences),
            last_confidence=tf.where(active, probability, state.last_confidence),
        )


def _apart(function: Callable) -> Callable:
    """The function as a graph of its own, which the loop calls instead of containing a copy.

    The classifier takes nearly all the time, and TensorFlow schedules a large loop body less well
    than a function: a copy was from 0 to 40 % slower, at random.
    """
    return tf.function(function, autograph=False, experimental_attributes={"_noinline": True})


def _either(chosen: tf.Tensor, images: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """The first of each pair of images if `chosen`, otherwise the second.

    This older operation copies whole images; `tf.where` broadcasts, which takes five times as long.
    """
    return tf.raw_ops.Select(condition=chosen, x=images, y=others)


def _of_images(values: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """One value per image, with axes of length 1 added, so that it broadcasts to the pixels."""
    return tf.reshape(values, [*values.shape, *[1] * (images.shape.rank - values.shape.rank)])
