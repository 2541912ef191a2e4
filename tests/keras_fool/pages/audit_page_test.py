"""The text of the page; browser_test.py opens it."""

import copy
import json
import pathlib
import re
import subprocess
import sys

import jsonschema
import numpy as np
import pytest

from keras_fool.audits import schema
from keras_fool.pages import audit_page
from tests.keras_fool.pages import samples
from tests.keras_fool.pages.parsed import Parsed

DIGITS = [str(digit) for digit in range(10)]
EXAMPLE = pathlib.Path(__file__).parents[1] / "audits" / "example_audit.json"


@pytest.fixture(scope="module")
def ten(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ten")
    return samples.audit(folder, DIGITS), folder


def test_the_samples_are_valid(ten):
    jsonschema.validate(ten[0], schema.schema())


def test_the_same_audit_gives_the_same_page_of_at_most_2_mb(ten):
    report, folder = ten
    before = copy.deepcopy(report)

    page = audit_page.html(report, folder)

    assert page == audit_page.html(json.loads(json.dumps(report)), folder)
    assert report == before
    assert len(page.encode()) < 2_000_000
    assert "reduced to" not in page
    assert "<!--" not in page


def test_the_page_needs_no_tensorflow():
    program = (
        "import sys, keras_fool.pages.audit_page\n"
        "assert not {'tensorflow', 'keras', 'matplotlib', 'numba', 'scipy'} & set(sys.modules)"
    )
    root = pathlib.Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", program], cwd=root, check=True)


def test_everything_in_the_report_is_said(ten):
    report, folder = ten
    parsed = Parsed(audit_page.html(report, folder))
    said = {name: " ".join(text.split()) for name, text in parsed.sections.items()}

    assert list(said) == ["", *(name for name, _ in audit_page.SECTIONS)]
    assert report["verdict"]["sentence"] in said[""]
    assert "\u2212812.51" in said["verdict"]
    assert "exceeded" in said["verdict"]
    assert report["model"]["sha256"] in said["model"]
    assert "99.05 %" in said["model"]
    for attack in report["how_easily"]["attacks"]:
        assert attack["title"] in said["easily"]
        assert f"{attack['median_images_to']['0.5']['value']:,}" in said["easily"]
    assert "Uniform noise" in said["real"]
    for detector in report["detectors"]:
        assert detector["formula"] in said["detectors"]
    assert "mnist_b/1" in said["transfer"]
    for limit in report["verdict"]["limits"]:
        assert limit in said["limits"]
    assert report["made"]["command"] in said["again"]
    assert report["made"]["versions"]["tensorflow"] in said["again"]


def test_every_image_is_in_the_gallery_once_and_in_the_page_once(ten):
    report, folder = ten
    page = audit_page.html(report, folder)
    parsed = Parsed(page)
    images = report["by_what"]["images"]

    assert len([one for one in parsed.all("li") if "data-c" in one]) == len(images)
    shown = [one["href"] for one in parsed.all("use")]
    assert {f"#{one['id']}" for one in parsed.all("symbol")} == set(shown)
    assert len(set(re.findall('data:image/[^"]+', page))) == len(parsed.all("image"))


def test_names_of_attacks_are_small_within_a_sentence(ten):
    report, folder = copy.deepcopy(ten[0]), ten[1]
    for attack in report["how_easily"]["attacks"]:
        if attack["name"] != "ascent":  # so that it is the strongest
            attack["fooled"] = dict.fromkeys(attack["fooled"])
    parsed = Parsed(audit_page.html(report, folder))
    words = " ".join(" ".join(parsed.sections.values()).split())
    assert "by gradient ascent" in words
    assert not re.search(r"\b(by|with|of) (Gradient|Pixel)", words)


def test_headings_are_in_order(ten):
    levels = [int(tag[1]) for tag, _ in Parsed(audit_page.html(*ten)).elements if tag in HEADINGS]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert max(np.diff(levels)) == 1


HEADINGS = ("h1", "h2", "h3", "h4")


def test_the_example_of_the_schema_has_a_page(tmp_path):
    report = json.loads(EXAMPLE.read_text("utf-8"))
    random = np.random.default_rng(1)
    files = [image["file"] for image in report["by_what"]["images"]]
    for detector in report["detectors"]:
        files += (detector["adaptive"] or {}).get("files", [])
    for file in files:
        samples.draw(tmp_path / file, (8, 8, 1), "pixels", random)

    said = Parsed(audit_page.html(report, tmp_path)).sections

    for attack in report["how_easily"]["attacks"]:
        assert (attack["not_done"] or attack["title"]) in said["easily"]
    for detector in report["detectors"]:
        reason = detector["not_done"] or (detector["adaptive"] or {}).get("not_done") or ""
        assert reason in said["detectors"]


def test_what_was_not_done_is_said_in_its_place(ten):
    report, folder = copy.deepcopy(ten[0]), ten[1]
    for place, attack in enumerate(report["how_easily"]["attacks"]):
        empty = {"labels": [], "runs": [], "images": 0, "median_confidence": None, "folder": None}
        attack |= {"not_done": f"No attack {place}.", **empty}
        attack["fooled"] = attack["median_images_to"] = dict.fromkeys(samples.LEVELS)
    report["by_what"] |= {"images": [], "easiest": [], "hardest": [], "transfer": []}
    report["by_what"]["transfer_not_done"] = "No transfer."
    report["data"], report["no_data"] = None, "No data."
    report["how_easily"]["baselines"] = report["how_easily"]["baselines"][2:]
    report["verdict"]["threshold"] = None
    report["detectors"][0]["adaptive"] = None
    report["detectors"][1]["adaptive"]["not_done"] = "No adaptive attack here."
    nothing = {"threshold": None, "histograms": None, "static": [], "adaptive": None}
    report["detectors"][2] |= {"not_done": "No detector 2.", **nothing}
    jsonschema.validate(report, schema.schema())

    said = Parsed(audit_page.html(report, folder)).sections

    for place in range(3):
        assert f"No attack {place}." in said["easily"]
    assert "No attack made an image." in said["gallery"]
    assert "No transfer." in said["transfer"]
    for section in ("model", "real", "verdict"):
        assert "No data." in said[section]
    assert "No detector 2." in said["detectors"]
    assert "No adaptive attack here." in said["detectors"]

    report["detectors"] = []
    assert "No data." in Parsed(audit_page.html(report, folder)).sections["detectors"]


def test_the_best_detector_is_the_one_that_leaves_least_to_every_attack(ten):
    report, folder = copy.deepcopy(ten[0]), ten[1]
    withstands, falls = report["detectors"][3], report["detectors"][5]
    for detector, static, adaptive in ((withstands, 0.25, 0.125), (falls, 0.9, 0.0)):
        for row in detector["static"]:
            row["fooled"]["0.99"] = samples.around(static if row["images"] == "ascent" else 0.0)
        detector["adaptive"]["fooled"]["0.99"] = samples.around(adaptive)

    parsed = Parsed(audit_page.html(report, folder))

    figures = " ".join(parsed.sections[""].split())
    best = f"in spite of {withstands['title']}, the best of 8 detectors, by the attack that is best"
    assert best in figures
    assert f"in spite of {falls['title']}, the best of 8 detectors, by evolution" in figures
    text = parsed.sections["detectors"]
    rows = text[text.index("No detector") :]
    first = min(samples.DETECTORS.values(), key=lambda one: rows.lower().index(one[0].lower()))
    assert first[0] == withstands["title"]


def test_where_detectors_are_equal_the_page_names_the_one_of_the_verdict(ten):
    report, folder = copy.deepcopy(ten[0]), ten[1]
    for detector in report["detectors"]:
        for row in detector["static"]:
            row["fooled"]["0.99"] = samples.around(0.0)
        detector["adaptive"]["fooled"]["0.99"] = samples.around(0.0)
    named = report["detectors"][6]
    report["verdict"]["threshold"]["detector"] = named["name"]

    figures = " ".join(Parsed(audit_page.html(report, folder)).sections[""].split())

    assert figures.count(f"in spite of {named['title']}, the best of 8") == 2


def test_an_attack_on_some_labels_alone_is_named(ten):
    report, folder = copy.deepcopy(ten[0]), ten[1]
    report["how_easily"]["attacks"][2]["labels"] = report["how_easily"]["attacks"][2]["labels"][:4]

    said = Parsed(audit_page.html(report, folder)).sections["easily"]

    assert "for every label, gradient ascent for 4 of 10 alone" in " ".join(said.split())


def test_of_many_labels_the_surest_images_and_the_extremes_are_shown(tmp_path):
    labels = [f"label {number}" for number in range(60)]
    report = samples.audit(tmp_path, labels, (6, 6, 3), runs=2)

    parsed = Parsed(audit_page.html(report, tmp_path))

    cards = [one for one in parsed.all("li") if "data-c" in one]
    best = {}
    for image in report["by_what"]["images"]:
        key = image["number"], image["attack"]
        best[key] = max(best.get(key, 0.0), image["confidence"])
    assert sorted(float(one["data-c"]) for one in cards) == sorted(best.values())
    assert f"{len(report['by_what']['images']) - len(cards)} more" in parsed.sections["gallery"]
    rows = [one["data-v"] for one in parsed.all("th") if "label " in one.get("data-v", "")]
    extremes = [*report["by_what"]["hardest"], *reversed(report["by_what"]["easiest"])]
    assert rows == [f"{number} label {number}" for number in extremes]


@pytest.mark.slow
def test_a_page_of_1000_labels_takes_at_most_10_mb(tmp_path):
    labels = [f"a label with a name of some length, {number}" for number in range(1000)]
    report = samples.audit(tmp_path, labels, (128, 128, 3), runs=1)

    page = audit_page.html(report, tmp_path)

    assert 5_000_000 < len(page.encode()) < 10_000_000
    said = Parsed(page).sections["gallery"]
    reduced = re.search(r"reduced to (\d+) pixels", said)
    assert (int(reduced[1]) < 128) if reduced else "compressed with loss" in said


def test_files_of_a_report_that_are_not_there_are_named(ten, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"label_\d+\.png"):
        audit_page.html(ten[0], tmp_path)
