"""Figures of merit of detectors: AUROC, AUPR, FPR@95, with intervals; ties count as ties.

Scores are higher for what is more like real data. **Real images are the positive class**, as here
the question is what gets in: FPR@95 is the share of fooling images that are accepted where 95 % of
real ones are. Outlier Exposure's code and OpenOOD call the outlier positive: `positive="fooling"`
gives their figures. AUROC is the same in both.
"""

import dataclasses

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95
POSITIVES = ("real", "fooling")
_AT_ONCE = 2**22  # counts that are in memory together
_SLACK = 1e-9  # of the product of a share and a number


@dataclasses.dataclass(frozen=True)
class Figure:
    """A figure of merit and its 95 % bootstrap interval.

    Attributes:
        value: The figure, in [0, 1].
        low: The interval's lower end.
        high: Its upper end.
    """

    value: float
    low: float
    high: float

    def __float__(self) -> float:
        return self.value


@dataclasses.dataclass(frozen=True)
class Figures:
    """How well scores tell real from fooling images.

    Attributes:
        auroc: The chance that a real image scores higher than a fooling one; of equal scores a
            half. The area under the ROC curve.
        aupr_real: The area under the precision-recall curve, as average precision, of finding the
            real images ("AUPR-In").
        aupr_fooling: The same of finding the fooling ones, by negated scores ("AUPR-Out").
        fpr95: The share of fooling images accepted at the highest threshold that accepts at least
            95 % of the real ones.
        fpr95_fooling: The other convention: the share of real images rejected at the lowest
            threshold that rejects at least 95 % of the fooling ones.
        num_real: How many real images there are.
        num_fooling: How many fooling ones.
    """

    auroc: Figure
    aupr_real: Figure
    aupr_fooling: Figure
    fpr95: Figure
    fpr95_fooling: Figure
    num_real: int
    num_fooling: int


def auroc(real: np.ndarray, fooling: np.ndarray) -> float:
    """The area under the ROC curve, in [0, 1]; takes scores, [n] each, as all functions here."""
    return float(_auroc(*_counts(real, fooling)))


def aupr(real: np.ndarray, fooling: np.ndarray, positive: str = "real") -> float:
    """Average precision: the sum over thresholds of precision times the gain in recall.

    Args:
        real: Scores of real images.
        fooling: Scores of fooling images.
        positive: What is found, "real" (AUPR-In) or "fooling" (AUPR-Out).
    """
    return float(_average_precision(*_counts(*_as_positive(real, fooling, positive))))


def fpr_at(
    real: np.ndarray, fooling: np.ndarray, recall: float = 0.95, positive: str = "real"
) -> float:
    """The share of negatives taken for positive where at least `recall` of the positives are.

    Args:
        real: Scores of real images.
        fooling: Scores of fooling images.
        recall: Above 0 and at most 1.
        positive: "real": the share of fooling images accepted. "fooling": that of real ones
            rejected.

    Raises:
        ValueError: `recall` is out of range, or `positive` is another word.
    """
    if not 0 < recall <= 1:
        raise ValueError(f"recall must be in (0, 1], got {recall}.")
    return float(_fpr(*_counts(*_as_positive(real, fooling, positive)), recall))


