"""How much is asked at a time, in a second, and in all."""

import time

import numpy as np
import pytest

from keras_fool.serving.client import endpoint_errors
from tests.keras_fool.serving import scripted
from tests.keras_fool.serving.client.asking import PROTOCOLS, images


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
        with pytest.raises(endpoint_errors.EndpointError, match="maximum input batch size 0"):
            scorer.score(images(5))

    def test_messages_too_large(self, serve, connect):
        endpoint = serve("grpc")
        scorer = connect(endpoint.url)
        words = "Received message larger than max (2400 vs. 1200)"
        endpoint.model.script = [("RESOURCE_EXHAUSTED", words)]
        batch = images(60)

        np.testing.assert_array_equal(scorer.score(batch), scripted.confidences(batch))

        assert endpoint.model.batches[1:] == [24, 24, 24]


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
        with pytest.raises(endpoint_errors.BudgetError, match="was sent 4 of 4 requests"):
            scorer.score(images(1))
        assert len(endpoint.model.authorizations) == 4

    @PROTOCOLS
    def test_images(self, serve, connect, protocol):
        endpoint = serve(protocol)
        scorer = connect(endpoint.url, max_images=150)
        assert scorer.affords(96)
        assert not scorer.affords(97)
        scorer.score(images(84))  # filled up to 96, after 48 at the start
        with pytest.raises(endpoint_errors.BudgetError, match="was sent 144 of 150 images"):
            scorer.score(images(1))
        assert sum(endpoint.model.batches) == 144

    @PROTOCOLS
    def test_rate(self, serve, connect, protocol):
        endpoint = serve(protocol)
        begun = time.monotonic()
        scorer = connect(endpoint.url, requests_per_second=10)
        for _ in range(4):
            scorer.score(images(2))
        assert time.monotonic() - begun >= 0.4
