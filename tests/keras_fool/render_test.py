import os
import re
import signal

import numpy as np
import pytest
from PIL import Image

from evolvers import canvas, cppn, genome_json, render
from keras_fool import render as command_module
from keras_fool.runs import champion_png, progress
from tests.evolvers.samples import network
from tests.keras_fool import next_steps

CANVAS = canvas.Canvas(40, 30, 1)


@pytest.fixture
def champion(tmp_path, monkeypatch) -> str:
    """A champion's file, in the current folder."""
    monkeypatch.chdir(tmp_path)
    genome = network("sine gaussian", [(0, 5, 1.25), (5, 4, -7.1), (2, 4, 2.0)])
    image = render.draw(genome, CANVAS)
    content = champion_png.Champion(image, genome_json.dumps(genome, CANVAS), {"label": "3"})
    (tmp_path / "label_3.png").write_bytes(champion_png.encode(content))
    return "label_3.png"


def test_own_size_gives_the_image_that_scored(command, champion, tmp_path):
    code, out, _ = command(command_module, champion, "--size=40", "--output=same.png")

    assert code == 0
    assert out.startswith("same.png: 30x40 pixels\n")
    assert next_steps.found_in(out) == [["render", champion, "--size=40", "--smooth"]]
    assert (tmp_path / "same.png").read_bytes() == (tmp_path / champion).read_bytes()


def test_larger_prints_keep_proportions_and_genome(command, champion, tmp_path):
    assert command(command_module, champion, "--size=200")[0] == 0

    enlarged = champion_png.read(tmp_path / "label_3-200.png")
    genome, shape = genome_json.loads(enlarged.genome)

    assert (enlarged.about, shape) == ({"label": "3"}, CANVAS)
    assert enlarged.image.shape == (200, 150, 1)
    np.testing.assert_array_equal(enlarged.image, render.draw(genome, CANVAS, 200, 150))


@pytest.fixture
def striped(tmp_path, monkeypatch) -> str:
    """A champion with stripes of which every pixel shows one point: grey from border to border."""
    monkeypatch.chdir(tmp_path)
    genome = network("sine", [(0, 4, 2 * np.pi), (3, 4, 0.3)])
    image = render.draw(genome, CANVAS)
    assert np.ptp(image.astype(int)) < 30
    content = champion_png.Champion(image, genome_json.dumps(genome, CANVAS), {"label": "3"})
    (tmp_path / "striped.png").write_bytes(champion_png.encode(content))
    return "striped.png"


def test_stripes_between_pixels_are_noted_and_a_smooth_print_has_none(command, striped, tmp_path):
    code, _, err = command(command_module, striped, "--size=400")
    assert code == 0
    assert "finer than the pixels" in err
    assert "--smooth" in err
    code, out, err = command(command_module, striped, "--size=400", "--smooth")
    assert (code, err) == (0, "")
    assert next_steps.found_in(out)
    assert command(command_module, striped, "--size=40", "--output=own.png")[2] == ""

    scored = champion_png.read(tmp_path / striped)
    prints = [champion_png.read(tmp_path / f"striped-400{end}.png") for end in ("", "-smooth")]
    assert all((p.genome, p.about) == (scored.genome, scored.about) for p in prints)
    assert np.ptp(prints[0].image.astype(int)) > 250
    # Averaged, it is the image that was scored; two pixels in, where no border is repeated.
    means = prints[1].image.reshape(40, 10, 30, 10).mean(axis=(1, 3))
    np.testing.assert_allclose(means[2:-2, 2:-2], scored.image[2:-2, 2:-2, 0], atol=3)
    # Of a print, too, the pixels that were scored are enlarged.
    assert command(command_module, "striped-400.png", "--size=400", "--smooth")[0] == 0
    again = champion_png.read(tmp_path / "striped-400-400-smooth.png")
    np.testing.assert_array_equal(again.image, prints[1].image)


