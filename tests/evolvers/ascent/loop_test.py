import contextlib
import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from evolvers.ascent import step as step_module
from evolvers.ascent.config import PRESETS, Config
from evolvers.ascent.loop import Ascent
from tests import exploring
from tests.evolvers.ascent import reference

NETWORK = reference.SmallNetwork()
MEAN = np.array([123.0, 117.0, 104.0])
TARGETS = [(3, 0), (0, 0), (3, 5), (4, 1), (1, 2)]
CONFIGS = {
    **{name: dataclasses.replace(config, steps=6) for name, config in PRESETS.items()},
    "everything": Config(
        steps=6,
        decay=0.05,
        blur_sigma=0.5,
        blur_every=3,
        norm_percentile=10,
        contribution_percentile=30,
        absolute_percentile=45,
        learning_rate=1,
    ),
    "capped": Config(steps=6, max_learning_rate=300.0),
}


def ascent(config, targets=TARGETS, network=NETWORK, mean=MEAN, **arguments) -> Ascent:
    return Ascent(config, network, network.image_shape, mean, targets, **arguments)


# What those of the paper have, these two have together.
@pytest.mark.parametrize(
    "name", exploring.most(CONFIGS, rare=CONFIGS.keys() - {"everything", "capped"})
)
def test_equals_the_slow_clear_version(name):
    config = CONFIGS[name]
    fast = ascent(config)

    trace = fast.advance(100)

    last = fast.state()["offsets"] + MEAN.astype(np.float32)
    for place, (label, seed) in enumerate(TARGETS):
        steps = reference.ascend(NETWORK, config, MEAN, label, seed)
        for field in ("confidence", "gradient_norm", "learning_rate"):
            expected = [getattr(step, field) for step in steps]
            np.testing.assert_allclose(getattr(trace, field)[:, place], expected, rtol=2e-4)
        np.testing.assert_allclose(last[place], steps[-1].image, atol=5e-3)
        exact = steps[-1].image
        clear = abs(exact - np.floor(exact) - 0.5) > 0.01  # rounded one way, whoever computes
        assert clear.mean() > 0.9
        np.testing.assert_array_equal(fast.images("last")[place][clear], np.rint(exact)[clear])


def test_the_reference_has_the_gradient_that_it_says():
    image = np.random.default_rng(1).uniform(60, 200, NETWORK.image_shape)
    gradient = NETWORK.gradient(image, 2)
    direction = np.random.default_rng(2).normal(size=image.shape)

    ahead, behind = (NETWORK.confidences(image + h * direction)[2] for h in (1e-4, -1e-4))

    assert (ahead - behind) / 2e-4 == pytest.approx((gradient * direction).sum(), rel=1e-6)


def test_without_decay_each_step_gains_what_it_aims_at():
    config = Config(steps=30, early=0.002, late=0.01)
    fast = ascent(config, mean=127.0)

    confidence = fast.advance(30).confidence.astype(float)

    gained = np.diff(confidence, axis=0)
    aimed_at = np.minimum(config.early, config.late * (1 - confidence[:-1]))
    np.testing.assert_allclose(gained, aimed_at, rtol=0.1)


@pytest.mark.parametrize(
    "objective", exploring.most(["logit", "log_probability"], rare={"log_probability"})
)
def test_other_objectives_gain_what_is_aimed_at(objective):
    config = Config(steps=20, early=0.002, late=0.01, objective=objective)
    confidence = ascent(config, mean=127.0).advance(20).confidence.astype(float)

    values = np.log(confidence if objective != "logit" else confidence / (1 - confidence))
    aimed_at = np.minimum(config.early, config.late * (1 - confidence[:-1]))

    np.testing.assert_allclose(np.diff(values, axis=0), aimed_at, rtol=0.1)


@pytest.mark.slow
def test_the_learning_rate_multiplies_steps():
    found = ascent(Config(steps=2, learning_rate=3)).advance(1).learning_rate[0]

    expected = [
        3 * reference.ascend(NETWORK, Config(steps=1), MEAN, *target)[0].learning_rate
        for target in TARGETS
    ]
    np.testing.assert_allclose(found, expected, rtol=2e-4)


