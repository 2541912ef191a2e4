"""The figures of section C.2 from hand-made confidences."""

import csv
import io

import numpy as np
import pytest
from scipy import stats

from keras_fool.studies.retraining import config as retraining
from keras_fool.studies.retraining import outcomes, section_c2

FIRST = np.array([[0.9, 0.8], [0.7, 0.6]], np.float32)
LATER = np.array([[0.65, 0.1]], np.float32)


def row(number: int, **values) -> outcomes.Row:
    usual = dict.fromkeys(("low", "high", "score_of_runs", "share_99", "share_9999"), 50.0)
    found = {"number": number, "error": 2.0, "original_error": 2.0, "fooling_error": np.nan}
    return outcomes.Row(
        **found | {"train": 20000, "val": 2000, "score": 99.99, "runs": 550} | usual | values
    )


ROWS = [row(1), row(2, error=1.85, original_error=2.1, fooling_error=1.6, val=4000, score=11.725)]
FOOLING = [(0, 0), (9000, 2000)]


def test_by_hand():
    """Of the eight pairs only (0.6, 0.65) is the other way round."""
    champions, medians = section_c2.compare([FIRST, LATER])

    assert (champions.number, champions.num_first, champions.num_later) == (2, 4, 2)
    assert champions.u == 7
    assert champions.share == pytest.approx(100 * 7 / 8)
    # Of the 15 ways to choose two of six places, U is 7 or 8 in two, and 0 or 1 in two.
    assert champions.p == pytest.approx(4 / 15)
    assert (medians.num_first, medians.num_later, medians.u) == (2, 1, 2)


def test_as_scipy_has_it_on_many_with_ties():
    rng = np.random.default_rng(1)
    first, later = rng.integers(2, 12, (30, 10)) / 12, rng.integers(0, 10, (20, 10)) / 12
    expected = stats.mannwhitneyu(first.ravel(), later.ravel(), alternative="two-sided")
    pairs = first.ravel()[:, None] - later.ravel()

    champions, _ = section_c2.compare([first, later])

    assert (champions.u, champions.p) == (expected.statistic, expected.pvalue)
    assert champions.u == np.sum(pairs > 0) + 0.5 * np.sum(pairs == 0)
    assert champions.p < 1e-4


def test_no_difference_is_no_evidence():
    champions, medians = section_c2.compare([FIRST, FIRST])
    assert champions.share == medians.share == 50
    assert champions.p == pytest.approx(1, abs=0.2)


def test_one_alone_is_compared_with_nothing():
    assert section_c2.compare([FIRST]) == []


def test_every_later_one_is_compared_with_the_first():
    found = section_c2.compare([FIRST, LATER, FIRST])
    assert [comparison.number for comparison in found] == [2, 2, 3, 3]


def test_fooling_images_add_up():
    config = retraining.Config.of_paper("imagenet2012", 1000)
    assert section_c2.fooling_images(config) == [(0, 0), (9000, 2000)]
    assert section_c2.fooling_images(retraining.Config())[-1] == (19_000, 2300)


def test_the_table_has_the_papers_figures_behind_ours():
    comparisons = section_c2.compare([FIRST, LATER])

    text = section_c2.as_markdown(ROWS, FOOLING, comparisons)

    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()[2:15]]
    assert lines[:8] == [
        ["error on the data's own validation images, %", "2.00", "2.10", "42.6", "42.6"],
        ["error with the fooling images among them, %", "-", "1.85", "-", "41.0"],
        ["error on the fooling images, %", "-", "1.60", "", ""],
        ["training images", "20000", "20000", "", ""],
        ["of them fooling images", "0", "9000", "0", "9000"],
        ["validation images", "2000", "4000", "", ""],
        ["of them fooling images", "0", "2000", "0", "2000"],
        [
            "median confidence of the images evolved against it, %",
            *("99.99", "11.72", "88.1", "11.7"),
        ],
    ]
    assert len(lines) == 13
    assert "champions: 4 of DNN 1, 2 of DNN 2; U = 7, p = 0.2667 (the paper's" in text
    assert "in 87.5 % of pairs" in text


def test_where_the_second_was_not_fooled_yet():
    text = section_c2.as_markdown(ROWS[:1], FOOLING, [])
    assert "DNN 2" not in text
    assert "| DNN 1 | paper's DNN 1, ImageNet |" in text


def test_tables_for_programs():
    found = list(csv.DictReader(io.StringIO(section_c2.as_csv(ROWS, FOOLING).decode())))
    assert [float(line["score"]) for line in found] == [99.99, 11.725]
    assert [line["paper_score"] for line in found] == ["88.1", "11.7"]
    assert [line["fooling_val"] for line in found] == ["0", "2000"]

    comparisons = section_c2.compare([FIRST, LATER])
    found = list(csv.DictReader(io.StringIO(section_c2.comparisons_csv(comparisons).decode())))
    assert [line["of"] for line in found] == ["champions", "medians of runs"]
    assert float(found[0]["p"]) == pytest.approx(4 / 15)


def test_the_papers_errors_go_together():
    """With about 1 % of the fooling images missed, 42.6 % of 50,000 is 41.0 % of 52,000."""
    _, retrained = section_c2.PAPER
    wrong = (retrained.error * 52_000 - retrained.original_error * 50_000) / 100
    assert 0 <= wrong / retrained.fooling_val < 0.03
