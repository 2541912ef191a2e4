"""What shapes an audit: the budget, and how it is shared between attacks.

Each attack has an equal share: CPPN evolution, pixel evolution and gradient ascent against the
classifier alone, and CPPN evolution against it and each detector together. So what is left with a
detector compares with what there is without one. A share is divided equally between the runs.
"""

import dataclasses

import numpy as np

from evolvers import config as evolvers_config
from evolvers.ascent import config as ascent_config

BUDGET, QUICK_BUDGET = 1_000_000, 60_000
SMALLEST_BUDGET = 1_000
RUNS = 3
# Confidences that images shall reach, by the names that reports have them by.
LEVELS = {"0.5": 0.5, "0.9": 0.9, "0.99": 0.99, "0.9999": 0.9999}
SURE = "0.99"
# The share of held-out real images that a detector's threshold accepts.
ACCEPTED = 0.95
_BATCHES = 20, 200  # images of a run's generation, where the budget has as many
_GENERATIONS = 100  # that are worth more than larger batches
_STEPS = 100, 500  # of an ascent: so many at least, where one label is left, and at most
# Of more labels, these many are fooled together with a detector.
_ADAPTIVE_LABELS = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What the user chooses.

    Attributes:
        budget: Images in all, of attacks and adaptive attacks together.
        seed: What all randomness follows from.
        runs: Independent runs of each attack.
        quick: Whether fewer real images and noise images are looked at.
        level: The share of held-out real images that thresholds accept.
    """

    budget: int = BUDGET
    seed: int = 1
    runs: int = RUNS
    quick: bool = False
    level: float = ACCEPTED

    def __post_init__(self):
        if self.budget < SMALLEST_BUDGET:
            raise ValueError(
                f"the budget must be at least {SMALLEST_BUDGET:,} images, got {self.budget:,}."
            )
        if self.runs < 1:
            raise ValueError(f"runs must be at least 1, got {self.runs}.")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed must be in 0..2^32 - 1, got {self.seed}.")

    @property
    def num_real(self) -> int:
        """How many real images choose thresholds at most, and how many others judge."""
        return 500 if self.quick else 2500

    @property
    def num_fitted(self) -> int:
        """How many training images detectors are fitted on at most."""
        return 2_000 if self.quick else 10_000

    @property
    def num_noise(self) -> int:
        """How many images of each noise there are."""
        return 200 if self.quick else 1000

    @property
    def resamples(self) -> int:
        """How many resamples intervals are made of."""
        return 500 if self.quick else 2000


@dataclasses.dataclass(frozen=True)
class Ascent:
    """A planned gradient ascent.

    Attributes:
        config: Its settings.
        labels: What images ascend to.
        seeds: Of their noise, a run each.
    """

    config: ascent_config.Config
    labels: tuple[int, ...]
    seeds: tuple[int, ...]

    @property
    def images_per_run(self) -> int:
        """A step of an image counts as an image."""
        return len(self.labels) * self.config.steps


@dataclasses.dataclass(frozen=True)
class Plan:
    """How the budget is shared.

    Attributes:
        evolution: Of CPPNs, against the classifier alone or a detector, too, and with another
            encoding of pixels.
        ascent: None where no gradients flow.
        adaptive_labels: The labels that images are evolved for against a detector, too.
        num_adaptive: How many detectors there are to attack.
    """

    evolution: evolvers_config.Config
    ascent: Ascent | None
    adaptive_labels: tuple[int, ...]
    num_adaptive: int

    @property
    def rule(self) -> str:
        """How the budget is shared, in sentences."""
        attacks = ["CPPN evolution", "pixel evolution"]
        attacks += ["gradient ascent"] if self.ascent is not None else []
        if self.num_adaptive:
            detectors = (
                f"each of {self.num_adaptive} detectors" if self.num_adaptive > 1 else "a detector"
            )
            attacks.append(f"CPPN evolution against the classifier and {detectors} together")
        *first, last = attacks
        words = f"The budget is shared equally between {', '.join(first)} and {last}"
        runs = self.evolution.runs
        words += f", and each share between {runs} runs" if runs > 1 else ""
        left = "What the ascent leaves is for the evolutions; less" if self.ascent else "Less"
        return f"{words}. {left} than a generation of each run is left over."


def plan(settings: Settings, num_labels: int, *, ascends: bool, num_adaptive: int) -> Plan:
    """Shares the budget.

    Args:
        settings: What the user chose.
        num_labels: Of the classifier.
        ascends: Whether gradients flow.
        num_adaptive: How many detectors are attacked together with the classifier.
    """
    runs, evolutions = settings.runs, 2 + num_adaptive
    left = settings.budget
    ascent = None
    if ascends:
        ascent = _ascent(settings, num_labels, settings.budget // (evolutions + 1) // runs)
        left -= ascent.images_per_run * runs
    config = evolvers_config.Config(runs=runs, seed=settings.seed)
    return Plan(
        with_images(config, left // evolutions // runs),
        ascent,
        some_labels(num_labels, _ADAPTIVE_LABELS),
        num_adaptive,
    )


def with_images(config: evolvers_config.Config, images: int) -> evolvers_config.Config:
    """An evolution that draws at most so many images in a run, at least 2 of them."""
    smallest, largest = _BATCHES
    batch = min(largest, max(smallest, images // (_GENERATIONS + 2)), max(1, images // 2))
    # The initial images are as many as a generation, and generation 0 is a generation.
    generations = max(0, images // batch - 2)
    return dataclasses.replace(config, initial=batch, batch=batch, generations=generations)


def images_per_run(config: evolvers_config.Config) -> int:
    """How many images a run of an evolution draws."""
    return config.initial + (config.generations + 1) * config.batch


def some_labels(num_labels: int, most: int) -> tuple[int, ...]:
    """All labels, or of more than `most` as many that are evenly spaced."""
    if num_labels <= most:
        return tuple(range(num_labels))
    return tuple(int(place) for place in np.linspace(0, num_labels - 1, most).round())


def _ascent(settings: Settings, num_labels: int, images: int) -> Ascent:
    fewest, most = _STEPS
    labels = some_labels(num_labels, max(1, images // fewest))
    steps = min(most, max(1, images // len(labels)))
    seeds = tuple(range(settings.seed, settings.seed + settings.runs))
    return Ascent(ascent_config.Config(steps=steps), labels, seeds)