@pytest.mark.slow
def test_results_depend_on_the_batch_by_rounding_at_most():
    """Without AVX-512, TensorFlow's kernels compute the last images of a batch otherwise."""
    config = dataclasses.replace(CONFIGS["everything"], steps=12)
    together = ascent(config)
    trace = together.advance(12)

    in_parts = ascent(config, batch=2)
    parts = [in_parts.advance(steps) for steps in (1, 4, 7)]
    assert in_parts.traces == 1  # one graph serves all batches and calls
    confidence = np.concatenate([part.confidence for part in parts])
    np.testing.assert_allclose(confidence, trace.confidence, rtol=1e-5)
    for field, values in together.state().items():
        assert_same_but_for_rounding(in_parts.state()[field], values, field)
    alone = ascent(config, TARGETS[-1:])
    alone.advance(12)
    for field, values in together.state().items():
        if field != "step":
            assert_same_but_for_rounding(alone.state()[field][0], values[-1], field)


def assert_same_but_for_rounding(values, others, field: str) -> None:
    if values.dtype == np.uint8:
        assert np.abs(values.astype(int) - others).max() <= 1, field
        assert (values != others).mean() < 0.01, field
    elif values.dtype == np.float32:
        np.testing.assert_allclose(values, others, rtol=1e-4, atol=1e-3, err_msg=field)
    else:
        np.testing.assert_array_equal(values, others, err_msg=field)


@pytest.mark.parametrize(
    "change", [{"jitter": 2.0, "zoom": 0.2}, pytest.param({}, marks=pytest.mark.slow)]
)
def test_no_result_depends_on_the_steps_of_a_call_or_on_a_restart(change):
    config = dataclasses.replace(CONFIGS["s7"], steps=11, **change)
    at_once = ascent(config)
    begin = at_once.state()
    expected = at_once.advance(11)
    ended = at_once.state()

    in_parts = at_once  # once more from its beginning
    in_parts.restore(begin)
    parts = [in_parts.advance(4), in_parts.advance(1)]
    gone_on = ascent(config)
    gone_on.restore(in_parts.state())
    assert gone_on.step == 5
    parts += [gone_on.advance(5), gone_on.advance(100)]

    assert [part.first for part in parts] == [0, 4, 5, 10]
    assert gone_on.step == 11
    for field in dataclasses.fields(expected)[1:]:
        joined = np.concatenate([getattr(part, field.name) for part in parts])
        np.testing.assert_array_equal(joined, getattr(expected, field.name))
    for field, values in ended.items():
        np.testing.assert_array_equal(gone_on.state()[field], values, err_msg=field)


def test_images_stay_within_bytes():
    fast = ascent(Config(steps=40, early=0.2, late=5.0), mean=np.array([3.0, 250.0, 104.0]))

    fast.advance(40)

    images = fast.state()["offsets"] + np.float32([3.0, 250.0, 104.0])
    assert images.min() == pytest.approx(0, abs=1e-4)
    assert images.max() == pytest.approx(255, abs=1e-4)
    exact = np.rint(np.clip(images, 0, 255))
    np.testing.assert_array_equal(fast.images("last"), exact.astype(np.uint8))


@pytest.mark.slow
def test_what_is_kept_on_the_way():
    sharp = reference.SmallNetwork(sharpness=4.0)
    fast = ascent(Config(steps=200), network=sharp, mean=127.0)
    trace = fast.advance(200)

    assert trace.confidence[-1].min() > 0.9999
    kept = []
    for place, (label, _) in enumerate(TARGETS):
        confidence = trace.confidence[:, place]
        assert fast.steps("best")[place] == confidence.argmax()
        assert fast.confidences("best")[place] == confidence.max()
        assert fast.steps("last")[place] == 199
        assert fast.confidences("last")[place] == confidence[-1]
        for which, reached in {
            "top1": trace.top1[:, place] == label,
            "0.99": confidence > 0.99,
            "0.999": confidence > 0.999,
            "0.9999": confidence > 0.9999,
        }.items():
            step = fast.steps(which)[place]
            assert step == reached.argmax()
            assert fast.confidences(which)[place] == confidence[step]
            if place == 0:
                kept.append((step, fast.images(which)[0]))

    alone = ascent(Config(steps=200), TARGETS[:1], network=sharp, mean=127.0)
    for step, image in sorted(kept, key=lambda found: found[0]):
        alone.advance(int(step) - alone.step)
        np.testing.assert_array_equal(image, alone.images("last")[0])


