"""Section C.2, small, from end to end: on pictures in files, and on shapes in memory."""

import contextlib
import dataclasses
import io
import json
import pathlib
import shutil
import signal

import numpy as np
import pytest
from absl.testing import flagsaver
from scipy import stats

from keras_fool import reproduce, retrain
from keras_fool.command_line import cli
from keras_fool.models import scoring
from keras_fool.studies import experiment
from keras_fool.studies.retraining import folder as retraining_folder
from tests.keras_fool import folders, retraining_kills
from tests.trainers import samples
from trainers import datasets

SHAPES = ("--dataset=shapes", "--scale=0.002")
OF_FOLDER = (
    *("--architecture=small", "--image_size=32", "--crop_size=28", "--scale=0.001"),
    *("--steps=12", "--generations=1"),
)
FILES = ("retrain_imagenet.csv", "retrain_imagenet.md", "retrain_imagenet.png")


def run(*arguments: str) -> None:
    argv = ["retrain", *arguments]
    with flagsaver.flagsaver(), pytest.raises(SystemExit) as ended:
        cli.run(retrain.main, uses=retrain.USES, argv=argv)
    assert ended.value.code == 0


@pytest.fixture(scope="module", autouse=True)
def small_studies():
    with pytest.MonkeyPatch.context() as patch:
        retraining_kills.small_studies(patch)
        yield


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> pathlib.Path:
    """Pictures of two labels; one for training is damaged, and one for testing."""
    path = samples.picture_folder(tmp_path_factory.mktemp("pictures") / "two", 24, 8)
    for split in ("train", "test"):
        file = next((path / split / "cross").iterdir())
        file.write_bytes(file.read_bytes()[:200])
    return path


@dataclasses.dataclass(frozen=True)
class Done:
    """A complete study."""

    folder: retraining_folder.Folder
    said: str  # on stderr


@pytest.fixture(scope="module")
def done(tmp_path_factory, pictures) -> Done:
    """Three runs against DNN 1, of whose 12 images 11 are drawn, then one run."""
    path, said = tmp_path_factory.mktemp("study") / "work", io.StringIO()
    with contextlib.redirect_stderr(said):
        run(f"--dataset=folder:{pictures}", *OF_FOLDER, f"--workdir={path}")
    return Done(retraining_folder.Folder(path), said.getvalue())


@pytest.fixture
def study(done) -> retraining_folder.Folder:
    return done.folder


def numbers_of(path: pathlib.Path) -> list[dict]:
    """The rows of a CSV file, what is a number in them as one."""

    def value(text: str) -> float | str:
        try:
            return float(text)
        except ValueError:
            return text

    return [{name: value(text) for name, text in row.items()} for row in folders.rows(path)]


@pytest.mark.slow
def test_one_round_with_its_table(study):
    cards = [study.card(number) for number in (1, 2)]
    # The damaged picture for testing is not counted, that for training is.
    assert [card["num_train"] for card in cards] == [24, 24 + 9]
    assert [card["num_test"] for card in cards] == [7, 7 + 2]
    assert [card["labels"] for card in cards] == [
        ["circle", "cross"],
        ["circle", "cross", "fooling"],
    ]
    assert [card["training"]["architecture"] for card in cards] == ["small", "small"]
    assert not study.training(3).exists()

    first, second = numbers_of(study.path / "retrain_imagenet.csv")
    assert (first["fooling_train"], first["fooling_val"], first["runs"]) == (0, 0, 3)
    assert (second["fooling_train"], second["fooling_val"], second["runs"]) == (9, 2, 1)
    assert (second["paper_error"], second["paper_score"]) == (41.0, 11.7)
    markdown = (study.path / "retrain_imagenet.md").read_text("utf-8")
    assert markdown.startswith("# [on two, not ImageNet] Section C.2")
    assert "a try: first_runs 3, not " in markdown
    assert "| 88.1 | 11.7 |" in markdown
    assert not (study.path / "table_s2.csv").exists()


