import numpy as np
import pytest

from tests.trainers import samples
from trainers import classifier, config, image_folder, sample_order, strategies, streams

SEED, BATCH = 3, 8


@pytest.fixture
def folder(tmp_path):
    return samples.picture_folder(tmp_path / "shapes")


@pytest.fixture
def stream(folder) -> streams.Stream:
    return image_folder.load(str(folder), 32, 28)


def read(stream, step, count, columns=slice(0, BATCH)):
    return stream.train_feed(SEED, BATCH, columns).read(step, count)


def test_a_step_is_cut_from_the_pictures_of_its_numbers(stream):
    images, labels = read(stream, 2, 3)

    assert (images.shape, images.dtype) == ((3, BATCH, 28, 28, 3), np.uint8)
    assert (labels.shape, labels.dtype) == ((3, BATCH), np.int64)
    for step in range(3):
        numbers = sample_order.sample_numbers(SEED, 12, (2 + step) * BATCH, BATCH)
        cuts = sample_order.random_cuts(SEED, 2 + step, BATCH, 4)
        for place, number in enumerate(numbers):
            picture, label = stream.train.read(number)
            top, left = cuts.tops[place], cuts.lefts[place]
            expected = picture[top : top + 28, left : left + 28]
            if cuts.mirrored[place]:
                expected = expected[:, ::-1]
            np.testing.assert_array_equal(images[step, place], expected)
            assert labels[step, place] == label


def test_a_step_is_the_same_whatever_was_read_before(stream):
    images, labels = read(stream, 0, 6)
    feed = stream.train_feed(SEED, BATCH, slice(0, BATCH))
    for step, count in [(0, 2), (2, 1), (3, 3), (1, 2), (5, 1)]:
        found, found_labels = feed.read(step, count)

        np.testing.assert_array_equal(found, images[step : step + count])
        np.testing.assert_array_equal(found_labels, labels[step : step + count])


def test_shares_make_up_the_batch(stream):
    images, labels = read(stream, 1, 2)

    for columns in (slice(0, 3), slice(3, 8)):
        share, share_labels = read(stream, 1, 2, columns)
        np.testing.assert_array_equal(share, images[:, columns])
        np.testing.assert_array_equal(share_labels, labels[:, columns])


def test_another_seed_is_another_order(stream):
    other, _ = stream.train_feed(SEED + 1, BATCH, slice(0, BATCH)).read(0, 1)

    assert not np.array_equal(other, read(stream, 0, 1)[0])


def test_without_crops_pictures_are_neither_cut_nor_mirrored(folder):
    whole = image_folder.load(str(folder), 32, None)
    images, _ = read(whole, 0, 2)

    numbers = sample_order.sample_numbers(SEED, 12, 0, 2 * BATCH)
    expected = [whole.train.read(number)[0] for number in numbers]
    np.testing.assert_array_equal(images.reshape(-1, 32, 32, 3), expected)


def test_test_images_are_the_middle(stream):
    (images, labels), (last, _) = stream.test_batches(4)

    assert (len(images), len(last)) == (4, 2)
    for number, image in enumerate([*images, *last]):
        picture, _ = stream.test.read(number)
        np.testing.assert_array_equal(image, picture[2:30, 2:30])
    assert labels.tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("parts", [1, 2, 3, 5])
def test_parts_of_the_test_make_up_the_whole(stream, parts):
    whole = np.concatenate([images for images, _ in stream.test_batches(6)])

    batches = [images for part in range(parts) for images, _ in stream.test_batches(2, part, parts)]

    assert len(batches) == 3
    assert {image.tobytes() for batch in batches for image in batch} == {
        image.tobytes() for image in whole
    }


def damage(path):
    path.write_bytes(path.read_bytes()[:200])


def test_another_picture_stands_in_for_a_damaged_one(folder, stream):
    images, labels = read(stream, 0, 3)
    damage(folder / "train" / "circle" / "002.JPG")  # number 1
    (folder / "test" / "cross" / "005.JPG").write_bytes(b"none")
    stream = image_folder.load(str(folder), 32, 28)  # pictures that were read stay in memory

    found, found_labels = read(stream, 0, 3)

    numbers = sample_order.sample_numbers(SEED, 12, 0, 3 * BATCH).reshape(3, BATCH)
    whole = numbers != 1
    np.testing.assert_array_equal(found[whole], images[whole])
    np.testing.assert_array_equal(found_labels, labels)  # the next one is a circle, too
    assert not np.array_equal(found[~whole], images[~whole])
    assert list(stream.unreadable) == ["train/circle/002.JPG"]

    tested = [len(images) for images, _ in stream.test_batches(4)]

    assert tested == [4, 1]
    assert sorted(stream.unreadable) == ["test/cross/005.JPG", "train/circle/002.JPG"]
    assert "UnidentifiedImageError" in stream.unreadable["test/cross/005.JPG"]


def test_nothing_but_damaged_pictures_is_an_error(folder, stream):
    for path in (folder / "train").rglob("*.*"):
        damage(path)

    with pytest.raises(ValueError, match=r"none of the 12 training pictures of folder:shapes can"):
        read(stream, 0, 1)


def test_added_pictures_are_cut_like_the_others(stream):
    added = np.random.default_rng(1).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)

    more = stream.with_label("more", "noise", added[:15], added[15:])

    assert more.labels == ("circle", "cross", "noise")
    assert (more.num_train, more.num_test) == (27, 11)
    assert more.digest not in (stream.digest, more.with_label("more", "x", added, added).digest)
    images, labels = read(more, 0, 3)
    noise = images[labels == 2]
    windows = np.lib.stride_tricks.sliding_window_view(added[:15], (28, 28), (1, 2))
    for image in noise:
        channels_first = image.transpose(2, 0, 1)
        both = (channels_first, channels_first[..., ::-1])
        assert any((windows == view).all(axis=(-3, -2, -1)).any() for view in both)
    assert len(noise) > 5
    *_, (last, last_labels) = more.test_batches(11)
    np.testing.assert_array_equal(last[6:], added[15:, 2:30, 2:30])
    assert last_labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2]


@pytest.mark.slow
def test_training_on_a_stream_goes_on_with_the_same_bits(stream):
    strategy = strategies.create("one")
    settings = config.Config(iterations=7, batch=BATCH, evaluate_every=4, seed=SEED)
    whole = classifier.Training(settings, stream, strategy)
    losses = [whole.advance().loss for _ in range(2)]

    halfway = classifier.Training(settings, stream, strategy)
    halfway.advance(3)
    resumed = classifier.Training(settings, stream, strategy)
    resumed.restore(halfway.state())
    while resumed.step < 7:
        resumed.advance()

    assert np.isfinite(losses).all()
    for name, value in whole.state().items():
        assert value.tobytes() == resumed.state()[name].tobytes(), name
    assert whole.test_error_percent() == resumed.test_error_percent()
