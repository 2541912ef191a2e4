"""What an endpoint returned for a batch, read as confidences and checked."""

from collections.abc import Callable

import numpy as np

from keras_fool.models import meanings, scorer_contract
from keras_fool.serving.client import image_call


class NotConfidencesError(Exception):
    """An answer can be read, but it does not hold confidences.

    Attributes:
        rows: What to use where every answer is like this one; None for nothing.
    """

    def __init__(self, reason: str, rows: np.ndarray | None = None):
        super().__init__(reason)
        self.rows = rows


class Answers:
    """Turns the outputs of one model into confidences; for many threads.

    While the model is tried out, its outputs are also compared with what they are said to
    mean, and kept to be looked at together.
    """

    def __init__(self, call: image_call.ImageCall, meaning: str):
        """Nothing was answered yet.

        Args:
            call: What of the model is called.
            meaning: What its outputs mean, one of `meanings.MEANINGS`.
        """
        self._meaning = meaning
        self._dtype = call.output_dtype
        self._said_outputs = call.num_outputs  # None until the first answer, if need be
        self._trial: list[np.ndarray] | None = None  # the outputs, while the model is tried out

    @property
    def independent(self) -> bool:
        """Whether each label has a probability of its own."""
        return meanings.are_independent(self._num_outputs, self._meaning)

    @property
    def _num_outputs(self) -> int:
        assert self._said_outputs is not None  # there was an answer
        return self._said_outputs

    @property
    def num_labels(self) -> int:
        """How many confidences there are for an image."""
        return meanings.num_labels(self._num_outputs, self._meaning)

    def begin_trial(self) -> None:
        """From now on outputs are compared with their meaning, and kept."""
        self._trial = []

    def end_trial(self) -> None:
        """From now on outputs are only turned into confidences."""
        self._trial = None

    @property
    def num_tried(self) -> int:
        """How many images with finite outputs there were in the trial."""
        return sum(map(len, self._tried))

    def trial_seems(self, check: Callable[[np.ndarray], bool]) -> bool:
        """Whether the outputs of the trial so far pass a check."""
        return check(np.concatenate(self._tried))

    @property
    def _tried(self) -> list[np.ndarray]:
        assert self._trial is not None  # it has begun
        return self._trial

    def confidences(self, outputs: np.ndarray, num_sent: int, num_images: int) -> np.ndarray:
        """The confidences in an answer.

        Args:
            outputs: float32, of any shape.
            num_sent: How many images were sent.
            num_images: How many of them, at the beginning, are not padding.

        Returns:
            float32 [num_images, num_labels]; a row of NaN where an output is not finite.

        Raises:
            NotConfidencesError: The outputs cannot be what they are said to mean.
        """
        if self._said_outputs is None and outputs.ndim == 2:
            self._said_outputs = outputs.shape[1]
        expected = (num_sent, self._said_outputs)
        if outputs.shape != expected:
            raise NotConfidencesError(
                f"returned {list(outputs.shape)} numbers where {list(expected)} belong"
            )
        outputs = outputs[:num_images]
        with np.errstate(all="ignore"):  # values that are not finite are found below
            rows = np.array(meanings.confidences(outputs, self._meaning, self._dtype))
        finite = scorer_contract.blank(rows)
        problem = scorer_contract.problem(rows[finite], self.independent)
        seen = outputs[scorer_contract.is_finite(outputs)]
        trial = self._trial
        if len(seen) and (problem or trial is not None):
            say = "?outputs={} behind the address".format
            problem = meanings.contradiction(seen, self._meaning, say, dtype=self._dtype) or problem
        if problem:
            raise NotConfidencesError(problem)
        if problem := scorer_contract.mostly_blank(finite):
            # Either a replica is broken, or the model cannot score such images. If the batch
            # is small, it may be just these images.
            few = num_images < scorer_contract.NUM_TRIED
            raise NotConfidencesError(problem, rows if few else None)
        if trial is not None:
            trial.append(seen)
        return rows
