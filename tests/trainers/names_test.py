import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainers import names

PIECES = st.lists(st.text("ab, ", max_size=4), min_size=1, max_size=6)


@given(st.text(max_size=60))
def test_what_is_shown_can_be_printed_and_stays_as_it_is(text):
    shown = names.shown(text)

    assert all(letter.isprintable() or letter in "\u200c\u200d" for letter in shown)
    assert names.shown(shown) == shown
    assert shown == text or not text.isprintable()


def test_control_characters_are_written_out():
    assert names.shown("a\x1b[31mb\n\u202ec\udce9") == r"a\x1b[31mb\n\u202ec\udce9"
    assert (
        names.shown("na\u00efve \u0645\u06cc\u200c\u062e") == "na\u00efve \u0645\u06cc\u200c\u062e"
    )


@pytest.mark.parametrize(
    "found",
    [
        "abc",
        [],
        None,
        {"a": 0},
        ["a", 3],
        ["a", ""],
        ["a", " "],
        ["a\x1b[2J"],
        ["a\nb"],
        ["a" * 257],
    ],
)
def test_what_are_no_names_of_labels(found):
    with pytest.raises(ValueError, match="the card"):
        names.checked_labels(found, "the card")


def test_names_of_labels_are_as_they_were():
    assert names.checked_labels(["a" * 256, "zero, digit 0", "a"], "x")[1:] == (
        "zero, digit 0",
        "a",
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Tibetan_terrier", "tibetan  terrier"),
        (" a ", "A"),
        ("caf\u00e9", "cafe\u0301"),
        ("\ufb01g", "FIG"),
    ],
)
def test_names_that_are_alike(one, other):
    assert names.plain(one) == names.plain(other)
    assert names.places([one], [other, "b"]) == [[0]]


def test_the_very_name_comes_before_those_that_are_alike():
    assert names.places(["cat", "CAT", "dog"], ["Cat", "cat"]) == [[1], [0, 1], []]


@given(PIECES, st.sets(st.text("ab, ", max_size=9)))
def test_parts_are_pieces_or_exist(pieces, known):
    text = ",".join(pieces)

    parts = names.separated(text, known.__contains__)

    for part in parts:
        assert "," not in part or part in known
    assert ",".join(parts).replace(" ", "") == text.replace(" ", "")
    if text.strip() in known and text.strip():
        assert parts == [text.strip()]
    if not known:
        assert parts == [piece.strip() for piece in text.split(",")]


@pytest.mark.parametrize(
    ("word", "known", "expected"),
    [
        ("minst", ["mnist", "digits", "shapes"], ["mnist"]),
        ("MNIST", ["mnist", "digits"], ["mnist"]),
        ("zebrra", ["cobra", "zebra", "dog"], ["zebra"]),
        ("MobileNett", ["MobileNet", "VGG16"], ["MobileNet"]),
        ("fox", ["Arctic fox", "dog"], ["Arctic fox"]),
        ("xyzzy", ["mnist", "digits"], []),
        ("", ["mnist"], []),
    ],
)
def test_near_names(word, known, expected):
    assert names.near(word, known) == expected


def test_unknown_names_are_suggested_and_listed():
    said = names.unknown("data set", "minst\x1b", ["mnist", "digits"], also=["mnist_a"])

    assert "unknown data set 'minst\\x1b', did you mean mnist" in said
    assert said.endswith("nown: mnist, digits.")
    assert "did you" not in names.unknown("data set", "xyzzy", ["mnist"])
    assert "none" in names.unknown("model", "x", [])
