"""Whether images transfer: what other classifiers say of the images that fool this one."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_fool.audits import attacks, intervals, settings, subject
from keras_fool.models import classifiers, label_orders, saved_classifiers, scorer_contract
from keras_fool.runs import scorers
from keras_fool.studies import cross_scoring, transfer


@dataclasses.dataclass(frozen=True, eq=False)
class Reference:
    """A classifier that images are given to, too.

    Attributes:
        name: As it was named.
        classifier: The classifier.
    """

    name: str
    classifier: classifiers.AnyClassifier


def shipped(attacked: subject.Subject) -> list[Reference]:
    """The known classifiers of the same labels and images."""
    scorer = attacked.scorer
    identity = classifiers.comparable(attacked.classifier.identity)
    alike = saved_classifiers.alike(scorer.labels, scorer.image_shape, identity)
    return [Reference(name, found) for name, found in alike]


def named(models: Sequence[str]) -> list[Reference]:
    """The classifiers of --reference.

    Args:
        models: As `cross_scoring.find_models` takes them.

    Raises:
        ValueError: One of them is unknown, or named twice.
    """
    found = cross_scoring.find_models(models)
    return [Reference(name, each) for name, each in zip(models, found, strict=True)]


def report(
    reference: Reference,
    attacked: subject.Subject,
    made: Sequence[attacks.Attacked],
    resamples: int,
) -> dict[str, Any]:
    """How the images of all attacks transfer to a reference classifier, as JSON.

    Args:
        reference: The other classifier.
        attacked: The one that was fooled.
        made: The attacks, at least one.
        resamples: Of intervals.

    Raises:
        ValueError: The reference cannot be used, or takes other colours or other labels.
    """
    scorer = scorers.open_scorer(reference.classifier)
    try:
        each = {attack.name: _Transferred.of(attack, attacked, scorer) for attack in made}
    finally:
        scorers.close(scorer)
    remarks = next(iter(each.values())).remarks
    flags = [transferred.by_run(transferred.matched) for transferred in each.values()]
    return {
        "reference": reference.name,
        "title": scorer.name,
        "matched": intervals.of_runs(np.concatenate(flags, axis=1), _share, resamples),
        "median_confidence": intervals.number(
            transfer.median(np.concatenate([transferred.own for transferred in each.values()]))
        ),
        "by_attack": {
            name: {
                "num_images": len(transferred.own),
                "matched": intervals.of_runs(
                    transferred.by_run(transferred.matched), _share, resamples
                ),
                "fooled": intervals.of_runs(
                    transferred.by_run(transferred.sure), _share, resamples
                ),
            }
            for name, transferred in each.items()
        },
        "remark": " ".join(remarks),
    }


@dataclasses.dataclass(frozen=True, eq=False)
class _Transferred:
    """What a reference says of an attack's images."""

    attack: attacks.Attacked
    other: np.ndarray
    independent: bool
    remarks: list[str]

    @classmethod
    def of(
        cls,
        attack: attacks.Attacked,
        attacked: subject.Subject,
        scorer: scorer_contract.Scorer,
    ) -> "_Transferred":
        original = attacked.scorer
        other, order = cross_scoring.of_another(attack.found, original.name, scorer)
        remarks = []
        if not order.by_name:
            words = label_orders.taken(original.labels, scorer.labels, order)
            remarks.append(f"Labels were taken in the order of {original.name}'s: {words}.")
        if scorer.image_shape[:2] != original.image_shape[:2]:
            sizes = [
                " x ".join(map(str, shape[:2]))
                for shape in (original.image_shape, scorer.image_shape)
            ]
            remarks.append(f"Images of {sizes[0]} pixels were resized to {sizes[1]}, antialiased.")
        return cls(attack, other, original.independent or scorer.independent, remarks)

    @property
    def own(self) -> np.ndarray:
        """float32 [images]; the reference's confidence for the label of each image."""
        return self.other[np.arange(len(self.other)), self.attack.found.niches]

    @property
    def matched(self) -> np.ndarray:
        """Whether both give an image the same label: bool [images]."""
        niches = self.attack.found.niches if self.independent else None
        return transfer.matches(self.attack.scores, self.other, niches)

    @property
    def sure(self) -> np.ndarray:
        """Whether the reference gives an image its label with at least 0.99: bool [images]."""
        return self.own >= np.float32(settings.LEVELS[settings.SURE])

    def by_run(self, values: np.ndarray) -> np.ndarray:
        return self.attack.by_run(values, np.nan)


def _share(values: np.ndarray) -> np.ndarray:
    """The share of images of each resample that something holds for; NaN is no image."""
    return np.nanmean(values.reshape(len(values), -1), axis=1)
