import numpy as np
import pytest

from keras_fool.studies import retraining_folder

POOL = np.random.default_rng(1).integers(0, 256, (9, 4, 5, 3), np.uint8)
ROWS = [{"part": "train", "file": "a"}, {"part": "val", "file": "b"}]


@pytest.fixture
def folder(tmp_path) -> retraining_folder.Folder:
    made = retraining_folder.Folder(tmp_path)
    made.save_drawn(1, POOL, {"train": [3, 0, 8], "val": [5]}, ROWS)
    made.save_drawn(2, POOL, {"train": [1], "val": [2, 4]}, ROWS)
    return made


def test_draws_come_back_in_order_mapped_into_memory(folder):
    drawn = folder.drawn([1])

    np.testing.assert_array_equal(drawn.train, POOL[[3, 0, 8]])
    np.testing.assert_array_equal(drawn.val, POOL[[5]])
    assert isinstance(drawn.train, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        drawn.train[0] = 0
    both = folder.drawn([1, 2])
    np.testing.assert_array_equal(both.train, POOL[[3, 0, 8, 1]])
    np.testing.assert_array_equal(both.val, POOL[[5, 2, 4]])


def test_draws_of_before_are_read(tmp_path):
    folder = retraining_folder.Folder(tmp_path)
    (tmp_path / "draws").mkdir()
    np.savez_compressed(tmp_path / "draws" / "dnn_01.npz", train=POOL[:2], val=POOL[2:3])

    drawn = folder.drawn([1])

    np.testing.assert_array_equal(drawn.train, POOL[:2])
    np.testing.assert_array_equal(drawn.val, POOL[2:3])


def test_a_draw_is_done_when_its_table_is_there(folder):
    (folder.path / "draws" / "dnn_02.csv").unlink()

    assert folder.is_done("draw", 1)
    assert not folder.is_done("draw", 2)
    assert folder.is_begun("draw", 2)
    assert not folder.is_begun("draw", 3)


def test_a_full_disk_leaves_nothing_behind(tmp_path, full_disk):
    pool = np.zeros((1, 256, 256, 3), np.uint8)
    folder = retraining_folder.Folder(tmp_path)

    with full_disk(2**16), pytest.raises(OSError, match=r"dnn_01_train\.npy"):
        folder.save_drawn(1, pool, {"train": [0], "val": [0]}, ROWS)

    assert list((tmp_path / "draws").iterdir()) == []
