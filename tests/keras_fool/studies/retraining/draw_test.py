import numpy as np
import pytest

from keras_fool.runs import champions
from keras_fool.studies.retraining import draw


def pool_of(*contents: int) -> np.ndarray:
    """Images of 2x2, equal where the numbers are."""
    return np.array(contents, np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)


def drawn(pool: np.ndarray, num_train: int, num_val: int, seed: int = 0, **earlier) -> tuple:
    """The numbers of the images in each part, after checks that hold for every draw."""
    rng = np.random.default_rng(seed)
    found = draw.draw(pool, num_train, num_val, rng, **earlier)
    assert (len(found.train), len(found.val)) == (num_train, num_val)
    places = [*found.train, *found.val]
    assert len(set(places)) == len(places), "a place was drawn twice"
    train, val = (pool[part][:, 0, 0, 0].tolist() for part in (found.train, found.val))
    assert not set(train) & set(val), "an image is in both parts"
    return train, val


def test_draws_all_or_some_without_replacement():
    train, val = drawn(pool_of(*range(30)), 25, 5)
    assert sorted(train + val) == list(range(30))

    train, val = drawn(pool_of(*range(30)), 6, 2)
    assert len(set(train + val)) == 8
    assert drawn(pool_of(*range(30)), 6, 2) == (train, val)
    assert drawn(pool_of(*range(30)), 6, 2, seed=1) != (train, val)


def test_copies_stay_together_and_count_as_often_as_they_are_drawn():
    pool = pool_of(*[7] * 9, *[8] * 6, *range(20, 45))
    for seed in range(40):
        train, val = drawn(pool, 34, 6, seed)
        assert (train + val).count(7) == 9
        assert (train + val).count(8) == 6
        assert 7 not in val, "there are more copies than the part has places"


def test_every_image_is_as_likely_in_validation_whether_it_has_copies_or_not():
    pool = pool_of(*[7] * 4, *range(20, 56))
    draws = [drawn(pool, 20, 20, seed)[1] for seed in range(1000)]
    with_copies = sum(7 in val for val in draws)
    single = sum(20 in val for val in draws)

    assert 400 < single < 600  # half of it, six standard deviations on each side
    assert 400 < with_copies < 600


def test_every_image_is_as_likely_to_be_drawn():
    pool = pool_of(*range(40))
    counts = np.zeros(40)
    for seed in range(1000):
        train, val = drawn(pool, 8, 2, seed)
        counts[train + val] += 1

    assert counts.min() > 180  # 250 expected, standard deviation 14
    assert counts.max() < 320


def test_copies_of_earlier_images_join_them():
    pool = pool_of(*range(20))
    earlier = {"earlier_train": pool_of(3, 4, 90), "earlier_val": pool_of(5, 6, 91)}
    for seed in range(40):
        train, val = drawn(pool, 15, 5, seed, **earlier)
        assert {3, 4} <= set(train)
        assert {5, 6} <= set(val)


def test_refuses_what_cannot_be_drawn():
    with pytest.raises(ValueError, match=r"8 \+ 3 images are drawn, and there are only 10"):
        drawn(pool_of(*range(10)), 8, 3)
    with pytest.raises(ValueError, match="copies of each other"):
        drawn(pool_of(*[1] * 6, *[2] * 4), 8, 2)
    with pytest.raises(ValueError, match="copies of each other, or of earlier ones"):
        drawn(pool_of(*range(10)), 8, 2, earlier_val=pool_of(*range(3)))


def test_has_the_champions_of_both_generations_in_order(run_folder):
    pool = draw.Pool(run_folder)
    first, last = (champions.read(run_folder, when) for when in champions.WHENS)

    assert len(pool) == len(first) + len(last) == 12
    for place, (when, found, index) in enumerate(
        [("first", first, i) for i in range(6)] + [("last", last, i) for i in range(6)]
    ):
        np.testing.assert_array_equal(pool[place], found.images[index])
        row = pool.row(place)
        assert (row["when"], row["file"]) == (when, found.files[index])
        assert (row["run"], row["label"]) == (found.runs[index], found.niches[index])
        assert np.float32(row["confidence"]) == found.confidences[index]


def test_a_run_that_is_not_complete_is_refused(altered):
    (altered / "champions.csv").unlink()
    with pytest.raises(ValueError, match="is not complete"):
        draw.Pool(altered)


def test_a_damaged_image_is_named(altered):
    path = altered / "images" / "run_003" / "first" / "label_1.png"
    path.write_bytes(path.read_bytes()[:50])
    pool = draw.Pool(altered)

    with pytest.raises(ValueError, match=r"first/label_1\.png"):
        pool[1]
    assert pool[0].shape == (12, 10, 1)
