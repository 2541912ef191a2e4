"""Whether a detector helps: against images made without it, and against images made to pass it.

Detectors are fitted on training images and their thresholds chosen on held-out real images. No
fooling image is used for either.
"""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_fool import detectors, foreign_files
from keras_fool.audits import attacks, data, intervals, settings, subject
from keras_fool.detectors import detector, metrics, outliers, thresholds
from keras_fool.models import scorer_contract
from keras_fool.runs import files
from keras_fool.studies import experiment, steps

FOLDER, ADAPTIVE = "detectors", "adaptive"
REAL = "real"
# z logits, h penultimate features.
FORMULAS = {
    "msp": "max softmax(z)",
    "max_logit": "max z",
    "energy": "T logsumexp(z / T)",
    "odin": "max softmax(z(x') / T), x' a step from x that raises it",
    "mahalanobis": "-(distance of h to the nearest class mean, squared)",
    "knn": "-(distance of h / |h| to its k-th nearest neighbour)",
    "vim": "logsumexp(z) - alpha |residual of h|",
    "react": "energy after h was clipped",
}
_MOST_BYTES = 2**31  # of a detector's file
_BINS = 40
_ENDS = 0.005, 0.995  # quantiles of scores between which a histogram's bins lie


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class _Make(steps.Step):
    """Makes a detector with a threshold.

    Attributes:
        file: Where it is saved.
    """

    file: pathlib.Path

    @property
    def folder(self) -> pathlib.Path:
        """Its file: it is there as a whole or not at all."""
        return self.file

    def is_done(self) -> bool:
        """Whether its file is there."""
        return self.file.is_file()


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Fit(_Make):
    """Fits a detector, chooses its threshold, and saves both.

    Attributes:
        detector: Its name.
        attacked: The classifier.
        parts: The real images.
        level: The share of held-out images that its threshold accepts.
        problems: Gets, by the detector's name, why it cannot be fitted.
    """

    kind = "fit"
    detector: str
    attacked: subject.Subject
    parts: data.Parts
    level: float
    problems: dict[str, str]

    def run(self, context: experiment.Context) -> None:
        """Fits it; where that is not possible, the reason is kept."""
        del context
        fitted, held_out = self.parts.fitted, self.parts.held_out
        try:
            made = detectors.fit(self.detector, self.attacked.source, fitted.images, fitted.labels)
            made.threshold(self.level, held_out.images)
        except scorer_contract.ScorerError:
            raise  # it is the classifier that failed, and may answer another time
        except ValueError as error:
            self.problems[self.detector] = sentence(str(error))
            return
        self.file.parent.mkdir(exist_ok=True)
        made.save(self.file)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Take(_Make):
    """Takes a detector that lies beside the classifier, with its threshold.

    Attributes:
        shipped: Its file there.
    """

    kind = "take"
    shipped: pathlib.Path

    def run(self, context: experiment.Context) -> None:
        """Copies it."""
        del context
        self.file.parent.mkdir(exist_ok=True)
        files.write(self.file, foreign_files.content(self.shipped, _MOST_BYTES))


@dataclasses.dataclass(frozen=True, eq=False)
class Scored:
    """A fitted detector, and its scores.

    Attributes:
        fitted: The detector as it was read from its file.
        file: That file, relative to the audit's folder.
        scores: By the name of images, float32 [images]; NaN for none.
    """

    fitted: detector.Detector
    file: str
    scores: Mapping[str, np.ndarray]

    @property
    def threshold(self) -> thresholds.Threshold:
        """The one that was chosen on held-out real images."""
        assert self.fitted.operating_point is not None
        return self.fitted.operating_point

    def accepted(self, name: str) -> np.ndarray:
        """Which images of a name it takes for real: bool [images]."""
        return self.scores[name] >= np.float32(self.threshold.value)


