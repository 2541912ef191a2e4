"""On files like those of ImageNet: the same archives, with a few drawn pictures in them."""

import io
import tarfile

import numpy as np
import pytest

from tests.trainers import samples
from trainers import datasets, imagenet, pictures, shapes

SYNSETS = ("n01440764", "n02119789")  # labels 0 and 277? the test looks them up


def archive(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def drawing(number: int) -> bytes:
    return samples.encoded(shapes.draw(9, np.array([number]), 48)[0][:40], "JPEG")


@pytest.fixture(scope="module")
def manual(tmp_path_factory):
    """TensorFlow Datasets' folder, with the archives where they are to be put."""
    path = tmp_path_factory.mktemp("tfds")
    folder = path / "downloads" / "manual"
    folder.mkdir(parents=True)
    train = {
        f"{synset}.tar": archive(
            {f"{synset}_{number}.JPEG": drawing(10 * place + number) for number in range(3)}
        )
        for place, synset in enumerate(SYNSETS)
    }
    val = {f"ILSVRC2012_val_{number:08d}.JPEG": drawing(50 + number) for number in range(1, 5)}
    (folder / "ILSVRC2012_img_train.tar").write_bytes(archive(train))
    (folder / "ILSVRC2012_img_val.tar").write_bytes(archive(val))
    return path


def test_archives_are_prepared_and_read_in_any_order(manual):
    data = datasets.load("imagenet2012", str(manual), image_size=32, crop_size=28)

    assert len(data.labels) == 1000
    assert list(data.labels) == sorted(data.labels)
    assert (data.num_train, data.num_test) == (6, 4)
    assert data.image_shape == (28, 28, 3)
    expected = {
        pictures.warped(drawing(10 * place + number), 32).tobytes(): data.labels.index(synset)
        for place, synset in enumerate(SYNSETS)
        for number in range(3)
    }
    found = [data.train.read(number) for number in (5, 0, 3, 1, 4, 2)]
    assert {image.tobytes(): label for image, label in found} == expected
    images, labels = next(data.test_batches(10))
    assert images.shape == (4, 28, 28, 3)
    # The first validation images' labels, as everybody has them: 65, 970, 230, 809.
    assert sorted(labels) == [65, 230, 809, 970]
    again = imagenet.load(str(manual), 32, 28)
    assert again.digest == data.digest


def test_validation_alone_is_enough_to_test(manual, tmp_path):
    folder = tmp_path / "downloads" / "manual"
    folder.mkdir(parents=True)
    val = manual / "downloads" / "manual" / "ILSVRC2012_img_val.tar"
    (folder / val.name).write_bytes(val.read_bytes())

    data = datasets.load("imagenet2012", str(tmp_path), test_only=True)

    assert (data.num_train, data.num_test) == (0, 4)
    assert data.image_shape == (256, 256, 3)
    with pytest.raises(ValueError, match=r"was prepared without its train images.*Remove"):
        datasets.load("imagenet2012", str(tmp_path))


def test_without_files_it_says_where_from_and_where_to(tmp_path):
    with pytest.raises(ValueError, match="imagenet2012 is not prepared in") as raised:
        datasets.load("imagenet2012", str(tmp_path))

    for part in (
        "https://image-net.org/download-images",
        "ILSVRC2012_img_train.tar",
        "ILSVRC2012_img_val.tar",
        str(tmp_path / "downloads" / "manual"),
    ):
        assert part in str(raised.value)


def test_an_archive_that_is_none_is_one_error(tmp_path):
    folder = tmp_path / "downloads" / "manual"
    folder.mkdir(parents=True)
    (folder / "ILSVRC2012_img_val.tar").write_bytes(b"<html>log in</html>")

    with pytest.raises(ValueError, match=r"cannot be prepared from .*manual \(ReadError"):
        datasets.load("imagenet2012", str(tmp_path), test_only=True)
