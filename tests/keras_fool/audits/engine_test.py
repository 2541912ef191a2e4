"""Audits of real, small classifiers from end to end: what they say is what is on disk."""

import json
import os
import shutil
import signal

import jsonschema
import numpy as np
import pytest

import keras_fool
from keras_fool import audit as command_module
from keras_fool import detectors, errors
from keras_fool.audits import data, engine, planning, schema, settings
from keras_fool.models import classifiers, in_memory
from keras_fool.runs import champion_png, stopping
from tests.keras_fool import folders, next_steps
from tests.keras_fool.conftest import SMALL

DONE = ("cppn", "pixels", "ascent")


@pytest.fixture(scope="module")
def report(whole):
    return json.loads((whole / "audit.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def scorer(tiny_model):
    return classifiers.find(str(tiny_model)).open()


def by_name(some) -> dict:
    return {each["name"]: each for each in some}


def timeless(folder) -> dict:
    """A report but for the part that differs from start to start."""
    found = json.loads((folder / "audit.json").read_text("utf-8"))
    assert found.pop("made")["seconds"] > 0
    return found


def images_of(folder, files) -> np.ndarray:
    return np.stack([champion_png.read(folder / file).image for file in files])


def test_it_is_valid_under_the_schema(report):
    jsonschema.validate(report, schema.schema())


def test_confidences_are_those_of_the_pngs(whole, report, scorer):
    attacks = by_name(report["how_easily"]["attacks"])
    images = report["by_what"]["images"]
    assert {image["attack"] for image in images} == set(DONE)

    scores = scorer.score(images_of(whole, [image["file"] for image in images]))

    for image, row in zip(images, scores, strict=True):
        label = image["number"]
        assert np.float32(image["confidence"]) == row[label]
        others = np.delete(row, label)
        assert np.float32(image["runner_up"]["confidence"]) == others.max()
        attack = attacks[image["attack"]]
        of_label = by_name([{**each, "name": each["number"]} for each in attack["labels"]])[label]
        place = attack["runs"].index(image["run"])
        assert of_label["confidences"][place] == image["confidence"]


def test_shares_and_medians_are_those_of_the_confidences(report):
    for attack in report["how_easily"]["attacks"]:
        confidences = np.array([label["confidences"] for label in attack["labels"]])
        assert confidences.shape[1] == 3  # runs
        assert attack["median_confidence"]["value"] == pytest.approx(np.median(confidences))
        for level, threshold in settings.LEVELS.items():
            share = np.mean(confidences >= np.float32(threshold))
            assert attack["fooled"][level]["value"] == pytest.approx(share)


def test_a_count_of_images_is_there_where_the_png_has_the_confidence_alone(report):
    for attack in report["how_easily"]["attacks"]:
        for label in attack["labels"]:
            for level, threshold in settings.LEVELS.items():
                counts = label["images_to"][level]
                for confidence, count in zip(label["confidences"], counts, strict=True):
                    if confidence < np.float32(threshold):
                        assert count is None
                    elif attack["name"] != "ascent":  # whose images were rounded
                        assert 0 < count <= attack["images_per_run"]
        for level, lower in zip(list(settings.LEVELS)[1:], settings.LEVELS, strict=False):
            for label in attack["labels"]:
                pairs = zip(label["images_to"][level], label["images_to"][lower], strict=True)
                assert all(low <= high for high, low in pairs if high is not None)


def test_counts_are_when_the_runs_had_it(whole, report):
    """By lineage.csv: whoever holds a label at the end took it in that generation or later."""
    for name in ("cppn", "pixels"):
        attack = by_name(report["how_easily"]["attacks"])[name]
        config = json.loads((whole / attack["folder"] / "config.json").read_text())["settings"]
        taken: dict[tuple[int, int], set[int]] = {}
        for row in folders.rows(whole / attack["folder"] / "lineage.csv"):
            for label in row["labels"].split():
                generations = taken.setdefault((int(row["run"]), int(label)), set())
                generations.add(int(row["origin_time"]))
        for label in attack["labels"]:
            for counts in label["images_to"].values():
                for run, count in zip(attack["runs"], counts, strict=True):
                    if count is not None:
                        generation = (count - config["initial"]) // config["batch"] - 1
                        assert generation in taken[run, label["number"]]


def test_no_more_was_spent_than_the_budget(report):
    spent = sum(attack["images"] for attack in report["how_easily"]["attacks"])
    spent += sum(each["adaptive"]["images"] for each in report["detectors"])

    assert report["settings"]["spent"] == spent <= report["settings"]["budget"] == SMALL["budget"]
    assert spent > 0.7 * SMALL["budget"]
    for each in report["detectors"]:
        assert each["adaptive"]["images"] > 0
        assert len(each["adaptive"]["runs"]) == 3


def test_detectors_are_the_ones_on_disk(whole, report, tiny_model, scorer):
    assert [each["name"] for each in report["detectors"]] == list(detectors.NAMES)
    source = detectors.open_source(str(tiny_model))
    for each in report["detectors"]:
        fitted = detectors.load(whole / each["file"], source)
        assert each["threshold"]["value"] == pytest.approx(fitted.operating_point.value)
        adaptive = each["adaptive"]
        images = images_of(whole, adaptive["files"])
        accepted = fitted.accepts(images)
        assert adaptive["accepted"]["value"] == pytest.approx(accepted.mean())
        labels = [int(file.rpartition("_")[2].removesuffix(".png")) for file in adaptive["files"]]
        own = scorer.score(images)[np.arange(len(images)), labels]
        for level, threshold in settings.LEVELS.items():
            share = np.mean(accepted & (own >= np.float32(threshold)))
            assert adaptive["fooled"][level]["value"] == pytest.approx(share)


def test_no_fooling_image_was_fitted_on(report):
    assert report["data"]["num_fitted"] == report["data"]["num_judged"] == 80
    for each in report["detectors"]:
        assert each["threshold"]["num_images"] == report["data"]["num_held_out"] == 80
        assert sum(each["histograms"]["counts"]["real"]) == 80
        rows = {row["images"]: row for row in each["static"]}
        assert set(rows) == {"uniform", "gaussian", "bernoulli", *DONE}
        for row in rows.values():
            assert 0 <= row["auroc"]["low"] <= row["auroc"]["value"] <= row["auroc"]["high"] <= 1


def test_baselines_are_of_noise_and_of_real_images_right_and_wrong(report):
    found = by_name(report["how_easily"]["baselines"])
    assert set(found) == {"uniform", "gaussian", "bernoulli", "real_right", "real_wrong"}
    right, wrong = found["real_right"]["num_images"], found["real_wrong"]["num_images"]
    assert right + wrong == 80
    assert report["data"]["accuracy"]["value"] == pytest.approx(right / 80)
    for each in found.values():
        assert sum(each["histogram"]["counts"]) == each["num_images"]


def test_what_is_complete_is_not_made_again(altered, tiny_model, blots):
    before = folders.contents(altered)

    found = keras_fool.assess(tiny_model, *blots, workdir=altered, **SMALL)

    assert folders.contents(altered) == before
    assert found.report == json.loads(before["audit.json"])
    assert found.passed


def test_other_limits_change_the_checks_alone(altered, tiny_model, blots):
    before = json.loads((altered / "audit.json").read_text())

    found = keras_fool.assess(
        tiny_model, *blots, workdir=altered, fail_over={"fooled50": 0.0}, **SMALL
    )

    (check,) = found.report["checks"]
    assert (check["name"], check["passed"], found.passed) == ("fooled50", False, False)
    after = json.loads((altered / "audit.json").read_text())
    assert after == found.report
    for name in ("verdict", "detectors", "how_easily", "made"):
        assert after[name] == before[name]


@pytest.mark.slow
def test_what_is_missing_or_damaged_is_made_again(whole, altered, tiny_model, blots):
    """As after a kill in the last attack; and with a report that is not what was written."""
    shutil.rmtree(altered / "adaptive" / "react")
    path = altered / "audit.json"
    path.write_text(path.read_text().replace("equally", "unequally"))

    keras_fool.assess(tiny_model, *blots, workdir=altered, **SMALL)

    assert timeless(altered) == timeless(whole)
    react = "adaptive/react"
    assert folders.contents(altered / react) == folders.contents(whole / react)


def test_a_folder_of_other_settings_is_refused(altered, tiny_model, blots):
    with pytest.raises(ValueError, match=r"audit\.seed is 1 there and 2 here"):
        keras_fool.assess(tiny_model, *blots, workdir=altered, seed=2, **SMALL)
    with pytest.raises(ValueError, match=r"data\.digest"):
        keras_fool.assess(tiny_model, blots[0][1:], blots[1][1:], workdir=altered, **SMALL)


def stopped_at(words: str, tiny_model, blots, path) -> None:
    """Begins an audit, and gets SIGTERM when it says these words."""

    def note(said: str) -> None:
        if words in said:
            os.kill(os.getpid(), signal.SIGTERM)

    work = planning.Work(
        path=path,
        classifier=in_memory.KerasModel.of(classifiers.find(str(tiny_model)).load()),
        chosen=settings.Settings(budget=SMALL["budget"], quick=True),
        load=lambda scorer: data.of_arrays(
            scorer, *blots, None, None, settings.Settings(quick=True)
        ),
        command="keras_fool.assess(...)",
        note=note,
        quiet=True,
    )
    with stopping.answered(), pytest.raises(stopping.Interrupted) as stopped:
        engine.audit(work)
    assert str(path) in stopped.value.words
    assert "to go on: keras_fool.assess(...)" in stopped.value.words
    assert not (path / "audit.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("where", ["fit the detector odin", "against ViM", "scoring all images"])
def test_what_was_stopped_ends_with_the_same_report(whole, tiny_model, blots, tmp_path, where):
    path = tmp_path / "audit"
    stopped_at(where, tiny_model, blots, path)
    model = classifiers.find(str(tiny_model)).load()

    keras_fool.assess(model, *blots, workdir=path, **SMALL)

    found, expected = timeless(path), timeless(whole)
    for report in (found, expected):  # one is of a file, the other of a model in memory
        del report["model"]["facts"], report["model"]["sha256"], report["model"]["name"]
        del report["verdict"]
    assert found == expected


def brightness(images):
    light = images.mean(axis=(1, 2, 3)) / 255
    return np.stack([1 - light, light], axis=1)


def test_a_function_is_audited_as_far_as_it_can_be():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (90, 6, 6, 1), np.uint8)
    classifier = keras_fool.Classifier(brightness, image_shape=(6, 6, 1), labels=["dark", "light"])

    found = keras_fool.assess(
        classifier, images, (images.mean(axis=(1, 2, 3)) > 127).astype(int), **SMALL
    )

    report = found.report
    jsonschema.validate(report, schema.schema())
    attacks = by_name(report["how_easily"]["attacks"])
    assert attacks["cppn"]["fooled"]["0.9"]["value"] == 1
    assert "function" in attacks["ascent"]["not_done"]
    each = by_name(report["detectors"])
    assert each["msp"]["threshold"] is not None
    assert "function" in each["msp"]["adaptive"]["not_done"]
    for name in set(detectors.NAMES) - {"msp"}:
        assert "nothing but confidences" in each[name]["not_done"]
    assert not report["model"]["gives_gradients"]
    assert report["by_what"]["transfer_not_done"]
    assert "no detector helps" in found.verdict
    assert found.plot().axes
    assert repr(found).count(found.verdict) == 1


def test_it_is_saved_as_a_whole(whole, tiny_model, blots, tmp_path):
    found = keras_fool.assess(tiny_model, *blots, workdir=whole, **SMALL)

    assert found.save(tmp_path / "kept") == tmp_path / "kept"
    assert folders.contents(tmp_path / "kept") == folders.contents(whole)
    with pytest.raises(ValueError, match="exists"):
        found.save(tmp_path / "kept")


@pytest.mark.slow
def test_the_command_fails_over_a_limit_and_says_what_next(command, tiny_model, tmp_path):
    path = tmp_path / "audit"
    flags = (f"--model={tiny_model}", "--quick", "--budget=1000", f"--workdir={path}")

    code, out, err = command(command_module, *flags, "--fail_over=fooled50:0.01")

    report = json.loads((path / "audit.json").read_text())
    jsonschema.validate(report, schema.schema())
    assert code == 1
    line = err.splitlines()[-1]
    assert line.startswith("error: fooled50 is")
    assert "over 0.01" in line
    assert "Traceback" not in err
    notes = [line for line in err.splitlines() if line.startswith("note: ")]
    for words in ("CPPN evolution", "Pixel evolution", "Gradient ascent", "scoring"):
        assert any(words in line for line in notes), words
    assert len(set(notes)) == len(notes)
    assert report["verdict"]["sentence"] in " ".join(out.split())
    assert str(path / "audit.json") in out
    assert [step[0] for step in next_steps.found_in(out)][-1] == "audit"
    for each in report["detectors"]:  # no images were given
        assert "real images" in each["not_done"]
    assert report["data"] is None
    assert "--dataset" in report["no_data"] or "No labelled images" in report["no_data"]

    code, out, err = command(command_module, *flags, "--fail_over=fooled50:1")

    assert code == 0
    assert "stage" not in err  # it was complete


@pytest.mark.parametrize(
    ("flags", "exit_code", "facts"),
    [
        ((), 2, ("--model",)),
        (("--model=nowhere.keras",), 1, ("nowhere.keras",)),
        (("--dataset=nothing",), 2, ("nothing", "mnist")),
        (("--dataset=mnist", "--fail_over=fooled:1"), 2, ("fooled99",)),
        (("--dataset=mnist", "--budget=10"), 2, ("budget",)),
        (("--dataset=mnist", "--reference=nowhere"), 1, ("nowhere",)),
        (("--dataset=mnist", "--generations=3"), 2, ("generations",)),
    ],
)
def test_what_cannot_be_audited_gives_one_line(command, tmp_path, flags, exit_code, facts):
    code, _, err = command(command_module, *flags, f"--workdir={tmp_path / 'audit'}")

    assert code == exit_code
    (line,) = [line for line in err.splitlines() if not line.startswith("note: ")]
    for fact in facts:
        assert fact in line
    assert not (tmp_path / "audit").exists()


def test_images_that_do_not_go_with_the_classifier_give_one_line(tiny_model, blots):
    with pytest.raises(ValueError, match="12, 10, 1"):
        keras_fool.assess(tiny_model, np.zeros((90, 9, 9, 1), np.uint8), np.zeros(90, int))
    with pytest.raises(ValueError, match="go with images"):
        keras_fool.assess(tiny_model, labels=blots[1])
    with pytest.raises(ValueError, match="leave one"):
        keras_fool.assess(tiny_model, *blots, dataset="digits")
    with pytest.raises(ValueError, match="fooled99"):
        keras_fool.assess(tiny_model, *blots, fail_over={"fooled99": 3})
    assert issubclass(errors.StoppedError, errors.UserError)


class Interrupting:
    """A classifier that a signal comes to while it scores its images for the tenth time."""

    def __init__(self, at: int):
        self.calls, self._at = 0, at

    def __call__(self, images):
        self.calls += 1
        if self.calls == self._at:
            os.kill(os.getpid(), signal.SIGTERM)
        return brightness(images)


def test_a_signal_in_the_middle_of_an_evolution_loses_nothing(tmp_path):
    """Where calls lie is the same in every audit: it is stopped in its first evolution."""

    def audit(function, path):
        classifier = keras_fool.Classifier(function, image_shape=(6, 6, 1), name="light")
        work = planning.Work(
            path=path,
            classifier=classifier,
            chosen=settings.Settings(budget=SMALL["budget"], quick=True),
            load=lambda _: data.NONE_GIVEN,
            command="again",
            note=lambda _: None,
            quiet=True,
        )
        return engine.audit(work)

    audit(brightness, tmp_path / "whole")
    with (
        stopping.answered(),
        pytest.raises(errors.StoppedError, match="to go on: again") as stopped,
    ):
        audit(Interrupting(10), tmp_path / "stopped")
    assert stopped.value.exit_code == 128 + signal.SIGTERM
    assert folders.names(tmp_path / "stopped" / "attacks") == {"cppn"}

    audit(brightness, tmp_path / "stopped")

    assert timeless(tmp_path / "stopped") == timeless(tmp_path / "whole")
    for name in ("cppn", "pixels"):
        one, other = (tmp_path / folder / "attacks" / name for folder in ("whole", "stopped"))
        assert folders.contents(one) == folders.contents(other)
