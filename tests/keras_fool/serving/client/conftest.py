"""Scripted endpoints, and scorers that ask them."""

import dataclasses

import pytest

from keras_fool.models import endpoints
from keras_fool.serving.client import endpoint_scorer
from tests.keras_fool.serving import scripted

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
        scorer = endpoint_scorer.EndpointScorer(
            endpoint, score_batch=score_batch, note=notes.append
        )
        scorer.notes = notes
        opened.append(scorer)
        return scorer

    yield open_one
    for scorer in opened:
        scorer.close()
