"""How CPPNs are bred: the paper's search, the efficient one, and that one without its parts.

Quick to import: commands read the names here before they know whether they will run.
"""

import dataclasses

PAPER, EFFICIENT = "paper", "efficient"


@dataclasses.dataclass(frozen=True)
class Mixture:
    """How the efficient search makes children; see `efficient_genome`.

    Attributes:
        spots: Of a sure elite's children, the share that gets a spot. The others mutate as in the
            paper.
        by_confidence: Whether an elite has fewer children with a spot, the less confidence it
            has: with confidence 0, none.
        by_doubt: Whether niches in doubt are drawn more often as parents.
        by_age: Whether niches that have not changed hands for long are drawn less often.
        few_weights: Whether a large genome's weights and activations change as seldom as a small
            one's; otherwise each changes as often, as in the paper.
    """

    spots: float = 0.7
    by_confidence: bool = True
    by_doubt: bool = True
    by_age: bool = True
    few_weights: bool = True


MIXTURES = {
    EFFICIENT: Mixture(),
    "efficient_without_spots": Mixture(spots=0),
    "efficient_with_fixed_shares": Mixture(by_confidence=False),
    "efficient_with_uniform_parents": Mixture(by_doubt=False, by_age=False),
    "efficient_with_many_weights": Mixture(few_weights=False),
}
NAMES = (PAPER, *MIXTURES)
# Raise it with every change after which a seed breeds other children in the efficient search: no
# run goes on with operators of another number. The paper's never change, and have none.
OPERATORS = 2
