"""Classifiers that are objects of this process: Keras models, and functions of images.

Two more kinds, as `classifier_kinds` has them. No command line can name them, and no other
process find them again.
"""

import dataclasses
import functools
import hashlib
import json
import math
import operator
import pathlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from keras_fool.models import (
    batch_shapes,
    classifier_kinds,
    heads,
    label_orders,
    meanings,
)
from trainers import names

if TYPE_CHECKING:  # TensorFlow
    import keras

    from keras_fool.models import function_scorer

_MOST_VALUES = 2**26  # of an image
TRIED_TOGETHER = 2 * batch_shapes.UNIT  # images in a call, while a function is tried out


@dataclasses.dataclass(frozen=True, kw_only=True)
class KerasModel(classifier_kinds.Classifier):
    """A Keras model in memory: scored as the same model in a .keras file is.

    Its identity is the SHA-256 of its description and its weights, as they are when it is first
    asked for.

    Attributes:
        model: The model; it is not changed.
    """

    path: None = None
    model: Any = None

    @classmethod
    def of(cls, model: "keras.Model", name: str | None = None, **options: Any) -> "KerasModel":
        """A model with what wraps it.

        Args:
            model: The model.
            name: What reports call it; its own name by default.
            **options: Further fields, such as `preprocess`.

        Raises:
            ValueError: Keras runs on something else than TensorFlow here.
        """
        backend = sys.modules["keras"].backend.backend()
        if backend != "tensorflow":
            raise ValueError(
                f"Keras runs on {backend} here, and its models are scored by TensorFlow: set "
                "KERAS_BACKEND=tensorflow, or give keras_fool.Classifier a function that calls "
                "the model."
            )
        return cls(name=names.shown(name or model.name), model=model, **options)

    @functools.cached_property
    def _description(self) -> str | None:
        """What a .keras file would say of its layers, as JSON; None where Keras cannot."""
        try:
            return self.model.to_json()
        except Exception:  # a model of the user's own class may raise anything
            return None

    @functools.cached_property
    def head(self) -> heads.Head | None:
        """The layer that tells what its outputs mean; None where none does."""
        described = self._description
        return heads.of_config(json.loads(described), self.output) if described else None

    @property
    def _guess(self) -> str:
        return (self.head and self.head.meaning) or meanings.CONFIDENCES

    @functools.cached_property
    def sha256(self) -> str:
        """The SHA-256 of its description and its weights."""
        kind = type(self.model)
        described = self._description or f"{kind.__module__}.{kind.__qualname__}"
        digest = hashlib.sha256(described.encode())
        for weight in self.model.weights:
            array = np.ascontiguousarray(weight.numpy())
            digest.update(f"{array.dtype.name}{array.shape}".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()

    def load(self) -> "keras.Model":
        """The model itself.

        Raises:
            ValueError: Its weights hold a NaN, or it does not say what it takes.
        """
        from keras_fool.models import keras_models

        if not getattr(self.model, "inputs", None):
            raise ValueError(
                f"{self.name} does not say what images it takes, as functional and sequential "
                "models do that were built: give keras_fool.Classifier a function that calls it, "
                "with image_shape=(height, width, channels)."
            )
        keras_models.check_finite(self.name, self.model)
        return self.model

    def saved(self, folder: pathlib.Path) -> classifier_kinds.Classifier:
        """The same in a file; see `classifier_kinds.Classifier.saved`."""
        from keras_fool.models import keras_models

        path = folder / "model.keras"
        try:
            with keras_models.quiet():
                self.load().save(path)
        except Exception as error:  # layers of the user's own may raise anything
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ValueError(f"{self.name} cannot be saved in a file: {reason}") from error
        kind = classifier_kinds.Classifier
        said = {field.name: getattr(self, field.name) for field in dataclasses.fields(kind)}
        return kind(**{**said, "path": path})

    @property
    def spec(self) -> str:
        """What config.json calls it; nothing finds it again by that."""
        return f"{self.name} (a Keras model in memory)"


def is_keras_model(value: object) -> bool:
    """Whether something is a Keras 3 model; imports nothing."""
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(value, keras.Model)


@dataclasses.dataclass(frozen=True, eq=False)
class Answers:
    """What a function gave for some images.

    Attributes:
        rows: float32 [images, num_outputs].
        dtype: What they came in, such as "float16".
    """

    rows: np.ndarray
    dtype: str


@dataclasses.dataclass(frozen=True, eq=False)
class Classifier:
    """Any function as a classifier: one of NumPy, PyTorch, JAX, ONNX Runtime, or anything else.

    The function is called eagerly, outside of any graph, from one thread at a time, which need
    not be always the same one. It gives no gradients to follow, so that its images are evolved.

        >>> import numpy as np
        >>> import keras_fool
        >>> def brightness(images):
        ...     light = images.mean(axis=(1, 2, 3)) / 255
        ...     return np.stack([1 - light, light], axis=1)
        >>> classifier = keras_fool.Classifier(
        ...     brightness, image_shape=(8, 8, 1), labels=["dark", "light"]
        ... )
        >>> result = keras_fool.fool(classifier, generations=5, batch_size=20, progress=False)
        >>> result.labels
        ('dark', 'light')

    Attributes:
        function: Takes images, uint8 [batch, height, width, channels] in 0..255, RGB or grey, and
            returns [batch, number of labels] numbers: an array of any library, or lists. It gets
            a copy. Batches are filled up to few different sizes.
        image_shape: (height, width, channels) of the images; 1 or 3 channels.
        labels: The names of its labels; by default they are numbered.
        outputs: What the numbers mean: "confidences" (the default), which add up to 1, "logits",
            whose softmax does, or "sigmoid", a probability of its own for each label.
        name: What reports call it, and with what it answers its identity; by default the
            function's own name.

    Raises:
        TypeError: `function` cannot be called, or another argument is of another type.
        ValueError: `image_shape` is not of an image, `outputs` is not one of these words, or
            `labels` are not names.
    """

    function: Callable[[np.ndarray], Any]
    _: dataclasses.KW_ONLY
    image_shape: tuple[int, int, int]
    labels: tuple[str, ...] | None = None
    outputs: str | None = None
    name: str = ""

    is_remote: ClassVar[Literal[False]] = False
    gives_gradients: ClassVar[Literal[False]] = False
    why_no_gradients: ClassVar[str] = "is a function, and a function gives no gradients"
    in_graph: ClassVar[Literal[False]] = False
    takes_view: ClassVar[Literal[False]] = False
    in_tensorflow: ClassVar[bool] = False
    # As the other kinds have them.
    path: ClassVar[None] = None
    mean_path: ClassVar[None] = None
    head: ClassVar[None] = None
    application: ClassVar[None] = None
    output: ClassVar[None] = None
    signature: ClassVar[None] = None
    preprocess: ClassVar[str] = "none"
    views: ClassVar[classifier_kinds.Views] = classifier_kinds.Views()
    orders: ClassVar[tuple[None]] = (None,)
    unnamed: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self):
        if not callable(self.function):
            raise TypeError(f"function must be something to call, got {self.function!r}.")
        object.__setattr__(self, "image_shape", _checked_shape(self.image_shape))
        if self.outputs not in (None, *meanings.MEANINGS):
            raise ValueError(names.unknown("outputs", str(self.outputs), meanings.MEANINGS))
        if self.labels is not None:
            if isinstance(self.labels, str):
                raise TypeError(f"labels must be a list of names, got {self.labels!r}.")
            labels = names.checked_labels(list(self.labels), "the labels")
            object.__setattr__(self, "labels", labels)
        own = getattr(self.function, "__name__", None) or type(self.function).__name__
        name = self.name or str(own).strip("<>")
        if not isinstance(name, str):
            raise TypeError(f"name must be text, got {name!r}.")
        object.__setattr__(self, "name", names.shown(name))

    def open(
        self, score_batch: int | None = None, *, draws: bool = False
    ) -> "function_scorer.FunctionScorer":
        """Its scorer.

        Args:
            score_batch: The largest number of images in one call.
            draws: Must be False: a function is given images.

        Raises:
            ValueError: It cannot be used.
        """
        if draws:
            raise ValueError(f"renderer must be cpu: {self.name} is a function of images.")
        from keras_fool.models import function_scorer

        return function_scorer.FunctionScorer(self, score_batch=score_batch)

    @property
    def meaning(self) -> str:
        """What its numbers mean, one of `meanings.MEANINGS`."""
        return self.outputs or meanings.CONFIDENCES

    @property
    def from_logits(self) -> bool:
        """Whether a softmax makes confidences of its numbers."""
        return self.meaning == meanings.LOGITS

    @property
    def members(self) -> tuple["Classifier"]:
        """Itself, as an ensemble's members are several."""
        return (self,)

    @functools.cached_property
    def answers(self) -> "Answers":
        """What it gives for the images that every classifier is tried on.

        Raises:
            ScorerError: As `answered` does.
        """
        from keras_fool.models import scorer_contract  # compiled code

        return self.answered(scorer_contract.trial_images(self.image_shape), TRIED_TOGETHER)

    def answered(self, images: np.ndarray, batch: int) -> "Answers":
        """What it gives for some images.

        Args:
            images: uint8 [images, height, width, channels].
            batch: How many it is given in one call, black ones besides; at least as many.

        Raises:
            ScorerError: What it returned are not as many rows of numbers.
        """
        given = np.zeros((batch, *self.image_shape), np.uint8)
        given[: len(images)] = images
        rows, dtype = _as_array(self.function(given))
        if rows.ndim != 2 or len(rows) != batch or rows.dtype.kind not in "fiub":
            from keras_fool.models import scorer_contract  # compiled code

            raise scorer_contract.ScorerError(
                f"{self.name} must return numbers of shape [{batch}, number of labels] for "
                f"{batch} images, and returned {rows.dtype.name} {list(rows.shape)}."
            )
        return Answers(rows[: len(images)].astype(np.float32), dtype)

    @functools.cached_property
    def identity(self) -> dict:
        """Its name, what its numbers mean, and a hash of what it answers.

        Raises:
            ScorerError: As `answered` does.
        """
        rows = self.answers.rows
        digest = hashlib.sha256(f"{rows.shape}".encode() + rows.tobytes()).hexdigest()
        return {"function": self.name, "outputs": self.meaning, "answers_sha256": digest}

    def with_labels(self, labels: tuple[str, ...]) -> "Classifier":
        """The same, with names for its labels.

        Raises:
            ValueError: As `label_orders.check_same` does.
        """
        label_orders.check_same(self.name, self.labels, labels)
        return dataclasses.replace(self, labels=labels)

    @property
    def spec(self) -> str:
        """What config.json calls it; nothing finds it again by that."""
        return f"{self.name} (a function)"


def _checked_shape(shape: Any) -> tuple[int, int, int]:
    try:
        sides = tuple(operator.index(side) for side in shape)
    except TypeError:
        raise TypeError(
            f"image_shape must be (height, width, channels), such as (224, 224, 3), got {shape!r}."
        ) from None
    if len(sides) != 3 or min(sides) < 1 or sides[2] not in (1, 3):
        raise ValueError(
            "image_shape must be (height, width, channels) with 1 or 3 channels, such as "
            f"(224, 224, 3), got {shape!r}."
        )
    if math.prod(sides) > _MOST_VALUES:
        raise ValueError(
            f"images of {math.prod(sides):,} values are too large: at most {_MOST_VALUES:,} fit."
        )
    return sides


def _as_array(found: Any) -> tuple[np.ndarray, str]:
    """What a function returned, and the name of its dtype."""
    if hasattr(found, "detach"):  # a tensor of PyTorch, perhaps elsewhere and with a gradient
        found = found.detach().cpu()
        dtype = str(found.dtype).rpartition(".")[2]
        return np.asarray(found.float()), dtype
    array = np.asarray(found)
    dtype = array.dtype.name
    if dtype == "bfloat16":  # a type that NumPy has from another library
        array = array.astype(np.float32)
    return array, dtype
