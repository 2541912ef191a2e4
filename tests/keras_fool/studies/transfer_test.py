import re

import numpy as np
import pytest

from keras_fool.studies import tables, transfer


def confidences(labels, tops, num_labels: int = 10) -> np.ndarray:
    """Rows whose surest label and its confidence are given; the rest is shared evenly."""
    tops = np.asarray(tops, np.float32)
    rows = np.repeat(((1 - tops) / (num_labels - 1))[:, np.newaxis], num_labels, axis=1)
    rows[np.arange(len(tops)), labels] = tops
    return rows.astype(np.float32)


@pytest.fixture
def paper():
    """300 images as in the paper: 130 matches, 82 of them sure, 115 higher on the original.

    Of the 170 that do not match, many are sure of their different labels.
    """
    original, other = np.full(300, 0.995), np.full(300, 0.993)
    other[82:130] = 0.5  # matches that the other one is not sure of
    other[:10] = 0.999  # matches that are higher on the other one
    other[10:15] = original[10:15]  # and equal ones, which are not higher
    labels = np.arange(300) % 10
    other_labels = np.where(np.arange(300) < 130, labels, (labels + 1) % 10)
    return confidences(labels, original), confidences(other_labels, other)


def test_table_s1_of_the_paper(paper):
    counts = transfer.count(*paper)

    assert counts == transfer.Counts(images=300, matches=130, sure=82, higher=115)
    assert [f"{value:.1f}" for value in counts.percentages] == ["43.3", "27.3", "88.5"]


def test_counts_of_runs_add_up(paper):
    runs = np.arange(300) // 10 + 7

    by_run = transfer.count_by_run(*paper, runs)

    assert by_run.shape == (30, 4)
    assert tuple(by_run.sum(axis=0)) == (300, 130, 82, 115)
    assert tuple(by_run[0]) == (10, 10, 10, 0)
    assert tuple(by_run[29]) == (10, 0, 0, 0)


def test_percentages_of_many_are_those_of_each(paper):
    counts = np.array([[[300, 130, 82, 115]], [[10, 0, 0, 0]]])

    many = transfer.percentages(counts)

    assert many.shape == (2, 1, 3)
    np.testing.assert_allclose(many[0, 0], transfer.count(*paper).percentages)
    np.testing.assert_array_equal(many[1, 0], [0, 0, np.nan])


def test_no_match_has_no_share_of_higher_ones():
    counts = transfer.count(confidences([1, 2], [0.9, 0.9]), confidences([2, 1], [0.9, 0.9]))

    assert counts.percentages[:2] == (0, 0)
    assert np.isnan(counts.percentages[2])


def test_any_common_label_is_a_match_also_another_than_the_evolved_one():
    original, other = confidences([3], [0.999]), confidences([3], [0.999])

    assert transfer.count(original, other).sure == 1
    assert not transfer.both_sure(original, other, np.array([5]))


@pytest.mark.parametrize(
    ("original", "other", "sure"),
    [(0.99, 0.99, True), (0.9899999, 1.0, False), (1.0, 0.9899999, False)],
)
def test_sure_is_at_least_99_percent_on_both(original, other, sure):
    pair = confidences([3], [original]), confidences([3], [other])

    assert transfer.count(*pair).sure == sure
    assert transfer.both_sure(*pair, np.array([3])) == [sure]


def test_given_labels_count_each_image_once():
    given = transfer.given_labels(confidences([1, 1, 0, 2], [0.9] * 4, 3), np.array([0, 0, 0, 2]))

    np.testing.assert_array_equal(given, [[1, 2, 0], [0, 0, 0], [0, 0, 1]])


def test_labels_transfer_apart():
    niches = np.array([4, 4, 4, 7])
    original = confidences([4, 4, 5, 7], [0.995, 0.995, 0.9, 0.999])
    other = confidences([4, 4, 5, 1], [0.995, 0.6, 0.9, 0.999])

    four, seven = transfer.by_label(original, other, niches)

    assert (four.label, four.images, four.matches, four.given, four.sure) == (4, 3, 3, 2, 1)
    assert four.median == pytest.approx(0.6)
    assert (seven.label, seven.images, seven.matches, seven.given, seven.sure) == (7, 1, 0, 0, 0)


def test_names_with_pipes_stay_in_their_cells():
    text = tables.markdown(["a|b", "c"], [["d", "e|f"]])

    assert re.findall(r"(?<!\\)[|]", text.splitlines()[0]) == ["|"] * 3
    assert re.findall(r"(?<!\\)[|]", text.splitlines()[2]) == ["|"] * 3


def test_a_terminal_shows_the_same_cells_in_columns():
    cells = [["", "a|b", "c"], ["d", "e|f", "日本"], ["a name, and a long one", "1", r"\\"]]
    text = f"# A title\n\n{tables.markdown(cells[0], cells[1:])}\n- a line\n"

    title, empty, *rows, below, last = tables.in_terminal(text).splitlines()

    assert (title, empty, below, last) == ("A title", "", "", "- a line")
    assert [re.split(" {2,}", row.rstrip()) for row in rows] == cells
    first, second, third = rows
    assert first.index("a|b") == second.index("e|f") == third.index("1") - 2
    assert len(second) == len(third) - 2, "letters that are two columns wide"


def test_images_of_nan_confidences_fool_nobody():
    # The surest label of a row of NaN would be 0, and so would match the first image's.
    original = confidences([0, 1, 2, 2], [0.999] * 4)
    other = confidences([0, 1, 2, 3], [0.998] * 4)
    other[:2] = np.nan
    niches = np.array([0, 1, 2, 3])

    assert transfer.count(original, other) == transfer.Counts(4, matches=1, sure=1, higher=1)
    assert transfer.count(other, other) == transfer.Counts(4, matches=2, sure=2, higher=0)
    assert transfer.given_labels(other, niches).sum() == 2
    assert transfer.by_label(original, other, niches)[0].matches == 0
    assert np.isnan(transfer.by_label(original, other, niches)[0].median)
    assert transfer.by_label(original, other, niches % 2)[0].median == pytest.approx(other[2, 0])
