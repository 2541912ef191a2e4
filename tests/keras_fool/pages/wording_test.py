import pytest

from keras_fool.pages import wording


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (2 / 3, "66.7 %"),
        (0.5, "50 %"),
        (0.9999, "over 99.9 %"),
        (0.0001, "under 0.1 %"),
        (None, wording.NONE),
    ],
)
def test_only_none_and_all_are_0_and_100_per_cent(value, text):
    assert wording.share(value) == text.replace(" %", "\u00a0%")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.99999, "99.99 %"),
        (1.0, "100 %"),
        (0.0, "0 %"),
        (1e-9, "0.00 %"),
        (None, wording.NONE),
    ],
)
def test_per_cent_are_cut(value, text):
    assert wording.percent(value) == text.replace(" %", "\u00a0%")


def test_a_high_confidence_has_its_doubt():
    assert wording.confidence(0.9999942).endswith("1 in 170,000")
    assert wording.brief(0.9999942) == "1 in 170,000"
    assert wording.brief(0.5) == "50.00\u00a0%"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("tabby cat", "tabby cat"),
        ("قطة", "قطة"),
        ("a\u202egnp.exe", "a\\u202egnp.exe"),
        ("a\u2066b", "a\\u2066b"),
        ("two\nlines", "two\\nlines"),
        ("", "(no name)"),
    ],
)
def test_characters_of_names_that_turn_others_around_are_visible(text, shown):
    assert wording.name(text) == shown


def test_long_names_are_cut():
    assert len(wording.name("w" * 10_000)) == 80


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.1234, "0.123 s"),
        (59.6, "59.6 s"),
        (252, "4 min 12 s"),
        (3599.9, "1 h 0 min"),
        (None, wording.NONE),
    ],
)
def test_spans_of_time(seconds, text):
    assert wording.duration(seconds) == text


def test_days():
    assert wording.day("2026-11-06T03:33:01+00:00") == "6 November 2026"
    assert wording.day("<b>") == "<b>"


def test_numbers_have_a_minus_sign():
    assert wording.number(-812.514) == "\u2212812.51"
    assert wording.number(1e-7) == "1e\u221207"
    assert wording.threshold("0.9999") == "99.99\u00a0%"
    assert wording.count(1234567.5) == "1,234,568"
