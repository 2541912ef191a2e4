"""Every setting that shapes the result of a training.

Light to import: commands read their defaults here before they know whether they run.
"""

import dataclasses

ARCHITECTURES = ("lenet",)
STRATEGIES = ("auto", "one", "mirrored")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """One training; the defaults are those of Caffe's LeNet example on MNIST.

    Attributes:
        architecture: The network, one of `ARCHITECTURES`.
        iterations: Steps of gradient descent.
        batch: Images of a step, over all replicas.
        seed: Seed of the initial weights and of the order of the images.
        base_rate: Learning rate at step 0.
        gamma: How fast the learning rate falls: at step t it is
            `base_rate * (1 + gamma * t) ** -power`, Caffe's policy "inv".
        power: See `gamma`.
        momentum: Share of the last update that goes into the next.
        decay: Weight decay, on weights and biases.
        bias_multiplier: Learning rate of the biases, relative to that of the weights.
        evaluate_every: Steps between tests on all test images.
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

    def __post_init__(self):
        if self.architecture not in ARCHITECTURES:
            raise ValueError(
                f"unknown architecture {self.architecture!r}; known: {', '.join(ARCHITECTURES)}."
            )
        minima = {"iterations": 1, "batch": 1, "seed": 0, "evaluate_every": 1}
        for name, minimum in minima.items():
            if getattr(self, name) < minimum:
                raise ValueError(f"{name} must be at least {minimum}, got {getattr(self, name)}.")
