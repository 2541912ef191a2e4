import itertools

import pytest

from keras_fool.audits import settings


@pytest.mark.parametrize(
    ("budget", "labels", "ascends", "detectors"),
    list(itertools.product((1000, 9_999, 100_000, 10**6), (2, 10, 1000), (True, False), (0, 1, 8))),
)
def test_no_plan_spends_more_than_its_budget(budget, labels, ascends, detectors):
    chosen = settings.Settings(budget=budget)

    plan = settings.plan(chosen, labels, ascends=ascends, num_adaptive=detectors)

    runs = chosen.runs
    evolved = 2 * runs * settings.images_per_run(plan.evolution)
    ascended = runs * plan.ascent.images_per_run if plan.ascent else 0
    adaptive = detectors * runs * settings.images_per_run(plan.evolution)
    assert (plan.ascent is not None) == ascends
    assert plan.num_adaptive == detectors
    assert evolved + ascended + adaptive <= budget
    # What is left over is less than a generation of each run.
    left = (2 + detectors) * runs * (plan.evolution.batch + 1)
    assert evolved + ascended + adaptive > budget - left
    assert ascended <= budget / (3 + detectors)  # no more than an equal share


def test_what_an_ascent_leaves_is_for_the_evolutions():
    chosen = settings.Settings(budget=1_000_000)

    with_ascent = settings.plan(chosen, 10, ascends=True, num_adaptive=8)
    without = settings.plan(chosen, 10, ascends=False, num_adaptive=8)

    assert with_ascent.ascent.config.steps == 500  # of more, few are worth anything
    assert with_ascent.ascent.labels == tuple(range(10))
    equal = 1_000_000 / 11
    more = equal - 3 * 10 * 500
    assert 3 * settings.images_per_run(with_ascent.evolution) > equal + more / 10 - 1000
    assert without.evolution.generations > with_ascent.evolution.generations


def test_many_labels_get_ascents_of_a_useful_length_for_some_of_them():
    plan = settings.plan(settings.Settings(budget=100_000), 1000, ascends=True, num_adaptive=8)

    assert plan.ascent.config.steps >= 100
    assert 1 < len(plan.ascent.labels) < 1000
    assert (plan.ascent.labels[0], plan.ascent.labels[-1]) == (0, 999)
    assert len(set(plan.adaptive_labels)) == 100


def test_the_rule_says_how_the_budget_is_shared():
    chosen = settings.Settings(budget=10_000)

    rule = settings.plan(chosen, 10, ascends=True, num_adaptive=8).rule
    for fact in ("equally", "gradient ascent", "8 detectors", "3 runs"):
        assert fact in rule
    alone = settings.plan(chosen, 10, ascends=False, num_adaptive=0).rule
    assert "detector" not in alone
    assert "ascent" not in alone


@pytest.mark.parametrize(
    ("changes", "fact"),
    [({"budget": 999}, "1,000"), ({"runs": 0}, "runs"), ({"seed": 2**32}, "seed")],
)
def test_settings_that_make_no_sense_are_refused(changes, fact):
    with pytest.raises(ValueError, match=fact):
        settings.Settings(**changes)
