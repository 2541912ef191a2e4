"""By what a classifier is fooled: each attack's images, and which labels are easy and hard."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_fool.audits import attacks, intervals

_MOST = 10  # labels that are named as the easiest and the hardest


def images(made: Sequence[attacks.Attacked], names: Sequence[str]) -> list[dict[str, Any]]:
    """Each image of each attack as JSON; without those that have no finite confidences.

    Args:
        made: The attacks.
        names: Of the classifier's labels.
    """
    found = []
    for attack in made:
        others = attack.scores.copy()
        rows = np.arange(len(others))
        others[rows, attack.found.niches] = -np.inf
        second = np.where(np.isnan(others), -np.inf, others).argmax(axis=1)
        for place, file in enumerate(attack.files):
            label, runner_up = int(attack.found.niches[place]), int(second[place])
            own = attack.scores[place, label]
            if not np.isfinite(own):
                continue
            found.append(
                {
                    "file": file,
                    "number": label,
                    "label": names[label],
                    "attack": attack.name,
                    "run": int(attack.found.runs[place]),
                    "confidence": intervals.number(own),
                    "runner_up": {
                        "label": names[runner_up],
                        "confidence": intervals.number(attack.scores[place, runner_up]),
                    },
                }
            )
    return found


def order(made: Sequence[attacks.Attacked], num_labels: int) -> tuple[list[int], list[int]]:
    """The easiest and the hardest labels, at most ten of each.

    What counts is how many of a label's images reach each level, over all evolutions; of equal
    labels the images that it took, then the median confidence.
    """
    evolved = [attack for attack in made if attack.name != attacks.ASCENT]
    keys = []
    for label in range(num_labels):
        reached, counts, own = 0, [], []
        for attack in evolved:
            chosen = attack.found.niches == label
            known = attack.reached[chosen]
            reached += int((known != attacks.NEVER).sum())
            counts += known[known != attacks.NEVER].tolist()
            own += attack.own[chosen].tolist()
        took = float(np.mean(counts)) if counts else np.inf
        confidence = float(np.median(own)) if own else 0.0
        keys.append((-reached, took, -confidence, label))
    ordered = [key[-1] for key in sorted(keys)]
    return ordered[:_MOST], ordered[::-1][:_MOST]
