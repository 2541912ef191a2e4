"""Real images of which a classifier gives some no confidences."""

import types

import numpy as np
import pytest

from keras_fool.studies import confidence, real_images

LABELS = ("a", "b", "c")
ROWS = np.float32([[0.9, 0.1, 0], [0.2, 0.8, 0], [np.nan] * 3, [0.3, 0.1, 0.6], [np.nan] * 3])
TRUTH = np.array([0, 0, 0, 2, 1])


class Scorer:
    name, labels, image_shape, independent = "tiny", LABELS, (1, 1, 1), False

    def score(self, images):
        return ROWS[images[:, 0, 0, 0]]


@pytest.fixture
def real():
    batches = [(np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1), TRUTH)]
    data = types.SimpleNamespace(
        name="five",
        labels=LABELS,
        image_shape=(1, 1, 1),
        num_test=5,
        test_batches=lambda _: batches,
        test_name="{}.png".format,
        unreadable={},
    )
    return real_images.score(Scorer(), data)


def test_they_are_errors_and_in_no_median(real):
    assert real.error_percent(1) == real.error_percent(2) + 20 == 60
    groups = real.groups()
    np.testing.assert_array_equal(groups["all real images"], np.float32([0.9, 0.8, 0.6]))
    np.testing.assert_array_equal(groups["classified rightly"], np.float32([0.9, 0.6]))
    np.testing.assert_array_equal(groups["classified wrongly"], np.float32([0.8]))


def test_the_report_counts_them(real):
    fooling = np.float32([0.5, np.nan, 0.7, 0.9])

    text, picture = confidence.report(real, fooling, "five")

    assert "| fooling images | 3 | 88.11 | 70.0 |" in text
    assert "Of the real images 2 have NaN" in text
    assert "Of the fooling images 1 have NaN" in text
    assert picture.startswith(b"\x89PNG")
    table = confidence.images_csv(real, LABELS).decode().splitlines()
    assert table[3] == "2.png,a,,,3"
    assert "nan" not in "".join(table)


def test_the_report_of_a_sound_classifier_does_not_speak_of_them(real):
    text, _ = confidence.report(real, None, "five")
    assert "fooling" not in text
