"""The classifier that an audit is about: opened once, and what it gives."""

import dataclasses
import pathlib
from typing import Any, cast

from keras_fool import detectors
from keras_fool.detectors import signals
from keras_fool.models import given_classifiers, preprocess_advice, scorer_contract, scoring
from keras_fool.runs import scorers
from keras_fool.studies import inspection

# Signals behind confidences that reports tell of.
_TOLD = (signals.LOGITS, signals.FEATURES, signals.WEIGHTS)


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """A classifier, loaded.

    Attributes:
        classifier: As it was found.
        scorer: What scores images.
        source: The same as detectors take it; on this machine it is `scorer`.
    """

    classifier: given_classifiers.AnyClassifier
    scorer: scorer_contract.Scorer
    source: signals.Source

    @classmethod
    def open(cls, classifier: given_classifiers.AnyClassifier) -> "Subject":
        """Loads a classifier.

        Raises:
            ValueError: It cannot be used.
            UserError: An endpoint needs packages that are not installed.
        """
        if classifier.in_graph:
            scorer = signals.SignalScorer(cast(Any, classifier))
            return cls(classifier, scorer, scorer)
        other = scorers.open_scorer(classifier)
        return cls(classifier, other, detectors.open_source(other))

    def hold(self, folder: pathlib.Path) -> None:
        """Lets an endpoint answer for all of an audit with what answered first.

        Args:
            folder: The audit's; what answered first is recorded there.

        Raises:
            ValueError: Something else answers now than when the audit was begun, or what is
                recorded is damaged.
        """
        if self.classifier.is_remote:
            from keras_fool.runs import endpoint_run

            endpoint_run.hold(folder, cast(Any, self.scorer))

    def close(self) -> None:
        """Ends the connections of an endpoint."""
        scorers.close(self.scorer)

    @property
    def why_no_gradients(self) -> str | None:
        """Why no gradient can be followed, as the end of a sentence; None where one can."""
        if not self.classifier.gives_gradients:
            return self.classifier.why_no_gradients
        if not cast(scoring.LocalScorer, self.scorer).gives_gradients:
            return "has an operation that passes no gradient on"
        return None

    @property
    def why_not_attacked_with_detectors(self) -> str | None:
        """Why it is not attacked together with a detector, a sentence; None where it is."""
        if self.classifier.in_graph:
            return None
        what = "an endpoint" if self.classifier.is_remote else "a function"
        return (
            f"Evolution against a detector is for classifiers that TensorFlow computes here, and "
            f"{self.scorer.name} is {what}."
        )

    @property
    def advice(self) -> str | None:
        """Says where it seems to be given other values than it was trained on."""
        images = scorer_contract.trial_images(self.scorer.image_shape)
        return preprocess_advice.of_random_images(self.scorer, images)

    @property
    def speed(self) -> float | None:
        """Images that are scored in a second here; None where that is not measured."""
        if not self.classifier.in_graph:
            return None
        return inspection.speed(cast(scoring.LocalScorer, self.scorer))

    def report(self) -> dict[str, Any]:
        """What was understood, as JSON."""
        scorer, classifier, advice = self.scorer, self.classifier, self.advice
        if classifier.in_graph:
            local = cast(scoring.LocalScorer, scorer)
            facts = inspection.facts(cast(Any, classifier), local, with_speed=False)
        else:
            facts = self._facts()
        lacks = {kind: self.source.lack(kind) for kind in _TOLD}
        why_not = {"gradients": self.why_no_gradients, **lacks}
        return {
            "name": scorer.name,
            "facts": facts,
            "labels": list(scorer.labels),
            "image_shape": list(scorer.image_shape),
            "sha256": signals.digest(self.source),
            "independent": scorer.independent,
            "is_remote": classifier.is_remote,
            "gives_gradients": self.why_no_gradients is None,
            "gives_features": lacks[signals.FEATURES] is None,
            "why_not": {word: reason for word, reason in why_not.items() if reason is not None},
            "notes": [*scorer.notes, *([advice] if advice else [])],
        }

    def _facts(self) -> list[inspection.Facts]:
        return [
            {
                "model": self.scorer.name,
                **cast(Any, self.scorer).facts,
                **inspection.facts_of_any(self.scorer),
                "gradients": f"none: it {self.why_no_gradients}",
            }
        ]
