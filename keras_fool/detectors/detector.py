"""What all detectors are: fitted on training images, they score how real an image looks."""

import abc
import dataclasses
import numbers
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from keras_fool.detectors import signals, thresholds, training


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A number that a detector takes.

    Attributes:
        default: What it is where nothing is said.
        low: The smallest value.
        high: The largest value.
        open_ends: Whether `low` and `high` themselves are too small and too large.
    """

    default: int | float
    low: float
    high: float
    open_ends: bool = False

    def checked(self, name: str, value: object) -> int | float:
        """The value, as an int where the default is one.

        Raises:
            ValueError: It is not such a number.
        """
        whole = isinstance(self.default, int)
        kind: type = numbers.Integral if whole else numbers.Real
        given: Any = value
        fits = isinstance(given, kind) and not isinstance(given, bool)
        if fits and self.open_ends:
            fits = self.low < given < self.high
        elif fits:
            fits = self.low <= given <= self.high
        if not fits:
            ends = "()" if self.open_ends else "[]"
            raise ValueError(
                f"{name} must be a {'whole ' if whole else ''}number in "
                f"{ends[0]}{self.low:g}, {self.high:g}{ends[1]}, got {value!r}."
            )
        return int(given) if whole else float(given)


@dataclasses.dataclass(frozen=True)
class Array:
    """What one of a detector's fitted arrays must be.

    Attributes:
        dtype: Such as "float32".
        shape: Its sizes; None for any size of at least 1.
        earlier: Another dtype that files of earlier versions have; "" for none.
    """

    dtype: str
    shape: tuple[int | None, ...]
    earlier: str = ""

    def fits(self, dtype: np.dtype, shape: tuple[int, ...]) -> bool:
        """Whether an array is that."""
        return (
            dtype in [np.dtype(each) for each in (self.dtype, self.earlier) if each]
            and len(shape) == len(self.shape)
            and all(
                size >= 1 if wanted is None else size == wanted
                for size, wanted in zip(shape, self.shape, strict=True)
            )
        )


@dataclasses.dataclass(frozen=True)
class Fitting:
    """What a detector was fitted on, for its card.

    Attributes:
        num_images: How many training images; 0 where there is nothing to fit.
        labels: "given", "predicted" by the classifier, or "none".
    """

    num_images: int = 0
    labels: str = "none"


class Detector(abc.ABC):
    """A fitted detector of one classifier; `keras_fool.detectors.fit` makes one.

    Attributes:
        name: Its name in `keras_fool.detectors.NAMES`.
        title: Its name in reports.
        paper: Where it was published.
        needs: What it needs of a classifier, of `signals.KINDS`.
        takes: The parameters that it takes, by name.
        source: The classifier.
        parameters: Their values.
        arrays: The statistics that were fitted, by name.
        fitting: What on.
        operating_point: The threshold that was chosen last; None before.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    paper: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    takes: ClassVar[Mapping[str, Parameter]] = {}

    def __init__(
        self,
        source: signals.Source,
        parameters: Mapping[str, int | float],
        arrays: Mapping[str, np.ndarray],
        fitting: Fitting,
        operating_point: thresholds.Threshold | None = None,
    ):
        """Takes what `fit` or a file has checked."""
        self.source = source
        self.parameters = dict(parameters)
        self.arrays = dict(arrays)
        self.fitting = fitting
        self.operating_point = operating_point
        # Tensors of the host's program, not constants inside each graph that is traced.
        self._fitted = {name: tf.constant(array) for name, array in self.arrays.items()}
        self._mapped: Any = None

    @classmethod
    def fitted_arrays(
        cls,
        source: signals.Source,
        found: training.Training,
        parameters: Mapping[str, int | float],
    ) -> dict[str, np.ndarray]:
        """The statistics of training images.

        Raises:
            ValueError: They are too few, or have nothing that could be fitted.
        """
        del source, found, parameters
        return {}

    @classmethod
    def expected_arrays(cls, num_features: int) -> dict[str, Array]:
        """What `fitted_arrays` gives for so many features; empty where nothing is fitted."""
        del num_features
        return {}

    @classmethod
    def check_arrays(cls, arrays: Mapping[str, np.ndarray]) -> None:
        """Refuses arrays from a file that have the right form, and cannot have been fitted.

        Raises:
            ValueError: So it is.
        """
        del arrays

    @abc.abstractmethod
    def from_signals(self, images: tf.Tensor, found: signals.Signals) -> tf.Tensor:
        """Scores in TensorFlow, for use inside a `tf.function` that computes the signals anyway.

        Args:
            images: [batch, height, width, channels] uint8 or float32, 0..255.
            found: What `source.signals(images)` gives.

        Returns:
            float32 [batch]; higher is more like real data.
        """

    def score(self, images: np.ndarray) -> np.ndarray:
        """How much images look like real data to the detector.

        Args:
            images: uint8 [n, height, width, channels], 0..255; any n of at least 1.

        Returns:
            float32 [n]; higher is more like real data. NaN where the classifier gave an image
            values that are not finite.

        Raises:
            ValueError: `images` has another shape or dtype.
        """
        signals.check_images(self.source, images)
        if self._mapped is None:
            self._mapped = self.source.mapped(
                lambda batch, found: [self.from_signals(batch, found)]
            )
        (scores,) = self._mapped(images)
        scores[~np.isfinite(scores)] = np.nan
        return scores

    def threshold(
        self, level: float = 0.95, held_out_images: np.ndarray | None = None
    ) -> thresholds.Threshold:
        """Chooses the threshold that accepts a share of real images, and keeps it.

        Args:
            level: The share of real images to accept, above 0 and at most 1.
            held_out_images: Real images, as `score` takes them, that neither the classifier nor
                the detector was fitted on, and no fooling ones. Without them, the threshold that
                was chosen before.

        Returns:
            The largest threshold that accepts at least so many of them, with an interval.

        Raises:
            ValueError: `thresholds.choose` refuses the scores, or there are no images, and none
                was chosen before for this level.
        """
        if held_out_images is None:
            if self.operating_point is None or self.operating_point.level != level:
                raise ValueError(
                    f"{self.name} has no threshold for {level:g} of real images yet: give held-out "
                    "real images to choose it on."
                )
            return self.operating_point
        self.operating_point = thresholds.choose(self.score(held_out_images), level)
        return self.operating_point

    def accepts(self, images: np.ndarray) -> np.ndarray:
        """Which images are taken for real at the threshold: bool [n]; one without score is not.

        Raises:
            ValueError: No threshold was chosen, or `score` refuses the images.
        """
        if self.operating_point is None:
            raise ValueError(
                f"{self.name} has no threshold yet: choose one by threshold(0.95, images)."
            )
        return self.score(images) >= np.float32(self.operating_point.value)

    def save(self, path: str | pathlib.Path) -> None:
        """Writes the detector and its card into one `.npz` file, without objects.

        Args:
            path: Ends in ".npz"; a file there is replaced once the new one is whole.

        Raises:
            ValueError: `path` ends otherwise.
            OSError: It could not be written; what was there stays.
        """
        from keras_fool.detectors import storage

        storage.write(pathlib.Path(path), self)


