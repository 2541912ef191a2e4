"""Every setting that shapes the result of an ascent, and the settings of the paper.

Quick to import: commands read their defaults here before they know whether they will run.
"""

import dataclasses
import math

OBJECTIVES = ("probability", "logit", "log_probability")
# For each threshold, the first image whose confidence exceeds it is kept; also the first image
# whose top-1 label is the target, the best image and the last.
THRESHOLDS = (0.99, 0.999, 0.9999)
FIRSTS = ("top1", *(f"{threshold:g}" for threshold in THRESHOLDS))
KEPT = ("last", "best", *FIRSTS)
# A narrower Gaussian has a kernel of a single pixel, and would blur nothing.
MIN_SIGMA = 0.3
_PERCENTILES = ("norm_percentile", "contribution_percentile", "absolute_percentile")
_NOT_NEGATIVE = ("early", "late", "max_learning_rate", "learning_rate", "jitter")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """One ascent; the defaults are those of the paper's unregularised images.

    Attributes:
        steps: How many times the gradient is computed; the image moves after each but the last.
        early: The gain of the objective that a step aims at while the confidence is low.
        late: When the confidence is high, a step aims at this times one minus the confidence.
        max_learning_rate: A step is at most this times the gradient.
        learning_rate: A factor for every step; 1 in the published code.
        decay: The share of the mean-subtracted image that each step removes.
        blur_sigma: Standard deviation of the Gaussian blur, in pixels; 0 for none.
        blur_every: Number of steps from one blur to the next.
        norm_percentile: Per cent of pixels that each step sets to the mean: those with the smallest
            norm over the channels; 0 for none.
        contribution_percentile: The same for the pixels with the smallest predicted gain.
        absolute_percentile: The same for that gain without its sign.
        objective: What the ascent increases, one of `OBJECTIVES`.
        jitter: How many pixels the classifier's view is moved at most, at random, in each
            direction and step; 0 for none.
        zoom: How much the view is enlarged or reduced at most, at random, as a factor minus one.
    """

    steps: int = 500
    early: float = 0.02
    late: float = 0.1
    max_learning_rate: float = 1e7
    learning_rate: float = 1.0
    decay: float = 0.0
    blur_sigma: float = 0.0
    blur_every: int = 1
    norm_percentile: float = 0.0
    contribution_percentile: float = 0.0
    absolute_percentile: float = 0.0
    objective: str = "probability"
    jitter: float = 0.0
    zoom: float = 0.0

    def __post_init__(self):
        for name, value in dataclasses.asdict(self).items():
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{name} must be a finite number, got {value}.")
        if self.objective not in OBJECTIVES:
            raise ValueError(
                f"objective must be one of {', '.join(OBJECTIVES)}, got {self.objective!r}."
            )
        for name in ("steps", "blur_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        for name in _NOT_NEGATIVE:
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name):g}.")
        for name in ("decay", "zoom"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be from 0 to below 1, got {getattr(self, name):g}.")
        for name in _PERCENTILES:
            if not 0 <= getattr(self, name) < 100:
                raise ValueError(
                    f"{name} must be from 0 (none) to below 100 (all), got {getattr(self, name):g}."
                )
        if self.blur_sigma != 0 and self.blur_sigma < MIN_SIGMA:
            raise ValueError(
                f"blur_sigma must be 0 (no blur) or at least {MIN_SIGMA} pixels, "
                f"got {self.blur_sigma:g}."
            )


# The settings of the figures, as the authors' search found them. The published S6 also clips
# absolute contributions at 20 %, which changes nothing after its clip of norms.
PRESETS = {
    "plain": Config(),
    "s5": Config(steps=1500, early=0.03, late=0.02, decay=0.01),
    "s6": Config(
        steps=1500, early=0.03, late=0.05, decay=0.001, blur_sigma=0.3, norm_percentile=20
    ),
    "s7": Config(steps=1000, early=0.03, late=0.05, decay=0.001, blur_sigma=0.4, blur_every=2),
}