def test_images_of_an_ascent_can_be_enlarged_smoothly_only(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image = np.random.default_rng(1).integers(0, 256, (8, 9, 3), np.uint8)
    content = champion_png.Champion(image, "", {"made_by": "gradient ascent"})
    (tmp_path / "a.png").write_bytes(champion_png.encode(content))

    code, _, err = command(command_module, "a.png")
    assert code == 1
    assert "there is no genome in a.png" in err
    assert "--smooth" in err
    assert command(command_module, "a.png", "--size=90", "--smooth")[0] == 0
    assert champion_png.read(tmp_path / "a-90-smooth.png").image.shape == (80, 90, 3)


def test_nothing_is_overwritten_unasked(command, champion, tmp_path):
    before = (tmp_path / champion).read_bytes()
    arguments = (champion, "--size=50", f"--output={champion}")

    code, _, err = command(command_module, *arguments)
    assert code == 1
    assert err.startswith("error: label_3.png exists")
    assert "--overwrite" in err
    assert (tmp_path / champion).read_bytes() == before

    assert command(command_module, *arguments, "--overwrite")[0] == 0
    assert champion_png.read(tmp_path / champion).image.shape == (50, 38, 1)


def written(path, genome_text: str) -> str:
    """A PNG file with that genome, from wherever it may be."""
    content = champion_png.Champion(np.zeros((40, 30, 1), np.uint8), genome_text, {})
    path.write_bytes(champion_png.encode(content))
    return str(path)


def chain(nodes: int) -> cppn.Cppn:
    """A network in which every node feeds the next one, and the last one draws."""
    hidden = np.arange(5, 4 + nodes, dtype=np.int32)
    ends = np.concatenate([hidden[1:], [4]]).astype(np.int32)
    return cppn.Cppn(
        1,
        np.zeros(nodes, np.uint8),
        np.concatenate([[0], hidden]).astype(np.int32),
        np.concatenate([[5], ends]).astype(np.int32),
        np.ones(nodes, np.float32),
    )


@pytest.mark.parametrize(
    ("nodes", "size", "message"),
    [
        (100_000, 16, "at most 65536 nodes, got 100000"),
        (60_000, 8192, "would take too long; choose one of 3495 pixels at most"),
    ],
)
def test_genomes_that_would_take_hours_are_refused(command, tmp_path, nodes, size, message):
    path = written(tmp_path / "large.png", genome_json.dumps(chain(nodes), CANVAS))

    code, out, err = command(command_module, path, f"--size={size}", f"--output={tmp_path}/x.png")

    assert (code, out) == (1, "")
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "x.png").exists()


def test_a_long_drawing_says_how_far_it_is_and_can_be_interrupted(command, tmp_path, monkeypatch):
    path = written(tmp_path / "large.png", genome_json.dumps(chain(20_000), CANVAS))
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0)
    advance = progress.Drawing.advance

    def interrupted(self, rows):
        advance(self, rows)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(progress.Drawing, "advance", interrupted)

    code, _, err = command(command_module, path, "--size=4096", f"--output={tmp_path}/x.png")

    assert code == 130
    rows, total = re.search(r"drawn: (\d+) rows of (\d+), \S+ left", err).groups()
    assert int(rows) < int(total) / 100  # of minutes, in all
    assert not list(tmp_path.glob("*x.png*"))


@pytest.mark.parametrize(
    "text",
    [
        '{"format": %s}' % ("9" * 4000),
        '{"format": 1, "height": 1e300, "width": 1, "channels": 1, "coords": "raw"}',
        '{"format": 1, "height": 4, "width": 4, "channels": 1, "coords": "%s"}' % ("x" * 10**6),
        '{"format": 1, "height": 4, "width": 4, "channels": 1, "coords": "raw", '
        '"encoding": "cppn", "nodes": ["%s"], "connections": []}' % ("x" * 10**6),
        '{"format": 1, "height": 4, "width": 4, "channels": 1, "coords": "raw", '
        '"encoding": "cppn", "nodes": ["sine"], "connections": [%s[]]}' % ("[]," * 300_000),
        "[" * 100_000,
        "{" * 10 + '"a":' * 100_000,
    ],
    ids=range(7),
)
def test_what_no_run_wrote_is_refused_in_a_short_line(command, tmp_path, text):
    code, _, err = command(command_module, written(tmp_path / "strange.png", text))

    assert code == 1
    assert "is damaged" in err
    assert len(err) < 400
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "give one champion"),
        (["a.png", "b.png"], 2, "give one champion"),
        (["none.png"], 1, "there is no file none.png"),
        (["no_genome.png"], 1, "there is no genome in no_genome.png"),
        (["bad_genome.png"], 1, "the genome in bad_genome.png is damaged: no genome"),
        (["label_3.png", "--size=0"], 2, "size"),
        (["label_3.png", "--size=100000"], 2, "size"),
        (["label_3.png", "--output=a.jpg"], 2, "must end in .png"),
        (["label_3.png", "--output=none/a.png"], 1, "No such file or directory: none/a.png"),
    ],
)
def test_bad_input_gets_one_line(command, champion, tmp_path, arguments, code, message):
    image = champion_png.read(tmp_path / champion).image
    Image.fromarray(image[..., 0]).save(tmp_path / "no_genome.png")
    damaged = champion_png.Champion(image, '{"format": 1}', {})
    (tmp_path / "bad_genome.png").write_bytes(champion_png.encode(damaged))

    found, out, err = command(command_module, *arguments)

    assert (found, out) == (code, "")
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1
