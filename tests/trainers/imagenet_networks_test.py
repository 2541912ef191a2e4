"""AlexNet, CaffeNet and GoogLeNet: sizes, shapes, initial weights, heads.

What they compute is compared with Caffe's in caffe_weights_test.py.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import exploring
from trainers import (
    alexnet,
    classifier,
    config,
    datasets,
    googlenet,
    models,
    sample_order,
    strategies,
)
from trainers import layers as caffe_layers

GOOGLENET_OUTPUTS = {
    "conv1_7x7_s2": (112, 112, 64),
    "pool1_3x3_s2": (56, 56, 64),
    "conv2_3x3": (56, 56, 192),
    "pool2_3x3_s2": (28, 28, 192),
    "inception_3a_output": (28, 28, 256),
    "inception_3b_output": (28, 28, 480),
    "pool3_3x3_s2": (14, 14, 480),
    "inception_4a_output": (14, 14, 512),
    "inception_4b_output": (14, 14, 512),
    "inception_4c_output": (14, 14, 512),
    "inception_4d_output": (14, 14, 528),
    "inception_4e_output": (14, 14, 832),
    "pool4_3x3_s2": (7, 7, 832),
    "inception_5a_output": (7, 7, 832),
    "inception_5b_output": (7, 7, 1024),
    "pool5_7x7_s1": (1024,),
}
ALEXNET_OUTPUTS = {
    "conv1": (55, 55, 96),
    "pool1": (27, 27, 96),
    "conv2": (27, 27, 256),
    "pool2": (13, 13, 256),
    "conv3": (13, 13, 384),
    "conv4": (13, 13, 384),
    "conv5": (13, 13, 256),
    "pool5": (6, 6, 256),
    "fc6": (4096,),
    "fc7": (4096,),
    "fc8": (1000,),
}
ALEXNET_WEIGHTS = {
    "conv1": 34_944,
    "conv2": 307_456,
    "conv3": 885_120,
    "conv4": 663_936,
    "conv5": 442_624,
    "fc6": 37_752_832,
    "fc7": 16_781_312,
    "fc8": 4_097_000,
}


@pytest.fixture(scope="module")
def full_googlenet() -> models.TrainingNetwork:
    return models.for_training("googlenet", (224, 224, 3), 1000, seed=1)


@pytest.fixture(scope="module")
def small_alexnet() -> keras.Model:
    return models.build("alexnet", (71, 71, 3), 10, seed=1)


@pytest.fixture(scope="module")
def small_caffenet() -> keras.Model:
    return models.build("caffenet", (71, 71, 3), 10, seed=1)


def without_values(architecture: str, side: int, num_labels: int = 1000) -> keras.Model:
    """The network, whose weights have shapes but no values, nor memory."""
    with models.without_values():
        return models.build(architecture, (side, side, 3), num_labels, seed=1)


def outputs_of(model, names):
    return {name: tuple(model.get_layer(name).output.shape[1:]) for name in names}


@pytest.mark.parametrize("architecture", ["alexnet", "caffenet"])
def test_alexnets_have_the_published_number_of_weights(architecture):
    model = without_values(architecture, 227)

    assert {name: model.get_layer(name).count_params() for name in ALEXNET_WEIGHTS} == (
        ALEXNET_WEIGHTS
    )
    assert model.count_params() == 60_965_224
    assert outputs_of(model, ALEXNET_OUTPUTS) == ALEXNET_OUTPUTS


@pytest.mark.slow
def test_googlenet_has_the_published_number_of_weights(full_googlenet):
    assert full_googlenet.model.count_params() == 6_998_552
    assert full_googlenet.trained.count_params() == 13_378_280
    assert outputs_of(full_googlenet.model, GOOGLENET_OUTPUTS) == GOOGLENET_OUTPUTS


def test_one_label_more_adds_only_to_the_last_layer():
    first, second = (without_values("googlenet", 32, labels) for labels in (10, 11))

    assert second.count_params() - first.count_params() == 1024 + 1


@pytest.mark.slow
def test_pooling_and_normalization_are_in_each_networks_order(small_caffenet):
    def order(model):
        return [layer.name for layer in model.layers if layer.name[:4] in ("pool", "norm")]

    assert order(small_caffenet) == ["pool1", "norm1", "pool2", "norm2", "pool5"]
    other = alexnet.alexnet((39, 39, 3), 2, 1)
    assert order(other) == ["norm1", "pool1", "norm2", "pool2", "pool5"]


def test_groups_are_two_where_caffe_has_two(small_caffenet):
    grouped = {
        layer.name: layer.groups
        for layer in small_caffenet.layers
        if isinstance(layer, caffe_layers.GroupConvolution)
    }

    assert grouped == {"conv2": 2, "conv4": 2, "conv5": 2}
    assert small_caffenet.get_layer("conv1").groups == small_caffenet.get_layer("conv3").groups == 1


def assert_normal(values, deviation):
    count = values.size
    assert abs(values.mean()) < 5 * deviation / np.sqrt(count)
    assert values.std() == pytest.approx(deviation, rel=5 / np.sqrt(2 * count))
    beyond_two = np.mean(np.abs(values) > 2 * deviation)  # 4.55 % where nothing is cut off
    assert beyond_two == pytest.approx(0.0455, abs=5 * np.sqrt(0.0455 / count))


@pytest.mark.parametrize("architecture", exploring.most(["alexnet", "caffenet"], rare={"alexnet"}))
def test_alexnets_begin_with_caffes_weights(architecture, request):
    model = request.getfixturevalue(f"small_{architecture}")
    shifted = {"alexnet": 0.1, "caffenet": 1.0}[architecture]
    for name in ALEXNET_WEIGHTS:
        kernel, bias = model.get_layer(name).get_weights()

        assert_normal(kernel, 0.005 if name in ("fc6", "fc7") else 0.01)
        expected = shifted if name in ("conv2", "conv4", "conv5", "fc6", "fc7") else 0
        np.testing.assert_array_equal(bias, np.float32(expected))


@pytest.mark.slow
def test_googlenet_begins_with_caffes_weights(full_googlenet):
    learned = [layer for layer in full_googlenet.trained.layers if layer.weights]
    learned = [layer for layer in learned if not isinstance(layer, keras.layers.Dropout)]
    assert len(learned) == 64
    for layer in learned:
        kernel, bias = layer.get_weights()
        bound = np.sqrt(3 / np.prod(kernel.shape[:-1]))

        assert 0.98 * bound < np.abs(kernel).max() <= bound
        assert kernel.std() == pytest.approx(bound / np.sqrt(3), rel=5 / np.sqrt(kernel.size))
        expected = 0 if "classifier" in layer.name else 0.2
        np.testing.assert_array_equal(bias, np.float32(expected))


def test_no_two_layers_begin_alike(full_googlenet):
    """Layers of one seed and shape would have the same weights."""
    first_values = {
        tuple(variable.numpy().ravel()[:4] / np.abs(variable).max())
        for variable in full_googlenet.variables
        if variable.name == "kernel"
    }

    assert len(first_values) == 64


@pytest.mark.slow
def test_heads_change_neither_weights_nor_confidences(full_googlenet):
    alone = models.build("googlenet", (224, 224, 3), 1000, seed=1)

    for mine, other in zip(alone.get_weights(), full_googlenet.model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)
    assert not [layer.name for layer in alone.layers if layer.name.startswith(("loss1", "loss2"))]


@pytest.mark.slow
def test_googlenet_is_trained_on_three_heads():
    network = models.for_training("googlenet", (32, 32, 3), 10, seed=1)
    images = np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3), np.uint8)

    with tf.GradientTape() as tape:
        heads = network.outputs(images, 0)
        loss = tf.add_n([weight * tf.reduce_sum(logits) for logits, weight in heads])

    assert [weight for _, weight in heads] == [1.0, 0.3, 0.3]
    assert [tuple(logits.shape) for logits, _ in heads] == [(3, 10)] * 3
    paths = [variable.path for variable in network.variables]
    assert len(paths) == len(set(paths)) == 128
    assert {f"{name}_fc/kernel" for name in ("loss1", "loss2")} <= set(paths)
    gradients = tape.gradient(loss, [variable.value for variable in network.variables])
    assert all(gradient is not None for gradient in gradients)


def test_heads_pool_as_caffes_do_where_images_have_the_published_size(full_googlenet):
    assert full_googlenet.trained.get_layer("loss1_ave_pool").output.shape[1:] == (4, 4, 512)
    assert full_googlenet.trained.get_layer("loss2_ave_pool").output.shape[1:] == (4, 4, 528)


@pytest.mark.slow
def test_dropout_follows_from_the_draw_alone(small_caffenet):
    network = models.for_training("caffenet", (39, 39, 3), 4, seed=1)
    images = np.random.default_rng(1).integers(0, 256, (5, 39, 39, 3), np.uint8)
    outputs = tf.function(lambda draw: network.outputs(images, draw)[0][0])

    first, second, again = (outputs(tf.constant(draw)).numpy() for draw in (7, 8, 7))

    np.testing.assert_array_equal(first, again)
    assert np.abs(first - second).max() > 1e-4
    np.testing.assert_array_equal(first, network.outputs(images, 7)[0][0])
    other = models.for_training("caffenet", (39, 39, 3), 4, seed=2)
    other.model.set_weights(network.model.get_weights())
    assert np.abs(other.outputs(images, 7)[0][0] - first).max() > 1e-4
    # Half of the values are left out, and the others are doubled.
    rates = [layer.rate for layer in small_caffenet.layers if "drop" in layer.name]
    assert rates == [0.5, 0.5]


def test_scoring_leaves_nothing_out(small_caffenet):
    images = np.random.default_rng(1).integers(0, 256, (5, 71, 71, 3), np.uint8)

    first, again = (small_caffenet(images, training=False).numpy() for _ in range(2))

    np.testing.assert_array_equal(first, again)
    logits = models.logits(small_caffenet)(images, training=False)
    np.testing.assert_allclose(tf.nn.softmax(logits), first, atol=1e-6)


@pytest.mark.parametrize("builder", [alexnet.alexnet, alexnet.caffenet, googlenet.googlenet])
def test_images_too_small_or_grey_are_refused(builder):
    least = 31 if builder is googlenet.googlenet else 39
    with pytest.raises(ValueError, match=f"must be at least {least}x{least}, got "):
        builder((least - 1, 200, 3), 10, 1)
    with pytest.raises(ValueError, match="takes colour images"):
        builder((least, least, 1), 10, 1)


@pytest.mark.slow
def test_the_smallest_images_are_taken():
    for architecture, side in (("alexnet", 39), ("googlenet", 31)):
        network = models.for_training(architecture, (side, side + 5, 3), 2, seed=1)
        images = np.zeros((1, side, side + 5, 3), np.uint8)

        assert network.outputs(images, 0)[0][0].shape == (1, 2)


@pytest.mark.slow
def test_googlenet_is_trained_with_its_heads_and_goes_on_with_the_same_bits():
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (8, 32, 32, 3), np.uint8)
    labels = np.arange(8) % 3
    data = datasets.Dataset("noise", tuple("abc"), images, labels, images, labels)
    settings = config.for_architecture("googlenet", iterations=3, batch=8, base_rate=1e-4)
    strategy = strategies.create("one")
    losses, states = [], {}
    whole = classifier.Training(settings, data, strategy)
    for step in (1, 2, 3):
        losses.append(whole.advance(step).loss)
        states[step] = whole.state()
    resumed = classifier.Training(settings, data, strategy)
    resumed.restore(states[1])
    while resumed.step < settings.iterations:
        resumed.advance()

    for name, value in whole.state().items():
        assert value.tobytes() == resumed.state()[name].tobytes(), name
    network = models.for_training("googlenet", (32, 32, 3), 3, seed=settings.seed)
    numbers = sample_order.sample_numbers(settings.seed, 8, 0, 8)
    expected = sum(
        weight * keras.losses.sparse_categorical_crossentropy(labels[numbers], logits, True)
        for logits, weight in network.outputs(images[numbers], 0)
    )
    assert losses[0] == pytest.approx(float(np.mean(expected)), rel=1e-4)
    assert np.abs(states[3]["velocity/loss1_fc/kernel"]).max() > 0
