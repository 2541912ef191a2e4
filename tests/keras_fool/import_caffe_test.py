import hashlib
import json
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_fool import import_caffe
from keras_fool.models import classifiers
from keras_fool.runs import scorers
from tests.keras_fool import next_steps
from tests.trainers import caffe_forward, caffe_samples, caffe_writer

ROOT = pathlib.Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def weights():
    return caffe_samples.weights(caffe_samples.LENET)


@pytest.fixture
def lenet_file(tmp_path, weights):
    path = tmp_path / "lenet_iter_10000.caffemodel"
    path.write_bytes(caffe_writer.file_of(weights, "v1", legacy=True))
    return path


def test_lenet_becomes_a_classifier(tmp_path, command, weights, lenet_file):
    code, out, err = command(
        import_caffe,
        "--architecture=lenet",
        "--name=published",
        f"--weights={lenet_file}",
        f"--output_dir={tmp_path / 'models'}",
    )

    assert (code, err) == (0, "")
    folder = tmp_path / "models" / "published" / "1"
    assert f"classifier   {folder}" in out
    assert "lenet, 431,080 weights, 10 labels, images 28 x 28" in out
    card = json.loads((folder / "card.json").read_text("utf-8"))
    assert card["labels"] == list("0123456789")
    assert card["dataset"] == "mnist"
    digest = hashlib.sha256(lenet_file.read_bytes()).hexdigest()
    assert card["imported"] == [{"file": lenet_file.name, "sha256": digest}]
    images = np.random.default_rng(5).integers(0, 256, (3, 28, 28, 1), np.uint8)
    scorer = scorers.open_scorer(classifiers.find(str(folder)))
    expected = [caffe_forward.lenet(image, weights) for image in images]
    np.testing.assert_allclose(scorer.score(images), expected, atol=1e-5)


@pytest.mark.slow
def test_the_mean_that_lenet_learned_without_is_kept_beside_it(tmp_path, command, lenet_file):
    mean = np.random.default_rng(1).uniform(0, 255, (1, 28, 28)).astype(np.float32)
    file = tmp_path / "mnist_mean.binaryproto"
    file.write_bytes(caffe_writer.blob(mean[np.newaxis], legacy=True))

    code, _, err = command(
        import_caffe,
        *("--architecture=lenet", "--name=n", f"--weights={lenet_file}", f"--mean={file}"),
        f"--output_dir={tmp_path}",
    )

    assert code == 0, err
    kept = np.load(tmp_path / "n" / "1" / "mean_image.npy")
    np.testing.assert_array_equal(kept[..., 0], mean[0])
    card = json.loads((tmp_path / "n" / "1" / "card.json").read_text("utf-8"))
    assert [of["file"] for of in card["imported"]] == [lenet_file.name, file.name]


@pytest.mark.slow
def test_labels_are_named_by_a_file(tmp_path, command, lenet_file):
    names = tmp_path / "names.txt"
    names.write_text("".join(f"digit {number}\n" for number in range(10)), "utf-8")
    given = (
        *("--architecture=lenet", "--name=n", f"--weights={lenet_file}"),
        *(f"--output_dir={tmp_path}", f"--label_names={names}"),
    )

    code, out, _ = command(import_caffe, *given)

    assert code == 0
    assert next_steps.found_in(out) == [["evolve", f"--model={tmp_path / 'n' / '1'}"]]
    card = json.loads((tmp_path / "n" / "1" / "card.json").read_text("utf-8"))
    assert card["labels"][3] == "digit 3"
    names.write_text("one\ntwo\n", "utf-8")
    code, _, err = command(import_caffe, *given, "--version=2")
    assert (code, err.count("\n")) == (1, 1)
    assert "has 2 names, but the network tells 10 labels apart" in err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--name=n", "--weights=w"], "googlenet"),
        (["--name=n", "--weights=w", "--architecture=small"], "--architecture"),
        (["--name=n", "--architecture=lenet"], "give --weights, a .caffemodel file"),
        (["--weights={}", "--architecture=lenet"], "give the classifier a --name"),
        (["--architecture=vgg"], "should be one of"),
        (["--seed=1"], "--seed has no meaning for this command"),
    ],
)
def test_impossible_command_lines_are_one_line(flags, message, command, lenet_file):
    code, _, err = command(import_caffe, *[flag.format(lenet_file) for flag in flags])

    assert (code, err.count("\n")) == (2, 1)
    assert message in err