def test_a_best_image_that_is_not_the_last():
    config = Config(steps=60, decay=0.2, late=0.5, early=0.1)
    fast = ascent(config)

    confidence = fast.advance(60).confidence

    assert (fast.steps("best") < 59).any()
    np.testing.assert_array_equal(fast.steps("best"), confidence.argmax(axis=0))
    assert not np.array_equal(fast.images("best"), fast.images("last"))
    assert (fast.steps("0.9999") == step_module.NEVER).all()
    assert (fast.images("0.9999") == 0).all()


class Blind(reference.SmallNetwork):
    """Loses sight of its input where the first pixel is bright: no gradient there."""

    def __call__(self, images):
        sees = tf.cast(images[:, 0, 0, 0] < 123.5, tf.float32)[:, None, None, None]
        return super().__call__(images * sees)


def test_an_image_without_gradient_stops_and_the_others_go_on():
    config = dataclasses.replace(CONFIGS["s5"], steps=30)
    begin = {seed: np.random.default_rng(seed).standard_normal((12, 10, 3)) for seed in range(9)}
    blind = [seed for seed, noise in begin.items() if noise[0, 0, 0] > 0.6]
    sighted = [seed for seed, noise in begin.items() if noise[0, 0, 0] < -0.6]
    targets = [(3, blind[0]), (3, sighted[0]), (1, blind[0])]
    fast = ascent(config, targets, network=Blind())
    steps = reference.ascend(NETWORK, config, MEAN, *targets[1])

    first = fast.advance(1)
    image = fast.images("last")
    trace = fast.advance(29)

    assert fast.stopped().tolist() == [0, step_module.NEVER, 0]
    np.testing.assert_array_equal(fast.images("last")[[0, 2]], image[[0, 2]])
    assert first.active.all()
    assert trace.active.tolist() == [[False, True, False]] * 29
    assert fast.steps("last").tolist() == [0, 29, 0]
    expected = [step.confidence for step in steps[1:]]
    np.testing.assert_allclose(trace.confidence[:, 1], expected, rtol=2e-4)


SPOILS = ("confidence", "gradient")


class Brittle(reference.SmallNetwork):
    """Gives NaN as soon as the confidence for the label 3 is above a limit, or its gradient.

    The limits can be changed; no new graph is built for that.
    """

    def __init__(self):
        super().__init__()
        self.limits = {spoils: tf.Variable(np.inf, dtype=tf.float32) for spoils in SPOILS}

    def __call__(self, images):
        confidences = super().__call__(images)
        above = {spoils: confidences[:, 3:4] > limit for spoils, limit in self.limits.items()}

        @tf.custom_gradient
        def spoilt(values):
            return (
                tf.identity(values),
                lambda gradient: tf.where(above["gradient"], np.inf, gradient),
            )

        return spoilt(tf.where(above["confidence"], np.nan, confidences))

    @contextlib.contextmanager
    def limited(self, spoils: str, limit: float):
        self.limits[spoils].assign(limit)
        try:
            yield
        finally:
            self.limits[spoils].assign(np.inf)


@pytest.fixture(scope="module", params=exploring.most(["plain", "everything"], rare={"plain"}))
def brittle(request) -> tuple[Brittle, Ascent, dict[str, np.ndarray]]:
    """A network, an ascent of 40 steps, and the state with which that begins."""
    config = dataclasses.replace(CONFIGS[request.param], steps=40)
    network = Brittle()
    fast = ascent(config, network=network)
    return network, fast, fast.state()


