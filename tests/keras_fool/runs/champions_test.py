import json

import numpy as np
import pytest
from PIL import Image

from evolvers import genome_json, render
from keras_fool.models import classifiers, scoring
from keras_fool.runs import champion_png, champions


@pytest.mark.parametrize("when", champions.WHENS)
def test_what_is_read_is_what_was_evolved(run_folder, tiny_model, when):
    read = champions.read(run_folder, when)

    assert len(read) == 6
    assert list(read.runs) == [3, 3, 3, 4, 4, 4]
    assert list(read.niches) == [0, 1, 2] * 2
    assert read.labels == ("0", "1", "2")
    assert all(f"/{when}/" in file for file in read.files)
    scorer = scoring.LocalScorer(classifiers.find(str(tiny_model)))
    read.check_scores(scorer.score(read.images))
    for image, genome in zip(read.images, read.genomes, strict=True):
        np.testing.assert_array_equal(render.draw(*genome_json.loads(genome)), image)


def test_last_champions_are_surer_than_first_ones(run_folder):
    first, last = (champions.read(run_folder, when) for when in champions.WHENS)

    assert (last.confidences >= first.confidences).all()
    assert (last.confidences > first.confidences).any()


def test_some_are_taken(run_folder):
    read = champions.read(run_folder)

    taken = read.take(read.runs == 4)

    assert len(taken) == 3
    assert taken.files == read.files[3:]
    np.testing.assert_array_equal(taken.images, read.images[3:])


def test_original_is_found_among_candidates_and_where_it_lay(run_folder, tiny_model, other_model):
    read = champions.read(run_folder)
    tiny, other = (classifiers.find(str(path)) for path in (tiny_model, other_model))

    assert champions.original(read, [other, tiny]) is tiny
    assert champions.original(read, [other]).path == tiny.path


def test_original_that_is_gone_is_named(altered, other_model):
    config = altered / "config.json"
    text = json.loads(config.read_text()) | {"classifier_spec": str(other_model)}
    config.write_text(json.dumps(text))

    with pytest.raises(ValueError, match=r"evolved on tiny\.keras, which is not"):
        champions.original(champions.read(altered), [classifiers.find(str(other_model))])


def alter(path, image: np.ndarray) -> None:
    """Puts another image into a champion's PNG, whose genome and words stay."""
    champion = champion_png.read(path)
    path.write_bytes(
        champion_png.encode(champion_png.Champion(image, champion.genome, champion.about))
    )


def test_altered_image_is_named(altered, tiny_model):
    name = "images/run_004/last/label_1.png"
    (altered / "SHA256SUMS").unlink()  # who alters an image can take them out, too
    image = champion_png.read(altered / name).image
    alter(altered / name, 255 - image)
    read = champions.read(altered)
    scorer = scoring.LocalScorer(classifiers.find(str(tiny_model)))

    with pytest.raises(ValueError, match=f"{name} is not the image that was recorded: its conf"):
        read.check_scores(scorer.score(read.images))


def test_image_of_another_shape_is_named(altered):
    name = "images/run_003/last/label_0.png"
    alter(altered / name, np.zeros((8, 8, 1), np.uint8))

    with pytest.raises(ValueError, match=f"{name} is an image of 8 x 8 x 1, .* 12 x 10 x 1"):
        champions.read(altered)


def test_classifiers_of_other_images_or_labels_do_not_fit(run_folder):
    read = champions.read(run_folder)

    read.check_fits("same", (12, 10, 1), 3)
    with pytest.raises(ValueError, match=r"m takes images of 28 x 28 x 1, .* are 12 x 10 x 1"):
        read.check_fits("m", (28, 28, 1), 3)
    with pytest.raises(ValueError, match=r"m has 4 labels, the classifier of .* has 3"):
        read.check_fits("m", (12, 10, 1), 4)


def spoil_nothing(path):
    path.rename(path.with_name("elsewhere"))


def empty(path):
    path.rename(path.with_name("elsewhere"))
    path.mkdir()


def remove(name):
    return lambda path: (path / name).unlink()


def write(name, text):
    return lambda path: (path / name).write_text(text)


def replace(name, old, new):
    def spoil(path):
        text = (path / name).read_text()
        assert old in text
        (path / name).write_text(text.replace(old, new))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_nothing, "there is no folder"),
        (empty, "is not a run folder: there is no config.json in it"),
        (remove("champions.csv"), "is not complete, there is no champions.csv in it yet"),
        (remove("images/run_003/last/label_2.png"), "there is no file .*run_003/last/label_2.png"),
        (write("config.json", "{"), "config.json is damaged"),
        (write("config.json", '{"settings": {}}'), "config.json is damaged"),
        (write("champions.csv", "run,label\n1,2\n"), "expected one column 'label_name'"),
        (write("champions.csv", ""), "champions.csv is damaged: expected one column 'run'"),
        (replace("champions.csv", "images/run_003", "../run_003"), "row 1 has file '../run_003"),
        (replace("champions.csv", ",confidence", ",another"), "one column 'confidence'"),
        (write("images/run_003/last/label_2.png", "text"), "label_2.png is not a PNG image"),
    ],
)
def test_what_is_no_whole_run_folder_is_refused(altered, spoil, message):
    spoil(altered)

    with pytest.raises((ValueError, FileNotFoundError), match=message):
        champions.read(altered)


def test_image_without_a_genome_is_refused(altered):
    path = altered / "images/run_003/last/label_2.png"
    Image.open(path).save(path)

    with pytest.raises(ValueError, match="there is no genome in"):
        champions.read(altered)


def test_folders_from_before_there_were_specs_are_read(altered, tiny_model):
    config = altered / "config.json"
    content = json.loads(config.read_text())
    del content["classifier_spec"]
    config.write_text(json.dumps(content | {"classifier_path": str(tiny_model)}))

    found = champions.original(champions.read(altered), [])

    assert found.identity["sha256"] == classifiers.find(str(tiny_model)).identity["sha256"]
