"""The first steps of an ascent: against NumPy, and the experiment on small networks."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from keras_fool import reproduce
from keras_fool.studies import ascent_first_step, ascents
from tests.keras_fool import folders, terminal

SHAPE = (6, 5, 3)
MEAN = np.array([120.0, 110.0, 100.0])
NUM_LABELS = 7


@pytest.fixture(scope="module")
def weights() -> np.ndarray:
    return np.random.default_rng(3).normal(0, 0.01, (np.prod(SHAPE), NUM_LABELS))


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


def test_steps_are_those_of_a_loop_in_numpy(weights):
    """Linear logits of the image; the last image starts where values are clipped."""
    rng = np.random.default_rng(4)
    starts = rng.normal(0, 1, (4, *SHAPE)).astype(np.float32)
    starts[3] += rng.choice([-130, 0, 160], SHAPE)
    targets = [(0, 0), (3, 0), (6, 0), (2, 1)]

    def confidences(images: tf.Tensor) -> tf.Tensor:
        flat = tf.reshape(images - tf.constant(MEAN, tf.float32), [-1, np.prod(SHAPE)])
        return tf.nn.softmax(tf.matmul(flat, tf.constant(weights, tf.float32)))

    found = ascent_first_step.first_steps(confidences, starts, MEAN, targets)

    for place, (label, _) in enumerate(targets):
        x = begun = np.clip(starts[place] + MEAN, 0, 255) - MEAN
        for step in range(3):
            x = np.clip(x + MEAN, 0, 255) - MEAN
            p = softmax(x.ravel() @ weights)
            assert found.confidences[step, place] == pytest.approx(p[label], rel=2e-4)
            if step == 2:
                break
            gradient = p[label] * (weights[:, label] - weights @ p)
            aim = min(0.03, 0.1 * (1 - p[label]))
            length = aim / np.linalg.norm(gradient)
            assert found.aims[step, place] == pytest.approx(aim, rel=1e-5)
            assert found.lengths[step, place] == pytest.approx(length, rel=2e-4)
            x = 0.99 * (x + length * (gradient / np.linalg.norm(gradient)).reshape(SHAPE))
        moved = np.sqrt(np.mean(np.square(x - begun)))
        assert found.moved[place] == pytest.approx(moved, rel=2e-4)
    gains = np.diff(found.confidences, axis=0)
    np.testing.assert_allclose(found.shares, gains / found.aims)
    np.testing.assert_array_equal(found.take(slice(1, 3)).shares, found.shares[:, 1:3])


def test_published_steps_gain_a_quarter_and_more_than_all_of_their_aim():
    published = np.array(ascent_first_step.CAFFENET)
    aims = np.minimum(
        ascent_first_step.CONFIG.early, ascent_first_step.CONFIG.late * (1 - published)
    )

    np.testing.assert_allclose(np.diff(published) / aims[:2], [0.25, 1.41], atol=0.005)


def test_nearest_labels_are_counted_in_factors():
    confidences = np.array([0.1, 0.004, 0.002, 0.0, 0.0009, 0.0021])

    assert ascent_first_step.nearest(confidences, 0.002, 3) == [1, 2, 5]
    assert ascent_first_step.nearest(confidences, 0.002, 4) == [1, 2, 4, 5]


@pytest.mark.parametrize(
    ("name", "lowest", "spread"),
    [("mean and noise", -10, 1), ("mean", 0, 0), ("uniform noise", -120, 255 / 12**0.5)],
)
def test_starts_are_those_of_the_published_code(name, lowest, spread):
    drawn = ascent_first_step.start(name, (60, 60, 3), MEAN, seed=1)

    assert drawn.dtype == np.float32
    assert drawn.std(axis=(0, 1)) == pytest.approx(spread, rel=0.05)
    assert drawn.min() >= lowest
    assert (drawn + MEAN).mean() == pytest.approx(127.5 if name == "uniform noise" else 110, abs=3)


@pytest.fixture(scope="module")
def networks(tmp_path_factory) -> list[str]:
    """Specs of two networks of as many labels as ImageNet has."""
    import keras

    folder = tmp_path_factory.mktemp("models")
    for seed, side in enumerate((12, 16)):
        keras.utils.set_random_seed(seed)
        decided = keras.initializers.RandomNormal(stddev=0.5, seed=2)
        image = keras.Input((side, side, 3))
        features = keras.layers.Conv2D(4, 3, activation="relu")(image)
        pooled = keras.layers.GlobalAveragePooling2D()(features)
        outputs = keras.layers.Dense(1000, "softmax", kernel_initializer=decided)(pooled)
        keras.Model(image, outputs).save(folder / f"net{seed}.keras")
    return [f"{folder / 'net0.keras'}:bgr", f"{folder / 'net1.keras'}:tf"]


@pytest.mark.slow
def test_again_it_gives_the_same_bytes(command, networks, tmp_path, monkeypatch):
    """Steps are taken anew for each report; by default other tests say that ascents repeat."""
    monkeypatch.chdir(tmp_path)
    arguments = ["--experiment=ascent_first_step", f"--models={networks[0]}"]
    arguments += ["--scale=0.2", "--workdir=w", "--results=r"]
    assert command(reproduce, *arguments)[0] == 0
    before = folders.contents(pathlib.Path("r"))

    assert command(reproduce, *arguments)[0] == 0
    assert folders.contents(pathlib.Path("r")) == before


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 2])
def test_networks_beside_the_log(command, networks, tmp_path, monkeypatch, number):
    monkeypatch.chdir(tmp_path)
    arguments = ["--experiment=ascent_first_step", f"--models={','.join(networks[:number])}"]
    arguments += ["--scale=0.2", "--workdir=w", "--results=r"]

    code, out, err = command(reproduce, *arguments)

    assert code == 0, err
    folder = pathlib.Path("r/ascent_first_step_scale0.2")
    images = folders.rows(folder / "images.csv")
    names = ("net0.keras", "net1.keras")[:number]
    assert {row["network"] for row in images} == set(names)
    table = (folder / "table.md").read_text()
    for network in names:
        chosen = [
            row
            for row in images
            if (row["network"], row["start"]) == (network, "mean and noise")
            and row["labels"] == "classes of S5 to S9"
        ]
        assert {int(row["label"]) for row in chosen} < set(ascents.LEGIBLE)
        values = {
            name: np.array([float(row[name]) for row in chosen])
            for name in ("confidence_0", "confidence_1", "aim_1")
        }
        shares = 100 * (values["confidence_1"] - values["confidence_0"]) / values["aim_1"]
        assert (shares != 0).all()
        (line,) = [
            line.split(" | ")
            for line in table.split("Start: mean.")[0].splitlines()
            if line.startswith(f"| {network} | classes of S5 to S9 |")
        ]
        assert float(line[5]) == pytest.approx(np.median(shares), abs=0.0051)
        assert int(line[6]) == (shares >= 25).sum()
    assert terminal.shows(out, "CaffeNet, published", 300, 17.46, "-", 0.099, 2)
    settings = json.loads((folder / "settings.json").read_text())
    assert [of["preprocess"] for of in settings["classifiers"]] == ["bgr", "tf"][:number]
    assert settings["ascents"][0]["steps"] == 60
    assert settings["first_steps"]["max_learning_rate"] == 1e12
    assert (folder / "ascent_first_step.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("experiment", ["ascent_first_step", "ascent_losses", "figure_s5"])
@pytest.mark.parametrize(
    ("models", "labels", "facts"),
    [
        ("grpc://127.0.0.1:1/net", 1000, ["net is an endpoint", "gradients"]),
        ("net", 3, ["net0.keras", "3", "1000"]),
    ],
)
def test_other_models_are_refused(
    command, networks, tmp_path, monkeypatch, experiment, models, labels, facts
):
    monkeypatch.chdir(tmp_path)
    pathlib.Path("names.txt").write_text("\n".join(f"n{number}" for number in range(labels)))
    models = networks[0] if models == "net" else models

    code, _, err = command(
        reproduce,
        f"--experiment={experiment}",
        f"--models={models}",
        "--label_names=names.txt",
        "--workdir=w",
        "--results=r",
    )

    assert code == 1
    assert all(fact in err.splitlines()[-1] for fact in facts), err
    assert not folders.names(pathlib.Path("w"))
