"""Networks of keras.applications, crops, ensembles; real ones on real photographs."""

import dataclasses
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_fool.models import classifiers, networks, scoring

SHARED = pathlib.Path(__file__).parents[4] / "shared"
NETWORKS = SHARED / "imagenet_networks"
PHOTOGRAPHS = SHARED / "imagenet_samples"
# Spec and measured top-1 of all 1000 photographs, from the networks' own description.
MEASURED = {
    "MobileNet:alpha=0.25:size=128:crop=224:weights=mobilenet/mobilenet_0.25_128.weights.h5": 44.7,
    "MobileNet:weights=mobilenet/mobilenet_1.0_224.weights.h5": 87.8,
    "MobileNetV2:weights=mobilenet_v2/mobilenet_v2_1.0_224.weights.h5": 87.0,
    "squeezenet/squeezenet_1.0_227.keras:bgr": 62.7,
    "squeezenet/squeezenet_1.1_227.keras:bgr": 61.7,
}
needs_networks = pytest.mark.skipif(
    not NETWORKS.is_dir(), reason=f"no ImageNet networks in {NETWORKS}"
)


def images(count: int, side: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, side, side, channels), np.uint8)


@pytest.fixture(scope="module")
def mobilenet() -> keras.Model:
    """The narrowest MobileNet with random weights.

    Larger than Keras draws them: with those it gives the same for every image.
    """
    keras.utils.set_random_seed(1)
    model = keras.applications.MobileNet((32, 32, 3), alpha=0.25, weights=None)
    for weight in model.trainable_weights:
        if weight.name == "kernel":
            weight.assign(4 * weight)
    return model


@pytest.fixture(scope="module")
def weights(tmp_path_factory, mobilenet) -> pathlib.Path:
    """Its weights, as Keras writes them."""
    path = tmp_path_factory.mktemp("weights") / "mobilenet.weights.h5"
    mobilenet.save_weights(path)
    return path


def decided(tmp_path: pathlib.Path, name: str, side: int, seed: int) -> pathlib.Path:
    """A .keras file: floats [side, side, 3] -> four confidences."""
    image = keras.Input((side, side, 3))
    weights = keras.initializers.RandomNormal(stddev=0.002, seed=seed)
    flat = keras.layers.Flatten()(image)
    path = tmp_path / name
    outputs = keras.layers.Dense(4, "softmax", kernel_initializer=weights)(flat)
    keras.Model(image, outputs).save(path)
    return path


@pytest.mark.slow
def test_an_application_brings_its_size_and_preprocessing(mobilenet, weights):
    classifier = classifiers.find(f"MobileNet:alpha=0.25:size=32:weights={weights}")
    batch = images(20, 32)
    expected = mobilenet(keras.applications.mobilenet.preprocess_input(batch.astype(np.float32)))

    scorer = scoring.LocalScorer(classifier)

    assert scorer.name == "MobileNet-0.25-32"
    assert (scorer.image_shape, len(scorer.labels)) == ((32, 32, 3), 1000)
    np.testing.assert_allclose(scorer.score(batch), expected, atol=1e-6)


@pytest.mark.slow
def test_weights_of_another_network_are_refused_in_one_line(weights, tmp_path):
    """Of a wider one, and of one with other layers."""
    other = tmp_path / "other.weights.h5"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save_weights(other)
    for spec in (f"MobileNet:alpha=0.5:size=32:weights={weights}", f"MobileNet:weights={other}"):
        classifier = classifiers.find(spec)
        with pytest.raises(ValueError, match=r"weights .* are none of MobileNet") as raised:
            networks.Network(classifier)
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("crops", [1, 10])
def test_crops_are_cut_inside_and_averaged(tmp_path, crops):
    path = decided(tmp_path, "a.keras", 20, seed=1)
    whole = scoring.LocalScorer(classifiers.find(str(path)))
    larger = scoring.LocalScorer(classifiers.find(f"{path}:image=32:crops={crops}"))
    batch = images(30, 32)
    places = [(6, 6)] if crops == 1 else [(0, 0), (12, 0), (0, 12), (12, 12), (6, 6)]
    cut = [batch[:, y : y + 20, x : x + 20] for x, y in places]
    cut += [] if crops == 1 else [part[:, :, ::-1] for part in cut]

    expected = np.mean([whole.score(np.ascontiguousarray(part)) for part in cut], axis=0)

    assert larger.image_shape == (32, 32, 3)
    np.testing.assert_allclose(larger.score(batch), expected, atol=1e-6)