def test_files_that_are_not_there_or_wrong_are_one_line(tmp_path, command, lenet_file):
    place = ("--name=n", f"--output_dir={tmp_path}")

    def refused(*flags):
        code, _, err = command(import_caffe, *place, *flags)
        assert (code, err.count("\n")) == (1, 1)
        assert not (tmp_path / "n").exists()
        return err

    assert "there is no file nowhere." in refused("--architecture=lenet", "--weights=nowhere")
    assert "there is no file m." in refused(
        "--architecture=googlenet", f"--weights={lenet_file}", "--mean=m"
    )
    assert "no layer 'loss3/classifier' with weights, but conv1, conv2, ip1, ip2" in refused(
        "--architecture=googlenet", f"--weights={lenet_file}"
    )
    lenet_file.write_bytes(lenet_file.read_bytes()[:-100])
    assert "is cut off" in refused("--architecture=lenet", f"--weights={lenet_file}")


def test_a_classifier_that_is_there_is_kept(tmp_path, command, lenet_file):
    (tmp_path / "n" / "1").mkdir(parents=True)

    code, _, err = command(
        import_caffe,
        *("--architecture=lenet", "--name=n", f"--weights={lenet_file}"),
        f"--output_dir={tmp_path}",
    )

    assert code == 1
    assert "is there already and was not changed. Give --version=2" in err


@pytest.mark.slow
def test_caffenet_is_imported_whole_and_scores_in_another_process(tmp_path):
    """The published size, with a mean image, and scored by a process that only has the folder."""
    shapes = caffe_samples.alexnet_shapes(1000, 256 * 6 * 6)
    weights = caffe_samples.weights(shapes)
    mean = np.random.default_rng(2).uniform(90, 140, (1, 3, 256, 256)).astype(np.float32)
    (tmp_path / "w.caffemodel").write_bytes(caffe_writer.file_of(weights, "v1", legacy=True))
    (tmp_path / "m.binaryproto").write_bytes(caffe_writer.blob(mean, legacy=True))
    images = np.random.default_rng(5).integers(0, 256, (2, 227, 227, 3), np.uint8)
    np.save(tmp_path / "images.npy", images)

    def run(*arguments):
        finished = subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    out = run(
        *("-m", "keras_fool.import_caffe", "--architecture=caffenet", "--name=caffenet"),
        f"--weights={tmp_path / 'w.caffemodel'}",
        f"--mean={tmp_path / 'm.binaryproto'}",
        f"--output_dir={tmp_path}",
    )
    assert "caffenet, 60,965,224 weights, 1000 labels, images 227 x 227" in out
    run(
        "-c",
        "import sys, numpy as np\n"
        "from keras_fool.models import classifiers\n"
        "from keras_fool.runs import scorers\n"
        "scorer = scorers.open_scorer(classifiers.find(sys.argv[1]))\n"
        "np.save(sys.argv[3], scorer.score(np.load(sys.argv[2])))\n",
        *map(str, (tmp_path / "caffenet", tmp_path / "images.npy", tmp_path / "scores.npy")),
    )

    window = mean[0, :, 14:241, 14:241]
    expected = [
        caffe_forward.alexnet(caffe_forward.bgr(image, window), weights, pool_first=True)
        for image in images
    ]
    assert np.ptp(np.array(expected)) > 0.005
    np.testing.assert_allclose(np.load(tmp_path / "scores.npy"), expected, atol=1e-5)
    keras.backend.clear_session()