def lacks(attacked: subject.Subject) -> dict[str, str]:
    """By the names of detectors that need what the classifier does not give, why."""
    found = {}
    kinds = detectors.kinds()
    for kind in kinds:
        try:
            detector.check_needs(kind, attacked.source, kinds)
        except ValueError as error:
            found[kind.name] = sentence(str(error).partition(" What can be used: ")[0])
    return found


def score(
    attacked: subject.Subject,
    folder: pathlib.Path,
    files: Mapping[str, str],
    images: Mapping[str, np.ndarray],
    known: Mapping[str, Mapping[str, np.ndarray]],
) -> dict[str, Scored]:
    """Scores images of several names with all detectors: one pass of the network for each name.

    Args:
        attacked: The classifier.
        folder: The audit's.
        files: By the names of detectors, their files, relative to it.
        images: By name, uint8 [images, height, width, channels].
        known: Scores that are known already, by the names of the images, which come first, then
            of detectors.

    Raises:
        ValueError: A detector's file is damaged.
    """
    fitted = {name: detectors.load(folder / file, attacked.source) for name, file in files.items()}
    for name, each in fitted.items():
        if each.operating_point is None:
            raise ValueError(f"{folder / files[name]} has no threshold.")
    if not fitted:
        return {}
    together = detectors.score_all(list(fitted.values()))
    nothing = dict.fromkeys(fitted, np.zeros(0, np.float32))
    scores = {**known}
    for name, some in images.items():
        scores[name] = together(some)[1] if len(some) else nothing
    return {
        name: Scored(each, files[name], {what: of[name] for what, of in scores.items()})
        for name, each in fitted.items()
    }


def report(
    scored: Scored,
    attacked: Mapping[str, attacks.Attacked],
    adaptive: dict[str, Any],
    resamples: int,
) -> dict[str, Any]:
    """A detector as JSON.

    Args:
        scored: Its scores of noise, of the images of `attacked`, and of real ones if there are.
        attacked: The attacks that were made without it, by name.
        adaptive: What the attack came to that was made on it, too.
        resamples: Of intervals.
    """
    fitted, chosen = scored.fitted, scored.threshold
    rejected = None
    if REAL in scored.scores:
        rejected = intervals.of_share(~scored.accepted(REAL))
    fitting = fitted.fitting
    on = "nothing: it needs no fitting"
    if fitting.num_images:
        classes = {"given": ", with their labels", "predicted": ", with the labels it gives them"}
        on = f"{fitting.num_images:,} training images{classes.get(fitting.labels, '')}"
    return {
        **about(type(fitted)),
        "not_done": None,
        "file": scored.file,
        "fitted_on": on,
        "threshold": {
            "value": intervals.number(chosen.value),
            "low": intervals.number(chosen.low),
            "high": intervals.number(chosen.high),
            "level": chosen.level,
            "accepted": intervals.number(chosen.accepted),
            "num_images": chosen.num_images,
            "real_rejected": rejected,
        },
        "histograms": _histograms(scored.scores),
        "static": [
            _static(scored, name, attacked.get(name), resamples)
            for name in scored.scores
            if name != REAL
        ],
        "adaptive": adaptive,
    }


def not_done(kind: type[detector.Detector], reason: str) -> dict[str, Any]:
    """The JSON of a detector that was not fitted."""
    return {
        **about(kind),
        "not_done": reason,
        "file": None,
        "fitted_on": None,
        "threshold": None,
        "histograms": None,
        "static": [],
        "adaptive": None,
    }


def about(kind: type[detector.Detector]) -> dict[str, Any]:
    """What is said of any detector."""
    return {
        "name": kind.name,
        "title": kind.title,
        "paper": kind.paper,
        "formula": FORMULAS[kind.name],
    }