def test_crops_of_another_size_are_scaled(tmp_path):
    path = decided(tmp_path, "a.keras", 10, seed=1)
    whole = networks.Network(classifiers.find(str(path)))
    batch = images(5, 32)
    shrunken = [  # Pillow's is a filter of the same kind
        [Image.fromarray(band).resize((10, 10), Image.Resampling.BILINEAR) for band in bands]
        for bands in batch[:, 5:27, 5:27].astype(np.float32).transpose(0, 3, 1, 2)
    ]
    seen = np.array([[np.asarray(band) for band in bands] for bands in shrunken])

    larger = networks.Network(classifiers.find(f"{path}:image=32:crop=22"))

    expected = whole.confidences(tf.constant(seen.transpose(0, 2, 3, 1)))
    np.testing.assert_allclose(larger.confidences(tf.constant(batch)), expected, atol=1e-5)


def test_an_ensemble_is_the_mean_of_its_members(tmp_path):
    paths = [decided(tmp_path, f"{seed}.keras", 10 + seed, seed) for seed in (1, 2, 3)]
    views = classifiers.Views(image_size=16)
    ensemble = classifiers.find_all(",".join(map(str, paths)), None, views)
    batch = images(40, 16)
    each = [scoring.LocalScorer(member).score(batch) for member in ensemble.members]

    scorer = scoring.LocalScorer(ensemble)

    assert scorer.name == "1.keras+2.keras+3.keras"
    np.testing.assert_allclose(scorer.score(batch), np.mean(each, axis=0), atol=1e-6)
    assert classifiers.find_all(ensemble.spec) == ensemble


def test_members_that_do_not_go_together_are_refused(tmp_path):
    small, large = (decided(tmp_path, f"{side}.keras", side, 1) for side in (10, 12))
    with pytest.raises(ValueError, match=r"10\.keras takes 10, 10, 3, 12\.keras takes 12, 12, 3"):
        scoring.LocalScorer(classifiers.find_all(f"{small},{large}"))
    with pytest.raises(ValueError, match=r"names .*10\.keras twice"):
        classifiers.find_all(f"{small},{small}")


def test_members_of_other_label_counts_are_refused(tmp_path):
    image = keras.Input((10, 10, 3))
    keras.Model(image, keras.layers.Dense(3, "softmax")(keras.layers.Flatten()(image))).save(
        tmp_path / "three.keras"
    )
    four = decided(tmp_path, "four.keras", 10, 1)

    with pytest.raises(ValueError, match=r"four\.keras has 4, three\.keras has 3"):
        scoring.LocalScorer(classifiers.find_all(f"{four},{tmp_path / 'three.keras'}"))


def test_grey_weights_in_a_colour_ensemble_are_refused(tmp_path, shipped):
    four = decided(tmp_path, "four.keras", 28, 1)

    with pytest.raises(ValueError, match=r"mnist_a/1 takes 28, 28, 1"):
        scoring.LocalScorer(classifiers.find_all(f"{four},{shipped.path}"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("image=9", r"takes crops of 10 pixels, which do not fit into images of 9"),
        ("image=20:crop=21", r"crops of 21 pixels do not fit into images of 20"),
        ("image=20:crops=5", r"crops must be 1 or 10, got 5"),
        ("crops=10", r"say how large, such as --image_size=256"),
        ("alpha=0.5", r"alpha is for networks of keras\.applications"),
    ],
)
def test_views_that_cannot_be_are_refused(tmp_path, options, message):
    path = decided(tmp_path, "a.keras", 10, seed=1)

    with pytest.raises(ValueError, match=message):
        networks.Network(classifiers.find(f"{path}:{options}"))


