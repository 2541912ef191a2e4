"""Endpoints that fail, for a while or for good, one of several or all."""

import concurrent.futures
import random
import re
import threading
import time

import numpy as np
import pytest

from keras_fool.serving.client import endpoint_errors
from tests.keras_fool.serving import scripted
from tests.keras_fool.serving.client.asking import PROTOCOLS, images

LONG = 15  # seconds; less than the patience of 20, more than a busy machine needs


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

        assert endpoint.model.batches == [48, 72]
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
        assert 0.3 < time.monotonic() - begun < LONG

    @PROTOCOLS
    @pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "UNAUTHENTICATED"])
    def test_lasting_ones_end_at_once(self, serve, connect, protocol, code):
        endpoint = serve(protocol)
        scorer = connect(endpoint.url)
        endpoint.model.script = [(code, "never")]
        with pytest.raises(
            endpoint_errors.EndpointError, match=f"^{re.escape(endpoint.url)}: .*: never.$"
        ):
            scorer.score(images(5))

    @PROTOCOLS
    def test_patience_ends(self, serve, connect, protocol):
        endpoint = serve(protocol)
        scorer = connect(endpoint.url, patience=0.5)
        endpoint.model.script = [("UNAVAILABLE", "not now")] * 1000
        begun = time.monotonic()

        with pytest.raises(
            endpoint_errors.EndpointError, match=r"no usable answer for 0.5 seconds; .*not"
        ):
            scorer.score(images(300))

        assert 0.3 < time.monotonic() - begun < LONG

    @PROTOCOLS
    def test_interrupt_ends_waiting(self, serve, connect, protocol):
        endpoint = serve(protocol)
        scorer = connect(endpoint.url)
        endpoint.model.script = [("UNAVAILABLE", "not now")] * 1000
        threading.Timer(0.5, scorer.interrupt).start()
        begun = time.monotonic()
        with pytest.raises(endpoint_errors.EndpointError, match="interrupted"):
            scorer.score(images(5))
        assert time.monotonic() - begun < LONG

    @PROTOCOLS
    def test_closing_ends_a_score_under_way(self, serve, connect, protocol):
        endpoint = serve(protocol)
        scorer = connect(endpoint.url, in_flight=1, score_batch=20)
        endpoint.model.script = [("UNAVAILABLE", "not now")] * 1000
        threading.Timer(0.5, scorer.close).start()
        begun = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(1) as other:
            error = other.submit(scorer.score, images(300)).exception(timeout=60)
        assert isinstance(error, endpoint_errors.EndpointError)
        assert time.monotonic() - begun < LONG
        with pytest.raises(endpoint_errors.EndpointError):
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
        with pytest.raises(
            endpoint_errors.EndpointError, match=r"127.0.0.1:9/.* cannot be reached; 127"
        ):
            connect(f"{protocol}://127.0.0.1:9/{path}", patience=0.3)

    @PROTOCOLS
    def test_unknown_version(self, serve, connect, protocol):
        endpoint = serve(protocol)
        suffix = "/versions/5" if protocol == "http" else "/5"
        with pytest.raises(endpoint_errors.EndpointError, match="Specific"):
            connect(endpoint.url + suffix)


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
        deadline = time.monotonic() + 60
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
        with pytest.raises(endpoint_errors.EndpointError, match="serve different models"):
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
        with pytest.raises(
            endpoint_errors.VersionError, match="serves version 2, not version 1 any more"
        ):
            scorer.score(images(10))


class TestVersions:
    @PROTOCOLS
    def test_a_new_one_is_refused(self, serve, connect, protocol):
        endpoint = serve(protocol)
        scorer = connect(endpoint.url)
        endpoint.model.version = 2
        with pytest.raises(endpoint_errors.VersionError, match="say --allow_version_change"):
            scorer.score(images(300))
        assert endpoint.model.batches == [48]

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
        with pytest.raises(
            endpoint_errors.EndpointError, match="version 3 answered, not the version 1"
        ):
            scorer.score(images(5))
