import numpy as np
import pytest

from trainers import sample_order


def test_every_epoch_has_each_sample_once():
    numbers = sample_order.sample_numbers(1, 50, 0, 150).reshape(3, 50)

    for epoch in numbers:
        assert sorted(epoch) == list(range(50))
    assert not np.array_equal(numbers[0], numbers[1])
    assert not np.array_equal(numbers[0], sample_order.sample_numbers(2, 50, 0, 50))


@pytest.mark.parametrize(("first", "count"), [(0, 1), (49, 2), (50, 50), (37, 100), (149, 1)])
def test_order_of_samples_has_no_memory(first, count):
    whole = sample_order.sample_numbers(1, 50, 0, 200)

    part = sample_order.sample_numbers(1, 50, first, count)

    np.testing.assert_array_equal(part, whole[first : first + count])


def test_order_is_the_one_that_classifiers_were_trained_in():
    assert sample_order.sample_numbers(1, 60_000, 0, 4).tolist() == [48516, 43956, 55190, 32164]
    assert sample_order.sample_numbers(1, 60_000, 60_000, 2).tolist() == [49970, 35213]


def test_cuts_of_a_step_have_no_memory():
    first, again, other = (
        sample_order.random_cuts(seed, step, 64, 29) for seed, step in [(1, 7), (1, 7), (1, 8)]
    )

    np.testing.assert_array_equal(first.tops, again.tops)
    np.testing.assert_array_equal(first.mirrored, again.mirrored)
    assert not np.array_equal(first.tops, other.tops)
    assert not np.array_equal(first.tops, first.lefts)


def test_cuts_reach_every_place_and_mirror_half():
    steps = [sample_order.random_cuts(3, step, 100, 29) for step in range(60)]

    for name in ("tops", "lefts"):
        counts = np.bincount(np.concatenate([getattr(cuts, name) for cuts in steps]))
        assert len(counts) == 30
        assert counts.min() > 140  # 200 are expected, +-14
    assert np.mean([cuts.mirrored for cuts in steps]) == pytest.approx(0.5, abs=0.03)


def test_pictures_of_the_images_size_are_not_moved():
    cuts = sample_order.random_cuts(1, 0, 8, 0)

    assert not cuts.tops.any()
    assert not cuts.lefts.any()