def together(
    fitted: Sequence[Detector],
) -> Callable[[np.ndarray], tuple[np.ndarray, dict[str, np.ndarray]]]:
    """What scores images with several detectors in one pass; see `detectors.score_all`.

    Raises:
        ValueError: There are no detectors, or they are of several sources.
    """
    if len({id(each.source) for each in fitted}) != 1:
        raise ValueError(
            "detectors score together where all are of one source: give at least one, and fit or "
            "load them with what keras_fool.detectors.open_source gives."
        )
    source = fitted[0].source
    mapped = source.mapped(
        lambda batch, found: [
            found.confidences,
            *(each.from_signals(batch, found) for each in fitted),
        ]
    )

    def of_images(images: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        signals.check_images(source, images)
        confidences, *scores = mapped(images)
        for each in scores:
            each[~np.isfinite(each)] = np.nan
        return confidences, {each.name: found for each, found in zip(fitted, scores, strict=True)}

    return of_images


def check_needs(kind: type[Detector], source: signals.Source, known: list[type[Detector]]) -> None:
    """Refuses a detector that needs what a classifier does not have, and says what can be used.

    Raises:
        ValueError: So it is.
    """
    for need in kind.needs:
        if (reason := source.lack(need)) is not None:
            usable = [other.name for other in known if not any(map(source.lack, other.needs))]
            raise ValueError(
                f"{kind.name} needs {signals.WORDS[need]}, which {source.name} does not give: "
                f"{reason}. What can be used: {', '.join(usable)}."
            )


def checked_parameters(kind: type[Detector], given: Mapping[str, object]) -> dict[str, int | float]:
    """All parameters of a detector, those that are not given by their defaults.

    Raises:
        ValueError: It has none of such a name, or does not take such a value.
    """
    for name in given:
        if name not in kind.takes:
            raise ValueError(
                f"{kind.name} has no parameter {name!r}; it takes "
                f"{', '.join(kind.takes) or 'none'}."
            )
    return {
        name: parameter.checked(name, given.get(name, parameter.default))
        for name, parameter in kind.takes.items()
    }
