import numpy as np
import pytest

from keras_fool.models import label_choice

NAMES = ("tench", "Tibetan terrier", "crane", "golden retriever", "crane", "Windsor_tie")


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("tench", [0]),
        ("windsor tie,TIBETAN_TERRIER", [5, 1]),
        (" windsor tie , 4", [5, 4]),
        ("4,2,0", [4, 2, 0]),
        ("all", [0, 1, 2, 3, 4, 5]),
    ],
)
def test_labels_by_name_and_number(text, places):
    assert label_choice.labels(text, NAMES) == places


def test_names_that_are_numbers_are_names():
    assert label_choice.labels("3", ("9", "3", "0", "1")) == [1]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("zero, digit 0", [0]),
        ("Zero,_digit 0,one", [0, 2]),
        ("one,zero, digit 0", [2, 0]),
        ("zero", [1]),
        ("zero,one", [1, 2]),
        ("1,2", [3]),
        ("2,1", [2, 1]),
        ("ALL", [4]),
    ],
)
def test_commas_in_names_are_no_separators(text, places):
    names = ("zero, digit 0", "zero", "one", "1,2", "all")

    assert label_choice.labels(text, names) == places


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Tibetan terier", "unknown label 'Tibetan terier', did you mean Tibetan terrier[?]"),
        ("retriever", "did you mean golden retriever"),
        ("xyzzy", "unknown label 'xyzzy'; known: tench, Tibetan terrier, crane"),
        ("crane", "'crane' is the name of labels 2 and 4: say which by its number"),
        ("6", "there is no label 6: they are numbered 0 to 5"),
        ("-1", "unknown label '-1'"),
        ("tench,0", "label 0 .tench. is named twice"),
        ("tench,", "unknown label ''"),
    ],
)
def test_unknown_labels(text, message):
    with pytest.raises(ValueError, match=message):
        label_choice.labels(text, NAMES)


def test_all_of_very_many_labels():
    with pytest.raises(ValueError, match="all 1000 labels are more than 100"):
        label_choice.labels("all", [str(number) for number in range(1000)])


@pytest.mark.parametrize(
    ("words", "expected"), [(["0"], [0]), (["0-2", "7"], [0, 1, 2, 7]), (["3", "1-3"], [1, 2, 3])]
)
def test_numbers(words, expected):
    assert label_choice.numbers(words, "--seeds") == expected


@pytest.mark.parametrize("word", ["x", "-1", "1-", "", "1.5", "3-1"])
def test_wrong_numbers(word):
    with pytest.raises(ValueError, match="--seeds"):
        label_choice.numbers([word], "--seeds")


@pytest.mark.parametrize(
    ("given", "places"),
    [
        ([3, 0], [3, 0]),
        (np.array([5, 1]), [5, 1]),
        (range(2), [0, 1]),
        (2, [2]),
        (["tench", np.int64(4), "windsor tie", "3"], [0, 4, 5, 3]),
        ("tench,3", [0, 3]),
    ],
)
def test_numbers_and_names_of_a_program(given, places):
    found = label_choice.given(given, NAMES)
    assert found == places
    assert all(type(place) is int for place in found)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ([], ValueError, "at least one"),
        ([6], ValueError, "no label 6: they are numbered 0 to 5"),
        ([-1], ValueError, "no label -1"),
        ([0, "tench"], ValueError, "label 0 .tench. is named twice"),
        (["crane"], ValueError, "labels 2 and 4"),
        (["trench"], ValueError, "did you mean tench"),
        ([1.0], TypeError, r"number or its name, got 1\.0"),
        ([True], TypeError, "got True"),
        (None, TypeError, "got None"),
    ],
)
def test_what_is_no_label_is_refused(given, error, message):
    with pytest.raises(error, match=message):
        label_choice.given(given, NAMES)
