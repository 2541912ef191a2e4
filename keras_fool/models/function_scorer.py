"""Images -> confidences, by any function; TensorFlow is not needed."""

import math
import types
from collections.abc import Mapping, Sequence

import numpy as np

from keras_fool.models import batch_shapes, in_memory, meanings, scorer_contract

_LARGEST_BATCH = 88 * batch_shapes.UNIT  # 2112
# Bytes of images in a batch; what a network makes of them is some hundred times larger.
_BYTES_OF_BATCH = 2**24


class FunctionScorer:
    """Scores images with a function; a `scorer_contract.Scorer`.

    Attributes:
        name: What reports call the classifier.
        identity: What makes its confidences, as JSON.
        labels: The names of its labels.
        image_shape: (height, width, channels).
        independent: Whether each label has a probability of its own.
        notes: What the user should know about it, in sentences.
        score_batch: The largest number of images in one call.
        preprocesses: None: how the function prepares its images is its own business.
        facts: What it is, in words, by the name of the fact.
    """

    preprocesses: Sequence[str] = ()
    facts: Mapping[str, str] = types.MappingProxyType({"format": "a function of this process"})

    def __init__(self, classifier: in_memory.Classifier, *, score_batch: int | None = None):
        """Tries the function on a few images.

        Args:
            classifier: The function and what is said of it.
            score_batch: The largest number of images in one call.

        Raises:
            ScorerError: What it returns are not confidences, or not what they are said to be.
            ValueError: Another number of labels is named than it has.
        """
        self._classifier = classifier
        self.name = classifier.name
        self.identity = classifier.identity
        self.image_shape = classifier.image_shape
        fitting = _BYTES_OF_BATCH // math.prod(self.image_shape)
        self.score_batch = batch_shapes.largest(score_batch, _LARGEST_BATCH, fitting)
        self.notes: list[str] = []
        tried = classifier.answers
        self._num_outputs = tried.rows.shape[1]
        self.independent = meanings.are_independent(self._num_outputs, classifier.meaning)
        num_labels = meanings.num_labels(self._num_outputs, classifier.meaning)
        self.labels = classifier.labels or tuple(str(label) for label in range(num_labels))
        if len(self.labels) != num_labels:
            raise ValueError(
                f"{self.name}: {len(self.labels)} labels are named, but the function returned "
                f"{self._num_outputs} numbers for an image."
            )
        self._try_out(tried)

    def score(self, images: np.ndarray) -> np.ndarray:
        """The confidence of every label for every image.

        Args:
            images: [batch, height, width, channels] uint8, 0..255; any batch.

        Returns:
            [batch, num_labels] float32; each row adds up to 1, unless labels are independent, or
            is NaN where the function returned a NaN or an infinite value for the image.

        Raises:
            ValueError: `images` has another shape or dtype.
            ScorerError: The function returned something else than confidences.
        """
        if images.dtype != np.uint8 or images.shape[1:] != self.image_shape:
            raise ValueError(
                f"{self.name} takes uint8 images [batch, {', '.join(map(str, self.image_shape))}], "
                f"got {images.dtype} {list(images.shape)}."
            )
        confidences = np.empty((len(images), len(self.labels)), np.float32)
        # Chunks of one size: few shapes, and little padding.
        chunks = -(-len(images) // self.score_batch)
        size = max(1, -(-len(images) // max(1, chunks)))
        for start in range(0, len(images), size):
            chunk = images[start : start + size]
            batch = batch_shapes.fixed(len(chunk), self.score_batch)
            confidences[start : start + len(chunk)] = self._confidences(
                self._classifier.answered(chunk, batch)
            )
        return confidences

    def tune(self, most: int) -> int:
        """Leaves the batch size as it is: another one may change a function's last bits."""
        del most
        return self.score_batch

    def _confidences(self, answers: in_memory.Answers) -> np.ndarray:
        if answers.rows.shape[1] != self._num_outputs:
            raise scorer_contract.ScorerError(
                f"{self.name} returned {answers.rows.shape[1]} numbers for an image, and "
                f"{self._num_outputs} before."
            )
        with np.errstate(all="ignore"):  # values that are not finite are found below
            rows = np.array(
                meanings.confidences(answers.rows, self._classifier.meaning, answers.dtype)
            )
        finite = scorer_contract.blank(rows)
        if problem := scorer_contract.problem(rows[finite], self.independent):
            raise scorer_contract.ScorerError(f"{self.name} {problem}")
        return rows

    def _try_out(self, tried: in_memory.Answers) -> None:
        """Meets a function's defects before a run begins rather than in the middle of it."""
        finite = scorer_contract.is_finite(tried.rows)
        if problem := scorer_contract.mostly_blank(finite):
            raise scorer_contract.ScorerError(f"{self.name} {problem}")
        rows, meaning = tried.rows[finite], self._classifier.meaning
        if problem := meanings.contradiction(
            rows, meaning, "outputs={!r}".format, dtype=tried.dtype
        ):
            raise scorer_contract.ScorerError(f"{self.name} {problem}")
        self._confidences(tried)
        if not (meanings.is_constant(rows) or meanings.is_one_hot(rows)):
            return
        images = scorer_contract.more_images(self.image_shape)
        for start in range(0, len(images), in_memory.TRIED_TOGETHER):
            more = self._classifier.answered(
                images[start : start + in_memory.TRIED_TOGETHER], in_memory.TRIED_TOGETHER
            ).rows
            rows = np.concatenate([rows, more[scorer_contract.is_finite(more)]])
        if meanings.is_constant(rows):
            raise scorer_contract.ScorerError(f"{self.name} {meanings.constant(len(rows))}")
        if meanings.is_one_hot(rows):
            self.notes.append(f"{self.name} {meanings.ONE_HOT}")
