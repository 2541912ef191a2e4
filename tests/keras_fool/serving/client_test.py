import concurrent.futures
import dataclasses
import json
import os
import random
import re
import subprocess
import threading
import time

import numpy as np
import pytest

from keras_fool.models import scorer_contract
from keras_fool.serving import client, endpoints, transport
from tests.keras_fool.serving import scripted

PROTOCOLS = pytest.mark.parametrize("protocol", ["grpc", "http"])
OPTIONS = endpoints.Options(patience=20.0, deadline=5.0)


@pytest.fixture
def serve():
    """Starts scripted endpoints, which end with the test."""
    started = []

    def start(protocol: str, **settings) -> scripted.Endpoint:
        started.append(scripted.Endpoint(protocol, **settings))
        return started[-1]

    yield start
    for endpoint in started:
        endpoint.stop()


@pytest.fixture
def connect():
    """Opens scorers, which are closed with the test, and keeps what they note."""
    opened = []

    def open_one(url: str, *, score_batch=None, labels=None, **options):
        endpoint = dataclasses.replace(
            endpoints.parse(url), labels=labels, options=dataclasses.replace(OPTIONS, **options)
        )
        notes = []
        scorer = client.EndpointScorer(endpoint, score_batch=score_batch, note=notes.append)
        scorer.notes = notes
        opened.append(scorer)
        return scorer

    yield open_one
    for scorer in opened:
        scorer.close()


def images(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *scripted.SHAPE), np.uint8)


class TestAnswers:
    @PROTOCOLS
    @pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 64, 700])
    def test_confidences_are_the_models(self, serve, connect, protocol, count):
        scorer = connect(serve(protocol).url)
        batch = images(count)

        found = scorer.score(batch)

        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, scripted.confidences(batch))

    @PROTOCOLS
    def test_what_is_known_of_it(self, serve, connect, protocol):
        endpoint = serve(protocol)
        scorer = connect(endpoint.url)

        assert (scorer.name, scorer.version) == ("m", 1)
        assert scorer.labels == ("0", "1", "2")
        assert scorer.image_shape == scripted.SHAPE
        assert scorer.identity["path"] == endpoint.url
        json.dumps(scorer.identity)

    @PROTOCOLS
    @pytest.mark.parametrize("packed", [True, False])
    def test_typed_and_packed(self, serve, connect, protocol, packed):
        endpoint = serve(protocol)
        endpoint.model.packed = packed
        scorer = connect(endpoint.url)
        np.testing.assert_array_equal(scorer.score(images(9)), scripted.confidences(images(9)))

    @PROTOCOLS
    @pytest.mark.parametrize("dtype", ["DT_FLOAT", "DT_STRING"])
    def test_what_the_signature_takes_is_sent(self, serve, connect, protocol, dtype):
        endpoint = serve(protocol)
        endpoint.model.dtype = dtype
        query = ""
        if dtype == "DT_STRING":
            endpoint.model.shape = (-1,)
            query = "?image=4x3x1"

        scorer = connect(endpoint.url + query)

        np.testing.assert_array_equal(scorer.score(images(40)), scripted.confidences(images(40)))

    @PROTOCOLS
    def test_small_batches_are_filled_up(self, serve, connect, protocol):
        endpoint = serve(protocol)
        connect(endpoint.url).score(images(3))
        assert endpoint.model.batches == [16, 16]  # the first is the trial

    @PROTOCOLS
    def test_a_signature_of_one_batch_size_gets_just_that(self, serve, connect, protocol):
        endpoint = serve(protocol)
        endpoint.model.shape = (8, *scripted.SHAPE)

        scorer = connect(endpoint.url)

        np.testing.assert_array_equal(scorer.score(images(30)), scripted.confidences(images(30)))
        assert set(endpoint.model.batches) == {8}

    @PROTOCOLS
    def test_answers_are_put_in_order(self, serve, connect, protocol):
        endpoint = serve(protocol)
        scorer = connect(endpoint.url, score_batch=20, in_flight=5)
        endpoint.model.script = [0.3, 0.0, 0.2, 0.0, 0.1, 0.0, 0.0, 0.15]
        batch = images(333)
        np.testing.assert_array_equal(scorer.score(batch), scripted.confidences(batch))

    @PROTOCOLS
    def test_logits(self, serve, connect, protocol):
        endpoint = serve(protocol)
        scorer = connect(endpoint.url + "?logits=true&output=logits")
        endpoint.model.script = [np.log(scripted.confidences(images(20))) + 7]
        np.testing.assert_allclose(
            scorer.score(images(20)), scripted.confidences(images(20)), atol=1e-6
        )

    @PROTOCOLS
    def test_wrong_images_are_not_sent(self, serve, connect, protocol):
        endpoint = serve(protocol)
        scorer = connect(endpoint.url)
        for wrong in (images(3).astype(np.float32), np.zeros((3, 5, 3, 1), np.uint8)):
            with pytest.raises(ValueError, match=r"takes uint8 images \[batch, 4, 3, 1\], got"):
                scorer.score(wrong)
        assert len(endpoint.model.batches) == 1


