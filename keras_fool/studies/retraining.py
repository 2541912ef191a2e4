"""The settings of repeated retraining with a fooling class, and what follows from them.

Nguyen, Yosinski and Clune, 2015, supplement C.1, https://arxiv.org/abs/1412.1897. DNN 1
is trained on the data alone; images are evolved against it, some of them are added as one
more label, DNN 2 is trained afresh on all of that; and so on.

Light to import: commands read their defaults here before they know whether they run.
"""

import dataclasses
import math

import numpy as np

from evolvers import config as evolvers_config
from keras_fool.studies import stages
from trainers import config as trainers_config
from trainers import datasets

_TRAIN, _EVOLVE, _DRAW = range(3)  # what a derived seed is for
# Tests on the way are for watching alone, and each costs as much as forty steps.
_EVALUATE_EVERY = 2500


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The whole study; the defaults are the paper's for MNIST.

    Attributes:
        dataset: Its name, one of `datasets.SPECS`.
        iterations: How many classifiers are trained and fooled, one after the other.
        first_runs: Runs of evolution against DNN 1.
        runs: Runs against each of the others.
        generations: The last generation of every run.
        batch: Images of a run and generation; as many random ones begin a run.
        steps: Steps of every training.
        first_train: Images drawn from those of DNN 1 for training.
        first_val: Likewise for validation, among the data's test images.
        train: Images drawn from those of each later one for training.
        val: Likewise for validation.
        seed: All other seeds derive from it.

    Raises:
        ValueError: A number is too small, or the runs give too few images to draw from;
            the message says how many runs are needed.
    """

    dataset: str = "mnist"
    iterations: int = 15
    first_runs: int = 350
    runs: int = 55
    generations: int = 200
    batch: int = 200
    steps: int = 10_000
    first_train: int = 6000
    first_val: int = 1000
    train: int = 1000
    val: int = 100
    seed: int = 1

    def __post_init__(self):
        if self.dataset not in datasets.SPECS:
            raise ValueError(
                f"unknown data set {self.dataset!r}; known: {', '.join(datasets.SPECS)}."
            )
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            minimum = 0 if field.name in ("generations", "seed") else 1
            if field.name != "dataset" and value < minimum:
                raise ValueError(f"{field.name} must be at least {minimum}, got {value}.")
        for number in range(1, min(self.iterations, 3)):
            drawn, images = sum(self.drawn(number)), self.images_of_run
            if self.num_runs(number) * images < drawn:
                runs = self.num_runs(number)
                raise ValueError(
                    f"too few images: {drawn} are drawn from those evolved against DNN {number}, "
                    f"and {runs} runs with {images} champions each, half of the first generation, "
                    f"half of the last, give {runs * images}; at least "
                    f"{math.ceil(drawn / images)} runs are needed."
                )

    @classmethod
    def scaled(cls, scale: float, **settings: object) -> "Config":
        """The paper's experiment, or a smaller one of the same shape for a try.

        Args:
            scale: In (0, 1]. Runs, generations, steps and drawn images shrink by it.
            **settings: Those to take as they are; None for not given.
        """
        settings = {name: value for name, value in settings.items() if value is not None}
        sizes = ("generations", "steps", "first_train", "first_val", "train", "val")
        paper = {field.name: field.default for field in dataclasses.fields(cls)}
        small = {name: max(1, round(paper[name] * scale)) for name in sizes}
        small |= {name: settings[name] for name in sizes if name in settings}
        images = 2 * cls._num_labels(settings.get("dataset", paper["dataset"]))
        for name, parts in {
            "first_runs": ("first_train", "first_val"),
            "runs": ("train", "val"),
        }.items():
            needed = math.ceil(sum(small[part] for part in parts) / images)
            small[name] = max(needed, round(paper[name] * scale))
        return cls(**(small | settings))

    @property
    def images_of_run(self) -> int:
        """Champions that a run has: of each label in the first and the last generation."""
        return 2 * self.num_niches

    @property
    def num_niches(self) -> int:
        """The labels of the data alone: the fooling class is never a niche."""
        return self._num_labels(self.dataset)

    def num_runs(self, number: int) -> int:
        """Runs against DNN `number`, which counts from 1."""
        return self.first_runs if number == 1 else self.runs

    def drawn(self, number: int) -> tuple[int, int]:
        """Training and validation images drawn from those evolved against DNN `number`."""
        return (self.first_train, self.first_val) if number == 1 else (self.train, self.val)

    def training(self, number: int) -> trainers_config.Config:
        """The training of DNN `number`."""
        return trainers_config.Config(
            iterations=self.steps,
            seed=self._seed(number, _TRAIN),
            evaluate_every=_EVALUATE_EVERY,
        )

    def evolution(self, number: int) -> evolvers_config.Config:
        """The evolution against DNN `number`."""
        return evolvers_config.Config(
            runs=self.num_runs(number),
            generations=self.generations,
            initial=self.batch,
            batch=self.batch,
            seed=self._seed(number, _EVOLVE),
        )

    def draw_stream(self, number: int) -> np.random.Generator:
        """The random stream of the draw from the images evolved against DNN `number`."""
        return np.random.default_rng(self._seed(number, _DRAW))

    def _seed(self, number: int, purpose: int) -> int:
        return int(np.random.SeedSequence([self.seed, number, purpose]).generate_state(1)[0])

    @staticmethod
    def _num_labels(dataset: str) -> int:
        return len(datasets.SPECS[dataset].labels) if dataset in datasets.SPECS else 1


def plan(config: Config) -> list[stages.Stage]:
    """All stages in order: train, evolve, draw, train ... evolve; work in steps and images."""
    found = []
    for number in range(1, config.iterations + 1):
        evolution = config.evolution(number)
        images = evolution.initial + (evolution.generations + 1) * evolution.batch
        found += [
            stages.Stage(f"train DNN {number}", "train", number, config.steps),
            stages.Stage(
                f"evolve {evolution.runs} runs against DNN {number}",
                "evolve",
                number,
                evolution.runs * images,
            ),
            stages.Stage(
                f"draw from the images that fooled DNN {number}",
                "draw",
                number,
                evolution.runs * config.images_of_run,
            ),
        ]
    return found[:-1]  # nothing is trained on what fooled the last one