def figures(
    real: np.ndarray,
    fooling: np.ndarray,
    *,
    fooling_groups: np.ndarray | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Figures:
    """All figures with 95 % bootstrap intervals (Efron, 1979; percentiles).

    Real and fooling images are drawn with replacement, each by themselves.

    Args:
        real: Scores of real images, [num_real], finite.
        fooling: Scores of fooling images, [num_fooling], finite.
        fooling_groups: int [num_fooling]: images of one evolution have ancestors in common, so
            that runs, not images, are independent. Where the run of each image is given, runs are
            drawn, each with all of its images.
        seed: Of the resampling.
        resamples: How many.

    Raises:
        ValueError: There are no scores, or one is not finite, or groups are not one for each.
    """
    whole = _Grouped(real, fooling)
    if fooling_groups is not None and np.shape(fooling_groups) != np.shape(fooling):
        raise ValueError(
            f"fooling_groups must be {list(np.shape(fooling))}, one for each fooling image, got "
            f"{list(np.shape(fooling_groups))}."
        )
    rng = np.random.default_rng(seed)
    drawn: list[list[np.ndarray]] = [[] for _ in _FIGURES]
    step = max(1, _AT_ONCE // max(whole.groups, len(real), len(fooling)))
    for start in range(0, resamples, step):
        number = min(step, resamples - start)
        counts = whole.resampled(rng, number, fooling_groups)
        for values, figure in zip(drawn, _FIGURES.values(), strict=True):
            values.append(figure(*counts))
    found = {}
    for (name, figure), values in zip(_FIGURES.items(), drawn, strict=True):
        tail = (1 - LEVEL) / 2
        low, high = np.quantile(np.concatenate(values), [tail, 1 - tail])
        found[name] = Figure(float(figure(*whole.counts())), float(low), float(high))
    return Figures(**found, num_real=len(real), num_fooling=len(fooling))


class _Grouped:
    """Images by their scores, equal ones together, the highest first."""

    def __init__(self, real: np.ndarray, fooling: np.ndarray):
        real, fooling = _checked(real, "real"), _checked(fooling, "fooling")
        unique, places = np.unique(-np.concatenate([real, fooling]), return_inverse=True)
        self.groups = len(unique)
        self._real, self._fooling = places[: len(real)], places[len(real) :]

    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """How many real, and how many fooling images have each score: int [groups]."""
        return self._bins(self._real, 1)[0], self._bins(self._fooling, 1)[0]

    def resampled(
        self, rng: np.random.Generator, number: int, fooling_groups: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The same of resamples: [number, groups]."""
        real = self._drawn(rng, number, self._real)
        if fooling_groups is None:
            return real, self._drawn(rng, number, self._fooling)
        runs, run_of = np.unique(fooling_groups, return_inverse=True)
        times = np.zeros((number, len(runs)), np.int64)
        draws = rng.integers(0, len(runs), (number, len(runs)))
        np.add.at(times, (np.arange(number)[:, np.newaxis], draws), 1)
        fooling = np.zeros((number, self.groups), np.int64)
        for row, of_run in zip(fooling, times, strict=True):
            row += np.bincount(self._fooling, of_run[run_of], self.groups).astype(np.int64)
        return real, fooling

    def _drawn(self, rng: np.random.Generator, number: int, places: np.ndarray) -> np.ndarray:
        return self._bins(places[rng.integers(0, len(places), (number, len(places)))], number)

    def _bins(self, places: np.ndarray, number: int) -> np.ndarray:
        offsets = np.arange(number)[:, np.newaxis] * self.groups
        flat = (places.reshape(number, -1) + offsets).ravel()
        return np.bincount(flat, minlength=number * self.groups).reshape(number, self.groups)


def _counts(real: np.ndarray, fooling: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return _Grouped(real, fooling).counts()


def _auroc(positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
    """Of [..., groups] counts, the highest score first: [...]."""
    above = np.cumsum(positives, axis=-1) - 0.5 * positives
    pairs = positives.sum(axis=-1, dtype=np.float64) * negatives.sum(axis=-1)
    return (above * negatives).sum(axis=-1) / pairs


def _average_precision(positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
    found = np.cumsum(positives, axis=-1)
    taken = found + np.cumsum(negatives, axis=-1)
    precision = found / np.maximum(taken, 1)  # a resample may have none of the highest scores
    return (precision * positives).sum(axis=-1) / positives.sum(axis=-1)


def _fpr(positives: np.ndarray, negatives: np.ndarray, recall: float = LEVEL) -> np.ndarray:
    found = np.cumsum(positives, axis=-1)
    total = found[..., -1:]
    enough = np.ceil(recall * total - _SLACK)
    place = (found >= enough).argmax(axis=-1, keepdims=True)
    taken = np.take_along_axis(np.cumsum(negatives, axis=-1), place, axis=-1)[..., 0]
    return taken / negatives.sum(axis=-1)


_FIGURES = {
    "auroc": _auroc,
    "aupr_real": _average_precision,
    "aupr_fooling": lambda real, fooling: _average_precision(fooling[..., ::-1], real[..., ::-1]),
    "fpr95": _fpr,
    "fpr95_fooling": lambda real, fooling: _fpr(fooling[..., ::-1], real[..., ::-1]),
}


def _as_positive(
    real: np.ndarray, fooling: np.ndarray, positive: str
) -> tuple[np.ndarray, np.ndarray]:
    """The scores of positives and negatives, higher for what is more positive."""
    if positive not in POSITIVES:
        raise ValueError(f"positive must be one of {', '.join(POSITIVES)}, got {positive!r}.")
    return (real, fooling) if positive == "real" else (-np.asarray(fooling), -np.asarray(real))


def _checked(scores: np.ndarray, what: str) -> np.ndarray:
    found = np.asarray(scores)
    if found.ndim != 1 or not len(found) or found.dtype.kind not in "fiu":
        raise ValueError(
            f"{what} must be scores [at least 1], got {found.dtype} {list(found.shape)}."
        )
    if lost := np.count_nonzero(~np.isfinite(found)):
        raise ValueError(f"{what} holds {lost} of {len(found)} scores that are not finite.")
    return found.astype(np.float64)
