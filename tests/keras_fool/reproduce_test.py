"""Experiments in small, from end to end, and killed in each of their stages."""

import json
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from evolvers import searches
from keras_fool import reproduce
from keras_fool.studies import experiment, tables
from tests.keras_fool import folders, next_steps, processes


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def small(tiny_model, other_model) -> tuple[str, ...]:
    """What makes an experiment so small that it takes a second."""
    return f"--models={tiny_model},{other_model}", "--scale=0.02"


def test_table_s1_and_what_uses_its_runs(command, small, tmp_path, monkeypatch):
    arguments = [small[0], "--scale", "0.02", "--workdir=work", "--results=res"]
    words = ["--experiment=table_s1_mnist", "--overwrite", *arguments]
    monkeypatch.setattr("sys.argv", ["reproduce", *words])

    code, out, err = command(reproduce, *words)

    assert code == 0, err
    assert "stage 3 of 3: score, count and draw" in err
    folder = tmp_path / "res" / "table_s1_mnist_scale0.02"
    title = "[a try at scale 0.02] Table S1, MNIST: images that fool one classifier"
    table = (folder / "table.md").read_text()
    assert table.startswith(f"# {title}")
    assert tables.in_terminal(table) in out
    assert "|" not in out, "a terminal shows no Markdown"
    (suggested,) = next_steps.found_in(out)
    given = ["--experiment=table_s1_mnist", small[0], "--workdir=work", "--results=res"]
    assert sorted(suggested) == sorted(["reproduce", *given, "--scale=0.2"])
    assert len(folders.rows(folder / "images.csv")) == 2 * 2 * 3
    assert (folder / "heat_map.png").read_bytes().startswith(b"\x89PNG")
    settings = json.loads((folder / "settings.json").read_text())
    assert settings["title"].startswith(title)
    assert [entry["name"] for entry in settings["classifiers"]] == ["tiny.keras", "other.keras"]
    assert all(len(entry["sha256"]) == 64 for entry in settings["classifiers"])
    assert [entry["seed"] for entry in settings["evolutions"]] == [1, 2]
    assert [entry["generations"] for entry in settings["evolutions"]] == [4, 4]
    assert settings["evaluations"] == 2 * 2 * (200 + 5 * 200)
    assert settings["versions"].keys() >= {"tensorflow", "numpy"}
    _figures_agree(table, folders.rows(folder / "images.csv"))
    timing = json.loads((folder / "timing.json").read_text())
    assert not any(stage["reused"] for stage in timing["stages"].values())

    code, _, err = command(reproduce, "--experiment=figure_s4", *arguments)
    assert code == 0, err
    folder = tmp_path / "res" / "figure_s4_scale0.02"
    assert "median confidence of all images" in (folder / "table.md").read_text()
    assert {row["run"] for row in folders.rows(folder / "images.csv")} == {"0", "1", "2"}
    timing = json.loads((folder / "timing.json").read_text())
    assert [stage["reused"] for stage in timing["stages"].values()] == [True, False, False]


