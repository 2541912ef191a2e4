import re

import numpy as np
import pytest

from keras_fool.sheets import captions


@pytest.mark.parametrize(
    ("confidence", "text"),
    [
        (1.0, "100 %"),
        (np.float32(0.99999994), "99.99 %"),
        (np.float32(0.9999), "99.99 %"),
        (np.float32(0.99989), "99.98 %"),
        (np.float32(0.5), "50.00 %"),
        (np.float32(1e-7), "0.00 %"),
    ],
)
def test_confidences_are_cut_not_rounded(confidence, text):
    assert captions.percent(confidence) == text


@pytest.mark.parametrize(
    ("confidence", "text"),
    [
        (1.0, "under 1 in 16 million"),
        (1 - 2**-24, "1 in 16 million"),
        (np.float32(0.9999942), "1 in 170,000"),
        (np.float32(0.9999), "1 in 10,000"),
        (np.float32(0.999), "1 in 1,000"),
        (np.float32(0.99899), ""),
        (0.0, ""),
    ],
)
def test_doubts_are_what_is_missing_from_one(confidence, text):
    assert captions.doubt(confidence) == text


@pytest.mark.parametrize(
    ("room", "texts"),
    [
        (
            40,
            [
                *("98.27 %", "99.97 %, 1 in 4,300", "99.99 %, 1 in 160,000"),
                *("99.99 %, 1 in 1.6 million", "100 %, under 1 in 16 million"),
            ],
        ),
        (
            27,
            ["98.27 %", "1 in 4,300", "1 in 160,000", "1 in 1.6 million", "< 1 in 16 million"],
        ),
        (11, ["98.27 %", "1 in 4,300", "1 in 160k", "1 in 1.6M", "< 1 in 16M"]),
        (9, ["98.27 %", "99.97 %", "1 in 160k", "1 in 1.6M", "100 %"]),
        (7, ["98.27 %", "99.97 %", "99.99 %", "99.99 %", "100 %"]),
    ],
)
def test_below_images_stands_what_there_is_room_for(room, texts):
    confidences = [0.9827, 0.99977, 1 - 100 * 2**-24, 1 - 10 * 2**-24, 1.0]

    assert captions.below_images(confidences, lambda text: len(text) <= room) == texts


@pytest.mark.parametrize(
    ("confidences", "doubt", "one", "orange"),
    [
        ([0.5], False, False, True),
        ([0.99, 0.998], False, False, False),
        ([0.99, 0.9995], True, False, False),
        ([0.9, 1.0], True, True, True),
    ],
)
def test_a_legend_explains_what_is_there(confidences, doubt, one, orange):
    words, low = captions.legend(confidences)

    assert ("99.9 %" in words) == doubt
    assert ("16 million" in words) == one
    assert ("99 %" in low) == orange


def test_no_doubt_is_said_to_be_smaller_than_it_is():
    confidences = 1 - np.arange(1, 2**14, 3) * 2.0**-24  # every third float32 from 0.999 on
    said = []
    for confidence in confidences:
        number, million = re.fullmatch(
            "1 in ([0-9.,]+)( million)?", captions.doubt(np.float32(confidence))
        ).groups()
        said.append(float(number.replace(",", "")) * (10**6 if million else 1))

    exact = 1 / (1 - confidences)
    assert (np.diff(said) <= 0).all(), "a lower confidence leaves no smaller doubt"
    # Two digits, cut; and 0.9999 stands for more than its float32 has.
    assert (said <= exact * 1.006).all()
    assert (said >= exact * 0.909).all()
