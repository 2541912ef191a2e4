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


def test_cards_of_strangers_are_refused_in_one_line(here):
    make(here / "saved_models" / "pets" / "1", CARD)
    card = here / "saved_models" / "pets" / "1" / "card.json"
    for text in ("[" * 10**5, '{"labels":' * 10**5, "[]", '{"labels": NaN}', "\0"):
        card.write_text(text)
        with pytest.raises(ValueError, match=r"card\.json is not a classifier's card") as caught:
            classifiers.find("pets")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "dataset", "message"),
    [
        ("nothing", None, "unknown model 'nothing'; known: broken, .*mnist_a.*pets"),
        (None, "nothing", "unknown data set 'nothing'; known: mnist, digits"),
        (None, "digits", "keras_fool.train --dataset=digits --name=digits_a"),
        (None, None, "give --dataset"),
        ("missing.keras", None, "no file missing.keras"),
        ("mnst_a", None, "unknown model 'mnst_a', did you mean mnist_a"),
        ("MobileNett", None, "did you mean MobileNet"),
        ("there.kers:tff", None, "unknown model"),
        ("pets:tff", None, "unknown option of pets 'tff', did you mean tf"),
        ("pets:tf:logit", None, "unknown option of pets 'logit', did you mean logits"),
        ("my_modl.keras", None, "no file my_modl.keras, did you mean my_model.keras"),
        (None, "minst", "did you mean mnist"),
        ("", None, "name of a classifier is missing"),
        ("notes.txt", None, "notes.txt is not a classifier"),
        ("pets", "digits", "pets/1 was trained on mnist, not on digits"),
        ("broken", None, "card.json is not a classifier's card"),
    ],
)
def test_what_cannot_be_found_says_so(here, model, dataset, message):
    make(here / "saved_models" / "pets" / "1", CARD)
    make(here / "saved_models" / "broken" / "1", {"labels": 3})
    (here / "notes.txt").write_text("notes")
    (here / "my_model.keras").write_text("a model")

    with pytest.raises(ValueError, match=message):
        classifiers.find_all(model, dataset)


@pytest.mark.parametrize(
    "labels", ["abc", ["cat", "\x1b[2Jdog"], ["cat", 3], [], ["cat", ""], ["c" * 300], {"cat": 0}]
)
def test_a_card_names_labels_that_can_be_printed(here, labels):
    make(here / "pets" / "1", {**CARD, "labels": labels})

    with pytest.raises(ValueError, match=r"card\.json is not a classifier's card") as refused:
        classifiers.find("pets")
    assert str(refused.value).isprintable()


def test_the_same_names_in_another_order_are_refused(here):
    found = classifiers.find_all(str(make(here / "pets" / "1", CARD)))

    assert found.with_labels(("Katze", "Hund")).labels == ("Katze", "Hund")
    assert found.with_labels(("Cat", "Dog")).labels == ("Cat", "Dog")
    with pytest.raises(ValueError, match="label 0 is cat, not Dog"):
        found.with_labels(("Dog", "Cat"))


def test_members_that_name_their_labels_differently_are_refused(here):
    make(here / "pets" / "1", CARD)
    make(here / "tools" / "1", {**CARD, "labels": ["saw", "dog"]})

    with pytest.raises(ValueError, match="tools/1 has no cat"):
        classifiers.find_all("pets,tools")


def test_names_of_files_do_nothing_to_a_terminal(here):
    (here / "a\x1b[2J.keras").write_bytes(b"a model")

    assert classifiers.find("a\x1b[2J.keras").name == r"a\x1b[2J.keras"