class TestBatchLimit:
    @PROTOCOLS
    @pytest.mark.parametrize("most", [1, 7, 50])
    def test_is_learned_from_the_refusal(self, serve, connect, protocol, most):
        endpoint = serve(protocol)
        endpoint.model.most = most
        scorer = connect(endpoint.url)
        batch = images(130)

        np.testing.assert_array_equal(scorer.score(batch), scripted.confidences(batch))

        assert max(endpoint.model.batches) <= most
        assert not scorer.notes

    @PROTOCOLS
    def test_a_limit_that_makes_no_sense_is_reported(self, serve, connect, protocol):
        endpoint = serve(protocol)
        scorer = connect(endpoint.url)
        endpoint.model.script = [("INVALID_ARGUMENT", "maximum input batch size 0")]
        with pytest.raises(client.EndpointError, match="maximum input batch size 0"):
            scorer.score(images(5))

    def test_messages_too_large(self, serve, connect):
        endpoint = serve("grpc")
        scorer = connect(endpoint.url)
        words = "Received message larger than max (2400 vs. 1200)"
        endpoint.model.script = [("RESOURCE_EXHAUSTED", words)]
        batch = images(60)

        np.testing.assert_array_equal(scorer.score(batch), scripted.confidences(batch))

        assert endpoint.model.batches[1:] == [27, 27, 16]


