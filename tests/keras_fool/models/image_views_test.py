"""What reaches a network, against the published loop written out byte by byte."""

import json
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

from evolvers.config import Config
from keras_fool import evolve, transfer
from keras_fool.models import classifiers, image_views, scoring
from keras_fool.runs import champions, evolution_run
from tests.keras_fool import folders

HEIGHT, WIDTH = 12, 10


def read_as_colour(image: np.ndarray, filling: int) -> np.ndarray:
    """Channel by channel, row by row, three bytes a pixel; then the first channel's share."""
    buffer = bytes(image.tobytes()) + bytes([filling]) * image.size * 3
    height, width, _ = image.shape
    pushed = [
        buffer[width * row + 3 * column + channel]
        for channel in range(3)
        for row in range(height)
        for column in range(width)
    ]
    return np.array(pushed[: image.size], np.float64).reshape(image.shape)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (20, HEIGHT, WIDTH, 1), np.uint8)


@pytest.fixture(scope="module")
def mean() -> np.ndarray:
    return np.random.default_rng(4).uniform(0, 255, (HEIGHT, WIDTH, 1)).astype(np.float32)


@pytest.fixture
def model(tmp_path, tiny_model, mean) -> pathlib.Path:
    np.save(tmp_path / image_views.MEAN_FILE, mean)
    return pathlib.Path(shutil.copy(tiny_model, tmp_path / "grey.keras"))


@pytest.mark.parametrize("filling", [0, 200])
def test_squeezed_copies_are_those_of_the_published_loop(images, mean, filling):
    seen = image_views.seen(images, "published", mean, filling)

    expected = [read_as_colour(image, filling) - mean for image in images]
    np.testing.assert_array_equal(seen, np.array(expected, np.float32))


def test_27_places_of_an_mnist_image_lie_past_its_end():
    places = image_views.places("published", 28, 28)

    assert (places >= 28 * 28).sum() == 27
    assert places[:4].tolist() == [0, 3, 6, 9]
    assert places[28] == 28


def test_other_views_do_one_thing_each(images, mean):
    copies = image_views.seen(images, "published_no_mean", None)

    np.testing.assert_array_equal(image_views.seen(images, "plain", None), images)
    np.testing.assert_array_equal(image_views.seen(images, "mean_subtracted", mean), images - mean)
    np.testing.assert_array_equal(image_views.seen(images, "published", mean), copies - mean)


@pytest.mark.parametrize("view", image_views.VIEWS[1:])
def test_a_scorer_sees_what_the_view_says(model, images, mean, view):
    plain = scoring.LocalScorer(classifiers.find(str(model)))
    through = scoring.LocalScorer(classifiers.find(f"{model}:view={view}"))

    seen = image_views.seen(images, view, mean)
    expected = plain.confidences(tf.constant(seen)).numpy()
    np.testing.assert_allclose(through.score(images), expected, atol=1e-6)
    assert np.abs(plain.score(images) - expected).max() > 0.1


def test_a_view_is_part_of_what_a_classifier_is(model):
    plain, through = (classifiers.find(f"{model}{view}") for view in ("", ":view=published"))

    assert "view" not in plain.identity
    assert plain.identity != through.identity
    assert through.name == "grey.keras-published"
    assert classifiers.find(through.spec) == through
    known = through.identity["mean_sha256"]
    np.save(through.mean_path, np.zeros((HEIGHT, WIDTH, 1), np.float32))
    assert classifiers.find(through.spec).identity["mean_sha256"] != known


def test_images_evolved_through_a_view_are_kept_as_they_are(model, mean, tmp_path):
    classifier = classifiers.find(f"{model}:view=published")
    path = tmp_path / "run"
    config = Config(runs=1, generations=6, initial=20, batch=20)
    evolution_run.evolve(path, config, classifier, command="again", note=print)

    found = champions.read(path)
    plain = scoring.LocalScorer(classifiers.find(str(model)))
    seen = image_views.seen(found.images, "published", mean)
    own = plain.confidences(tf.constant(seen)).numpy()[np.arange(3), found.niches]
    np.testing.assert_allclose(own, found.confidences, atol=1e-6)
    assert champions.original(found, []).identity == classifier.identity


def test_transfer_scores_the_original_through_its_view_and_others_plainly(command, model, tmp_path):
    run = tmp_path / "run"
    arguments = (f"--model={model}", "--generations=3", "--batch_size=20", f"--workdir={run}")
    code, _, err = command(evolve, *arguments, "--view=published")
    assert code == 0, err
    scorer = json.loads((run / "config.json").read_text())["settings"]["scorer"]
    assert scorer["view"] == "published"

    code, _, err = command(
        transfer, f"--images={run}", f"--models={model}", f"--output={tmp_path / 'out'}"
    )

    assert code == 0, err
    found = champions.read(run)
    plain = scoring.LocalScorer(classifiers.find(str(model))).score(found.images)
    rows = folders.rows(next((tmp_path / "out").glob("*.csv")))
    for row, of_plain, recorded, niche in zip(
        rows, plain, found.confidences, found.niches, strict=True
    ):
        through = row["confidence_for_evolved:grey.keras-published"]
        assert float(through) == pytest.approx(recorded, abs=1e-6)
        as_it_is = row["confidence_for_evolved:grey.keras"]
        assert float(as_it_is) == pytest.approx(of_plain[niche], abs=1e-6)


@pytest.mark.parametrize(
    ("mean", "words"),
    [
        (None, ["mean_image.npy", "mean training image"]),
        (np.zeros((10, 12, 1), np.float32), ["[12, 10, 1]", "[10, 12, 1]"]),
        (np.full((12, 10, 1), np.nan, np.float32), ["0..255"]),
        (np.full((12, 10, 1), 300, np.float32), ["0..255"]),
        (np.zeros((12, 10, 1), np.int32), ["int32"]),
        (np.array([{}], object), ["not a NumPy array"]),
    ],
)
def test_a_mean_that_is_none_is_refused(command, model, mean, words, tmp_path):
    path = model.with_name(image_views.MEAN_FILE)
    path.unlink()
    if mean is not None:
        np.save(path, mean, allow_pickle=True)

    code, _, err = command(evolve, f"--model={model}:view=published", f"--workdir={tmp_path / 'r'}")

    assert (code, err.count("\n")) == (1, 1)
    assert all(word in err for word in words), err
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("{}:view=squeezed", ["squeezed", "published"]),
        ("{}:view=published:image=40", ["image size"]),
        ("MobileNet:view=published:weights=x", ["colour"]),
    ],
)
def test_views_that_are_none_are_refused(model, spec, words):
    with pytest.raises(ValueError, match="view") as refused:
        classifiers.find(spec.format(model))

    assert all(word in str(refused.value) for word in words)
