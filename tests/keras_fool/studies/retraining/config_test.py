import dataclasses
import pathlib

import pytest

from keras_fool.models import classifiers
from keras_fool.studies.retraining import config as retraining
from keras_fool.studies.retraining import folder, steps, table_s2
from trainers import config as trainers_config

PAPER = retraining.Config()


def steps_of(config: retraining.Config) -> list:
    return steps.Study(config, folder.Folder(pathlib.Path("work")), None).steps()


def test_the_defaults_give_the_papers_numbers_of_images():
    train, val = 60_000, 10_000
    for number, row in enumerate(table_s2.PAPER, 1):
        assert (train, val) == (row.train, row.val)
        train, val = train + PAPER.drawn(number)[0], val + PAPER.drawn(number)[1]
    assert PAPER.iterations == len(table_s2.PAPER)
    assert [PAPER.num_runs(number) for number in (1, 2, 15)] == [350, 55, 55]


def test_every_pool_is_used_up_and_the_fooling_class_is_no_niche():
    assert PAPER.num_niches == 10
    assert [PAPER.num_runs(number) * PAPER.images_of_run for number in (1, 2)] == [7000, 1100]
    assert [sum(PAPER.drawn(number)) for number in (1, 2)] == [7000, 1100]


@pytest.mark.parametrize(
    ("given", "said", "needed"),
    [
        ({"first_runs": 349}, "DNN 1, and 349 runs .* give 6980", 350),
        ({"runs": 12}, "DNN 2, and 12 runs .* give 240", 55),
        ({"runs": 2, "train": 41, "val": 1}, "DNN 2, and 2 runs .* give 40", 3),
    ],
)
def test_too_few_images_says_how_many_runs_are_needed(given, said, needed):
    with pytest.raises(ValueError, match=f"too few images: .*{said}.* {needed} runs are needed"):
        dataclasses.replace(PAPER, **given)
    dataclasses.replace(PAPER, **{**given, next(iter(given)): needed})


def test_runs_that_nothing_is_drawn_from_may_be_few():
    assert dataclasses.replace(PAPER, iterations=1, first_runs=1).num_runs(1) == 1
    assert dataclasses.replace(PAPER, iterations=2, runs=1).num_runs(2) == 1


def test_refuses_impossible_settings():
    with pytest.raises(ValueError, match="unknown data set 'mnits', did you mean mnist"):
        retraining.Config(dataset="mnits")
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        retraining.Config(steps=0)
    with pytest.raises(ValueError, match="crops must be 1, got 10: lenet sees whole images"):
        retraining.Config(crops=10)
    with pytest.raises(ValueError, match="crops must be 1 or 10, got 5"):
        retraining.Config(dataset="shapes", image_size=64, crop_size=60, crops=5)
    with pytest.raises(ValueError, match="unknown architecture 'lent'"):
        retraining.Config(architecture="lent")


def test_other_data_than_the_settings_are_for_are_refused():
    config = retraining.Config(dataset="digits", num_labels=12)
    with pytest.raises(ValueError, match="num_labels must be 10 for digits, got 12"):
        config.load()


@pytest.mark.parametrize("scale", [0.001, 0.02, 0.37, 1.0])
def test_every_scale_has_enough_images(scale):
    config = retraining.Config.scaled(scale, iterations=4)

    assert (config == dataclasses.replace(PAPER, iterations=4)) == (scale == 1)
    assert config.generations == max(1, round(200 * scale))


def test_what_is_given_is_not_scaled():
    config = retraining.Config.scaled(0.1, generations=77, runs=30, dataset="digits", steps=None)

    assert (config.generations, config.runs, config.dataset, config.steps) == (
        77,
        30,
        "digits",
        1000,
    )


