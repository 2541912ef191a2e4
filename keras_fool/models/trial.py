"""Tries a model out when it is opened: what is wrong with it is met before a run, not in one."""

import contextlib
import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_fool.models import meanings, networks, scorer_contract
from keras_fool.models.scorer_contract import ScorerError

_LONGEST_REASON = 300


@dataclasses.dataclass(frozen=True, eq=False)
class Trial:
    """A classifier on a few images.

    Attributes:
        name: What reports call the classifier.
        members: The network of each.
        image_shape: (height, width, channels).
        independent: Whether each label has a probability of its own.
        mean: What makes the classifier's confidences of its members': float32
            [batch, num_labels] each.
    """

    name: str
    members: Sequence[networks.Network]
    image_shape: tuple[int, int, int]
    independent: bool
    mean: Callable[[list[tf.Tensor]], tf.Tensor]

    def notes(self) -> list[str]:
        """What the user should know of the classifier, in sentences.

        Raises:
            ScorerError: It cannot be run, or most images get no confidences, or what it gives
                contradicts what its outputs are said to mean, or is the same for all images.
        """
        confidences, *each = self._outputs(scorer_contract.trial_images(self.image_shape))
        confidences = confidences.copy()
        finite = scorer_contract.blank(confidences)
        if problem := scorer_contract.mostly_blank(finite):
            raise ScorerError(f"{self.name} {problem}")
        each = [_finite_rows(outputs) for outputs in each]
        for network, outputs in zip(self.members, each, strict=True):
            if problem := network.contradiction(outputs):
                raise ScorerError(f"{network.name} {problem}")
        if problem := scorer_contract.problem(confidences[finite], self.independent):
            raise ScorerError(f"{self.name} {problem}")
        found = [f"{network.name} {words}" for network in self.members for words in network.notes]
        for network, outputs in zip(self.members, each, strict=True):
            if meanings.is_constant(outputs) or meanings.is_one_hot(outputs):
                found += self._look_closer(network, outputs)
        return found

    def _look_closer(self, network: networks.Network, outputs: np.ndarray) -> list[str]:
        """Tries a model that gave nothing of interest so far on images of many other kinds."""
        more = scorer_contract.more_images(self.image_shape)
        place = 1 + self.members.index(network)
        outputs = np.concatenate([outputs, _finite_rows(self._outputs(more)[place])])
        if not meanings.is_constant(outputs):
            one_hot = meanings.is_one_hot(outputs)
            return [f"{network.name} {meanings.ONE_HOT}"] if one_hot else []
        if meanings.is_saturated(outputs) and _differs_before_activation(network, more):
            return [f"{network.name} {meanings.saturated(len(outputs))}"]
        raise ScorerError(f"{network.name} {meanings.constant(len(outputs))}")

    def _outputs(self, images: np.ndarray) -> list[np.ndarray]:
        """The confidences of a few images, and what each member itself gave for them."""
        # Code that is not Keras' own may work by itself and fail in a graph, in which it scores.
        custom = any(network.has_custom_layers for network in self.members)
        run = _in_graph if custom else once
        try:
            return [found.numpy() for found in run(self._computed, images)]
        except (tf.errors.OpError, NotImplementedError) as error:
            raise ScorerError(f"{self.name} cannot be run here: {_reason(error)}") from error
        except Exception as error:  # whatever that code raises
            if not custom:
                raise
            raise ScorerError(
                f"{self.name} cannot be run in a graph of TensorFlow, as one of its custom layers "
                f"fails there: {_first_line(error)}"
            ) from error

    def _computed(self, images: tf.Tensor) -> list[tf.Tensor]:
        each = [network.outputs(images) for network in self.members]
        found = zip(self.members, each, strict=True)
        return [self.mean([network.confidences_of(outputs) for network, outputs in found]), *each]


def once(function: Callable[[tf.Tensor], list[tf.Tensor]], images: np.ndarray) -> list[tf.Tensor]:
    """`function` of images, for a single call: a graph for it would take longer to build.

    Raises:
        tf.errors.OpError, NotImplementedError: It fails as a graph, too, whose messages name the
            operation.
    """
    given = tf.constant(images)
    with contextlib.suppress(tf.errors.OpError, NotImplementedError):
        return function(given)
    return _in_graph(function, images)


def concrete(function: Any, images: np.ndarray) -> Any:
    """A `tf.function` for images of one shape.

    TensorFlow warns of functions that are traced often, and takes those of several scorers for one.
    """
    return function.get_concrete_function(tf.TensorSpec(images.shape, tf.uint8))


def _in_graph(
    function: Callable[[tf.Tensor], list[tf.Tensor]], images: np.ndarray
) -> list[tf.Tensor]:
    return concrete(tf.function(function, autograph=False), images)(tf.constant(images))


def _differs_before_activation(network: networks.Network, images: np.ndarray) -> bool:
    """Whether images make a difference to a network of which only rounding leaves nothing."""
    given = network.before_activation(tf.constant(images))
    if given is None:
        return False
    rows = _finite_rows(given.numpy()).astype(np.float64)
    if network.meaning != meanings.SIGMOID:  # a softmax sees differences alone
        rows -= rows.max(axis=1, keepdims=True)
    return not meanings.is_constant(rows)


def _finite_rows(outputs: np.ndarray) -> np.ndarray:
    """The rows that say what outputs mean; all where none is finite, which is refused."""
    finite = scorer_contract.is_finite(outputs)
    return outputs[finite] if finite.any() else outputs


def _reason(error: Exception) -> str:
    """The line of TensorFlow's messages that says what is wrong, without where."""
    lines = [line.strip() for line in str(error).splitlines()]
    kept = [line for line in lines if line and not line.startswith(("[[", "File ", "Detected at"))]
    return (kept or [type(error).__name__])[-1].partition(" [[")[0][:_LONGEST_REASON]


def _first_line(error: Exception) -> str:
    """What a layer's error says first: Keras puts it in bold, and adds its arguments."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in str(error).splitlines()]
    return next(filter(None, lines), type(error).__name__)[:_LONGEST_REASON]
