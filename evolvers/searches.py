"""How CPPNs are bred: the paper's search, the efficient one, and that one without its parts.

Quick to import: commands read the names here before they know whether they will run.
"""

import dataclasses

PAPER, EFFICIENT = "paper", "efficient"


@dataclasses.dataclass(frozen=True)
class Mixture:
    """How the efficient search makes children; see `efficient_genome`.

    Attributes:
        paper: Of a sure elite's children, the share that mutates as in the paper.
        spots: Of its other children, the share that gets a spot; the rest take small steps.
        by_confidence: Whether more of an elite's children mutate as in the paper, the less
            confidence it has: of confidence 0, all.
        by_doubt: Whether niches in doubt are drawn more often as parents.
    """

    paper: float = 0.3
    spots: float = 0.7
    by_confidence: bool = True
    by_doubt: bool = True


MIXTURES = {
    EFFICIENT: Mixture(),
    "efficient_without_spots": Mixture(spots=0),
    "efficient_without_steps": Mixture(spots=1),
    "efficient_with_fixed_shares": Mixture(by_confidence=False),
    "efficient_with_uniform_parents": Mixture(by_doubt=False),
}
NAMES = (PAPER, *MIXTURES)
