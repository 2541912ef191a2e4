import hashlib
import json
import pathlib

import pytest

from keras_fool.models import classifiers


@pytest.fixture
def here(tmp_path, monkeypatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(folder: pathlib.Path, card: object = None) -> pathlib.Path:
    folder.mkdir(parents=True)
    (folder / "classifier.keras").write_bytes(b"a model")
    if card is not None:
        (folder / "card.json").write_text(json.dumps(card), "utf-8")
    return folder


CARD = {"labels": ["cat", "dog"], "dataset": "mnist"}


def test_name_takes_the_newest_version_by_number(here):
    for version in ("2", "10", "9"):
        make(here / "saved_models" / "pets" / version, CARD)
    (here / "saved_models" / "pets" / "11").mkdir()  # a version without a model is none
    make(here / "saved_models" / "pets" / "12.part", CARD)

    found = classifiers.find("pets")

    assert found.name == "pets/10"
    assert found.path == here / "saved_models" / "pets" / "10" / "classifier.keras"
    assert found.labels == ("cat", "dog")


def test_own_classifiers_come_before_shipped_ones_of_the_same_name(here):
    assert classifiers.find("mnist_a").path.parent.parent.parent != here / "saved_models"

    make(here / "saved_models" / "mnist_a" / "7", CARD)

    assert classifiers.find("mnist_a").name == "mnist_a/7"
    assert classifiers.find(None, "mnist").name == "mnist_a/7"


@pytest.mark.parametrize("given", ["elsewhere/pets/3", "elsewhere/pets"])
def test_folders_anywhere_are_taken(here, given):
    make(here / "elsewhere" / "pets" / "3", CARD)

    assert classifiers.find(given).name == "pets/3"
    assert classifiers.find(str(here / given)).path == classifiers.find(given).path


def test_any_keras_file_is_taken_and_has_no_labels(here):
    (here / "mine.keras").write_bytes(b"a model")

    found = classifiers.find("mine.keras")

    assert (found.name, found.labels) == ("mine.keras", None)


@pytest.mark.usefixtures("here")
def test_data_set_alone_means_its_shipped_classifier():
    found = classifiers.find(None, "mnist")

    assert found.name.startswith("mnist_a/")
    assert found.labels == tuple("0123456789")


def test_identity_is_of_the_content(here):
    (here / "mine.keras").write_bytes(b"a model")

    identity = classifiers.find("mine.keras").identity

    assert identity["sha256"] == hashlib.sha256(b"a model").hexdigest()
    assert (identity["preprocess"], identity["from_logits"]) == ("none", False)


@pytest.mark.parametrize(
    ("model", "dataset", "message"),
    [
        ("nothing", None, "unknown model 'nothing'; known: broken, mnist_a.*pets"),
        (None, "nothing", "unknown data set 'nothing'; known: mnist, digits"),
        (None, "digits", "keras_fool.train --dataset=digits --name=digits_a"),
        (None, None, "give --dataset"),
        ("missing.keras", None, "no file missing.keras"),
        ("notes.txt", None, "notes.txt is no classifier"),
        ("pets", "digits", "pets/1 was trained on mnist, not on digits"),
        ("broken", None, "card.json is no classifier's card"),
    ],
)
def test_what_cannot_be_found_says_so(here, model, dataset, message):
    make(here / "saved_models" / "pets" / "1", CARD)
    make(here / "saved_models" / "broken" / "1", {"labels": 3})
    (here / "notes.txt").write_text("notes")

    with pytest.raises(ValueError, match=message):
        classifiers.find(model, dataset)