@pytest.mark.parametrize("spoils", SPOILS)
def test_an_image_that_is_lost_stops_at_its_best_and_spoils_no_other(brittle, spoils):
    network, fast, begin = brittle
    fast.restore(begin)
    expected = fast.advance(40)
    healthy = {which: fast.images(which) for which in ("last", "best", "top1")}
    assert (fast.not_finite() == step_module.NEVER).all()
    climbing = expected.confidence[:, 0]  # the first target is label 3
    limit = float(np.sort(climbing)[len(climbing) // 2])
    at = int(np.flatnonzero(climbing > limit)[0])

    fast.restore(begin)
    with network.limited(spoils, limit):
        traces = [fast.advance(at + 1), fast.advance(100)]

    assert fast.not_finite()[0] == at > 0
    assert fast.stopped()[0] == step_module.NEVER
    assert (fast.images("last")[0] == fast.images("best")[0]).all()
    assert fast.steps("last")[0] == fast.steps("best")[0] == at - (spoils == "confidence")
    assert fast.confidences("last")[0] == fast.confidences("best")[0]
    assert np.isfinite(fast.confidences("best")).all()
    assert np.isfinite(traces[0].confidence[at, 0]) == (spoils == "gradient")
    assert traces[0].active[:, 0].all()
    assert not traces[1].active[:, 0].any()
    others = np.flatnonzero(fast.not_finite() == step_module.NEVER)
    assert len(others) >= 2
    for which, images in healthy.items():
        assert np.array_equal(fast.images(which)[others], images[others])
    np.testing.assert_array_equal(
        np.concatenate([trace.confidence for trace in traces])[:, others],
        expected.confidence[:, others],
    )


def test_an_image_that_was_never_finite_has_no_last_one():
    targets = [(3, seed) for seed in range(5)]
    config = Config(steps=3, max_learning_rate=0.0)  # where they begin they stay
    network = Brittle()
    fast = ascent(config, targets, network=network)
    begin = fast.state()
    first = fast.advance(1).confidence[0]
    limit = float(np.sort(first)[-2:].mean())

    fast.restore(begin)
    with network.limited("confidence", limit):
        fast.advance(3)

    expected = np.arange(5) == first.argmax()
    np.testing.assert_array_equal(fast.steps("last") == step_module.NEVER, expected)
    np.testing.assert_array_equal(fast.not_finite() == 0, expected)


@pytest.mark.parametrize("spoils", SPOILS)
def test_a_network_that_is_not_finite_for_most_is_refused(brittle, spoils):
    network, fast, begin = brittle
    fast.restore(begin)
    with (
        network.limited(spoils, 0.0),
        pytest.raises(ValueError, match="for 5 of 5 images in the first step"),
    ):
        fast.advance(1)
    assert fast.step == 0


def test_no_targets():
    with pytest.raises(ValueError, match="nothing to ascend to"):
        ascent(Config(), [])


def test_images_of_one_seed_begin_alike_and_near_the_mean():
    begin = ascent(Config()).state()["offsets"]

    np.testing.assert_array_equal(begin[0], begin[1])
    assert not np.array_equal(begin[0], begin[2])
    assert begin.mean() == pytest.approx(0, abs=0.1)
    assert begin.std() == pytest.approx(1, abs=0.1)


@pytest.mark.slow
def test_robust_images_are_surer_under_other_views():
    """What jitter and scale are for: the image fools when it is moved, too."""
    from evolvers.ascent import views

    network = reference.SmallNetwork(image_shape=(16, 16, 1), sharpness=3.0)
    found = {}
    for name, change in {"plain": {}, "robust": {"jitter": 2.0, "zoom": 0.1}}.items():
        fast = ascent(Config(steps=150, **change), [(1, 0), (2, 0)], network=network, mean=127.0)
        fast.advance(150)
        drawn = views.drawn(Config(steps=100, jitter=2.0, zoom=0.1), [(99, 99)])[0]
        images = tf.constant(fast.images("last"), tf.float32)
        under_views = [
            network(views.seen(images, tf.constant([view, view]))).numpy()[[0, 1], [1, 2]]
            for view in drawn
        ]
        found[name] = np.mean(under_views)

    assert found["robust"] > found["plain"] + 0.1
