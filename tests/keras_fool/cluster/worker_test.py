"""What workers do, in this process and without Ray: asked anything, in any order, twice."""

import dataclasses
import pathlib
import socket
import sys

import numpy as np
import pytest

import keras_fool
from evolvers import map_elites
from evolvers.config import Config
from keras_fool import audit, errors, evolve, reproduce
from keras_fool.cluster import addresses, build, shipping, worker
from keras_fool.models import classifiers, in_memory, kernel_threads, scorer_contract

CONFIG = Config(runs=2, first_run=3, generations=6, initial=12, batch=10)


class Here(worker.Worker):
    """A worker that is sent things without Ray.

    Attributes:
        fetched: How often it had to be sent a model.
    """

    fetched = 0

    def fetch(self, shipped):
        self.fetched += 1
        return shipped[0]


@pytest.fixture(scope="module")
def member():
    return Here(1, kernel_threads.count())


@pytest.fixture(scope="module")
def shipped(tiny_model) -> shipping.Shipped:
    return shipping.pack(classifiers.find(str(tiny_model)))


def asked(generation: int, count: int, state=None, job: int = 0) -> worker.Runs:
    return worker.Runs(job, CONFIG, range(3), generation, count, state)


def bits(answer: worker.Answer) -> list:
    assert answer.failure is None
    return [
        [(run, elite.identity, elite.image.tobytes(), elite.confidences.tobytes())
         for run, elite, _ in generation.accepted] + [streams]
        for generation, streams in answer.made
    ]  # fmt: skip


def test_pieces_are_the_same_in_any_order_and_twice(member, shipped, tiny_model):
    with_model = (shipped.sha256, [shipped])
    scorer = classifiers.find(str(tiny_model)).open()
    alone = map_elites.Evolution(CONFIG, scorer)
    states, expected = [None], []
    for _ in range(CONFIG.generations + 1):
        expected.append((alone.advance(), alone.streams))
        states.append(alone.state())
    alone.close()
    expected = bits(worker.Answer(None, expected))
    before = member.fetched

    found = [
        member.advance(*with_model, asked(-1, 2)),  # from the beginning
        member.advance(*with_model, asked(1, 1)),  # where it stands itself
        member.advance(*with_model, asked(-1, 3)),  # once more
        member.advance(*with_model, asked(4, 2, states[5])),  # of another worker's
        member.advance(*with_model, asked(2, 2, states[3])),
    ]

    assert list(map(bits, found)) == [
        expected[0:2],
        expected[2:3],
        expected[0:3],
        expected[5:7],
        expected[3:5],
    ]
    assert member.fetched - before <= 1
    assert member.advance(*with_model, asked(0, 1)).needs_state
    assert member.advance(*with_model, asked(4, 1, job=1)).needs_state


def test_another_model_takes_the_place_of_the_first(shipped, other_model, tiny_model):
    member = Here(1, kernel_threads.count())
    other = shipping.pack(classifiers.find(str(other_model)))
    images = np.random.default_rng(0).integers(0, 256, (7, 12, 10, 1), np.uint8)
    assert other.sha256 != shipped.sha256

    found = [member.score(one.sha256, [one], images) for one in (shipped, shipped, other)]

    for answer, path in zip(found, (tiny_model, tiny_model, other_model), strict=True):
        scorer = classifiers.find(str(path)).open()
        np.testing.assert_array_equal(answer.rows, scorer.score(images))
        assert answer.answers == shipping.answers(scorer)
    assert member.fetched == 2
    assert found[0].answers != found[2].answers


def test_what_is_wrong_with_a_model_is_an_answer(shipped):
    name = next(iter(shipped.files))
    broken = dataclasses.replace(shipped, files={name: shipped.files[name][:100]})

    answer = Here(1, kernel_threads.count()).score(
        broken.sha256, [broken], np.zeros((1, 12, 10, 1), np.uint8)
    )

    assert answer.answers is None
    assert "tiny.keras" in answer.failure.words
    assert isinstance(answer.failure.as_error(), scorer_contract.ScorerError)


def test_an_ensemble_is_opened_from_what_was_shipped(tiny_model, other_model):
    found = classifiers.find_all([str(tiny_model), str(other_model)])
    packed = shipping.pack(found, score_batch=48)
    images = np.random.default_rng(1).integers(0, 256, (5, 12, 10, 1), np.uint8)

    scorer = shipping.opened(packed)

    assert scorer.score_batch == 48
    assert scorer.name == found.name
    np.testing.assert_array_equal(scorer.score(images), found.open().score(images))
    assert classifiers.comparable(scorer.identity) == classifiers.comparable(found.identity)
    assert all(not path.is_absolute() for path in map(pathlib.Path, packed.files))


def test_a_model_in_memory_is_opened_from_what_was_shipped(tiny_model):
    labels = ("a", "b", "c")
    model = in_memory.KerasModel.of(classifiers.find(str(tiny_model)).load(), labels=labels)
    images = np.random.default_rng(1).integers(0, 256, (5, 12, 10, 1), np.uint8)

    scorer = shipping.opened(shipping.pack(model))

    np.testing.assert_array_equal(scorer.score(images), model.open().score(images))
    assert tuple(scorer.labels) == labels


