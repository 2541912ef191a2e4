import types

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

    def test_an_equal_hash_alone_leaves_nothing_out(self, monkeypatch):
        monkeypatch.setattr(duplicates, "hashes", lambda images: np.zeros(len(images), np.uint64))
        known = types.SimpleNamespace(image_hash=0, image=IMAGES[0])
        batch = IMAGES[[1, 0, 2]]
        assert duplicates.fresh(batch, [known]).tolist() == [True, False, True]


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

    def test_are_the_elites_own(self):
        assert elite(IMAGES[2]).image_hash == duplicates.hashes(IMAGES)[2]
