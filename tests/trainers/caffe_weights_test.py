import numpy as np
import pytest

from tests import exploring
from tests.trainers import caffe_forward, caffe_samples, caffe_writer
from trainers import caffe_weights, models


@pytest.fixture(scope="module")
def lenet_weights():
    return caffe_samples.weights(caffe_samples.LENET)


@pytest.fixture(scope="module")
def digits():
    return np.random.default_rng(5).integers(0, 256, (3, 28, 28, 1), np.uint8)


@pytest.fixture
def written(tmp_path):
    """Writes the bytes of a file."""

    def write(content: bytes):
        path = tmp_path / "a.caffemodel"
        path.write_bytes(content)
        return path

    return write


def blobs_of(weights):
    return {
        name: tuple(caffe_writer.blob(array) for array in arrays)
        for name, arrays in weights.items()
    }


def assert_confidences(model, images, expected):
    found = model(images, training=False).numpy()
    assert np.ptp(np.array(expected)) > 0.05, "the weights decide nothing"
    np.testing.assert_allclose(found, np.array(expected), atol=1e-5)


VARIANTS = [
    {"generation": "v0", "legacy": True},
    {"generation": "v1", "legacy": True},
    {"generation": "v1", "legacy": True, "packed": False},
    {"generation": "v1", "legacy": True, "double": True, "diff": True},
    {"generation": "new"},
    {"generation": "new", "packed": False},
    {"generation": "new", "packed": False, "double": True},
    {"generation": "new", "diff": True},
    {"generation": "new", "double": True},
]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_lenet_of_every_variant_computes_what_caffe_does(variant, lenet_weights, digits, written):
    path = written(caffe_writer.file_of(lenet_weights, **variant))

    model = caffe_weights.read("lenet", path)

    assert model.input_shape == (None, 28, 28, 1)
    expected = [caffe_forward.lenet(image, lenet_weights) for image in digits]
    assert_confidences(model, digits, expected)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["caffenet", "alexnet"])
def test_alexnets_compute_what_caffe_does(architecture):
    """At 71x71, where every pooling rounds up and the dense layer sees 2x2 places."""
    weights = caffe_samples.weights(caffe_samples.alexnet_shapes(7, 256 * 2 * 2))
    model = models.build(architecture, (71, 71, 3), 7, seed=1)
    images = np.random.default_rng(5).integers(0, 256, (2, 71, 71, 3), np.uint8)

    caffe_weights.fill(model, blobs_of(weights), "the file")

    expected = [
        caffe_forward.alexnet(
            caffe_forward.bgr(image), weights, pool_first=architecture == "caffenet"
        )
        for image in images
    ]
    assert_confidences(model, images, expected)


@pytest.mark.slow
def test_googlenet_computes_what_caffe_does():
    weights = caffe_samples.weights(caffe_samples.googlenet_shapes(7))
    model = models.build("googlenet", (64, 48, 3), 7, seed=1)
    images = np.random.default_rng(5).integers(0, 256, (2, 64, 48, 3), np.uint8)

    caffe_weights.fill(model, blobs_of(weights), "the file")

    expected = [caffe_forward.googlenet(caffe_forward.bgr(image), weights) for image in images]
    assert_confidences(model, images, expected)


@pytest.mark.slow
def test_googlenets_heads_are_left_out(written):
    weights = caffe_samples.weights(caffe_samples.googlenet_shapes(3))
    heads = {"loss1/conv": (128, 512, 1, 1), "loss1/fc": (1024, 2048), "loss2/classifier": (3, 9)}
    path = written(caffe_writer.file_of({**weights, **caffe_samples.weights(heads)}, "v1"))

    model = caffe_weights.read("googlenet", path)

    assert model.input_shape == (None, 224, 224, 3)
    assert model.output_shape == (None, 3)


@pytest.fixture(scope="module")
def googlenet_weights():
    return caffe_samples.weights(caffe_samples.googlenet_shapes(3))


def read_with_mean(weights, mean, tmp_path, **variant):
    (tmp_path / "w").write_bytes(caffe_writer.file_of(weights))
    (tmp_path / "m").write_bytes(caffe_writer.blob(mean, **variant))
    return caffe_weights.read("googlenet", tmp_path / "w", tmp_path / "m")


@pytest.mark.slow
def test_middle_of_a_mean_image_is_taken(googlenet_weights, tmp_path):
    mean = np.random.default_rng(2).uniform(50, 200, (1, 3, 256, 256)).astype(np.float32)

    model = read_with_mean(googlenet_weights, mean, tmp_path, legacy=True)

    window = mean[0, ::-1, 16:240, 16:240].transpose(1, 2, 0)
    photograph = np.random.default_rng(5).integers(0, 256, (1, 224, 224, 3), np.uint8)
    found = model.get_layer("mean")(photograph.astype(np.float32)).numpy()
    np.testing.assert_array_equal(found[0], photograph[0] - window)