class TestFailures:
    @PROTOCOLS
    @pytest.mark.parametrize(
        "code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "INTERNAL"]
    )
    def test_passing_ones_are_outlasted(self, serve, connect, protocol, code):
        endpoint = serve(protocol)
        scorer = connect(endpoint.url, in_flight=1)
        endpoint.model.script = [(code, "not now")] * 3
        batch = images(50)

        np.testing.assert_array_equal(scorer.score(batch), scripted.confidences(batch))

        assert endpoint.model.batches == [16, 50]
        told, back = scorer.notes
        assert told.startswith(f"{endpoint.address} gives no usable answer (")
        assert "not now" in told
        assert back.startswith(f"{endpoint.address} answers again after")

    @PROTOCOLS
    def test_a_slow_answer_is_given_up_and_asked_for_again(self, serve, connect, protocol):
        endpoint = serve(protocol)
        scorer = connect(endpoint.url, deadline=0.3)
        endpoint.model.script = [1.0]
        begun = time.monotonic()
        np.testing.assert_array_equal(scorer.score(images(5)), scripted.confidences(images(5)))
        assert 0.3 < time.monotonic() - begun < 2

    @PROTOCOLS
    @pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "UNAUTHENTICATED"])
    def test_lasting_ones_end_at_once(self, serve, connect, protocol, code):
        endpoint = serve(protocol)
        scorer = connect(endpoint.url)
        endpoint.model.script = [(code, "never")]
        with pytest.raises(client.EndpointError, match=f"^{re.escape(endpoint.url)}: .*: never.$"):
            scorer.score(images(5))

    @PROTOCOLS
    def test_patience_ends(self, serve, connect, protocol):
        endpoint = serve(protocol)
        scorer = connect(endpoint.url, patience=0.5)
        endpoint.model.script = [("UNAVAILABLE", "not now")] * 1000
        begun = time.monotonic()

        with pytest.raises(client.EndpointError, match=r"no usable answer for 0.5 seconds; .*not"):
            scorer.score(images(300))

        assert 0.3 < time.monotonic() - begun < 3

    @PROTOCOLS
    def test_interrupt_ends_waiting(self, serve, connect, protocol):
        endpoint = serve(protocol)
        scorer = connect(endpoint.url)
        endpoint.model.script = [("UNAVAILABLE", "not now")] * 1000
        threading.Timer(0.5, scorer.interrupt).start()
        begun = time.monotonic()
        with pytest.raises(client.EndpointError, match="interrupted"):
            scorer.score(images(5))
        assert time.monotonic() - begun < 3

    @PROTOCOLS
    def test_closing_ends_a_score_under_way(self, serve, connect, protocol):
        endpoint = serve(protocol)
        scorer = connect(endpoint.url, in_flight=1, score_batch=20)
        endpoint.model.script = [("UNAVAILABLE", "not now")] * 1000
        threading.Timer(0.5, scorer.close).start()
        begun = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(1) as other:
            error = other.submit(scorer.score, images(300)).exception(timeout=10)
        assert isinstance(error, client.EndpointError)
        assert time.monotonic() - begun < 5
        with pytest.raises(client.EndpointError):
            scorer.score(images(3))

    @PROTOCOLS
    def test_backing_off_leaves_the_global_random_numbers_alone(self, serve, connect, protocol):
        endpoint = serve(protocol)
        scorer = connect(endpoint.url)
        endpoint.model.script = [("UNAVAILABLE", "not now")] * 2
        random.seed(1)
        np.random.seed(1)
        before = random.getstate(), np.random.get_state()[1].tolist()
        scorer.score(images(5))
        assert before == (random.getstate(), np.random.get_state()[1].tolist())

    @PROTOCOLS
    def test_nobody_there(self, connect, protocol):
        path = "v1/models/m" if protocol == "http" else "m"
        with pytest.raises(client.EndpointError, match=r"127.0.0.1:9/.* cannot be reached; 127"):
            connect(f"{protocol}://127.0.0.1:9/{path}", patience=0.3)

    @PROTOCOLS
    def test_unknown_version(self, serve, connect, protocol):
        endpoint = serve(protocol)
        suffix = "/versions/5" if protocol == "http" else "/5"
        with pytest.raises(client.EndpointError, match="Specific"):
            connect(endpoint.url + suffix)


WRONG = {
    "NaN": (np.full((16, 3), np.nan), "returned NaN confidences"),
    "sums": (np.full((16, 3), 2.0), "add up to 6, not to 1; if its outputs are logits, say"),
    "columns": (np.full((16, 4), 0.25), r"returned \[16, 4\] numbers where \[16, 3\] belong"),
    "rows": (np.full((15, 3), 1 / 3), r"returned \[15, 3\] numbers where \[16, 3\] belong"),
    "rank": (np.full((16,), 1.0), r"returned \[16\] numbers where \[16, 3\] belong"),
}


class TestNoConfidences:
    @PROTOCOLS
    @pytest.mark.parametrize("what", WRONG)
    def test_once_is_asked_again(self, serve, connect, protocol, what):
        endpoint = serve(protocol)
        endpoint.model.outputs = {"probabilities": (-1, 3)}
        scorer = connect(endpoint.url)
        endpoint.model.script = [WRONG[what][0]] * 2
        np.testing.assert_array_equal(scorer.score(images(9)), scripted.confidences(images(9)))

    @PROTOCOLS
    @pytest.mark.parametrize("what", WRONG)
    def test_three_times_is_an_error(self, serve, connect, protocol, what):
        endpoint = serve(protocol)
        endpoint.model.outputs = {"probabilities": (-1, 3)}
        scorer = connect(endpoint.url)
        values, message = WRONG[what]
        endpoint.model.script = [values] * 3
        with pytest.raises(scorer_contract.ScorerError, match=message) as error:
            scorer.score(images(9))
        assert str(error.value).startswith(endpoint.url)

    @PROTOCOLS
    def test_at_the_start(self, serve, connect, protocol):
        endpoint = serve(protocol)
        endpoint.model.script = [np.full((16, 3), [2.0, -0.5, -0.5])] * 3
        with pytest.raises(client.EndpointError, match=r"negative.*say \?logits=true behind"):
            connect(endpoint.url)