@pytest.mark.slow
def test_the_errors_are_those_of_the_images(study, pictures):
    data = datasets.load(f"folder:{pictures}", image_size=32, crop_size=28)
    ((images, labels),) = data.test_batches(100)
    drawn = study.drawn([1])
    # The network alone: a test sees the middle of a picture, evolution all ten crops.
    scorer = scoring.LocalScorer(study.find_classifier(2))
    wrong = np.count_nonzero(scorer.score(images).argmax(axis=1) != labels)
    middles = np.ascontiguousarray(drawn.val[:, 2:30, 2:30])
    missed = np.count_nonzero(scorer.score(middles).argmax(axis=1) != 2)

    _, second = numbers_of(study.path / "retrain_imagenet.csv")
    assert second["original_error"] == pytest.approx(100 * wrong / 7, abs=1e-4)
    assert second["error"] == pytest.approx(100 * (wrong + missed) / 9, abs=1e-4)
    assert second["fooling_error"] == pytest.approx(100 * missed / 2)


@pytest.mark.slow
def test_the_test_is_of_the_confidences_that_are_handed_out(study):
    confidences = numbers_of(study.path / "confidences.csv")
    first, later = (
        [row["confidence"] for row in confidences if row["i"] == number] for number in (1, 2)
    )
    assert (len(first), len(later)) == (3 * 2, 2)
    expected = stats.mannwhitneyu(first, later, alternative="two-sided")

    champions, medians = numbers_of(study.path / "mann_whitney.csv")
    assert (champions["of"], champions["num_first"], champions["num_later"]) == (
        "champions",
        6,
        2,
    )
    assert champions["u"] == expected.statistic
    assert champions["p"] == pytest.approx(expected.pvalue)
    assert (medians["num_first"], medians["num_later"]) == (3, 1)


@pytest.mark.slow
def test_reproduce_makes_its_results_of_it(command, tmp_path, monkeypatch):
    """On shapes in memory; what `retrain` has done, `reproduce` finds done."""
    monkeypatch.setattr(datasets, "_NUM_SHAPES", (300, 100))
    work = tmp_path / "work_scale0.002" / "retraining_once_seed_1"
    run(*SHAPES, f"--workdir={work}")
    flags = ("--experiment=retrain_imagenet", *SHAPES)
    places = (f"--workdir={tmp_path}", f"--results={tmp_path / 'results'}")

    code, _, stderr = command(reproduce, *flags, *places)

    assert code == 0, stderr
    results = tmp_path / "results" / "retrain_imagenet_shapes_scale0.002"
    for name in ("retrain_imagenet.csv", "mann_whitney.csv", "confidences.csv"):
        assert (results / name).read_bytes() == (work / name).read_bytes()
    settings = json.loads((results / "settings.json").read_text("utf-8"))
    assert settings["evaluations"] == (2 + 1) * 3 * retraining_kills.GENERATION
    assert (settings["architecture"], settings["crops"]) == ("small", 1)
    assert settings["drawn"][0]["train"] == 18
    timing = json.loads((results / "timing.json").read_text("utf-8"))
    reused = {name for name, stage in timing["stages"].items() if stage["reused"]}
    assert timing["stages"].keys() - reused == {"score, count and draw"}


@pytest.mark.slow
def test_reproduce_keeps_data_apart(study, pictures, tmp_path, monkeypatch):
    """A folder for each data set; one from before, without a name of data, is found again."""
    monkeypatch.setattr(datasets, "_NUM_SHAPES", (300, 100))
    others = samples.picture_folder(tmp_path / "pictures" / "others", 6, 3)
    chosen = experiment.load("retrain_imagenet")

    def path_of(dataset: str) -> pathlib.Path:
        context = experiment.Context(chosen, 0.002, dataset, 1, tmp_path, "", print)
        return chosen.steps(context)[0].study.folder.path

    data = ["shapes", f"folder:{pictures}", f"folder:{others}"]
    assert len({path_of(dataset) for dataset in data}) == 3
    shutil.copytree(study.path, tmp_path / "retraining_once_seed_1")  # of `pictures`
    found = [path_of(dataset).name for dataset in data]
    assert found == [
        "retraining_once_seed_1_shapes",
        "retraining_once_seed_1",
        "retraining_once_seed_1_others",
    ]


