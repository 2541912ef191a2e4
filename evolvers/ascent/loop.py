"""Gradient ascent on many images at once, many steps in one compiled call.

Every image takes the same path whatever other images are in its batch: bit for bit if the
processor has AVX-512, otherwise up to rounding, because TensorFlow's kernels compute the last
images of a batch differently. The same batches always give the same bits:

    ascent = Ascent(Config(), confidences, (28, 28, 1), mean, targets=[(7, 0), (7, 1)])
    while ascent.step < ascent.config.steps:
        report(ascent.advance(100))
    ascent.images("last")
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from evolvers.ascent import step as step_module
from evolvers.ascent import views
from evolvers.ascent.config import FIRSTS, Config
from evolvers.ascent.step import NEVER, State, not_finite_at, zero_at

# A batch of one image uses other kernels, whose last bits differ.
_MIN_BATCH = 2


@dataclasses.dataclass(frozen=True, eq=False)
class Trace:
    """What happened in consecutive steps.

    Attributes:
        first: The first step's number.
        confidence: float32 [steps, images]; for the target, before the step. This and the next two
            are not finite where the classifier's results were not.
        gradient_norm: float32 [steps, images]; the norm of the objective's gradient.
        learning_rate: float32 [steps, images]; by what the gradient was multiplied.
        top1: int32 [steps, images]; the label with the highest confidence, -1 for none.
        active: bool [steps, images]; False after the step in which the gradient was 0, or the
            gradient or the confidences were not finite.
    """

    first: int
    confidence: np.ndarray
    gradient_norm: np.ndarray
    learning_rate: np.ndarray
    top1: np.ndarray
    active: np.ndarray


class Ascent:
    """Images that climb towards their targets, in lockstep.

    Attributes:
        config: The settings.
        targets: (label, seed) of each image.
        step: How many steps are done.
        traces: How many graphs were built; more than one would be a defect.
    """

    def __init__(
        self,
        config: Config,
        confidences: Callable[[tf.Tensor], tf.Tensor],
        image_shape: tuple[int, int, int],
        mean: np.ndarray,
        targets: Sequence[tuple[int, int]],
        *,
        batch: int = 64,
        independent: bool = False,
    ):
        """Makes the first images: the mean plus noise with a standard deviation of one grey level.

        Args:
            config: The settings.
            confidences: A differentiable TensorFlow function: float32 images [batch,
                height, width, channels] in 0..255 -> float32 [batch, num_labels].
            image_shape: (height, width, channels).
            mean: Anything that broadcasts to `image_shape`, in 0..255.
            targets: For each image, the label as which it shall be classified and the seed of
                its noise; images with the same seed begin alike.
            batch: How many images go through the network together at most. Results depend
                on it only by rounding.
            independent: Whether each label has a probability of its own, independent of the
                others.

        Raises:
            ValueError: There are no targets.
        """
        if not targets:
            raise ValueError("there is nothing to ascend to: give at least one target.")
        self.config = config
        self.targets = tuple(targets)
        self.step = 0
        self.traces = 0
        self._mean = np.broadcast_to(np.asarray(mean, np.float32), image_shape)
        self._one_step = step_module.Step(config, confidences, self._mean, independent)
        self._function = tf.function(self._traced, autograph=False)
        num_batches = -(-len(targets) // batch)
        self._batch = max(_MIN_BATCH, -(-len(targets) // num_batches))
        self._labels = self._split(np.array([label for label, _ in targets], np.int32))
        self._views = self._split(views.drawn(config, targets))
        self._states = self._split_state(self._start(image_shape))

    def advance(self, steps: int) -> Trace:
        """Takes the next `steps` steps, or as many as are left.

        Returns:
            What happened.

        Raises:
            ValueError: In the first step, the confidences or gradients of more than half of the
                images were not finite; no step was taken.
        """
        count = min(steps, self.config.steps - self.step)
        batches = zip(self._states, self._labels, self._views, strict=True)
        first, number = tf.constant(self.step), tf.constant(count)
        states, seen = zip(
            *(self._function(*parts, first, number) for parts in batches), strict=True
        )
        confidence, gradient_norm, learning_rate, top1 = (
            np.concatenate([part.numpy() for part in parts], axis=1)[:, : len(self.targets)]
            for parts in zip(*seen, strict=True)
        )
        if self.step == 0:
            stopped = np.concatenate([state.stopped.numpy() for state in states])
            lost = np.count_nonzero(not_finite_at(stopped[: len(self.targets)]) == 0)
            if 2 * lost > len(self.targets):
                raise ValueError(
                    f"the classifier gave NaN or infinite confidences or gradients for {lost} of "
                    f"{len(self.targets)} images in the first step; did its training diverge?"
                )
        self._states = list(states)
        self.step += count
        ended = np.maximum(self.stopped(), self.not_finite())
        numbers = np.arange(self.step - count, self.step)[:, None]
        active = (ended == NEVER) | (numbers <= ended)
        return Trace(
            self.step - count, confidence, gradient_norm, learning_rate, top1, active=active
        )

    def images(self, which: str) -> np.ndarray:
        """The images of all targets as bytes, each value rounded to the nearest.

        Args:
            which: "last", "best", or one of `FIRSTS`; an image of these that does not exist yet
                is black.

        Returns:
            uint8 [images, height, width, channels].
        """
        if which in FIRSTS:
            return self._joined("firsts")[:, FIRSTS.index(which)]
        if which == "best":
            return self._joined("best")
        last = np.clip(self._joined("offsets") + self._mean, np.float32(0), np.float32(255))
        return np.rint(last).astype(np.uint8)

    def confidences(self, which: str) -> np.ndarray:
        """The confidences of those images before they were rounded: float32 [images]."""
        if which in FIRSTS:
            return self._joined("first_confidences")[:, FIRSTS.index(which)]
        return self._joined("best_confidence" if which == "best" else "last_confidence")

    def steps(self, which: str) -> np.ndarray:
        """The steps of those images: int32 [images], `step.NEVER` for images that do not exist yet.

        The last image of a lost one is its best image; its step is `NEVER` if it has none.
        """
        if which in FIRSTS:
            return self._joined("first_steps")[:, FIRSTS.index(which)]
        if which == "best":
            return self._joined("best_step")
        stopped = self.stopped()
        last = np.where(stopped == NEVER, np.int32(self.step - 1), stopped)
        return np.where(self.not_finite() == NEVER, last, self._joined("best_step"))

    def stopped(self) -> np.ndarray:
        """The step in which an image's gradient was 0: int32 [images], otherwise `step.NEVER`."""
        return zero_at(self._joined("stopped"))

    def not_finite(self) -> np.ndarray:
        """The step in which an image was lost: int32 [images], otherwise `step.NEVER`.

        Its confidences or its gradient were NaN or infinite; other images are not affected.
        """
        return not_finite_at(self._joined("stopped"))

    def state(self) -> dict[str, np.ndarray]:
        """Everything on which the next steps depend, besides the constructor's arguments."""
        arrays = {name: self._joined(name) for name in State._fields}
        return {"step": np.array(self.step), **arrays}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continues from a `state` of an ascent with the same arguments.

        Raises:
            ValueError: It is not such a state.
        """
        for name, array in self.state().items():
            given = state.get(name)
            if given is None or given.dtype.kind != array.dtype.kind or given.shape != array.shape:
                raise ValueError(f"not a state of this ascent: {name} is missing or another array.")
            if given.dtype.kind == "f" and not np.isfinite(given).all():
                raise ValueError(
                    f"not a state of this ascent: {name} has numbers that are not finite."
                )
        if not 0 <= int(state["step"]) <= self.config.steps:
            raise ValueError(
                f"not a state of this ascent: expected step in 0..{self.config.steps}."
            )
        self.step = int(state["step"])
        self._states = self._split_state(State(*(state[name] for name in State._fields)))

    def _start(self, image_shape: tuple[int, int, int]) -> State:
        number = len(self.targets)
        noise = {
            seed: np.random.default_rng(seed).standard_normal(image_shape, np.float32)
            for _, seed in self.targets
        }
        never = np.full((number, len(FIRSTS)), NEVER, np.int32)
        return State(
            offsets=np.stack([noise[seed] for _, seed in self.targets]),
            stopped=never[:, 0],
            best=np.zeros((number, *image_shape), np.uint8),
            best_confidence=np.full(number, -1, np.float32),
            best_step=never[:, 0],
            firsts=np.zeros((number, len(FIRSTS), *image_shape), np.uint8),
            first_steps=never,
            first_confidences=np.zeros((number, len(FIRSTS)), np.float32),
            last_confidence=np.zeros(number, np.float32),
        )

    def _split(self, values: np.ndarray) -> list[tf.Tensor]:
        """In batches of one size; the last one is filled up with its last image."""
        missing = -len(values) % self._batch
        values = np.concatenate([values, np.repeat(values[-1:], missing, axis=0)])
        return [
            tf.constant(values[start : start + self._batch])
            for start in range(0, len(values), self._batch)
        ]

    def _split_state(self, state: State) -> list[State]:
        return [State(*parts) for parts in zip(*map(self._split, state), strict=True)]

    def _joined(self, name: str) -> np.ndarray:
        parts = [getattr(state, name).numpy() for state in self._states]
        return np.concatenate(parts)[: len(self.targets)]

    def _traced(
        self, state: State, labels: tf.Tensor, drawn: tf.Tensor, first: tf.Tensor, count: tf.Tensor
    ) -> tuple[State, list[tf.Tensor]]:
        """Steps `first` to `first + count - 1` of a batch: the state, what each step saw."""
        self.traces += 1
        kinds = (tf.float32, tf.float32, tf.float32, tf.int32)
        history = [tf.TensorArray(kind, count, element_shape=[self._batch]) for kind in kinds]

        def body(index: tf.Tensor, state: State, history: list) -> tuple[tf.Tensor, State, list]:
            state, seen = self._one_step(first + index, state, labels, drawn)
            written = zip(history, seen, strict=True)
            return index + 1, state, [array.write(index, value) for array, value in written]

        _, state, history = tf.while_loop(
            lambda index, *_: index < count,
            body,
            (tf.constant(0), state, history),
            parallel_iterations=1,
        )
        return state, [array.stack() for array in history]