class TestReplicas:
    @PROTOCOLS
    def test_take_turns(self, serve, connect, protocol):
        one, two = serve(protocol), serve(protocol)
        scorer = connect(one.url.replace(one.address, f"{one.address},{two.address}"))
        for seed in range(20):
            scorer.score(images(10, seed))
        assert len(one.model.batches) in (10, 11)
        assert len(two.model.batches) in (10, 11)

    @PROTOCOLS
    def test_one_dies_and_comes_back(self, serve, connect, protocol):
        one, two = serve(protocol), serve(protocol)
        scorer = connect(one.url.replace(one.address, f"{one.address},{two.address}"))
        one.model.script = [("UNAVAILABLE", "not now")] * 3
        deadline = time.monotonic() + 20
        batch = images(100)
        while len(scorer.notes) < 2:
            np.testing.assert_array_equal(scorer.score(batch), scripted.confidences(batch))
            assert time.monotonic() < deadline
        before = len(one.model.batches)
        scorer.score(images(10))
        scorer.score(images(10))
        assert len(one.model.batches) == before + 1
        assert "its turn goes to the others" in scorer.notes[0]

    @PROTOCOLS
    def test_one_is_not_there_from_the_start(self, serve, connect, protocol):
        one = serve(protocol)
        scorer = connect(one.url.replace(one.address, f"127.0.0.1:9,{one.address}"))
        for _ in range(5):
            scorer.score(images(10))
        assert len(one.model.batches) == 6

    @PROTOCOLS
    def test_of_different_models_are_refused(self, serve, connect, protocol):
        one, two = serve(protocol), serve(protocol)
        two.model.outputs = {"probabilities": (-1, 4)}
        with pytest.raises(client.EndpointError, match="serve different models"):
            connect(one.url.replace(one.address, f"{one.address},{two.address}"))

    @PROTOCOLS
    def test_upgraded_one_by_one(self, serve, connect, protocol):
        one, two = serve(protocol), serve(protocol)
        scorer = connect(one.url.replace(one.address, f"{one.address},{two.address}"))
        one.model.version = 2
        for _ in range(3):
            scorer.score(images(10))
        assert len(one.model.batches) <= 1  # the trial

        two.model.version = 2
        with pytest.raises(client.VersionError, match="serves version 2, not version 1 any more"):
            scorer.score(images(10))


class TestVersions:
    @PROTOCOLS
    def test_a_new_one_is_refused(self, serve, connect, protocol):
        endpoint = serve(protocol)
        scorer = connect(endpoint.url)
        endpoint.model.version = 2
        with pytest.raises(client.VersionError, match="say --allow_version_change"):
            scorer.score(images(300))
        assert endpoint.model.batches == [16]

    @PROTOCOLS
    def test_a_new_one_is_taken_where_that_is_allowed(self, serve, connect, protocol):
        endpoint = serve(protocol)
        scorer = connect(endpoint.url, allow_version_change=True)
        endpoint.model.version = 2
        batch = images(300)
        np.testing.assert_array_equal(scorer.score(batch), scripted.confidences(batch))
        assert scorer.version == 2
        assert scorer.probes is None
        assert any("serves version 2" in note for note in scorer.notes)

    @PROTOCOLS
    def test_it_may_be_loading(self, serve, connect, protocol):
        endpoint = serve(protocol)
        scorer = connect(endpoint.url)
        endpoint.model.script = [("NOT_FOUND", "Servable not found")] * 2
        np.testing.assert_array_equal(scorer.score(images(9)), scripted.confidences(images(9)))

    def test_another_one_than_was_asked_for_answers(self, serve, connect):
        endpoint = serve("grpc")
        scorer = connect(endpoint.url, patience=0.5)
        endpoint.model.answer = lambda batch, _: scripted.confidences(batch)  # whatever is asked
        endpoint.model.version = 3
        with pytest.raises(client.EndpointError, match="version 3 answered, not the version 1"):
            scorer.score(images(5))


