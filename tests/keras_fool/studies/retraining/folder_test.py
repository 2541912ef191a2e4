import numpy as np
import pytest

from keras_fool.studies.retraining import folder as retraining_folder

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

    assert folder.is_drawn(1)
    assert not folder.is_drawn(2)
    assert folder.is_draw_begun(2)
    assert not folder.is_draw_begun(3)


def test_a_full_disk_leaves_nothing_behind(tmp_path, full_disk):
    pool = np.zeros((1, 256, 256, 3), np.uint8)
    folder = retraining_folder.Folder(tmp_path)

    with full_disk(2**16), pytest.raises(OSError, match=r"dnn_01_train\.npy"):
        folder.save_drawn(1, pool, {"train": [0], "val": [0]}, ROWS)

    assert list((tmp_path / "draws").iterdir()) == []


@pytest.mark.parametrize("name", ["dnn_01_train.npy", "dnn_01_val.npy", "dnn_01.csv"])
def test_a_damaged_draw_is_known(folder, name):
    assert folder.damaged_draw(1) == folder.damaged_draw(2) == []

    path = folder.path / "draws" / name
    path.write_bytes(path.read_bytes()[:-1] + b"?")

    assert folder.damaged_draw(1) == [path]
    assert folder.damaged_draw(2) == []
    (folder.path / "draws" / "dnn_01.sha256").unlink()  # as in studies of before
    assert folder.damaged_draw(1) == []


@pytest.mark.parametrize(
    "content", [b"", b"text", np.zeros((2, 3, 4, 1), np.float32), np.zeros((2, 3), np.uint8)]
)
def test_what_is_no_draw_is_refused(folder, content):
    path = folder.path / "draws" / "dnn_01_val.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content)

    with pytest.raises(ValueError, match=r"images of dnn_01 in .*draws are damaged"):
        folder.drawn([1])


def test_a_classifier_is_known_by_all_of_its_files(tmp_path):
    folder = retraining_folder.Folder(tmp_path)
    (folder.classifier(1) / "assets").mkdir(parents=True)
    folder.training(1).mkdir(parents=True)
    files = [folder.classifier(1) / name for name in ("card.json", "assets/labels.txt")]
    for file in files:
        file.write_text("mine")
    assert folder.damaged_classifier(1) == []  # as in studies of before
    folder.save_classifier_sums(1)
    assert folder.damaged_classifier(1) == []

    for file in files:
        file.write_text("yours")
    assert sorted(folder.damaged_classifier(1)) == sorted(files)


@pytest.mark.parametrize(
    "card", ["[]", "{}", '{"test_error_percent": NaN}', '{"test_error_percent": 200}']
)
def test_a_card_that_is_none_is_refused(tmp_path, card):
    folder = retraining_folder.Folder(tmp_path)
    folder.classifier(1).mkdir(parents=True)
    (folder.classifier(1) / "card.json").write_text(card)

    with pytest.raises(ValueError, match=r"card\.json is damaged"):
        folder.card(1)
