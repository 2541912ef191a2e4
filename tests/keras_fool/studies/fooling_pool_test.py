import numpy as np
import pytest

from keras_fool.runs import champions
from keras_fool.studies import fooling_pool


def test_has_the_champions_of_both_generations_in_order(run_folder):
    pool = fooling_pool.Pool(run_folder)
    first, last = (champions.read(run_folder, when) for when in champions.WHENS)

    assert len(pool) == len(first) + len(last) == 12
    for place, (when, found, index) in enumerate(
        [("first", first, i) for i in range(6)] + [("last", last, i) for i in range(6)]
    ):
        np.testing.assert_array_equal(pool[place], found.images[index])
        row = pool.row(place)
        assert (row["when"], row["file"]) == (when, found.files[index])
        assert (row["run"], row["label"]) == (found.runs[index], found.niches[index])
        assert np.float32(row["confidence"]) == found.confidences[index]


def test_a_run_that_is_not_complete_is_refused(altered):
    (altered / "champions.csv").unlink()
    with pytest.raises(ValueError, match="is not complete"):
        fooling_pool.Pool(altered)


def test_a_damaged_image_is_named(altered):
    path = altered / "images" / "run_003" / "first" / "label_1.png"
    path.write_bytes(path.read_bytes()[:50])
    pool = fooling_pool.Pool(altered)

    with pytest.raises(ValueError, match=r"first/label_1\.png"):
        pool[1]
    assert pool[0].shape == (12, 10, 1)
