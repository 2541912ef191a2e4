"""Rows of Table S2 from a hand-made folder."""

import csv
import io
import json

import numpy as np
import pytest

from keras_fool.studies.retraining import config as retraining
from keras_fool.studies.retraining import folder as retraining_folder
from keras_fool.studies.retraining import outcomes, table_s2

CONFIG = retraining.Config(
    iterations=3, first_runs=2, runs=2, first_train=30, first_val=10, train=3, val=5, seed=4
)


@pytest.fixture
def folder(tmp_path) -> retraining_folder.Folder:
    made = retraining_folder.Folder(tmp_path)
    errors = {1: (1.0, 1.0, 1000), 2: (1.6832, 1.2, 1010)}  # 10 of 1000; 12 + 5 of 1010
    confidences = {1: [[0.5, 1.0, 0.99], [0.9999, 0.2, 1.0]], 2: [[0.1, 0.2, 0.3]] * 2}
    for number, (error, original, val) in errors.items():
        made.classifier(number).mkdir(parents=True)
        card = {"test_error_percent": error, "num_test": val, "num_train": 7}
        card[retraining_folder.ORIGINAL_ERROR] = original
        (made.classifier(number) / "card.json").write_text(json.dumps(card), "utf-8")
        made.evolution(number).mkdir(parents=True)
        lines = ["run,label,confidence"]
        for run, row in enumerate(confidences[number]):
            lines += [f"{run},{label},{value}" for label, value in enumerate(row)]
        (made.evolution(number) / "champions.csv").write_text("\n".join(lines), "utf-8")
    return made


def test_arithmetic(folder):
    first, second = outcomes.rows(folder, CONFIG)  # the third has not been fooled yet

    assert (first.error, first.original_error, first.train, first.val) == (1.0, 1.0, 7, 1000)
    assert np.isnan(first.fooling_error)
    assert first.score == pytest.approx(100 * (0.99 + 0.9999) / 2)
    assert first.score_of_runs == pytest.approx(100 * (0.99 + 0.9999) / 2)
    assert first.share_99 == pytest.approx(100 * 4 / 6)
    assert first.share_9999 == pytest.approx(100 * 3 / 6)
    assert first.runs == 2
    assert first.low <= first.score <= first.high

    assert second.fooling_error == pytest.approx(50)  # 5 of 10
    assert (second.score, second.low, second.high) == pytest.approx((20, 20, 20))


def test_tables_show_the_papers_figures_on_mnist_alone(folder):
    found = outcomes.rows(folder, CONFIG)

    markdown = table_s2.as_markdown(found, "mnist").splitlines()
    assert markdown[3].startswith(
        "| 2 | 1.68 (1.02) | 1.20 (0.87) | 7 (66000) | 1010 (11000) | 20."
    )
    assert "(" not in table_s2.as_markdown(found, "digits")

    table = list(csv.DictReader(io.StringIO(outcomes.as_csv(found, table_s2.PAPER).decode())))
    assert [row["i"] for row in table] == ["1", "2"]
    assert float(table[1]["paper_score"]) == 97.42
    assert float(table[1]["error"]) == 1.6832


def test_scores_are_cut_and_not_rounded(folder):
    (row, *_) = outcomes.rows(folder, CONFIG)
    for score, text in (
        (99.999997, "99.99"),
        (98.765, "98.76"),
        (100.0, "100.00"),
        (99.99, "99.99"),
    ):
        row = type(row)(**{**vars(row), "score": score})
        assert f"| {text} (99.99) |" in table_s2.as_markdown([row], "mnist")


def test_every_confidence_is_handed_out(folder):
    found = outcomes.rows(folder, CONFIG)
    rows = list(csv.DictReader(io.StringIO(outcomes.confidences_csv(folder, found).decode())))

    assert len(rows) == 12
    assert rows[3] == {"i": "1", "run": "1", "label": "0", "confidence": "0.999899983"}
    assert {(row["i"], row["run"], row["label"]) for row in rows} == {
        (i, run, label) for i in "12" for run in "01" for label in "012"
    }
