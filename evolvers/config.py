"""Every setting that shapes the result of an evolution.

Quick to import: commands read their defaults here before they know whether they will run.
"""

import dataclasses

from evolvers import searches

ENCODINGS = ("cppn", "direct")
COORDS = ("raw", "normalized")
RENDERERS = ("cpu", "tf")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """One evolution of one or more runs; the defaults are those of the paper for MNIST.

    Attributes:
        encoding: "cppn" (a network draws the image) or "direct" (pixels are the genome).
        coords: How a CPPN gets the position of a pixel: "raw" indices, as for the published
            images, or "normalized" to [-1, 1].
        search: How CPPNs are bred, one of `searches.NAMES`: "paper", or "efficient", which needs
            fewer images.
        runs: How many independent runs advance in lockstep.
        first_run: The number of the first run. Run 7 makes the same images as one of 50 runs
            and alone, with `first_run=7, runs=1`.
        generations: The last generation's number. Generation 0 consists of the initial
            genomes and one batch, so a run scores `initial + (generations + 1) * batch` images.
        initial: How many random genomes fill the archive.
        batch: How many offspring a generation has.
        seed: Seed of all runs.
        renderer: What draws CPPNs: "cpu" (compiled, all cores), or "tf" (in the scorer's own
            graph, for accelerators). It is a setting because their last bits differ.
    """

    encoding: str = "cppn"
    coords: str = "raw"
    search: str = searches.PAPER
    runs: int = 1
    first_run: int = 0
    generations: int = 200
    initial: int = 200
    batch: int = 200
    seed: int = 1
    renderer: str = "cpu"

    def __post_init__(self):
        choices = {
            "encoding": ENCODINGS,
            "coords": COORDS,
            "search": searches.NAMES,
            "renderer": RENDERERS,
        }
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}."
                )
        if self.renderer == "tf" and self.encoding == "direct":
            raise ValueError("renderer must be cpu for the direct encoding: nothing is computed.")
        if self.search != searches.PAPER and self.encoding == "direct":
            raise ValueError("search must be paper for the direct encoding: it has no networks.")
        minima = {"runs": 1, "first_run": 0, "generations": 0, "initial": 1, "batch": 1, "seed": 0}
        for name, minimum in minima.items():
            if getattr(self, name) < minimum:
                raise ValueError(f"{name} must be at least {minimum}, got {getattr(self, name)}.")
        # A larger seed would take two words, which could be those of another seed and run.
        if self.seed >= 2**32:
            raise ValueError(f"seed must be below 2^32, got {self.seed}.")

    def as_json(self) -> dict[str, object]:
        """The settings as JSON values.

        The search is among them where it is not the paper's, and with it which operators breed,
        as these still change: files from before there was another do not have it.
        """
        values = dataclasses.asdict(self)
        if self.search == searches.PAPER:
            del values["search"]
            return values
        return values | {"operators": searches.OPERATORS}
