"""A small study from end to end on `digits`; killed in every stage it ends the same."""

import json
import re
import shutil
import signal

import numpy as np
import pytest
from absl.testing import flagsaver

from keras_fool import reproduce, retrain
from keras_fool.command_line import cli
from keras_fool.models import classifiers, scoring
from keras_fool.runs import champions
from keras_fool.studies.retraining import folder as retraining_folder
from tests.keras_fool import folders, next_steps, retraining_kills

FLAGS = ("--dataset=digits", "--iterations=3", "--scale=0.004")
TABLES = ("table_s2.csv", "table_s2.md", "table_s2.png", "confidences.csv")


@pytest.fixture(scope="module", autouse=True)
def small_studies():
    with pytest.MonkeyPatch.context() as patch:
        retraining_kills.small_studies(patch)
        yield


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> retraining_folder.Folder:
    """Two runs against DNN 1, of whose 40 images 28 are drawn, then one run each."""
    path = tmp_path_factory.mktemp("study") / "work"
    argv = ["retrain", *FLAGS, f"--workdir={path}"]
    with flagsaver.flagsaver(), pytest.raises(SystemExit) as ended:
        cli.run(retrain.main, uses=retrain.USES, argv=argv)
    assert ended.value.code == 0
    return retraining_folder.Folder(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("draws/dnn_01_train.npy", "dnn_01_train.npy is missing or damaged: drawn again"),
        ("draws/dnn_02.csv", "dnn_02.csv is missing or damaged: drawn again"),
        ("evolutions/dnn_02/images/run_000/last/label_3.png", "written again"),
    ],
)
def test_damaged_parts_are_made_again(study, tmp_path, command, name, said):
    path = shutil.copytree(study.path, tmp_path / "work")
    content = bytearray((path / name).read_bytes())
    content[-5] ^= 1
    (path / name).write_bytes(content)

    code, _, err = command(retrain, *FLAGS, f"--workdir={path}")

    assert code == 0
    assert said in err
    found, expected = (retraining_kills.contents(of) for of in (path, study.path))
    # It was copied: config.json says where classifiers lay before.
    assert {file for file in expected if found[file] != expected[file]} <= {
        f"evolutions/dnn_0{number}/config.json" for number in (1, 2, 3)
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("classifiers/dnn_02/1/classifier.keras", "the same command makes it again"),
        ("classifiers/dnn_03/1/card.json", "card.json is missing or damaged"),
        ("evolutions/dnn_01/metrics.csv", "metrics.csv is shorter"),
        ("draws/dnn_01.sha256", "dnn_01.sha256 is damaged"),
        ("times.csv", "times.csv is damaged"),
        ("config.json", "config.json is damaged"),
    ],
)
def test_other_damage_is_one_line(study, tmp_path, command, name, said):
    path = shutil.copytree(study.path, tmp_path / "work")
    content = (path / name).read_bytes()
    (path / name).write_bytes(content[: len(content) // 2])

    code, _, err = command(retrain, *FLAGS, f"--workdir={path}")

    assert code == 1
    assert said in err
    assert err.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in err


@pytest.mark.slow
def test_every_classifier_is_trained_on_all_that_was_drawn_before(study):
    expected = [(1438, 359, 10), (1438 + 24, 359 + 4, 11), (1438 + 28, 359 + 5, 11)]
    for number, (train, val, labels) in enumerate(expected, 1):
        card = study.card(number)
        assert (card["num_train"], card["num_test"], len(card["labels"])) == (train, val, labels)
    assert study.card(2)["labels"][-1] == "fooling"
    assert len({study.card(number)["seed"] for number in (1, 2, 3)}) == 3
    weights = {study.find_classifier(number).identity["sha256"] for number in (1, 2, 3)}
    assert len(weights) == 3


@pytest.mark.slow
def test_the_fooling_class_is_never_a_niche(study):
    for number, labels in ((1, 10), (2, 11), (3, 11)):
        for when in champions.WHENS:
            found = champions.read(study.evolution(number), when)
            assert sorted(set(found.niches)) == list(range(10))
            assert len(found.labels) == labels
            assert len(found) == 10 * (2 if number == 1 else 1)


@pytest.mark.slow
def test_errors_are_of_all_images_and_of_the_data_alone(study):
    from keras_fool.models import scoring
    from trainers import datasets

    data = datasets.load("digits")
    for number in (1, 3):
        scorer = scoring.LocalScorer(study.find_classifier(number))
        wrong = np.count_nonzero(scorer.score(data.test_images).argmax(axis=1) != data.test_labels)
        card = study.card(number)
        assert card["original_test_error_percent"] == pytest.approx(100 * wrong / 359, abs=1e-4)
        if number == 3:
            val = study.drawn([1, 2]).val
            wrong += np.count_nonzero(scorer.score(val).argmax(axis=1) != 10)
        assert card["test_error_percent"] == pytest.approx(100 * wrong / card["num_test"], abs=1e-4)


@pytest.mark.slow
def test_draws_are_champions_and_no_validation_image_is_trained_on(study):
    for number, sizes in ((1, (24, 4)), (2, (4, 1))):
        rows = folders.rows(study.path / "draws" / f"dnn_{number:02d}.csv")
        assert (
            tuple([row["part"] for row in rows].count(part) for part in ("train", "val")) == sizes
        )
        assert len({row["file"] for row in rows}) == len(rows)
        drawn = study.drawn([number])
        both = {
            (when, file): (image, confidence)
            for when in champions.WHENS
            for found in [champions.read(study.evolution(number), when)]
            for file, image, confidence in zip(
                found.files, found.images, found.confidences, strict=True
            )
        }
        for row, image in zip(rows, [*drawn.train, *drawn.val], strict=True):
            recorded, confidence = both[row["when"], row["file"]]
            np.testing.assert_array_equal(image, recorded)
            assert np.float32(row["confidence"]) == confidence
    drawn = study.drawn([1, 2])
    assert not {x.tobytes() for x in drawn.train} & {x.tobytes() for x in drawn.val}


@pytest.mark.slow
def test_the_table_says_what_came_of_each(study):
    rows = folders.rows(study.path / "table_s2.csv")

    assert [row["i"] for row in rows] == ["1", "2", "3"]
    for number, row in enumerate(rows, 1):
        found = folders.rows(study.evolution(number) / "champions.csv")
        median = np.median([float(champion["confidence"]) for champion in found])
        assert float(row["score"]) == pytest.approx(100 * median, abs=1e-4)
        assert float(row["error"]) == pytest.approx(study.card(number)["test_error_percent"])
    markdown = (study.path / "table_s2.md").read_text("utf-8")
    assert markdown.startswith("# [on digits, not MNIST] Table S2: ")
    assert "a try: " in markdown.splitlines()[0]


@pytest.mark.slow
def test_complete_it_changes_nothing_and_says_the_table(study, command):
    before = {file: file.stat().st_mtime_ns for file in study.path.rglob("dnn_*/**/*")}

    code, stdout, stderr = command(retrain, *FLAGS, f"--workdir={study.path}")

    assert code == 0
    assert re.search("^3 +[0-9]", stdout, re.MULTILINE)
    assert "|" not in stdout, "a terminal shows no Markdown"
    assert next_steps.found_in(stdout)
    assert "stage" not in stderr
    assert {file: file.stat().st_mtime_ns for file in study.path.rglob("dnn_*/**/*")} == before


@pytest.mark.slow
def test_other_settings_are_refused_by_name(study, command):
    before = retraining_kills.contents(study.path)

    code, _, stderr = command(retrain, *FLAGS, f"--workdir={study.path}", "--seed=2")

    assert code == 1
    assert "seed is 1 there and 2 here" in stderr
    assert retraining_kills.contents(study.path) == before


@pytest.mark.slow
def test_its_classifiers_are_found_as_any_other(study):
    found = classifiers.find(str(study.path / "classifiers" / "dnn_03"))

    assert found.labels[-1] == "fooling"


@pytest.mark.slow
def test_reproduce_makes_its_results_of_it(study, command, tmp_path):
    """What `retrain` has done, `reproduce` finds done."""
    work = tmp_path / "work_digits_scale0.004"
    work.mkdir()
    (work / "retraining_seed_1").symlink_to(study.path)
    flags = ("--experiment=table_s2", "--dataset=digits", "--scale=0.004")
    places = (f"--workdir={tmp_path}", f"--results={tmp_path / 'results'}")

    code, _, stderr = command(reproduce, *flags, *places)

    assert code == 0, stderr
    results = tmp_path / "results" / "table_s2_digits_scale0.004"
    for name in ("table_s2.csv", "confidences.csv"):
        assert (results / name).read_bytes() == (study.path / name).read_bytes()
    settings = json.loads((results / "settings.json").read_text("utf-8"))
    assert settings["evaluations"] == (2 + 1 + 1) * 3 * retraining_kills.GENERATION
    assert [drawn["train"] for drawn in settings["drawn"]] == [24, 4]
    timing = json.loads((results / "timing.json").read_text("utf-8"))
    reused = {name for name, stage in timing["stages"].items() if stage["reused"]}
    assert timing["stages"].keys() - reused == {"score, count and draw"}
    assert timing["seconds"] > 1, "the time that it took once"


@pytest.mark.slow
def test_through_the_published_view_the_fooling_class_is_learned_from_pngs(command, tmp_path):
    flags = ("--experiment=table_s2", "--dataset=digits", "--scale=0.004", "--view=published")

    code, _, stderr = command(
        reproduce, *flags, f"--workdir={tmp_path}", f"--results={tmp_path / 'results'}"
    )

    assert code == 0, stderr
    results = tmp_path / "results" / "table_s2_digits_scale0.004_published"
    settings = json.loads((results / "settings.json").read_text("utf-8"))
    assert settings["view"] == "published"
    work = tmp_path / "work_digits_scale0.004" / "retraining_seed_1_published"
    study = retraining_folder.Folder(work)
    drawn = study.drawn([1, 2])
    through = scoring.LocalScorer(classifiers.with_view(study.find_classifier(3), "published"))
    missed = 100 * np.mean(through.score(drawn.val).argmax(axis=1) != 10)
    table = (results / "table.md").read_text("utf-8")
    row = next(line for line in table.split("through published")[1].splitlines() if "| 3 |" in line)
    assert row.split("|")[2].strip() == str(len(drawn.val))
    assert row.split("|")[4].strip() == f"{missed:.1f}"


def test_too_few_images_says_how_many_runs_are_needed(command, tmp_path):
    path = tmp_path / "work"

    code, _, stderr = command(
        retrain, "--dataset=mnist", "--later_runs=54", f"--workdir={path}", f"--data_dir={tmp_path}"
    )

    assert code == 2
    assert "1100 are drawn from those evolved against DNN 2" in stderr
    assert "at least 55 runs are needed" in stderr
    assert stderr.count("\n") == 1
    assert not path.exists()


def test_asks_for_a_data_set(command):
    code, _, stderr = command(retrain)
    assert code == 2
    assert "give --dataset (mnist, digits, shapes, imagenet2012, folder:PATH, tfds:NAME)" in stderr


@pytest.mark.slow
def test_killed_in_every_stage_it_ends_with_the_same_bytes(study, tmp_path):
    path = tmp_path / "work"
    arguments = [*FLAGS, f"--workdir={path}"]
    start = retraining_kills.starter(tmp_path / "log")

    # Each but the first goes on from where the one before was killed.
    kills = {"train": 1, "export": 1, "evolve": 2, "draw": 3}
    for point, stage in kills.items():
        code, said = start(point, arguments)
        assert code == -signal.SIGKILL, said
        assert f"stage {stage} of 8" in said
        assert f"stage {stage + 1} of 8" not in said
        assert ("goes on after step 8" in said) == (point == "export")
    code, said = start("nowhere", arguments)

    assert code == 0, said
    assert "stage 2 of 8" not in said
    made, of_study = retraining_kills.contents(path), retraining_kills.contents(study.path)
    assert made.keys() == of_study.keys()
    assert [name for name in made if made[name] != of_study[name]] == []
    assert set(TABLES) <= made.keys()
