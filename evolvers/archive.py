"""The MAP-Elites archive: one niche per label, one elite per niche.

Mouret and Clune, 2015, https://arxiv.org/abs/1504.04909, with the niches of
Nguyen, Yosinski and Clune, 2015, https://arxiv.org/abs/1412.1897.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np

from evolvers import duplicates
from evolvers.cppn import Cppn, CppnBatch
from evolvers.direct import DirectBatch, DirectGenome


@dataclasses.dataclass(frozen=True, eq=False)
class Elite:
    """A genome that holds, or held, at least one niche.

    Attributes:
        identity: Its number in its run, counting all births.
        parent: The identity of its parent; -1 for a random one.
        generation: The generation in which it was born.
        genome: The genome itself.
        confidences: float32 [num_labels]; those of its image.
        image: uint8 [height, width, channels]; exactly the bytes that were scored.
    """

    identity: int
    parent: int
    generation: int
    genome: Cppn | DirectGenome
    confidences: np.ndarray
    image: np.ndarray

    @functools.cached_property
    def image_sample(self) -> int:
        """A 64-bit hash of some of the image's bytes; see `duplicates`."""
        return int(duplicates.samples(self.image[np.newaxis])[0])


@dataclasses.dataclass(frozen=True, eq=False)
class Offers:
    """Scored genomes, ready to be offered to an archive.

    Attributes:
        genomes: The batch they were bred in.
        places: int [offers]; the index of each one in `genomes`.
        identities: int [offers].
        parents: int [offers]; the identities of their parents, -1 for none.
        generation: The generation in which they were born.
        image: Returns the image of an offer, uint8 [height, width, channels].
        confidences: float32 [offers, num_labels] in [0, 1]; an offer with a confidence
            that is not finite wins no niche.
    """

    genomes: CppnBatch | DirectBatch
    places: np.ndarray
    identities: np.ndarray
    parents: np.ndarray
    generation: int
    image: Callable[[int], np.ndarray]
    confidences: np.ndarray

    def elite(self, offer: int) -> Elite:
        """One of the offers as an elite, with its own copies of the arrays."""
        return Elite(
            int(self.identities[offer]),
            int(self.parents[offer]),
            self.generation,
            self.genomes[int(self.places[offer])],
            self.confidences[offer].copy(),
            self.image(offer).copy(),
        )


def is_finite(confidences: np.ndarray) -> np.ndarray:
    """Which rows hold neither NaN nor an infinite value: bool [batch]."""
    return np.isfinite(confidences).all(axis=1)


class Archive:
    """Keeps, for each of some labels, the genome that fools best.

    Attributes:
        labels: The number of each niche's label, each once.
        elites: One per niche, in this order; None only before the first `add`.
        confidences: float32 [num_niches], each elite's confidence for its own label.
    """

    def __init__(self, labels: Sequence[int]):
        self.labels = tuple(labels)
        self.elites: list[Elite | None] = [None] * len(self.labels)
        self.confidences = np.full(len(self.labels), -np.inf, np.float32)
        are_first = self.labels == tuple(range(len(self.labels)))
        self._columns = slice(len(self.labels)) if are_first else list(self.labels)
        self._labels = np.array(self.labels)

    def filled(self) -> list[Elite]:
        """The elites, one per niche; empty before the first `add`."""
        return [elite for elite in self.elites if elite is not None]

    def put(self, elite: Elite, labels: np.ndarray) -> None:
        """Gives an elite niches that another archive of the same offers gave it.

        Args:
            elite: What `add` returned there.
            labels: int [niches], likewise: the labels whose niches it took.
        """
        niches = np.flatnonzero(np.isin(self._labels, labels))
        for niche in niches:
            self.elites[niche] = elite
        self.confidences[niches] = elite.confidences[self._labels[niches]]

    def add(self, offers: Offers) -> list[tuple[Elite, np.ndarray]]:
        """Offers every genome to every niche.

        Only a strictly higher confidence replaces an elite, and of equal confidences the first
        wins, so a batch gives the same archive as its genomes one by one. A genome may take any
        number of niches, whether or not their label is its top-1 label; a genome with a NaN or
        infinite confidence for any label takes none.

        Returns:
            The new elites, each with the labels whose niches it took, in the order of birth.

        Raises:
            ValueError: There are no confidences for one of the niches' labels.
        """
        needed = max(self.labels) + 1
        if offers.confidences.shape[1] < needed:
            raise ValueError(
                f"confidences must have at least {needed} columns, one for each label, "
                f"got {offers.confidences.shape[1]}."
            )
        scores = offers.confidences[:, self._columns]
        if len(scores) == 0:
            return []
        finite = is_finite(offers.confidences)
        if not finite.all():
            scores = np.where(finite[:, np.newaxis], scores, np.float32(-np.inf))
        best = scores.max(axis=0)
        niches = np.flatnonzero(best > self.confidences)
        winners = scores[:, niches].argmax(axis=0)
        accepted = []
        for offer in np.unique(winners):
            elite, taken = offers.elite(int(offer)), niches[winners == offer]
            for niche in taken:
                self.elites[niche] = elite
            accepted.append((elite, self._labels[taken]))
        self.confidences[niches] = best[niches]
        return accepted