def test_settings_of_digits_are_recorded_as_ever():
    """Else a study that was begun before section C.2 came would not go on."""
    assert list(PAPER.recorded()) == [
        *("dataset", "iterations", "first_runs", "runs", "generations", "batch", "steps"),
        *("first_train", "first_val", "train", "val", "seed"),
    ]
    assert retraining.Config.of_paper("mnist") == PAPER
    assert retraining.Config.of_paper("digits") == dataclasses.replace(PAPER, dataset="digits")
    assert (
        PAPER.training(1).recorded()
        == trainers_config.Config(seed=PAPER.training(1).seed, evaluate_every=2500).recorded()
    )
    assert PAPER.section == "C.1"
    assert PAPER.views == classifiers.Views()


def test_seeds_of_digits_are_what_they_were():
    assert [PAPER.training(1).seed, PAPER.evolution(5).seed] == [1189033389, 157149062]
    assert PAPER.draw_stream(1).integers(2**60) == 428309628868066478


def test_the_papers_numbers_for_imagenet():
    paper = retraining.Config.of_paper("imagenet2012", 1000)

    assert (paper.iterations, paper.num_runs(1), paper.num_runs(2)) == (2, 6, 6)
    assert (paper.images_of_run, paper.drawn(1)) == (2000, (9000, 2000))
    assert (paper.evolution(1).generations, paper.evolution(1).batch) == (5000, 400)
    assert (paper.architecture, paper.image_size, paper.crop_size) == ("caffenet", 256, 227)
    assert paper.views == classifiers.Views(image_size=256, crops=10)
    training = paper.training(2)
    assert (training.iterations, training.batch, training.step_size) == (450_000, 256, 100_000)
    images = [step.work for step in steps_of(paper) if step.kind == "evolve"]
    assert images == [6 * 2_000_800] * 2
    assert paper.section == "C.2"


def test_the_runs_follow_from_the_number_of_labels():
    shapes = retraining.Config.of_paper("shapes")
    assert (shapes.num_runs(1), shapes.num_runs(2)) == (550, 55)
    assert (shapes.architecture, shapes.crop_size, shapes.crops) == ("small", None, 1)
    two = retraining.Config.of_paper("folder:PATH", 2, "small")
    assert (two.num_runs(1), two.image_size, two.crops) == (2750, 64, 1)
    assert two.views == classifiers.Views(), "the network takes images of that size"


def test_other_sizes_and_crops_are_taken():
    config = retraining.Config.scaled(
        0.1, dataset="folder:PATH", num_labels=7, image_size=128, crop_size=100, crops=1
    )
    assert config.views == classifiers.Views(image_size=128, crops=1)
    assert config.steps == 45_000
    assert config.training(1).step_size == 10_000
    assert "crops" not in config.recorded()
    assert config.recorded()["crop_size"] == 100


def test_a_view_is_recorded_and_reaches_what_is_fooled():
    config = retraining.Config.scaled(0.1, view="published")

    assert config.recorded()["view"] == "published"
    assert config.views == classifiers.Views(view="published")
    assert config.evolution(1) == retraining.Config.scaled(0.1).evolution(1)
    assert config.training(1) == retraining.Config.scaled(0.1).training(1)
    with pytest.raises(ValueError, match="view must be one of"):
        retraining.Config(view="squeezed")


def test_every_stage_has_a_seed_of_its_own():
    numbers = range(1, 16)
    configs = [PAPER, dataclasses.replace(PAPER, seed=2)]
    seeds = [config.training(number).seed for config in configs for number in numbers]
    seeds += [config.evolution(number).seed for config in configs for number in numbers]
    assert len(set(seeds)) == 60

    draws = {PAPER.draw_stream(number).integers(2**60) for number in numbers}
    assert len(draws) == 15
    assert PAPER.draw_stream(3).integers(2**60) in draws


def test_the_steps_go_on_in_order():
    found = steps_of(dataclasses.replace(PAPER, iterations=3))

    assert [(step.kind, step.name.split("DNN ")[1]) for step in found] == [
        (kind, number) for number in "123" for kind in ("train", "evolve", "draw")
    ][:-1]
    assert len({step.name for step in found}) == len(found)
    images = sum(step.work for step in steps_of(PAPER) if step.kind == "evolve")
    assert images == (350 + 14 * 55) * 40_400
