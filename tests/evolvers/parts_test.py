"""Runs made in parts, in any order and through pickles, are those made in one place."""

import pickle
import random

import numpy as np
import pytest

from evolvers import generations, map_elites, parts
from evolvers.config import Config
from tests.evolvers.scorers import LinearScorer, MoodyScorer

LAST = 6


class MostlyLost(LinearScorer):
    """Gives two of three images no confidences."""

    def score(self, images: np.ndarray) -> np.ndarray:
        confidences = super().score(images)
        confidences[images.sum(axis=(1, 2, 3), dtype=np.int64) % 3 > 0] = np.nan
        return confidences


def config(**settings) -> Config:
    return Config(**{"runs": 5, "initial": 12, "batch": 9, "generations": LAST} | settings)


def made_alone(evolution: map_elites.Evolution) -> list[generations.Generation]:
    return [evolution.advance() for _ in range(LAST + 1)]


def assert_same_generation(one: generations.Generation, other: generations.Generation) -> None:
    for name in ("number", "births", "scored"):
        assert getattr(one, name) == getattr(other, name), name
    for name in ("median", "mean", "minimum", "maximum", "takeovers", "unchanged", "duplicates"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)
        assert getattr(one, name).dtype == getattr(other, name).dtype, name
    np.testing.assert_array_equal(one.not_finite, other.not_finite)
    assert [(run, elite.identity, labels.tolist()) for run, elite, labels in one.accepted] == [
        (run, elite.identity, labels.tolist()) for run, elite, labels in other.accepted
    ]


def assert_same_state(one: map_elites.Evolution, other: map_elites.Evolution) -> None:
    expected, found = one.state(), other.state()
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype, name
        np.testing.assert_array_equal(found[name], array, name)


@pytest.mark.parametrize("encoding", ["cppn", "direct"])
@pytest.mark.parametrize("niches", [None, [3, 1, 4]])
def test_parts_join_to_the_whole(encoding, niches):
    scorer, settings = LinearScorer(), config(encoding=encoding, first_run=2)
    whole = map_elites.Evolution(settings, scorer, niches)
    alone = map_elites.Evolution(settings, scorer, niches)
    expected = made_alone(alone)
    pieces = [whole.part(runs) for runs in parts.split(5, 3)]
    assert sorted(len(part.archives) for part in pieces) == [1, 2, 2]
    made = {number: [] for number in range(3)}
    shuffled = random.Random(encoding)

    # One part is ahead of another by any number of generations.
    for number in shuffled.sample([0, 1, 2] * (LAST + 1), 3 * (LAST + 1)):
        made[number].append((pieces[number].advance(), pieces[number].streams))
    for generation in range(LAST + 1):
        sent = pickle.loads(pickle.dumps([made[number][generation] for number in range(3)]))
        joined = parts.joined(sent, settings.initial)
        whole.take(*joined)
        assert_same_generation(joined[0], expected[generation])

    assert_same_state(whole, alone)
    for evolution in (whole, alone, *pieces):
        evolution.close()


def test_a_part_begins_where_the_whole_stands():
    scorer = MoodyScorer()
    whole = map_elites.Evolution(config(), scorer)
    for _ in range(3):
        whole.advance()
    part = whole.part(range(1, 4))
    begun = part.state()

    for _ in range(2):
        whole.advance()
        part.advance()

    again = map_elites.Evolution(part.config, scorer)
    again.restore(begun)
    assert part.config.first_run == 1
    assert part.not_finite.any()
    np.testing.assert_array_equal(part.not_finite, whole.not_finite[1:4])
    assert part.streams == whole.streams[1:4]
    for found, expected in zip(part.archives, whole.archives[1:4], strict=True):
        np.testing.assert_array_equal(found.confidences, expected.confidences)
    for _ in range(2):
        again.advance()
    assert_same_state(again, part)
    for evolution in (whole, part, again):
        evolution.close()


def test_the_whole_judges_the_scorer():
    """A part may have more images without confidences than the whole may."""
    whole = map_elites.Evolution(config(), LinearScorer())
    part = whole.part(range(2))
    part.scorer = MostlyLost()
    made = part.advance()
    assert 2 * made.not_finite.sum() > made.scored

    with pytest.raises(generations.NotFiniteError, match="of generation 0"):
        made.check_finite()

    for evolution in (whole, part):
        evolution.close()


def test_other_generations_and_numbers_of_runs_are_refused():
    whole = map_elites.Evolution(config(), LinearScorer())
    one, other = whole.part(range(2)), whole.part(range(2, 5))
    made = one.advance(), one.streams
    other.advance()
    later = other.advance(), other.streams

    with pytest.raises(ValueError, match="0, 1"):
        parts.joined([made, later], 12)
    with pytest.raises(ValueError, match="of 5 runs"):
        whole.take(*made)

    assert whole.generation == -1
    for evolution in (whole, one, other):
        evolution.close()


@pytest.mark.parametrize(("runs", "count"), [(1, 4), (7, 3), (50, 8), (3, 3), (4, 1)])
def test_split_takes_every_run_once(runs, count):
    found = parts.split(runs, count)

    assert [run for part in found for run in part] == list(range(runs))
    assert len(found) == min(runs, count)
    assert max(map(len, found)) - min(map(len, found)) <= 1
