"""Every setting that shapes the result of an ascent, and the paper's own choices.

Light to import: commands read their defaults here before they know whether they run.
"""

import dataclasses
import math

OBJECTIVES = ("probability", "logit", "log_probability")
# The first image whose confidence exceeds each is kept, besides the first one whose top-1
# it is, the best and the last.
THRESHOLDS = (0.99, 0.999, 0.9999)
FIRSTS = ("top1", *(f"{threshold:g}" for threshold in THRESHOLDS))
KEPT = ("last", "best", *FIRSTS)
# A Gaussian that is narrower has a kernel of a single pixel: it would blur nothing.
SMALLEST_SIGMA = 0.3
_PERCENTILES = ("norm_percentile", "contribution_percentile", "absolute_percentile")
_NOT_NEGATIVE = ("early", "late", "max_learning_rate", "learning_rate", "jitter")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """One ascent; the defaults are those of the paper's unregularised images.

    Attributes:
        steps: How often the gradient is taken; the image moves after each but the last.
        early: The gain in the objective that a step aims at while the classifier is unsure.
        late: What it aims at in the end is this times one minus the confidence.
        max_learning_rate: A step is at most this times the gradient.
        learning_rate: Multiplies every step; 1 as published.
        decay: The part of the mean-subtracted image that is lost in each step.
        blur_sigma: Standard deviation of the Gaussian blur, in pixels; 0 for none.
        blur_every: Steps from one blur to the next.
        norm_percentile: Per cent of pixels, those of smallest norm over the channels,
            that each step sets to the mean; 0 for none.
        contribution_percentile: The same by the gain that a pixel is predicted to add.
        absolute_percentile: The same by that gain without its sign.
        objective: What is followed, one of `OBJECTIVES`.
        jitter: Pixels that the classifier's view is moved by at most, at random, in each
            direction and step; 0 for none.
        zoom: How much it is enlarged or reduced at most, at random, as a factor less one.
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
        if self.blur_sigma != 0 and self.blur_sigma < SMALLEST_SIGMA:
            raise ValueError(
                f"blur_sigma must be 0 (no blur) or at least {SMALLEST_SIGMA} pixels, "
                f"got {self.blur_sigma:g}."
            )


# The settings of the figures, as the authors' search drew them. The published S6 also clips
# absolute contributions at 20 %, which removes nothing that its clip of norms leaves.
PRESETS = {
    "plain": Config(),
    "s5": Config(steps=1500, early=0.03, late=0.02, decay=0.01),
    "s6": Config(
        steps=1500, early=0.03, late=0.05, decay=0.001, blur_sigma=0.3, norm_percentile=20
    ),
    "s7": Config(steps=1000, early=0.03, late=0.05, decay=0.001, blur_sigma=0.4, blur_every=2),
}
