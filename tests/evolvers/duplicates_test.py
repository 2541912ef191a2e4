import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evolvers import duplicates
from evolvers.archive import Elite

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 5, 4, 3), np.uint8)


def elite(image: np.ndarray) -> Elite:
    return Elite(0, -1, 0, None, np.zeros(1, np.float32), image)


class TestFresh:
    def test_of_equal_images_the_first_is_fresh(self):
        batch = IMAGES[[0, 1, 0, 2, 1, 0]]
        assert duplicates.fresh(batch, []).tolist() == [True, True, False, True, False, False]

    def test_what_an_elite_has_is_not(self):
        batch = IMAGES[[0, 1, 0, 2]]
        elites = [None, elite(IMAGES[5]), elite(IMAGES[0]), None]
        assert duplicates.fresh(batch, elites).tolist() == [False, True, False, True]

    def test_one_byte_makes_a_difference(self):
        size = IMAGES[0].size
        batch = np.repeat(IMAGES[:1], size + 1, axis=0)
        for place in range(size):
            batch[place].flat[place] ^= 1
        assert duplicates.fresh(batch, []).all()

    def test_an_empty_batch(self):
        assert duplicates.fresh(IMAGES[:0], [elite(IMAGES[0])]).tolist() == []

    @given(arrays(np.uint8, (12, 1, 3, 1), elements=st.integers(0, 2)), st.integers(0, 5))
    def test_is_what_comparing_all_with_all_gives(self, images, num_elites):
        elites = [elite(image) for image in images[:num_elites]]
        seen, expected = {image.tobytes() for image in images[:num_elites]}, []
        for image in images[num_elites:]:
            expected.append(image.tobytes() not in seen)
            seen.add(image.tobytes())
        assert duplicates.fresh(images[num_elites:], elites).tolist() == expected

    @pytest.mark.parametrize("equal", ["samples", "hashes"])
    def test_equal_samples_or_hashes_alone_leave_nothing_out(self, monkeypatch, equal):
        monkeypatch.setattr(duplicates, equal, lambda images: np.zeros(len(images), np.uint64))
        batch = IMAGES[[1, 0, 2, 2, 1]]
        fresh = duplicates.fresh(batch, [elite(IMAGES[0])])
        assert fresh[[0, 1, 2]].tolist() == [True, False, True]
        if equal == "samples":  # all hashes are told apart, and so are those that came later
            assert fresh[[3, 4]].tolist() == [False, False]

    @pytest.mark.parametrize("shape", [(256, 256, 3), (200, 100, 1)])
    def test_of_large_images_one_byte_makes_a_difference(self, shape):
        rng = np.random.default_rng(0)
        image = rng.integers(0, 256, shape, np.uint8)
        batch = image[np.newaxis].repeat(40, axis=0)
        places = rng.choice(image.size, 39, replace=False)
        for other, place in zip(batch[1:], places, strict=True):
            other.flat[place] ^= 1
        assert len(np.unique(duplicates.samples(batch))) < 40  # which do not see them all
        again = np.concatenate([batch, batch[::-1]])
        assert duplicates.fresh(again, []).tolist() == [True] * 40 + [False] * 40
        assert not duplicates.fresh(batch, [elite(other) for other in batch]).any()

    @pytest.mark.parametrize("moved", [1, 2 * IMAGES[0].size, 2**20])
    def test_batch_after_batch_is_one_batch(self, monkeypatch, moved):
        monkeypatch.setattr(duplicates, "_MOVED", moved)
        batch = IMAGES[[1, 0, 2, 1, 3, 5, 2, 0, 4]]
        expected = duplicates.fresh(batch, [elite(IMAGES[4])])
        for size in range(1, 10):
            seen, images = duplicates.Seen([elite(IMAGES[4])]), batch.copy()
            found, end = [], 0
            for at in range(0, 9, size):
                found.append(seen.move_fresh(images, at, min(9, at + size), end))
                end += np.count_nonzero(found[-1])
            np.testing.assert_array_equal(np.concatenate(found), expected)
            np.testing.assert_array_equal(images[:end], batch[expected])


class TestSamples:
    @pytest.mark.parametrize("shape", [(256, 256, 3), (256, 256, 1), (70, 60, 1), (28, 28, 1)])
    def test_tell_what_differs_in_a_row_or_in_a_column_apart(self, shape):
        rows, columns = shape[:2]
        batch = np.zeros((rows + columns, *shape), np.uint8)
        batch[np.arange(rows), np.arange(rows)] = 1
        batch[rows + np.arange(columns), :, np.arange(columns)] = 1
        different = len(set(duplicates.samples(batch).tolist()))
        assert different > 0.95 * (rows + columns)

    def test_of_small_images_are_the_hashes_of_all_bytes(self):
        np.testing.assert_array_equal(duplicates.samples(IMAGES), duplicates.hashes(IMAGES))

    def test_are_the_elites_own(self):
        assert elite(IMAGES[2]).image_sample == duplicates.samples(IMAGES)[2]


class TestHashes:
    @pytest.mark.parametrize("shape", [(1, 1, 1), (1, 3, 1), (7, 5, 1), (28, 28, 1), (5, 4, 3)])
    def test_of_images_that_differ_in_one_byte_differ(self, shape):
        size = int(np.prod(shape))
        batch = np.zeros((size + 1, *shape), np.uint8)
        batch.reshape(size + 1, -1)[np.arange(size), np.arange(size)] = 1
        assert len(set(duplicates.hashes(batch).tolist())) == size + 1

    def test_depend_on_the_order_of_bytes(self):
        batch = np.zeros((12, 12), np.uint8)
        batch[np.arange(12), np.arange(12)] = 255
        assert len(set(duplicates.hashes(batch).tolist())) == 12

    def test_of_views_are_those_of_their_contents(self):
        mirrored = IMAGES[:, ::-1, ::-1]
        np.testing.assert_array_equal(
            duplicates.hashes(mirrored), duplicates.hashes(mirrored.copy())
        )