def test_a_model_in_memory_that_cannot_be_saved_is_refused_in_one_line(tiny_model):
    import keras

    class Unsaved(keras.layers.Layer):
        def call(self, inputs):
            return inputs

        def get_config(self):
            raise NotImplementedError("no words\nfor it")

    model = classifiers.find(str(tiny_model)).load()
    with_layer = keras.Model(model.inputs, Unsaved()(model.outputs[0]), name="mine")

    with pytest.raises(ValueError, match=r"^mine cannot be saved in a file: no words$"):
        shipping.pack(in_memory.KerasModel.of(with_layer))


def test_the_same_environment_is_none_to_speak_of_and_another_is_named():
    there = dict(build.here())
    assert build.difference(there, "node-3") is None

    for name, other in (("tensorflow", "2.20.0"), ("keras_fool", "0.0.9")):
        words = build.difference({**there, name: other}, "node-3")
        for part in ("node-3", name, other, there[name]):
            assert part in words
        assert "\n" not in words
    del there["TF_ENABLE_ONEDNN_OPTS"]
    assert "TF_ENABLE_ONEDNN_OPTS" in build.difference(there, "node-3")


@pytest.mark.parametrize(
    ("command_module", "arguments"),
    [
        (evolve, ["--dataset=mnist", "--cluster=auto"]),
        (audit, ["--dataset=mnist", "--cluster=auto"]),
        (reproduce, ["--experiment=table_s2", "--cluster=auto"]),
    ],
)
def test_without_ray_there_is_one_line(command, monkeypatch, tmp_path, command_module, arguments):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.chdir(tmp_path)

    code, out, err = command(command_module, *arguments)

    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "ray" in err
    assert "[cluster]" in err
    assert not list(tmp_path.iterdir())


def brightness(images):
    light = images.mean(axis=(1, 2, 3)) / 255
    return np.stack([1 - light, light], axis=1)


@pytest.mark.parametrize("function", [keras_fool.fool, keras_fool.assess])
@pytest.mark.parametrize(
    ("settings", "error", "facts"),
    [
        ({"cluster": "nowhere"}, ValueError, ("cluster='nowhere'", "HOST:PORT")),
        ({"cluster": 6379}, TypeError, ("cluster", "6379")),
        ({"workers": 2}, ValueError, ("workers", "cluster")),
        ({"cluster": "auto", "workers": 0}, ValueError, ("workers", "at least 1", "0")),
        ({"cluster": "auto", "workers": 1.5}, TypeError, ("workers", "1.5")),
        ({"cluster": "auto", "cpus_per_worker": "x"}, TypeError, ("cpus_per_worker", "'x'")),
        ({"cluster": "127.0.0.1:1"}, errors.UserError, ("127.0.0.1:1", "ray start --head")),
        ({"cluster": "local"}, ValueError, ("brightness", "a function", "cluster")),
    ],
)
def test_programs_are_told_at_once_what_no_cluster_can_do(
    monkeypatch, tmp_path, function, settings, error, facts
):
    pytest.importorskip("ray")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(error) as raised:
        function(brightness, image_shape=(8, 8, 1), workdir="run", progress=False, **settings)

    assert all(fact in str(raised.value) for fact in facts)
    assert "\n" not in str(raised.value)
    assert "--c" not in str(raised.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("function", [keras_fool.fool, keras_fool.assess])
def test_without_ray_programs_are_told_what_to_install(monkeypatch, tmp_path, function):
    monkeypatch.setitem(sys.modules, "ray", None)

    with pytest.raises(errors.UserError, match=r"ray.*\[cluster\]"):
        function("mnist_a", cluster="auto", workdir=tmp_path, progress=False)
    assert not list(tmp_path.iterdir())


def test_an_ascent_has_no_use_for_a_cluster(tmp_path):
    with pytest.raises(ValueError, match="cluster is for method='evolve'"):
        keras_fool.fool("mnist_a", method="ascend", cluster="auto", workdir=tmp_path)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--dataset=mnist", "--workers=3"], ("--workers", "--cluster")),
        (["--dataset=mnist", "--gpus_per_worker=0.5"], ("--gpus_per_worker", "--cluster")),
        (["--dataset=mnist", "--cluster=auto", "--workers=0"], ("workers",)),
        (["--dataset=mnist", "--cluster=nowhere"], ("--cluster=nowhere", "HOST:PORT")),
    ],
)
def test_flags_that_do_not_go_together_are_refused(command, arguments, named):
    code, out, err = command(evolve, *arguments)

    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert all(part in err for part in named)


@pytest.mark.parametrize("address", ["", "nowhere", "10.0.0.1:", "ray://:10001", "host:70000"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ValueError, match="auto, local, HOST:PORT or ray://HOST:PORT"):
        addresses.head(address)


def test_where_nothing_answers_there_is_no_cluster(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address)
        for named in (address, f"ray://{address}", "auto"):
            with pytest.raises(errors.UserError, match=f"{address} cannot be reached"):
                addresses.head(named)

    monkeypatch.delenv("RAY_ADDRESS")
    assert addresses.head("auto") is None
    assert addresses.head("local") == "127.0.0.1"
