"""What a generation of all runs of an evolution comes to."""

import dataclasses

import numpy as np

from evolvers.archive import Elite

# A scorer that fails for more than half of this many images, or more, is useless; fewer images
# do not show anything.
_ENOUGH_TO_JUDGE = 16


class NotFiniteError(ValueError):
    """A scorer gave too many images NaN or infinite confidences; the same seed does so again."""


@dataclasses.dataclass(frozen=True, eq=False)
class Generation:
    """What happened in one generation.

    Attributes:
        number: From 0.
        median: float64 [runs]; of the confidences of a run's elites, over its niches.
        mean: float64 [runs]; likewise.
        minimum: float64 [runs]; likewise.
        maximum: float64 [runs]; likewise.
        takeovers: int64 [runs]; how many niches got a new elite.
        births: How many genomes were bred, in all runs.
        unchanged: int64 [runs]; children with their parent's program, which are not drawn.
        duplicates: int64 [runs]; images that an elite or an earlier child already had, which are
            not scored.
        not_finite: int64 [runs]; images with a NaN or infinite confidence, which win no niche.
        accepted: (run index, new elite, int64 labels whose niches it took), in the order of
            birth.
        score_seconds: How long the scorer was busy.
    """

    number: int
    median: np.ndarray
    mean: np.ndarray
    minimum: np.ndarray
    maximum: np.ndarray
    takeovers: np.ndarray
    births: int
    unchanged: np.ndarray
    duplicates: np.ndarray
    not_finite: np.ndarray
    accepted: list[tuple[int, Elite, np.ndarray]]
    score_seconds: float

    @property
    def scored(self) -> int:
        """How many images were scored, in all runs."""
        return self.births - int(self.unchanged.sum()) - int(self.duplicates.sum())

    def check_finite(self) -> None:
        """Checks that the scorer is of use.

        Raises:
            NotFiniteError: More than half of the images, if these are at least 16, have NaN or
                infinite confidences.
        """
        lost = int(self.not_finite.sum())
        if self.scored >= _ENOUGH_TO_JUDGE and 2 * lost > self.scored:
            raise NotFiniteError(
                f"returned NaN or infinite confidences for {lost} of the {self.scored} images of "
                f"generation {self.number}; did its training diverge?"
            )
