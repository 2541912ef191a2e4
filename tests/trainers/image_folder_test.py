import os

import numpy as np
import pytest

from tests.trainers import samples
from trainers import datasets, image_folder, pictures


@pytest.fixture
def folder(tmp_path):
    return samples.picture_folder(tmp_path / "shapes")


def test_labels_are_the_names_of_the_folders(folder):
    data = image_folder.load(str(folder), 32, None)

    assert data.labels == ("circle", "cross")
    assert data.name == "folder:shapes"
    assert (data.num_train, data.num_test) == (12, 6)
    assert data.image_shape == (32, 32, 3)
    names = [data.train.name(number) for number in range(12)]
    assert names == sorted(names)
    assert names[0] == "train/circle/000.png"
    for number, name in enumerate(names):
        image, label = data.train.read(number)
        np.testing.assert_array_equal(image, pictures.warped((folder / name).read_bytes(), 32))
        assert data.labels[label] == name.split("/")[1]


def test_small_pictures_are_decoded_once(folder, monkeypatch):
    small = image_folder.load(str(folder), 32, None).train
    monkeypatch.setattr(image_folder, "_BYTES_KEPT", 12 * 32 * 32 * 3 - 1)
    large = image_folder.load(str(folder), 32, None).train
    first, label = small.read(3)
    np.testing.assert_array_equal(large.read(3)[0], first)
    (folder / small.name(3)).unlink()

    kept = small.read(3)
    kept[0][:] = 0  # a reader may do with it what it likes

    again = small.read(3)
    np.testing.assert_array_equal(again[0], first)
    assert again[1] == label
    with pytest.raises(pictures.UnreadableError):
        large.read(3)


@pytest.mark.parametrize("name", ["validation", "val"])
def test_the_test_split_may_have_other_names(folder, name):
    (folder / "test").rename(folder / name)

    assert image_folder.load(str(folder), 32, None).test.name(0).startswith(f"{name}/circle/")


def test_what_is_no_picture_is_not_seen(folder):
    for name in (".hidden.jpg", "notes.txt", "Thumbs.db"):
        (folder / "train" / "circle" / name).write_bytes(b"x")
    (folder / "train" / ".cache").mkdir()
    (folder / "train" / "readme.jpg").write_bytes(b"x")

    assert image_folder.load(str(folder), 32, None).num_train == 12


def test_what_is_no_file_is_unreadable_and_named(folder):
    os.mkfifo(folder / "test" / "circle" / "pipe.png")
    (folder / "test" / "circle" / "folder.png").mkdir()
    (folder / "test" / "cross" / "nowhere.png").symlink_to("nothing")
    (folder / "test" / "cross" / "device.png").symlink_to("/dev/zero")

    data = image_folder.load(str(folder), 32, None)
    batches = list(data.test_batches(4))

    assert sum(len(images) for images, _ in batches) == 6
    assert {name: reason.partition(",")[0] for name, reason in data.unreadable.items()} == {
        "test/circle/pipe.png": "this is a pipe",
        "test/circle/folder.png": "this is a folder",
        "test/cross/nowhere.png": "No such file or directory",
        "test/cross/device.png": "this is a device",
    }


@pytest.mark.parametrize("name", ["a\x1b[2Jb", "a\nb", "a\u202eb", b"\xe9t\xe9"])
def test_names_of_labels_can_be_printed(folder, name):
    for split in ("train", "test"):
        path = os.path.join(os.fsencode(folder), split.encode(), os.fsencode(name))
        os.rename(folder / split / "cross", path)

    with pytest.raises(ValueError, match="cannot be printed") as refused:
        image_folder.load(str(folder), 32, None)
    assert str(refused.value).isprintable()


def test_grey_pictures_are_the_luminance(folder):
    data = image_folder.load(str(folder), 32, 28, channels=1)
    coloured = image_folder.load(str(folder), 32, 28)

    assert data.image_shape == (28, 28, 1)
    assert data.digest != coloured.digest
    ((grey, labels),) = data.test_batches(8)
    ((colour, _),) = coloured.test_batches(8)
    assert grey.shape == (6, 28, 28, 1)
    np.testing.assert_allclose(grey[..., 0], colour @ [0.299, 0.587, 0.114], atol=2)
    images, _ = data.train_feed(1, 4, slice(0, 4)).read(0, 2)
    assert images.shape == (2, 4, 28, 28, 1)
    assert labels.tolist() == [0, 0, 0, 1, 1, 1]


def test_digest_tells_folders_apart(folder):
    digest = image_folder.load(str(folder), 32, None).digest

    assert digest == image_folder.load(str(folder), 32, None).digest
    assert digest != image_folder.load(str(folder), 33, None).digest
    assert digest != image_folder.load(str(folder), 32, 28).digest
    (folder / "test" / "cross" / "001.JPG").rename(folder / "test" / "cross" / "0.JPG")
    assert digest != image_folder.load(str(folder), 32, None).digest


def test_training_images_may_be_missing_where_they_are_not_needed(folder):
    (folder / "train").rename(folder / "elsewhere")

    data = datasets.load(f"folder:{folder}", test_only=True)

    assert (data.num_train, data.num_test) == (0, 6)
    with pytest.raises(ValueError, match="folder:shapes has no training images"):
        data.train_feed(1, 8, slice(0, 8))
    with pytest.raises(ValueError, match=r"has no train/: pictures are looked for in .*/train/<"):
        datasets.load(f"folder:{folder}")


def remove_test(folder):
    (folder / "test").rename(folder / "tests")


def remove_both(folder):
    remove_test(folder)
    (folder / "train").rename(folder / "training")


def empty_a_label(folder):
    for path in (folder / "train" / "cross").iterdir():
        path.unlink()


def add_a_label(folder):
    (folder / "test" / "heart").mkdir()


def remove_labels(folder):
    for label in ("circle", "cross"):
        (folder / "train" / label).rename(folder / label)


def remove_a_label(folder):
    for split in ("train", "test"):
        (folder / split / "cross").rename(folder / f"{split}-cross")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (remove_test, "has no test/ or validation/ or val/: pictures are looked for in"),
        (remove_both, "has no train/ and no test/ or validation/ or val/"),
        (empty_a_label, r"train has no pictures \(bmp, .*\) of cross\."),
        (add_a_label, "must have folders for the same labels; only one of them has heart"),
        (remove_labels, "train has no folders: each label is one"),
        (remove_a_label, "folder:shapes must have at least two labels, got circle"),
    ],
)
def test_what_is_missing_is_named(folder, change, message):
    change(folder)

    with pytest.raises(ValueError, match=message):
        image_folder.load(str(folder), 32, None)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"there is no folder .*/nowhere"):
        datasets.load(f"folder:{tmp_path / 'nowhere'}")


def test_crops_are_no_larger_than_pictures(folder):
    with pytest.raises(ValueError, match=r"crop_size must be 1\.\.32, the size of .*, got 33"):
        image_folder.load(str(folder), 32, 33)
