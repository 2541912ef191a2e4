import copy
import json
import pathlib

import pytest

from keras_fool.audits import in_terminal, verdict

EXAMPLE = json.loads(pathlib.Path(__file__).with_name("example_audit.json").read_text("utf-8"))


@pytest.fixture
def report():
    return copy.deepcopy(EXAMPLE)


def set_fooled(report, share: float) -> None:
    for attack in report["how_easily"]["attacks"]:
        if attack["not_done"] is None:
            attack["fooled"]["0.99"]["value"] = share


def set_left(report, share: float) -> None:
    for each in report["detectors"][:2]:
        for row in each["static"]:
            row["fooled"]["0.99"]["value"] = share
    report["detectors"][0]["adaptive"]["fooled"]["0.99"]["value"] = share


def test_the_sentence_has_the_budget_and_both_answers(report):
    found = verdict.report(report)

    for fact in ("toy.keras", "10,000 images", "67 %", "MSP", "50 %"):
        assert fact in found["sentence"], fact
    assert found["sentence"].endswith(".")
    assert found["threshold"]["detector"] == "msp"  # the other one was not attacked
    assert found["threshold"]["value"] == report["detectors"][0]["threshold"]["value"]


@pytest.mark.parametrize(
    ("fooled", "left", "facts"),
    [
        (1.0, 1.0, ("easily", "no detector helps")),
        (1.0, 0.05, ("easily", "leaves 5 %")),
        (0.6, 0.3, ("most labels", "leaves 30 %")),
        (0.1, 0.0, ("some labels", "leaves 0 %")),
        (0.0, 0.0, ("none of its 3 labels", "no detector had anything to stop")),
        (0.0, 0.3, ("none of its 3 labels", "leaves 30 %")),
    ],
)
def test_words_follow_the_shares(report, fooled, left, facts):
    set_fooled(report, fooled)
    set_left(report, left)

    sentence = verdict.report(report)["sentence"]

    for fact in facts:
        assert fact in sentence


def test_what_is_left_is_what_the_worst_attack_leaves(report):
    """A detector that withstands evolution may accept what gradient ascent makes without it."""
    msp = report["detectors"][0]
    assert verdict.left(msp) == (0.5, "evolution against it")
    msp["static"][-1]["fooled"]["0.99"]["value"] = 0.8

    assert verdict.left(msp) == (0.8, msp["static"][-1]["title"].lower())
    set_left(report, 0.6)
    assert "no detector helps" in verdict.report(report)["sentence"]


def test_the_best_detector_is_the_one_that_leaves_least(report):
    set_left(report, 0.4)
    other = copy.deepcopy(report["detectors"][0])
    other |= {"name": "other", "title": "Other"}
    for row in other["static"]:
        row["fooled"]["0.99"]["value"] = 0.05
    other["adaptive"]["fooled"]["0.99"]["value"] = 0.1
    report["detectors"].append(other)

    found = verdict.report(report)

    assert found["threshold"]["title"] == "Other"
    assert "Other" in found["sentence"]
    assert "a detector helps" in found["sentence"]
    checks = verdict.checks(report, {"left99": 0.2, "fooled99": 0.9})
    assert [check["value"] for check in checks] == [0.1, pytest.approx(2 / 3)]
    assert verdict.failures(checks) is None


def test_without_detectors_nothing_is_claimed_of_them(report):
    for each in report["detectors"]:
        each |= {"not_done": "No images.", "static": [], "adaptive": None, "threshold": None}

    found = verdict.report(report)

    assert "no detector was tried" in found["sentence"]
    assert found["threshold"] is None
    (check,) = verdict.checks(report, {"left99": 1.0})
    assert (check["value"], check["passed"]) == (None, False)
    assert "left99" in verdict.failures([check])


def test_limits_name_what_was_not_done(report):
    report["no_data"], report["data"] = "There were no pictures.", None

    limits = " ".join(verdict.report(report)["limits"])

    for fact in ("10,000", "Gradient ascent", "There were no pictures.", "KNN"):
        assert fact in limits, fact


def test_a_check_over_its_limit_fails_in_one_line(report):
    checks = verdict.checks(report, verdict.limits("fooled99:0.5, fooled9999:0.5"))

    assert [check["passed"] for check in checks] == [False, True]
    line = verdict.failures(checks)
    assert "\n" not in line
    assert "fooled99 is 0.6667, over 0.5" in line
    assert "fooled9999" not in line


@pytest.mark.parametrize("text", ["", "fooled99", "fooled99:", "fooled99:2", "fooled:0.5", "x:1,"])
def test_limits_that_make_no_sense_are_refused(text):
    with pytest.raises(ValueError, match="fooled9999"):
        verdict.limits(text)


@pytest.mark.parametrize(
    ("share", "words"),
    [(1, "100 %"), (0.9999, "over 99 %"), (0.5, "50 %"), (0.001, "under 1 %"), (0, "0 %")],
)
def test_only_all_is_100_percent(share, words):
    assert verdict.percent(share) == words


def test_the_summary_has_what_was_done_and_what_was_not(report):
    text = in_terminal.summary(report, 100)

    for fact in ("CPPN evolution", "Pixel evolution", "MSP", "67 %", report["verdict"]["sentence"]):
        assert fact in " ".join(text.split()), fact
    assert "Gradient" not in text.partition("labels fooled, 99 %")[2].partition("fooled 67 %")[0]
    for column in ("real rejected", "CPPN on both"):
        assert column in text
    assert max(map(len, text.splitlines())) <= 100
