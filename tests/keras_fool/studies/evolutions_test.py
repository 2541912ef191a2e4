"""What is recorded of evolutions, whatever they are against."""

import dataclasses
import pathlib
import re

import pytest

from evolvers.config import Config
from keras_fool.models import classifiers, endpoints
from keras_fool.studies import evolutions, imagenet


@pytest.fixture
def one(tiny_model) -> classifiers.Classifier:
    return classifiers.find(str(tiny_model))


def recorded(classifier) -> dict:
    subject = evolutions.Subject.found(classifier)
    planned = evolutions.Evolve(
        name="evolve", work=1, subject=subject, config=Config(), folder=pathlib.Path("run")
    )
    return evolutions.recorded([classifier], [planned])["evolutions"][0]


def test_crops_are_those_of_the_members(one):
    ten = dataclasses.replace(one, name="ten", views=classifiers.Views(40, crops=10))
    both = classifiers.Ensemble((one, ten))

    assert recorded(one)["crops"] == 1
    assert recorded(ten)["crops"] == 10
    assert recorded(both)["crops"] == [1, 10]
    assert imagenet.views(both) == "the whole image or 10 crops of 40x40"


def test_endpoint_crops_for_itself_if_at_all():
    endpoint = endpoints.parse("grpc://127.0.0.1:8500/mnist")
    assert recorded(endpoint)["crops"] is None
    assert imagenet.views(endpoint) == "the whole image"


def test_only_single_networks_are_given_another_view(one):
    subject = evolutions.Subject.found(one)
    assert subject.through("published_no_mean").find().views.view == "published_no_mean"
    both = classifiers.Ensemble((one, dataclasses.replace(one, name="two")))
    for found in (both, endpoints.parse("grpc://127.0.0.1:8500/mnist")):
        subject = evolutions.Subject.found(found)
        assert subject.through("plain").find() is found
        with pytest.raises(ValueError, match=f"{re.escape(found.name)} is .*single networks"):
            subject.through("published_no_mean")
