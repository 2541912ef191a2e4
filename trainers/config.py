"""Every setting that shapes the result of a training.

Quick to import: commands read their defaults here before they know whether they will run.
"""

import dataclasses
from typing import Any

from trainers import names

ARCHITECTURES = ("lenet", "alexnet", "caffenet", "googlenet", "small", "cifar")
# The side of the square images for which each was made; most other sizes work, too.
IMAGE_SIDES = {
    "lenet": 28,
    "alexnet": 227,
    "caffenet": 227,
    "googlenet": 224,
    "small": 64,
    "cifar": 28,
}
# The side of the pictures from which these images are usually cut; the others see whole pictures.
PICTURE_SIDES = {"alexnet": 256, "caffenet": 256, "googlenet": 256, "cifar": 32}
OF_GREY = ("lenet", "small", "cifar")  # these take grey images, too
POLICIES = ("inv", "step", "poly")
STRATEGIES = ("auto", "one", "mirrored", "multiworker")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """One training; the defaults are those of Caffe's LeNet example on MNIST.

    `for_architecture` returns those of the other networks.

    Attributes:
        architecture: The network, one of `ARCHITECTURES`.
        iterations: How many steps of gradient descent.
        batch: How many images a step has, over all replicas.
        seed: Seed of the initial weights, of the order of the images and of dropout.
        base_rate: The learning rate at step 0.
        gamma: How fast the learning rate falls under the policies "inv" and "step".
        power: How fast it falls under "inv" and "poly".
        momentum: The share of the last update that is added to the next one.
        decay: Weight decay.
        bias_multiplier: The learning rate of the biases, relative to that of the weights.
        evaluate_every: Number of steps from one test on all test images to the next.
        policy: How the learning rate falls, one of `POLICIES`: at step t it is `base_rate`
            times `(1 + gamma * t) ** -power` (inv), `gamma ** floor(t / step_size)` (step)
            or `(1 - t / iterations) ** power` (poly).
        step_size: Number of steps from one fall to the next under the policy "step".
        decay_biases: Whether the biases decay like the weights.
        precision: The number format in which the network computes, one of `PRECISIONS`; its
            weights, the loss and the updates are always float32.
    """

    architecture: str = "lenet"
    iterations: int = 10_000
    batch: int = 64
    seed: int = 1
    base_rate: float = 0.01
    gamma: float = 0.0001
    power: float = 0.75
    momentum: float = 0.9
    decay: float = 0.0005
    bias_multiplier: float = 2.0
    evaluate_every: int = 500
    policy: str = "inv"
    step_size: int = 0
    decay_biases: bool = True
    precision: str = "float32"

    def __post_init__(self):
        choices = {"architecture": ARCHITECTURES, "policy": POLICIES, "precision": PRECISIONS}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise ValueError(names.unknown(name, getattr(self, name), known))
        minima = {"iterations": 1, "batch": 1, "seed": 0, "evaluate_every": 1}
        if self.policy == "step":
            minima["step_size"] = 1
        for name, minimum in minima.items():
            if getattr(self, name) < minimum:
                raise ValueError(f"{name} must be at least {minimum}, got {getattr(self, name)}.")

    def recorded(self) -> dict[str, object]:
        """The settings as JSON values, to be compared and shown.

        Settings that were added after the first classifiers were trained are left out if they
        have their defaults: so what was recorded of such a training then is still equal.
        """
        settings = dataclasses.asdict(self)
        for field in dataclasses.fields(self)[_NUM_FIRST:]:
            if settings[field.name] == field.default:
                del settings[field.name]
        return settings


_NUM_FIRST = 1 + [field.name for field in dataclasses.fields(Config)].index("evaluate_every")

_ALEXNET: dict[str, Any] = {
    "iterations": 450_000,
    "batch": 256,
    "gamma": 0.1,
    "evaluate_every": 1000,
    "policy": "step",
    "step_size": 100_000,
    "decay_biases": False,
}
# BVLC/caffe, models/*/*solver.prototxt; for GoogLeNet the "quick" one, with which its published
# weights were trained. "small" and "cifar" are not from a paper.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "lenet": {},
    "alexnet": _ALEXNET,
    "caffenet": _ALEXNET,
    "googlenet": {
        "iterations": 2_400_000,
        "batch": 32,
        "power": 0.5,
        "decay": 0.0002,
        "evaluate_every": 4000,
        "policy": "poly",
        "decay_biases": False,
    },
    "small": {
        "iterations": 1000,
        "batch": 64,
        "base_rate": 0.03,
        "power": 0.5,
        "policy": "poly",
        "decay_biases": False,
    },
    "cifar": {
        "iterations": 15_000,
        "batch": 64,
        "base_rate": 0.02,
        "power": 0.5,
        "evaluate_every": 1000,
        "policy": "poly",
        "decay_biases": False,
    },
}


def for_architecture(architecture: str, **changes: Any) -> Config:
    """The settings with which a network is trained.

    Args:
        architecture: One of `ARCHITECTURES`.
        **changes: Fields of `Config` that shall differ; None keeps the default. With fewer
            `iterations`, `step_size` is reduced in proportion, so that the rate falls earlier.

    Raises:
        ValueError: The architecture is unknown, or a change is not possible.
    """
    defaults = _DEFAULTS.get(architecture, {})
    changes = {name: value for name, value in changes.items() if value is not None}
    if "step_size" in defaults and "iterations" in changes:
        share = changes["iterations"] / defaults["iterations"]
        changes.setdefault("step_size", max(1, round(defaults["step_size"] * share)))
    return Config(architecture=architecture, **{**defaults, **changes})
