import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evolvers.archive import Archive, Elite, Offers
from evolvers.direct import DirectBatch

NUM_NICHES = 4
# Few different values, so that there are many ties.
CONFIDENCES = arrays(
    np.float32,
    st.tuples(st.integers(1, 12), st.just(NUM_NICHES)),
    elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]),
)


def offers(confidences: object, first: int = 0, generation: int = 0) -> Offers:
    """Genomes that can be told apart, with identities from `first` on."""
    confidences = np.array(confidences, np.float32)
    identities = first + np.arange(len(confidences))
    genes = identities.astype(np.float32).reshape(-1, 1, 1, 1) / 1000
    return Offers(
        genomes=DirectBatch(genes),
        places=np.arange(len(confidences)),
        identities=identities,
        parents=identities - 1,
        generation=generation,
        image=lambda offer: np.full((1, 1, 1), identities[offer] % 256, np.uint8),
        confidences=confidences,
    )


def one_by_one(confidences: np.ndarray, first: int = 0) -> list[Offers]:
    return [offers(row[np.newaxis], first + place) for place, row in enumerate(confidences)]


def holders(archive: Archive) -> list[int]:
    return [elite.identity for elite in archive.elites]


def test_one_takes_all_niches_of_an_empty_archive():
    archive = Archive(range(NUM_NICHES))
    [(elite, niches)] = archive.add(offers([[0.0, 0.1, 0.2, 0.7]]))
    assert archive.elites == [elite] * NUM_NICHES
    assert niches.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(archive.confidences, np.float32([0.0, 0.1, 0.2, 0.7]))


def test_only_a_higher_confidence_replaces():
    archive = Archive(range(3))
    archive.add(offers([[0.5, 0.5, 0.5]]))
    accepted = archive.add(offers([[0.4, 0.5, 0.6]], first=1))
    assert holders(archive) == [0, 0, 1]
    assert [(elite.identity, niches.tolist()) for elite, niches in accepted] == [(1, [2])]


def test_the_first_of_equals_wins():
    archive = Archive(range(2))
    archive.add(offers([[0.1, 0.9], [0.6, 0.9], [0.6, 0.2]]))
    assert holders(archive) == [1, 0]


def test_a_niche_needs_no_top_label():
    archive = Archive(range(3))
    archive.add(offers([[0.05, 0.9, 0.05], [0.1, 0.8, 0.1]]))
    assert holders(archive) == [1, 0, 1]


def test_new_elites_come_in_the_order_of_birth():
    archive = Archive(range(3))
    accepted = archive.add(offers([[0.1, 0.1, 0.9], [0.2, 0.9, 0.1], [0.9, 0.3, 0.1]]))
    assert [(elite.identity, niches.tolist()) for elite, niches in accepted] == [
        (0, [2]),
        (1, [1]),
        (2, [0]),
    ]


def test_elites_are_what_was_offered():
    archive = Archive(range(2))
    archive.add(offers([[0.1, 0.2], [0.3, 0.7]], first=40, generation=9))
    elite = archive.elites[1]
    assert (elite.identity, elite.parent, elite.generation) == (41, 40, 9)
    assert elite.genome.genes.ravel() == np.float32(0.041)
    np.testing.assert_array_equal(elite.confidences, np.float32([0.3, 0.7]))
    assert elite.image.tolist() == [[[41]]]


def test_elites_have_arrays_of_their_own():
    batch = offers([[0.1, 0.2]])
    archive = Archive(range(2))
    archive.add(batch)
    batch.confidences[:] = 0
    batch.genomes.genes[:] = 1
    elite = archive.elites[0]
    np.testing.assert_array_equal(elite.confidences, np.float32([0.1, 0.2]))
    assert elite.genome.genes.ravel() == 0


@given(CONFIDENCES)
def test_a_batch_is_the_same_as_one_by_one(confidences):
    together, apart = Archive(range(NUM_NICHES)), Archive(range(NUM_NICHES))
    accepted = together.add(offers(confidences))
    for single in one_by_one(confidences):
        apart.add(single)
    assert holders(together) == holders(apart)
    np.testing.assert_array_equal(together.confidences, apart.confidences)
    # What was accepted is what is there.
    taken = {int(niche): elite for elite, niches in accepted for niche in niches}
    assert [taken[niche] for niche in range(NUM_NICHES)] == together.elites