@pytest.mark.slow
def test_search_compares_its_parts(command, small, tmp_path):
    arguments = [*small, "--workdir=work", "--results=res"]
    code, _, err = command(reproduce, "--experiment=search", *arguments)
    assert code == 0, err

    folder = tmp_path / "res" / "search_scale0.02"
    settings = json.loads((folder / "settings.json").read_text())
    kinds = {(e.get("search", "paper"), e["coords"]) for e in settings["evolutions"]}
    assert kinds == {("paper", "raw"), *((name, "normalized") for name in searches.NAMES)}
    assert {entry["seed"] for entry in settings["evolutions"]} == {1}
    for name in ("tiny", "other"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    table = (folder / "table.md").read_text()
    for words in ("efficient without spots", "efficient with uniform parents"):
        assert words in table
    _search_agrees(table, tmp_path / "work" / "work_scale0.02")


def _search_agrees(table: str, work: pathlib.Path) -> None:
    """The table's share of labels and lowest confidences are those of the run folders."""
    (path,) = work.glob("tiny_runs_000-001_seed_1_coords_normalized_search_efficient")
    rows = folders.rows(path / "champions.csv")
    confidences = np.array([float(row["confidence"]) for row in rows], np.float32).reshape(2, -1)
    sure = confidences >= np.float32(0.9999)
    lowest = 100 * np.median(confidences.min(axis=1).astype(float))
    numbers = (sure.all(axis=1).sum(), 100 * sure.mean(), lowest)
    line = re.search(
        r"\| efficient \| 1,200 \| (\d) of 2 \| ([\d.]+) \| [^|]+ \| ([\d.]+) \|", table
    )
    assert [float(found) for found in line.groups()] == pytest.approx(numbers, abs=0.051), table


def _figures_agree(table: str, images: list[dict[str, str]]) -> None:
    """Row (a) of the table is that of images.csv."""
    for own, other in (("tiny.keras", "other.keras"), ("other.keras", "tiny.keras")):
        folder = f"{own.removesuffix('.keras')}_runs_000-001"
        of = [row for row in images if row["folder"].startswith(folder)]
        matches = sum(row["top1:tiny.keras"] == row["top1:other.keras"] for row in of)
        share = 100 * matches / len(of)
        line = rf"\(a\) Top-1 matches: {other} on images of {own} \| [\d.]+ \| {share:.1f} \|"
        assert re.search(line, table), table


@pytest.fixture(scope="module")
def with_means(tiny_model, other_model, tmp_path_factory) -> tuple[str, ...]:
    """The same, of classifiers whose mean training images are known."""
    found = []
    for model in (tiny_model, other_model):
        folder = tmp_path_factory.mktemp("with_mean")
        np.save(folder / "mean_image.npy", np.full((12, 10, 1), 30, np.float32))
        found.append(shutil.copy(model, folder))
    return f"--models={','.join(map(str, found))}", "--scale=0.005"


@pytest.mark.slow
def test_published_view_and_the_figures_through_it(command, with_means, tmp_path):
    arguments = [*with_means, "--workdir=work", "--results=res"]

    code, _, err = command(reproduce, "--experiment=published_view", *arguments)

    assert code == 0, err
    folder = tmp_path / "res" / "published_view_scale0.005"
    table = (folder / "table.md").read_text()
    assert (folder / "seen.png").read_bytes().startswith(b"\x89PNG")
    rows = folders.rows(folder / "images.csv")
    assert len(rows) == 2 * 2 * 2 * 2 * 3  # views, generations, networks, runs, labels
    own, other = "tiny.keras-published", "other.keras"
    of = [row for row in rows if row["folder"] == "tiny.keras-published_runs_000-001_seed_1"]
    assert len(of) == 6
    share = 100 * sum(row[f"top1:{own}"] == row[f"top1:{other}"] for row in of) / 6
    line = rf"published view, 200 generations: {other} on images of tiny.keras \| {share:.1f} \("
    assert re.search(line, table), table

    code, _, err = command(reproduce, "--experiment=table_s1_mnist", "--view=published", *arguments)

    assert code == 0, err
    folder = tmp_path / "res" / "table_s1_mnist_scale0.005_published"
    timing = json.loads((folder / "timing.json").read_text())
    assert [stage["reused"] for stage in timing["stages"].values()] == [True, True, False]
    assert (folder / "seen.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((folder / "settings.json").read_text())["view"] == "published"
    title = "# [a try at scale 0.005, view published] Table S1, MNIST"
    table = (folder / "table.md").read_text()
    assert table.startswith(title)
    assert f"{other} on images of {own} | 48.7 | {share:.1f} |" in table


def finish_in(folder: pathlib.Path, *arguments: str) -> None:
    folder.mkdir(exist_ok=True)
    processes.start("reproduce", *arguments, folder=folder, log=folder / "log").finish()


def kill_in(folder: pathlib.Path, *arguments: str, once: str) -> None:
    """Starts it, to be killed at the first change of a file once there is one of a pattern."""
    folder.mkdir(exist_ok=True)
    processes.killed(
        "reproduce", *arguments, folder=folder, log=folder / "log", within=folder, once=once
    )


@pytest.mark.slow
def test_killed_in_each_stage_it_ends_with_the_same_bytes(small, tmp_path):
    arguments = ("--experiment=figure_s1", *small, "--workdir=work", "--results=res")
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    finish_in(alone, *arguments)
    expected = {name: folders.contents(alone / name) for name in ("work", "res")}
    assert len(expected["work"]) > 20
    assert len(expected["res"]) == 5

    for stage in (
        "work/work_scale0.02/tiny_*/metrics.csv",
        "work/work_scale0.02/tiny_*/champions.csv",
        "work/work_scale0.02/other_*/metrics.csv",
        "work/work_scale0.02/other_*/champions.csv",
        "res/*/*.csv",
    ):
        kill_in(killed, *arguments, once=stage)
    finish_in(killed, *arguments)

    assert "Traceback" not in (killed / "log").read_text()
    assert {name: folders.contents(killed / name) for name in ("work", "res")} == expected


@pytest.mark.slow
def test_classifiers_that_are_not_there_are_trained_killed_or_not(tmp_path):
    arguments = (
        "--experiment=table_s1_variants",
        "--dataset=digits",
        "--scale=0.01",
        "--workdir=work",
        "--results=res",
    )
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    finish_in(alone, *arguments)
    expected = folders.contents(alone / "res")
    table = (alone / "res/table_s1_variants_digits_scale0.01/table.md").read_text()
    assert table.startswith("# [a try at scale 0.01, on digits, not MNIST] Table S1, MNIST, done")
    assert table.count("| 2 + 2 |") == 7

    for stage in (
        "work/*/trainings/digits_a/config.json",
        "work/*/trainings/digits_b/config.json",
        "work/*/digits_a-1-mean_subtracted*/metrics.csv",
        "work/*/digits_b-1*encoding_direct/metrics.csv",
    ):
        kill_in(killed, *arguments, once=stage)
    finish_in(killed, *arguments)

    assert folders.contents(killed / "res") == expected


def test_results_are_of_the_settings_they_say(command, small):
    arguments = ["--experiment=figure_s4", *small, "--results=res"]
    assert command(reproduce, *arguments, "--workdir=work")[0] == 0

    code, out, err = command(reproduce, *arguments, "--workdir=other", "--seed=2")

    assert (code, out) == (1, "")
    assert "holds results of other settings: seed is 1 there and 2 here" in err
    assert not pathlib.Path("other").exists()


def test_work_of_another_classifier_is_not_taken(command, small, other_model, tmp_path):
    arguments = ["--experiment=figure_s4", *small[1:], "--workdir=work", "--results=res"]
    same_name = tmp_path / "tiny.keras"
    same_name.write_bytes(
        pathlib.Path(small[0].removeprefix("--models=").split(",")[0]).read_bytes()
    )
    assert command(reproduce, *arguments, f"--models={same_name}")[0] == 0
    same_name.write_bytes(other_model.read_bytes())

    code, _, err = command(reproduce, *arguments, f"--models={same_name}")

    assert code == 1
    assert "holds a run of other settings: scorer.sha256 is" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give --experiment, one of table_s1_mnist, table_s1_variants, published_view"),
        (["--experiment=table_s9"], "--experiment=table_s9"),
        (["--experiment=figure_s1", "--scale=0"], "--scale"),
        (["--experiment=figure_s1", "--scale=2"], "--scale"),
        (
            ["--experiment=figure_s1", "--dataset=cifar"],
            "figure_s1 takes --dataset=mnist, digits, not cifar",
        ),
        (["--experiment=figure_s1", "--output=x"], "--output has no meaning"),
        (["--experiment=confidence", "--view=published"], "confidence takes --view=plain"),
        (["figure_s1"], "unexpected argument 'figure_s1'"),
    ],
)
def test_wrong_command_lines(command, arguments, message):
    code, out, err = command(reproduce, *arguments)

    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_one_model_is_too_few_for_table_s1(command, tiny_model):
    code, _, err = command(reproduce, "--experiment=table_s1_mnist", f"--models={tiny_model}")

    assert code == 1
    assert "this experiment is about 2 classifiers, --models names" in err


def test_views_are_of_single_networks(command, tiny_model, other_model):
    models = f"--models={tiny_model}+{other_model},{tiny_model}"
    arguments = ["--experiment=table_s1_mnist", "--view=published_no_mean", models]

    code, out, err = command(reproduce, *arguments, "--scale=0.02")

    assert (code, out) == (1, "")
    assert "is an endpoint or an ensemble" in err
    assert err.count("\n") == 1


def test_help_names_every_experiment_without_starting_tensorflow():
    program = (
        "import atexit, runpy, sys; sys.argv = ['reproduce', '--help']; "
        "atexit.register(lambda: print('tensorflow' in sys.modules)); "
        "runpy.run_module('keras_fool.reproduce', run_name='__main__', alter_sys=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=pathlib.Path(reproduce.__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.endswith("\nFalse\n")
    assert all(name in done.stdout for name in experiment.NAMES)
