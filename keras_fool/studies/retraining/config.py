"""The settings of repeated retraining with a fooling class, and what follows from them.

Nguyen, Yosinski and Clune, 2015, supplement C, https://arxiv.org/abs/1412.1897. DNN 1 is
trained on the data alone; images are evolved against it, some of them are added as one
more label, DNN 2 is trained afresh on all of that; and so on: fifteen times on digits
(C.1), once on ImageNet (C.2).

Light to import: commands read their defaults here before they know whether they run.
"""

import dataclasses
import math
from typing import Any

import numpy as np

from evolvers import config as evolvers_config
from keras_fool.models import classifiers, image_views
from trainers import config as trainers_config
from trainers import datasets, sources

_DIGITS = ("mnist", "digits")  # what section C.1 is about; C.2 takes all others
_IMAGENET, _IMAGENET_LABELS = "imagenet2012", 1000
_TRAIN, _EVOLVE, _DRAW = range(3)  # what a derived seed is for
# Tests during training are only for watching, and each costs as much as forty steps.
_EVALUATE_EVERY = 2500


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """A study; the defaults are the paper's for MNIST.

    Attributes:
        dataset: Its name, one of `datasets.NAMES`.
        iterations: How many classifiers are trained and fooled, one after the other.
        first_runs: Runs of evolution against DNN 1.
        runs: Runs against each of the others.
        generations: The last generation of every run.
        batch: Images of a run and generation; as many random ones begin a run.
        steps: Steps of every training.
        first_train: Images drawn from those of DNN 1 for training.
        first_val: The same for validation, among the data's test images.
        train: Images drawn from those of each later one for training.
        val: The same for validation.
        seed: All other seeds derive from it.
        architecture: Of every DNN, one of `trainers.config.ARCHITECTURES`.
        num_labels: The labels of the data alone.
        image_size: Side of the data's pictures and of evolved images; None for its own.
        crop_size: Side of what a DNN sees of a picture; None for all of it.
        crops: Where it sees a part: of how many of an image confidences are the mean.
        view: What reaches a DNN of an evolved image while it is fooled, one of
            `image_views.VIEWS`. It is trained and tested on plain images.
        grey: Whether pictures are taken by their luminance.

    Raises:
        ValueError: A number is too small, or a name is unknown, or the runs give too few
            images to draw from; the message says how many runs are needed.
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
    architecture: str = "lenet"
    num_labels: int = 10
    image_size: int | None = None
    crop_size: int | None = None
    crops: int = 1
    view: str = image_views.PLAIN
    grey: bool = False

    def __post_init__(self):
        datasets.check_name(self.dataset)
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            minimum = 0 if field.name in ("generations", "seed") else 1
            if isinstance(value, int) and not isinstance(value, bool) and value < minimum:
                raise ValueError(f"{field.name} must be at least {minimum}, got {value}.")
        if self.crops > 1 and self.crop_size is None:
            raise ValueError(
                f"crops must be 1, got {self.crops}: {self.architecture} sees whole images."
            )
        if self.grey and self.architecture not in trainers_config.OF_GREY:
            raise ValueError(
                f"{self.architecture} takes colour; grey images are for "
                f"{' and '.join(trainers_config.OF_GREY)}."
            )
        self.training(1), self.views  # both check what they are given
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
    def of_paper(
        cls,
        dataset: str = "mnist",
        num_labels: int = 10,
        architecture: str | None = None,
        image_size: int | None = None,
        crop_size: int | None = None,
    ) -> "Config":
        """The paper's experiment on digits, or else the one on ImageNet, on any data set.

        Images of `shapes`, and those for "cifar", are small: they are evolved for as few
        generations as suffice.

        Args:
            dataset: One of `datasets.NAMES`.
            num_labels: How many labels it has.
            architecture: Another one than "lenet" for digits, "small" for shapes and
                "caffenet".
            image_size: Another size than the architecture's, with `crop_size`.
            crop_size: See `image_size`.
        """
        if architecture is None:
            usual = {**dict.fromkeys(_DIGITS, "lenet"), "shapes": "small"}
            architecture = usual.get(dataset, "caffenet")
        training = trainers_config.for_architecture(architecture)
        if (image_size, crop_size) == (None, None):
            side = trainers_config.IMAGE_SIDES[architecture]
            picture_side = trainers_config.PICTURE_SIDES.get(architecture)
            image_size, crop_size = datasets.default_sizes(dataset, side, picture_side)
        about: dict[str, Any] = {
            "dataset": dataset,
            "steps": training.iterations,
            "architecture": architecture,
            "num_labels": num_labels,
            "image_size": image_size,
            "crop_size": crop_size,
            # Ten crops of a picture are for the networks of ImageNet.
            "crops": 1 if crop_size is None or architecture == "cifar" else 10,
        }
        if dataset in _DIGITS:
            return cls(**about)
        train, val = 9000, 2000
        runs = math.ceil((train + val) / (2 * num_labels))
        few = 50 if dataset == "shapes" else 100 if architecture == "cifar" else None
        return cls(
            iterations=2,
            first_runs=runs,
            runs=min(runs, cls.runs),
            generations=few or 5000,
            batch=200 if few else 400,
            first_train=train,
            first_val=val,
            **about,
        )

    @classmethod
    def scaled(cls, scale: float, **settings: Any) -> "Config":
        """The paper's experiment, or a smaller one of the same shape for a try.

        Args:
            scale: In (0, 1]. Runs, generations, steps and drawn images shrink by it.
            **settings: Those to take as they are; None for not given.
        """
        settings = {name: value for name, value in settings.items() if value is not None}
        about = ("dataset", "num_labels", "architecture", "image_size", "crop_size")
        paper = cls.of_paper(**{name: settings[name] for name in about if name in settings})
        sizes = ("generations", "steps", "first_train", "first_val", "train", "val")
        small = {name: max(1, round(getattr(paper, name) * scale)) for name in sizes}
        small |= {name: settings[name] for name in sizes if name in settings}
        for name, parts in {
            "first_runs": ("first_train", "first_val"),
            "runs": ("train", "val"),
        }.items():
            needed = math.ceil(sum(small[part] for part in parts) / paper.images_of_run)
            small[name] = max(needed, round(getattr(paper, name) * scale))
        return dataclasses.replace(paper, **(small | settings))

    def recorded(self) -> dict[str, object]:
        """The settings as JSON values, which are compared before a study goes on.

        Those that came with section C.2 are left out while they have their defaults, so that
        older studies of section C.1 still go on.
        """
        settings = dataclasses.asdict(self)
        for field in dataclasses.fields(self)[_NUM_FIRST:]:
            if settings[field.name] == field.default:
                del settings[field.name]
        return settings

    @property
    def section(self) -> str:
        """Of the paper's supplement, the one that has such data: "C.1" or "C.2"."""
        return "C.1" if self.dataset in _DIGITS else "C.2"

    @property
    def views(self) -> classifiers.Views:
        """What a DNN sees of an evolved image."""
        if self.crop_size is None:
            return classifiers.Views(view=self.view)
        return classifiers.Views(self.image_size, self.crops, view=self.view)

    def load(self, data_dir: str | None = None) -> sources.Source:
        """The data set.

        Args:
            data_dir: As `datasets.load` takes it.

        Raises:
            ValueError: As `datasets.load` does, or it has another number of labels.
        """
        data = datasets.load(
            self.dataset,
            data_dir,
            image_size=self.image_size,
            crop_size=self.crop_size,
            channels=1 if self.grey else None,
        )
        if len(data.labels) != self.num_labels:
            raise ValueError(
                f"num_labels must be {len(data.labels)} for {data.name}, got {self.num_labels}."
            )
        return data

    @property
    def images_of_run(self) -> int:
        """Champions that a run has: of each label in the first and the last generation."""
        return 2 * self.num_niches

    @property
    def num_niches(self) -> int:
        """The labels of the data alone: the fooling class is never a niche."""
        return self.num_labels

    def num_runs(self, number: int) -> int:
        """Runs against DNN `number`, which counts from 1."""
        return self.first_runs if number == 1 else self.runs

    def drawn(self, number: int) -> tuple[int, int]:
        """Training and validation images drawn from those evolved against DNN `number`."""
        return (self.first_train, self.first_val) if number == 1 else (self.train, self.val)

    def training(self, number: int) -> trainers_config.Config:
        """The training of DNN `number`."""
        return trainers_config.for_architecture(
            self.architecture,
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


_NUM_FIRST = 1 + [field.name for field in dataclasses.fields(Config)].index("seed")


def num_labels(dataset: str) -> int:
    """How many labels a data set has; a folder is opened to see.

    Raises:
        ValueError: There is no such data set.
    """
    if dataset in datasets.SPECS:
        return len(datasets.SPECS[dataset].labels)
    return _IMAGENET_LABELS if dataset == _IMAGENET else len(datasets.load(dataset).labels)
