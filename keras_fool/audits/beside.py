"""What lies beside a classifier, for audits where its real images are not at hand.

The shipped classifiers have fitted detectors with thresholds, and what these say of real images.
"""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

from keras_fool import detectors, foreign_files
from keras_fool.audits import baselines, intervals
from keras_fool.detectors import storage
from keras_fool.detectors.judged import Judged
from keras_fool.models import given_classifiers


@dataclasses.dataclass(frozen=True, eq=False)
class Beside:
    """Detectors beside a classifier, and what they say of real images.

    Attributes:
        files: By the names of detectors, their files; each has a threshold.
        cards: Likewise, what the files say of them.
        judged: Of real images; None where that is not known.
    """

    files: Mapping[str, pathlib.Path]
    cards: Mapping[str, storage.Card]
    judged: Judged | None

    @classmethod
    def find(cls, classifier: given_classifiers.AnyClassifier) -> "Beside":
        """What lies beside a classifier; nothing, beside one that is in no file.

        Raises:
            ValueError: A file is damaged.
        """
        if not classifier.in_graph:
            return cls({}, {}, None)
        every = detectors.shipped(classifier)
        kinds = detectors.kinds()
        cards = {name: storage.read_card(path, kinds) for name, path in every.items()}
        whole = {name for name, card in cards.items() if card.threshold is not None}
        files = {name: path for name, path in every.items() if name in whole}
        judged = detectors.shipped_judged(classifier) if len(files) == len(every) else None
        return cls(files, {name: cards[name] for name in files}, judged)

    @property
    def digests(self) -> dict[str, str]:
        """What of it shapes an audit: the SHA-256 of each file."""
        return {name: foreign_files.sha256(path) for name, path in self.files.items()}

    @property
    def real(self) -> baselines.Real | None:
        """What the classifier says of the real images."""
        if self.judged is None:
            return None
        return baselines.Real(self.judged.confidences, self.judged.right)

    def report(self, reason: str) -> dict[str, Any] | None:
        """It as JSON, as labelled images are; None where no real images were judged.

        Args:
            reason: Why the images themselves are not at hand, in sentences.
        """
        if self.judged is None:
            return None
        cards = list(self.cards.values())
        chosen = [card.threshold.num_images for card in cards if card.threshold is not None]
        return {
            "name": self.judged.dataset,
            "digest": None,
            "num_fitted": max(card.fitting.num_images for card in cards),
            "num_held_out": max(chosen),
            "num_judged": len(self.judged.right),
            "accuracy": intervals.of_share(self.judged.right),
            "accuracies": None,
            "order": "The images were judged when the detectors were fitted.",
            "remark": (
                f"{reason} Detectors, their thresholds and what they say of real images are those "
                "that lie beside the classifier."
            ),
        }