def adaptive(made: attacks.Attacked, fitted: detector.Detector, resamples: int) -> dict[str, Any]:
    """What an attack on classifier and detector came to: an image counts where it is accepted.

    Args:
        made: The attack's images, scored again by the classifier.
        fitted: The detector.
        resamples: Of intervals.
    """
    accepted = made.by_run(fitted.accepts(made.found.images), 0.0)
    counted = made.by_run(made.own, 0.0) * accepted
    return {
        "not_done": None,
        "folder": made.folder,
        "runs": list(made.runs),
        "images": made.images_per_run * len(made.runs),
        "num_labels": len(made.labels),
        "median_confidence": intervals.of_runs(counted, intervals.median, resamples),
        "fooled": attacks.fooled(counted, resamples),
        "accepted": intervals.of_runs(accepted, intervals.mean, resamples),
        "files": made.files,
    }


def not_adaptive(reason: str) -> dict[str, Any]:
    """The JSON of an adaptive attack that was not made."""
    return {
        "not_done": reason,
        "folder": None,
        "runs": [],
        "images": 0,
        "num_labels": 0,
        "median_confidence": None,
        "fooled": dict.fromkeys(settings.LEVELS),
        "accepted": None,
        "files": [],
    }


def sentence(words: str) -> str:
    """Words with a capital letter and a full stop."""
    words = words.strip().rstrip(".")
    return f"{words[:1].upper()}{words[1:]}."


def _static(
    scored: Scored, name: str, made: attacks.Attacked | None, resamples: int
) -> dict[str, Any]:
    """What a detector says of images that were made without it."""
    scores = scored.scores[name]
    finite = np.isfinite(scores)
    accepted = scored.accepted(name)
    figures = dict.fromkeys(("auroc", "aupr_real", "aupr_fooling", "fpr95", "fpr95_fooling"))
    real = scored.scores.get(REAL, np.zeros(0))
    real = real[np.isfinite(real)]
    if len(real) and finite.any():
        groups = None if made is None else made.found.runs[finite]
        found = metrics.figures(real, scores[finite], fooling_groups=groups, resamples=resamples)
        figures = {key: intervals.of_figure(getattr(found, key)) for key in figures}
    share: Any = intervals.of_share(accepted)
    fooled: dict[str, Any] = dict.fromkeys(settings.LEVELS)
    if made is not None:
        flags = made.by_run(accepted, 0.0)
        share = intervals.of_runs(flags, intervals.mean, resamples)
        fooled = attacks.fooled(made.by_run(made.own, 0.0) * flags, resamples)
    return {
        "images": name,
        "title": outliers.TITLES.get(name) or attacks.IMAGES_OF[name],
        "num_images": len(scores),
        **figures,
        "accepted": share,
        "fooled": fooled,
    }


def _histograms(scores: Mapping[str, np.ndarray]) -> dict[str, Any] | None:
    """How often scores lie in each bin; those beyond the ends are in the first and the last."""
    every = np.concatenate(list(scores.values())).astype(np.float64)
    every = every[np.isfinite(every)]
    if not len(every):
        return None
    low, high = np.quantile(every, _ENDS)
    if not low < high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, _BINS + 1)
    counts = {
        name: np.histogram(np.clip(some[np.isfinite(some)], low, high), edges)[0].tolist()
        for name, some in scores.items()
    }
    return {"edges": [intervals.number(edge) for edge in edges], "counts": counts}


def planned(
    attacked: subject.Subject,
    plan: settings.Plan,
    names: Sequence[str],
    folder: pathlib.Path,
    *,
    quiet: bool,
) -> dict[str, attacks.Evolve]:
    """The attacks on classifier and detector, by the detector's name, as steps."""
    every = range(len(attacked.scorer.labels))
    niches = None if list(every) == list(plan.adaptive_labels) else list(plan.adaptive_labels)
    titles = {kind.name: kind.title for kind in detectors.kinds()}
    return {
        name: attacks.Evolve(
            name=f"CPPN evolution against {titles[name]}, too",
            work=plan.evolution.runs * settings.images_per_run(plan.evolution),
            attacked=attacked,
            config=plan.evolution,
            folder=folder / ADAPTIVE / name,
            niches=niches,
            detector=folder / FOLDER / f"{name}.npz",
            quiet=quiet,
        )
        for name in names
    }
