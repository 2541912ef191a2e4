"""Section C.2 on photographs, tiny: one first network, two sizes of the class, three seeds."""

import pathlib

import numpy as np
import pytest
from absl.testing import flagsaver
from scipy import stats

from keras_fool import reproduce, retrain
from keras_fool.command_line import cli
from keras_fool.studies.retraining import folder as retraining_folder
from keras_fool.studies.retraining import photographs
from tests.keras_fool import folders
from tests.trainers import samples

SCALE = 0.001  # 9 and 2 fooling images, or 1 and 1; 15 steps


def run(command, *arguments: str) -> int:
    argv = [command.__name__.rpartition(".")[-1], *arguments]
    with flagsaver.flagsaver(), pytest.raises(SystemExit) as ended:
        cli.run(command.main, uses=command.USES, argv=argv)
    return ended.value.code


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> pathlib.Path:
    return samples.picture_folder(tmp_path_factory.mktemp("pictures") / "two", 24, 8)


@pytest.fixture(scope="module")
def found(tmp_path_factory, pictures) -> pathlib.Path:
    path = tmp_path_factory.mktemp("photographs")
    code = run(
        reproduce,
        "--experiment=retrain_photographs",
        f"--dataset=folder:{pictures}",
        f"--scale={SCALE}",
        f"--workdir={path / 'runs'}",
        f"--results={path / 'results'}",
    )
    assert code == 0
    return path


def studies(found: pathlib.Path) -> dict[tuple[int, int], retraining_folder.Folder]:
    """By seed and number of fooling images."""
    work = found / "runs" / f"work_scale{SCALE}"
    return {
        (seed, fooling): retraining_folder.Folder(
            work / f"retrain_photographs_two_seed_{seed}_fooling_{fooling}"
        )
        for seed in (1, 2, 3)
        for fooling in (9, 1)
    }


@pytest.mark.slow
def test_both_sizes_share_the_first_network_and_its_images(found):
    for (_, fooling), study in studies(found).items():
        assert study.is_trained(1) == study.is_evolved(1) == (fooling == 9)
        assert study.is_trained(2)
        assert study.is_evolved(2)
        assert study.card(2)["num_train"] == 24 + fooling
        assert study.card(2)["image_shape"] == [28, 28, 3]


@pytest.mark.slow
def test_the_size_of_the_paper_is_what_retrain_does(found, pictures, tmp_path):
    work = tmp_path / "work"
    code = run(
        retrain,
        f"--dataset=folder:{pictures}",
        "--architecture=cifar",
        f"--scale={SCALE}",
        f"--workdir={work}",
    )
    assert code == 0
    alone, study = retraining_folder.Folder(work), studies(found)[1, 9]
    for number in (1, 2):
        np.testing.assert_array_equal(study.confidences(number), alone.confidences(number))


@pytest.mark.slow
def test_the_tables_hold_every_network_once(found):
    results = found / "results" / f"retrain_photographs_two_scale{SCALE}"
    rows = folders.rows(results / "retrain_photographs.csv")
    assert [(row["seed"], row["i"], row["fooling_train"]) for row in rows] == [
        (seed, dnn, fooling)
        for seed in "123"
        for dnn, fooling in (("1", "0"), ("2", "9"), ("2", "1"))
    ]
    tests = folders.rows(results / "mann_whitney.csv")
    champions = [row for row in tests if row["of"] == "champions"]
    for row in champions:
        own = studies(found)[int(row["seed"]), int(row["fooling_train"])]
        first = studies(found)[int(row["seed"]), 9].confidences(1).ravel()
        expected = stats.mannwhitneyu(first, own.confidences(2).ravel(), alternative="two-sided")
        assert float(row["u"]) == pytest.approx(expected.statistic)
        assert float(row["p"]) == pytest.approx(expected.pvalue)
    table = (results / "table.md").read_text("utf-8")
    assert "| paper | DNN 2, ImageNet | 9000 | 2000 | 42.6 |" in table
    assert (results / "retrain_photographs.png").is_file()


@pytest.mark.parametrize(("wrong", "number"), [(0, 8), (8, 8), (215, 1000)])
def test_intervals_of_errors_are_wilsons(wrong, number):
    expected = stats.binomtest(wrong, number).proportion_ci(0.95, method="wilson")

    low, high = photographs.wilson(wrong, number)

    assert (low, high) == pytest.approx((100 * expected.low, 100 * expected.high), abs=1e-4)


def test_only_photographs_are_taken(capfd):
    assert run(reproduce, "--experiment=retrain_photographs", "--dataset=shapes") == 1
    assert "folder:PATH" in capfd.readouterr().err