class TestBudget:
    @PROTOCOLS
    def test_requests(self, serve, connect, protocol):
        endpoint = serve(protocol)
        scorer = connect(endpoint.url, max_requests=4, in_flight=1)
        assert scorer.affords(1000)
        endpoint.model.script = [("UNAVAILABLE", "not now")]
        scorer.score(images(10))
        scorer.score(images(10))
        assert not scorer.affords(1)
        with pytest.raises(client.BudgetError, match="was sent 4 of 4 requests"):
            scorer.score(images(1))
        assert len(endpoint.model.authorizations) == 4

    @PROTOCOLS
    def test_images(self, serve, connect, protocol):
        endpoint = serve(protocol)
        scorer = connect(endpoint.url, max_images=100)
        assert scorer.affords(84)
        assert not scorer.affords(85)
        scorer.score(images(84))
        with pytest.raises(client.BudgetError, match="was sent 100 of 100 images"):
            scorer.score(images(1))
        assert sum(endpoint.model.batches) == 100

    @PROTOCOLS
    def test_rate(self, serve, connect, protocol):
        endpoint = serve(protocol)
        begun = time.monotonic()
        scorer = connect(endpoint.url, requests_per_second=10)
        for _ in range(4):
            scorer.score(images(2))
        assert 0.4 <= time.monotonic() - begun < 2


class TestMetadata:
    @PROTOCOLS
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"dtype": "DT_INT32"}, r"takes int32 \[\?, 4, 3, 1\], not images"),
            ({"shape": (-1, 12)}, r"takes uint8 \[\?, 12\], not images \[batch, height"),
            ({"shape": (-1, 4, 3, 2)}, r"takes uint8 \[\?, 4, 3, 2\], not images"),
            ({"shape": (-1, -1, 3, 1)}, r"say what images those are, such as \?image="),
            ({"shape": None}, r"takes uint8 of any shape: say what images"),
            ({"outputs": {"a": (-1, 3), "b": (-1, 3)}}, r"say which, such as \?output=a"),
            ({"outputs": {"a": (-1, 3, 3)}}, r"gives no confidences \[batch, labels\], but a \("),
            ({"outputs": {}}, r"gives no confidences \[batch, labels\], but nothing"),
        ],
    )
    def test_what_does_not_fit_is_refused_before_any_image(
        self, serve, connect, protocol, settings, message
    ):
        endpoint = serve(protocol)
        vars(endpoint.model).update(settings)
        with pytest.raises(ValueError, match=message):
            connect(endpoint.url)
        assert endpoint.model.batches == endpoint.model.authorizations == []

    @PROTOCOLS
    def test_labels_must_be_as_many(self, serve, connect, protocol):
        endpoint = serve(protocol)
        with pytest.raises(ValueError, match="gives 3 confidences, but 2 labels are named"):
            connect(endpoint.url, labels=("a", "b"))
        assert connect(endpoint.url, labels=("a", "b", "c")).labels == ("a", "b", "c")

    @PROTOCOLS
    def test_what_it_does_not_tell_is_tried(self, serve, connect, protocol):
        endpoint = serve(protocol)
        endpoint.model.shape = (-1, -1, -1, -1)
        endpoint.model.outputs = {"probabilities": (-1, -1)}
        scorer = connect(endpoint.url + "?image=4x3x1")
        assert len(scorer.labels) == 3

    @PROTOCOLS
    def test_unknown_signature(self, serve, connect, protocol):
        with pytest.raises(ValueError, match="no signature 'nope'; known: serving_default"):
            connect(serve(protocol).url + "?signature=nope")


TOKEN = "s3cret-t0ken-of-the-tests"