@given(st.lists(CONFIDENCES, min_size=1, max_size=5))
def test_holders_are_the_earliest_of_the_most_confident(batches):
    archive, first = Archive(range(NUM_NICHES)), 0
    for confidences in batches:
        archive.add(offers(confidences, first))
        first += len(confidences)
    everything = np.concatenate(batches)
    np.testing.assert_array_equal(archive.confidences, everything.max(axis=0))
    for niche, elite in enumerate(archive.elites):
        column = everything[:, niche].tolist()
        assert elite.identity == column.index(max(column))
        assert elite.confidences[niche] == archive.confidences[niche]


@given(st.lists(CONFIDENCES, min_size=2, max_size=5))
def test_confidences_never_fall_and_only_rise_where_niches_are_taken(batches):
    archive = Archive(range(NUM_NICHES))
    for confidences in batches:
        before = archive.confidences.copy()
        accepted = archive.add(offers(confidences))
        taken = np.concatenate([niches for _, niches in accepted] or [[]]).astype(int)
        assert len(set(taken.tolist())) == len(taken)
        risen = np.flatnonzero(archive.confidences > before)
        np.testing.assert_array_equal(np.sort(taken), risen)
        assert (archive.confidences >= before).all()


def test_labels_beyond_the_niches_are_kept_and_hold_nothing():
    # A classifier retrained with a fooling class has one label more than there are niches.
    archive = Archive(range(2))
    archive.add(offers([[0.1, 0.2, 0.7], [0.2, 0.1, 0.7]]))
    accepted = archive.add(offers([[0.0, 0.0, 1.0]], first=2))
    assert holders(archive) == [1, 0]
    assert accepted == []
    assert len(archive.confidences) == 2
    np.testing.assert_array_equal(archive.elites[0].confidences, np.float32([0.2, 0.1, 0.7]))


def test_too_few_labels():
    with pytest.raises(ValueError, match="at least 3 columns, one for each label, got 2"):
        Archive(range(3)).add(offers([[0.1, 0.2]]))


def test_some_labels_alone_are_their_columns():
    rows = np.random.default_rng(0).random((30, 7)).astype(np.float32)
    some, first = Archive([5, 2, 6]), Archive(range(3))
    accepted = some.add(offers(rows))
    shuffled = offers(rows[:, [5, 2, 6, 0, 1, 3, 4]])

    same = first.add(shuffled)

    assert holders(some) == holders(first)
    np.testing.assert_array_equal(some.confidences, first.confidences)
    assert [[(5, 2, 6)[niche] for niche in niches] for _, niches in same] == [
        labels.tolist() for _, labels in accepted
    ]


@pytest.mark.parametrize("place", [(0, 0), (1, 2), (2, 1)])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_image_that_is_not_finite_wins_nothing_and_the_others_do(place, value):
    archive = Archive(range(3))
    archive.add(offers([[0.1, 0.2, 0.3]]))
    confidences = np.full((3, 3), 0.5)
    confidences[place] = value
    archive.add(offers(confidences, first=1))
    first_finite = 2 if place[0] == 0 else 1
    assert holders(archive) == [first_finite] * 3
    np.testing.assert_array_equal(archive.confidences, np.float32([0.5, 0.5, 0.5]))


def test_where_no_image_is_finite_nothing_changes():
    archive = Archive(range(2))
    # The NaN may be in the column of a fooling class, which is no niche.
    assert archive.add(offers([[0.1, 0.2, np.nan], [np.inf, 0.1, 0.2]])) == []
    assert archive.elites == [None, None]
    archive.add(offers([[0.1, 0.2, 0.7]]))
    assert archive.add(offers([[0.9, 0.9, np.nan]], first=1)) == []
    assert holders(archive) == [0, 0]


def test_no_offers_change_nothing():
    archive = Archive(range(2))
    assert archive.add(offers(np.zeros((0, 2)))) == []
    assert archive.elites == [None, None]


def test_the_sample_of_an_elites_image_is_kept():
    elite = Elite(0, -1, 0, None, np.zeros(2, np.float32), np.zeros((1, 1, 1), np.uint8))
    assert elite.image_sample is elite.image_sample
