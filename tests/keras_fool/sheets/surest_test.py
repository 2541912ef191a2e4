import numpy as np
import pytest

from keras_fool.sheets import surest


def test_of_equal_images_the_surest_is_shown_once():
    confidences = np.array([0.5, 0.9, 0.7, 0.9, 0.8], np.float32)

    assert surest.places(confidences, "abcde") == [1, 3, 4, 2, 0]
    assert surest.places(confidences, "ababa") == [1, 4]
    assert surest.places(confidences, "abcde", 2) == [1, 3]


@pytest.mark.parametrize(("number", "shape"), [(3, (8, 8, 1)), (60, (32, 48, 3))])
def test_the_sheet_fits_on_a_screen(number, shape):
    images = list(np.zeros((number, *shape), np.uint8))
    names = [("a name",)] * number

    sheet = surest.sheet(images, np.linspace(0, 1, number), names, range(number), "a title")

    assert 600 <= sheet.width <= 1600
    assert 200 <= sheet.height <= 1300