class TestToken:
    @PROTOCOLS
    def test_is_sent_and_said_nowhere(self, serve, connect, protocol, monkeypatch, capfd):
        monkeypatch.setenv(transport.TOKEN_VARIABLE, TOKEN)
        endpoint = serve(protocol)
        scorer = connect(endpoint.url, patience=0.5)
        scorer.score(images(3))
        assert endpoint.model.authorizations == [f"Bearer {TOKEN}"] * 2

        endpoint.model.script = [("UNAVAILABLE", f"bad token {TOKEN}")] * 1000
        with pytest.raises(client.EndpointError, match=r"bad token \*\*\*") as error:
            scorer.score(images(3))
        said = [str(error.value), *scorer.notes, *capfd.readouterr(), json.dumps(scorer.identity)]
        said += [repr(thing) for thing in _all_attributes(scorer)]
        assert not [text for text in said if TOKEN in text]

    @pytest.mark.parametrize("scheme", ["grpc", "http"])
    def test_does_not_cross_a_network_unencrypted(self, monkeypatch, scheme):
        monkeypatch.setenv(transport.TOKEN_VARIABLE, TOKEN)
        path = "v1/models/m" if scheme == "http" else "m"
        endpoint = endpoints.parse(f"{scheme}://127.0.0.1:80,example.org:80/{path}")
        with pytest.raises(ValueError, match=f"not encrypted: use {scheme}s://, or unset it"):
            client.EndpointScorer(endpoint)

    def test_with_a_line_break_is_refused_unsaid(self, monkeypatch):
        monkeypatch.setenv(transport.TOKEN_VARIABLE, f"{TOKEN}\nX: y")
        with pytest.raises(ValueError, match="holds a character that no token has") as error:
            client.EndpointScorer(endpoints.parse("grpc://127.0.0.1:80/m"))
        assert TOKEN not in str(error.value)

    def test_is_not_what_netrc_says(self, serve, connect, monkeypatch, tmp_path):
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login somebody password else\n")
        monkeypatch.setenv("NETRC", str(netrc))
        endpoint = serve("http")
        connect(endpoint.url)
        assert endpoint.model.authorizations == [None]

    @PROTOCOLS
    def test_goes_through_tls(self, serve, connect, protocol, monkeypatch, tmp_path):
        key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
                *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
                *("-keyout", key, "-out", certificate),
            ],
            check=True,
            capture_output=True,
        )
        endpoint = serve(f"{protocol}s", certificate=(key, certificate))
        if protocol == "http":  # gRPC reads its roots once in a process
            with pytest.raises(client.EndpointError, match="TLS failed"):
                connect(endpoint.url, patience=0.2)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate)
        monkeypatch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", certificate)
        monkeypatch.setenv(transport.TOKEN_VARIABLE, TOKEN)

        scorer = connect(endpoint.url)

        np.testing.assert_array_equal(scorer.score(images(9)), scripted.confidences(images(9)))
        assert endpoint.model.authorizations == [f"Bearer {TOKEN}"] * 2


def _all_attributes(thing, depth: int = 4) -> list:
    """What a debugger or log would show of an object and what it holds."""
    if depth == 0:
        return []
    inner = list(getattr(thing, "__dict__", {}).values())
    held = [value for value in inner if type(value).__module__.startswith("keras_fool")]
    for value in inner:
        held += value if isinstance(value, list) else []
    return [thing, *(part for value in held for part in _all_attributes(value, depth - 1))]


def test_there_is_no_limit_of_4_megabytes(serve, connect):
    endpoint = serve("grpc")
    wide = 70_000
    endpoint.model.outputs = {"probabilities": (-1, wide)}
    endpoint.model.answer = lambda batch, _: np.full((len(batch), wide), 1 / wide, np.float32)
    endpoint.model.packed = True

    found = connect(endpoint.url).score(images(20))

    assert found.nbytes > 4 * 2**20
    assert found.shape == (20, wide)


def test_the_environment_is_left_alone():
    assert transport.TOKEN_VARIABLE not in os.environ
