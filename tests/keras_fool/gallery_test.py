import numpy as np
import pytest
from PIL import Image

from evolvers import genome_json, render
from evolvers.config import Config
from keras_fool import gallery
from keras_fool.models import classifiers
from keras_fool.runs import champions, evolution_run
from keras_fool.studies import cross_scoring, galleries
from tests.keras_fool import next_steps, terminal


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_runs_and_labels(command, altered, tmp_path):
    code, out, err = command(gallery, f"--images={altered}")

    assert (code, err) == (0, "")
    path = tmp_path / "altered-runs.png"
    assert str(path) in out
    assert next_steps.found_in(out)
    sheet = np.asarray(Image.open(path))
    tiles = tiles_on(sheet, champions.read(altered), scale=11)
    assert len({y for y, _ in tiles[:3]}) == 1, "a run is a row"
    assert len({x for _, x in tiles[::3]}) == 1, "a label is a column"
    assert tiles == sorted(tiles)


def test_a_sheet_that_is_too_large_is_refused_before_anything_is_drawn(
    command, run_folder, monkeypatch
):
    drawn = []
    monkeypatch.setattr(galleries.render, "draw", lambda *arguments: drawn.append(arguments))

    code, _, err = command(gallery, f"--images={run_folder}", "--size=8192")

    assert code == 1
    assert "choose fewer or smaller ones" in err
    assert not drawn


def tiles_on(sheet: np.ndarray, read: champions.Champions, scale: int) -> list[tuple[int, int]]:
    """Where on a sheet champions stand, each of whose pixels is a square of `scale`."""
    found = []
    for image in read.images:
        tile = image.repeat(scale, 0).repeat(scale, 1).repeat(3, 2)
        height, width = tile.shape[:2]
        corners = np.argwhere((sheet[: 1 - height, : 1 - width] == tile[0, 0]).all(axis=2))
        found.append(
            next(
                (y, x)
                for y, x in corners.tolist()
                if np.array_equal(sheet[y : y + height, x : x + width], tile)
                and (y, x) not in found
            )
        )
    return found


def test_a_print_draws_the_genome_again(command, run_folder, tmp_path):
    read = champions.read(run_folder)
    output = tmp_path / "print.png"

    code, out, _ = command(
        gallery,
        f"--images={run_folder}",
        "--layout=selection",
        "--only_runs=4",
        "--labels=2",
        "--size=240",
        "--nocaptions",
        f"--output={output}",
    )

    assert code == 0
    assert "200x240 pixels" in out
    genome, canvas = genome_json.loads(read.genomes[5])
    expected = render.draw(genome, canvas, 240, 200).repeat(3, 2)
    np.testing.assert_array_equal(np.asarray(Image.open(output)), expected)


def test_only_confident_ones_are_chosen(run_folder):
    read = champions.read(run_folder)
    least = float(np.sort(read.confidences)[-2])

    chosen = galleries.Choice(min_confidence=least).mask(read)

    assert chosen.sum() == 2
    assert (read.confidences[chosen] >= read.confidences[~chosen].max()).all()


def test_images_that_both_are_sure_of(command, run_folder, other_model, tmp_path):
    read = champions.read(run_folder)

    models = cross_scoring.find_models([str(other_model)])
    scores = cross_scoring.Scorers().cross_score(read, models)
    own = [of[range(6), read.niches] for of in scores.confidences.values()]
    sure = (np.array(own) >= 0.99).all(axis=0)
    assert 0 < sure.sum() < 6, "this test needs other weights"

    code, out, err = command(
        gallery,
        f"--images={run_folder}",
        "--layout=transfer",
        f"--models={other_model}",
        f"--output={tmp_path / 'both.png'}",
    )

    assert code == 0
    assert "the labels of other.keras have no names" in err
    for label in range(3):
        number = int(sure[read.niches == label].sum())
        assert terminal.shows(out, label, number)
    assert "sure of" in out
    sheet = np.asarray(Image.open(tmp_path / "both.png"))
    assert len(tiles_on(sheet, read.take(sure), scale=9)) == sure.sum()
    with pytest.raises(StopIteration):
        tiles_on(sheet, read.take(~sure), scale=9)


def test_a_sheet_is_not_replaced_unless_asked(command, run_folder, tmp_path):
    output = tmp_path / "sheet.png"
    output.write_text("mine")
    arguments = (f"--images={run_folder}", f"--output={output}")

    code, _, err = command(gallery, *arguments)
    assert code == 1
    assert "exists" in err
    assert "--overwrite" in err
    assert output.read_text() == "mine"

    assert command(gallery, *arguments, "--overwrite")[0] == 0
    assert Image.open(output).width > 100


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--labels=3"], 2, "there is no label 3: they are numbered 0 to 2."),
        (["--labels=x"], 2, "unknown label 'x'; known: 0, 1, 2."),
        (["--only_runs=a"], 2, "--only_runs takes numbers such as 0,3,10-19, not 'a'"),
        (["--only_runs=7-9"], 1, "no champion is left"),
        (["--min_confidence=1.5"], 2, "min_confidence"),
        (["--layout=transfer"], 2, "--layout=transfer and --models belong together"),
        (["--models=mnist_a"], 2, "--layout=transfer and --models belong together"),
        (["--output=sheet.jpg"], 2, "--output must end in .png"),
        (["--size=8192"], 1, "choose fewer or smaller ones"),
    ],
)
def test_what_cannot_be_is_said(command, run_folder, arguments, code, message, tmp_path):
    given, _, err = command(
        gallery, f"--images={run_folder}", f"--output={tmp_path / 'x.png'}", *arguments
    )

    assert given == code
    assert message in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_run_folders_of_different_labels_are_no_sheet(command, run_folder, tiny_model, tmp_path):
    classifier = classifiers.find(str(tiny_model)).with_labels(("0", "1", "two"))
    config, named = Config(generations=1, initial=20, batch=20), tmp_path / "named"
    evolution_run.evolve(named, config, classifier, command="again", note=print)

    code, _, err = command(gallery, f"--images={run_folder},{named}")

    assert code == 1
    assert "the run folders have different labels" in err
