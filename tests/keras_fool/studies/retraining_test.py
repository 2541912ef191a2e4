import dataclasses

import pytest

from keras_fool.studies import retraining, retraining_table

PAPER = retraining.Config()


def test_the_defaults_give_the_papers_numbers_of_images():
    train, val = 60_000, 10_000
    for number, row in enumerate(retraining_table.PAPER, 1):
        assert (train, val) == (row.train, row.val)
        train, val = train + PAPER.drawn(number)[0], val + PAPER.drawn(number)[1]
    assert PAPER.iterations == len(retraining_table.PAPER)
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
    with pytest.raises(ValueError, match="unknown data set 'mnits'; known: mnist, digits"):
        retraining.Config(dataset="mnits")
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        retraining.Config(steps=0)


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


def test_every_stage_has_a_seed_of_its_own():
    numbers = range(1, 16)
    configs = [PAPER, dataclasses.replace(PAPER, seed=2)]
    seeds = [config.training(number).seed for config in configs for number in numbers]
    seeds += [config.evolution(number).seed for config in configs for number in numbers]
    assert len(set(seeds)) == 60

    draws = {PAPER.draw_stream(number).integers(2**60) for number in numbers}
    assert len(draws) == 15
    assert PAPER.draw_stream(3).integers(2**60) in draws


def test_the_plan_goes_through_all_stages_in_order():
    plan = retraining.plan(dataclasses.replace(PAPER, iterations=3))

    assert [(stage.kind, stage.number) for stage in plan] == [
        (kind, number) for number in (1, 2, 3) for kind in ("train", "evolve", "draw")
    ][:-1]
    assert len({stage.name for stage in plan}) == len(plan)
    images = sum(stage.work for stage in retraining.plan(PAPER) if stage.kind == "evolve")
    assert images == (350 + 14 * 55) * 40_400
