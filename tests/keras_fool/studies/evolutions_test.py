"""What is recorded of evolutions, whatever they are against."""

import dataclasses
import pathlib

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
    assert recorded(endpoints.parse("grpc://127.0.0.1:8500/mnist"))["crops"] is None