def test_gradients_flow_to_floats_even_into_a_model_of_bytes(shipped):
    network = networks.Network(shipped)
    image = tf.constant(images(1, 28, 1).astype(np.float32))
    with tf.GradientTape() as tape:
        tape.watch(image)
        confidence = network.confidences(image)[0, 3]
    gradient = tape.gradient(confidence, image).numpy()
    place = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)

    step = np.zeros_like(gradient)
    step[place] = 1.0
    up, down = (float(network.confidences(image + sign * step)[0, 3]) for sign in (1, -1))

    assert gradient[place] == pytest.approx((up - down) / 2, rel=0.05)
    of_bytes = network.confidences(tf.cast(image, tf.uint8)).numpy()
    np.testing.assert_allclose(network.confidences(image).numpy(), of_bytes, atol=1e-6)


@pytest.mark.slow
def test_identity_has_what_shapes_confidences_and_no_more(tmp_path, weights):
    path = decided(tmp_path, "a.keras", 10, seed=1)
    plain = classifiers.find(str(path))
    seen = classifiers.find(f"{path}:image=16:crops=10")
    network = classifiers.find(f"MobileNet:alpha=0.25:size=32:weights={weights}")

    assert set(plain.identity) == {"sha256", "preprocess", "from_logits", "path"}
    assert seen.identity["views"] == {"image_size": 16, "crops": 10, "crop_size": None}
    assert network.identity["application"] == "MobileNet:alpha=0.25:size=32"
    named = dataclasses.replace(plain, name="b", labels=tuple("abcd"))
    assert named.identity == plain.identity


@needs_networks
@pytest.mark.slow
@pytest.mark.parametrize("spec", MEASURED)
def test_real_networks_recognise_photographs_as_well_as_they_should(spec):
    paths = sorted(PHOTOGRAPHS.glob("*.jpg"))[::10]
    photographs = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])
    truth = [int(path.name[:4]) for path in paths]
    spec = spec.replace("weights=", f"weights={NETWORKS}/")
    spec = spec if spec.startswith("Mobile") else f"{NETWORKS}/{spec}"
    views = classifiers.Views(image_size=256)

    scorer = scoring.LocalScorer(classifiers.find(spec, None, views))
    top = scorer.score(photographs).argmax(axis=1)

    measured = next(share for known, share in MEASURED.items() if known.split("/")[-1] in spec)
    # A hundred of the thousand photographs: three standard deviations.
    margin = 300 * np.sqrt(measured / 100 * (1 - measured / 100) / len(paths))
    assert 100 * np.mean(top == truth) == pytest.approx(measured, abs=margin)


@needs_networks
@pytest.mark.slow
def test_a_thousand_labels_in_half_precision(tmp_path):
    """Never refused, however sharp the rows; as plain Keras, and right as often."""
    path = tmp_path / "half.keras"
    keras.config.set_dtype_policy("mixed_float16")
    try:
        keras.applications.MobileNet(
            (128, 128, 3),
            alpha=0.25,
            weights=str(NETWORKS / "mobilenet" / "mobilenet_0.25_128.weights.h5"),
        ).save(path)
    finally:
        keras.config.set_dtype_policy("float32")
    generator = np.random.default_rng(0)
    batch = generator.integers(0, 256, (600, 128, 128, 3), np.uint8)
    small = generator.integers(0, 256, (300, 8, 8, 3), np.uint8)
    batch[:300] = small.repeat(16, axis=1).repeat(16, axis=2)

    scorer = scoring.LocalScorer(classifiers.find(f"{path}:tf"))
    confidences = scorer.score(batch)

    plain = keras.saving.load_model(path).predict(batch / np.float32(127.5) - 1, verbose=0)
    sums = plain.astype(np.float64).sum(axis=1)
    assert np.abs(sums - 1).max() > 1e-3  # as float32, they would have been refused
    np.testing.assert_allclose(confidences, plain.astype(np.float32), atol=3e-3)
    np.testing.assert_allclose(confidences.sum(axis=1), 1, atol=1e-5)