@pytest.mark.slow
def test_a_mean_by_colour_is_bgr(googlenet_weights, tmp_path):
    mean = np.array([90, 120, 150], np.float32)

    model = read_with_mean(googlenet_weights, mean, tmp_path)

    found = model.get_layer("mean")(np.zeros((1, 224, 224, 3), np.float32)).numpy()
    np.testing.assert_array_equal(found[0, 0, 0], -mean[::-1])


@pytest.mark.parametrize(
    ("shape", "found"),
    exploring.most(
        [
            ((1, 3, 200, 256), r"\(3, 200, 256\)"),
            ((1, 1, 256, 256), r"\(1, 256, 256\)"),
            ((4,), r"\(4, 1, 1\)"),
        ],
        rare={((1, 1, 256, 256), r"\(1, 256, 256\)"), ((4,), r"\(4, 1, 1\)")},
    ),
)
def test_means_that_do_not_fit_are_refused(googlenet_weights, tmp_path, shape, found):
    expected = rf"m: expected a mean of shape .* or \(3, 224, 224\) or larger, found {found}"
    with pytest.raises(ValueError, match=expected):
        read_with_mean(googlenet_weights, np.ones(shape, np.float32), tmp_path)


def without(weights, name):
    return {other: arrays for other, arrays in weights.items() if other != name}


def changed(weights, name, kernel=None, bias=None):
    old = weights[name]
    arrays = [old[0] if kernel is None else kernel, old[1] if bias is None else bias]
    return {**weights, name: arrays}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda w: without(w, "conv2"),
            "a.caffemodel is not lenet: it has no layer 'conv2' with weights, but conv1, ip1, ip2",
        ),
        (lambda w: without(w, "ip2"), "it has no layer 'ip2' with weights, but conv1, conv2, ip1"),
        (
            lambda w: {**w, "conv3": w["conv2"]},
            "is not lenet: it has a layer 'conv3' with weights, which that network does not have",
        ),
        (
            lambda w: changed(w, "conv1", kernel=np.zeros((20, 1, 3, 5))),
            r"'conv1', weights: expected the shape \(20, 1, 5, 5\), found \(20, 1, 3, 5\)",
        ),
        (
            lambda w: changed(w, "ip1", kernel=np.zeros((500, 801))),
            r"'ip1', weights: expected the shape \(500, 800\), found \(500, 801\)",
        ),
        (
            lambda w: changed(w, "ip1", kernel=np.zeros((800, 500))),
            r"'ip1', weights: expected the shape \(500, 800\), found \(800, 500\)",
        ),
        (
            lambda w: changed(w, "conv2", bias=np.zeros(49)),
            r"'conv2', biases: expected the shape \(50,\), found \(49,\)",
        ),
        (
            lambda w: changed(w, "ip2", kernel=np.zeros((10, 84))),
            r"'ip2', weights: expected the shape \(labels, 500\), found \(10, 84\)",
        ),
        (
            lambda w: changed(w, "ip2", kernel=np.zeros(500)),
            r"'ip2', weights: expected the shape \(labels, 500\), found \(500,\)",
        ),
        (
            lambda w: changed(w, "ip1", bias=np.full(500, np.nan)),
            "'ip1', biases has values that are not finite",
        ),
        (
            lambda w: {**w, "conv1": [w["conv1"][0]]},
            "'conv1', has 1 blobs; expected 2, weights and biases",
        ),
    ],
)
def test_weights_of_something_else_are_refused(change, message, lenet_weights, written):
    path = written(caffe_writer.file_of(change(lenet_weights)))

    with pytest.raises(ValueError, match=message):
        caffe_weights.read("lenet", path)


def test_layers_that_are_there_twice_are_refused(lenet_weights, written):
    path = written(caffe_writer.file_of(lenet_weights) * 2)

    with pytest.raises(ValueError, match="has two layers 'conv1' with weights"):
        caffe_weights.read("lenet", path)


def test_weights_of_another_architecture_are_refused(lenet_weights, written):
    path = written(caffe_writer.file_of(lenet_weights))

    with pytest.raises(ValueError, match="no layer 'fc8' with weights, but conv1, conv2, ip1, ip2"):
        caffe_weights.read("alexnet", path)
    with pytest.raises(ValueError, match="not for 'small'"):
        caffe_weights.read("small", path)


def test_a_lenet_cut_off_anywhere_is_refused(lenet_weights, written):
    content = caffe_writer.file_of(lenet_weights)

    for length in [0, 1, 2, *np.linspace(3, len(content) - 1, 40).astype(int)]:
        with pytest.raises(ValueError, match=r"a\.caffemodel"):
            caffe_weights.read("lenet", written(content[:length]))


def test_files_larger_than_such_a_network_are_not_read(written):
    path = written(b"")
    with open(path, "r+b") as file:
        file.truncate(2**33)  # a sparse file: eight gigabytes of nothing

    with pytest.raises(ValueError, match=r"has 8,589,934,592 bytes; such a file has 15,881,696 at"):
        caffe_weights.read("lenet", path)