def test_reproduce_takes_no_digits(command, tmp_path):
    code, _, stderr = command(
        reproduce, "--experiment=retrain_imagenet", "--dataset=digits", f"--workdir={tmp_path}"
    )
    assert code == 1
    assert "not digits, which table_s2 is for" in stderr


@pytest.mark.slow
def test_pictures_are_cropped_and_evolved_whole(study):
    for number in (1, 2):
        assert study.card(number)["image_shape"] == [28, 28, 3]
        config = json.loads((study.evolution(number) / "config.json").read_text("utf-8"))
        assert config["image_shape"] == [32, 32, 3]
        assert config["settings"]["scorer"]["views"] == {
            "image_size": 32,
            "crops": 10,
            "crop_size": None,
        }
        assert config["settings"]["num_niches"] == 2
    drawn = study.drawn([1])
    assert isinstance(drawn.train, np.memmap)
    assert (drawn.train.shape, drawn.val.shape) == ((9, 32, 32, 3), (2, 32, 32, 3))


@pytest.mark.slow
def test_what_cannot_be_read_is_named(done):
    fact = "2 pictures cannot be read and are left out; one of them is test/cross/"
    assert done.said.count(fact) == 2  # once for each DNN


@pytest.mark.slow
def test_grey_pictures_are_retrained_on(pictures, command, tmp_path):
    code, _, stderr = command(
        retrain,
        *(f"--dataset=folder:{pictures}", "--grey", *OF_FOLDER, "--crops=1"),
        f"--workdir={tmp_path}/work",
    )

    assert code == 0, stderr
    folder = retraining_folder.Folder(tmp_path / "work")
    assert folder.card(2)["image_shape"] == [28, 28, 1]
    assert folder.drawn([1]).train.shape == (9, 32, 32, 1)
    config = json.loads((folder.evolution(1) / "config.json").read_text("utf-8"))
    assert config["settings"]["scorer"]["views"]["crops"] == 1


@pytest.mark.slow
def test_killed_in_every_stage_it_ends_with_the_same_bytes(study, pictures, tmp_path):
    path = tmp_path / "work"
    arguments = [f"--dataset=folder:{pictures}", *OF_FOLDER, f"--workdir={path}"]
    start = retraining_kills.starter(tmp_path / "log")

    for point, stage in {"train": 1, "export": 1, "evolve": 2, "draw": 3}.items():
        code, said = start(point, arguments)
        assert code == -signal.SIGKILL, said
        assert f"stage {stage} of 5" in said
        assert ("goes on after step 8" in said) == (point == "export")
    code, said = start("nowhere", arguments)

    assert code == 0, said
    made, of_study = retraining_kills.contents(path), retraining_kills.contents(study.path)
    assert made.keys() == of_study.keys()
    assert [name for name in made if made[name] != of_study[name]] == []
    assert {*FILES, "draws/dnn_01_train.npy"} <= made.keys()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--dataset=shapes", "--crops=10"], "crops must be 1, got 10: small sees whole images"),
        (["--dataset=shapes", "--first_runs=549"], "at least 550 runs are needed"),
        (["--dataset=shapes", "--image_size=64", "--crop_size=65"], "crop_size must be 1..64"),
        (["--dataset=shape"], "unknown data set 'shape', did you mean shapes?"),
        (["--dataset=folder:nowhere"], "there is no folder nowhere"),
        (["--dataset=shapes", "--grey"], "colours of their own"),
        (["--dataset=imagenet2012", "--grey"], "caffenet takes colour; grey images are for lenet"),
    ],
)
def test_impossible_settings_are_refused_before_anything_is_written(
    flags, words, command, tmp_path
):
    code, _, stderr = command(retrain, *flags, f"--workdir={tmp_path}/work")

    assert code in (1, 2)
    assert words in stderr
    assert stderr.count("\n") == 1
    assert not (tmp_path / "work").exists()
