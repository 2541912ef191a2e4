"""What one step of an ascent gains, and what regularisers take of it.

Not in the paper. A step aims at a gain d = min(early, late (1 - p)) in the confidence p, and
goes so far along the gradient g that a straight line would gain d: d / |g|^2. The network
bends: how much of d comes is measured here by going a twentieth of the way, two twentieths,
and so on. A regulariser works on the whole image, not on the newest step alone, so what it
takes is measured twice: of the image as it is, and after the step.

    ascent_step    on the images that Figure S5 ends with
    ascent_losses  on the images that the settings of Figures S5, S6 and S7 lead to in 300
                   steps: decay forgets within about 100 steps, so these lead to the level at
                   which gain and loss are equal
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from evolvers.ascent import config as config_module
from evolvers.ascent import objectives, regularisers
from keras_fool.models import scoring
from keras_fool.runs import champions
from keras_fool.studies import ascents, experiment, plots, tables

PARTS = np.arange(31) / 20
_DECAY = "decay"  # of the regularisers
_NAMED = (1, 5, 10, 20)  # of the parts, in the table
_FIRST, _WHOLE = 1, 20  # a twentieth of the step, and all of it
SIGMAS = (0.3, 0.4)  # of Figures S6 and S7
_PRESETS = ("s5", "s6", "s7")
_STEPS = 300
_REGULARISERS = ("decay", "blur", "clip")  # in the order in which they work


@dataclasses.dataclass(frozen=True, eq=False)
class Measured:
    """What the next step of some images would gain; confidences in 0..1.

    Attributes:
        confidence: float64 [images]; for the target, before the step.
        aims: float64 [images]; the gain d that a whole step aims at.
        gains: float64 [parts, images]; what `PARTS` of the step gain.
        after: By regulariser, in their order, float64 [images]; what the whole step gains
            once this one and those before it have been at work.
        alone: By regulariser, float64 [images]; what it gains by itself, without the step.
        blur_takes: By sigma, float64 [images]: the share of the gain to first order that is
            lost where the gradient is blurred.
    """

    confidence: np.ndarray
    aims: np.ndarray
    gains: np.ndarray
    after: dict[str, np.ndarray]
    alone: dict[str, np.ndarray]
    blur_takes: dict[float, np.ndarray]


def measure(
    confidences: Callable[[tf.Tensor], tf.Tensor],
    offsets: np.ndarray,
    mean: np.ndarray,
    labels: Sequence[int] | np.ndarray,
    config: config_module.Config,
) -> Measured:
    """Takes the next step of some images in parts.

    Args:
        confidences: As `evolvers.ascent.loop.Ascent` takes it.
        offsets: float32 [images, height, width, channels]; the images minus their mean.
        mean: Anything that broadcasts to an image, in 0..255.
        labels: The images' targets.
        config: What a step aims at, and the regularisers, of each kind at most one.
    """
    mean = tf.broadcast_to(tf.constant(mean, tf.float32), offsets.shape[1:])
    labels = tf.constant(labels, tf.int32)

    @tf.function(autograph=False)
    def confidence(offsets: tf.Tensor) -> tf.Tensor:
        images = tf.clip_by_value(offsets + mean, 0.0, 255.0)
        return objectives.probability(confidences(images), labels)

    @tf.function(autograph=False)
    def gradient_of(offsets: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(offsets)
            total = tf.reduce_sum(objectives.probability(confidences(offsets + mean), labels))
        return tape.gradient(total, offsets)

    offsets = tf.clip_by_value(tf.constant(offsets) + mean, 0.0, 255.0) - mean
    gradient = gradient_of(offsets)
    before = confidence(offsets).numpy().astype(np.float64)
    squared = np.sum(np.square(gradient.numpy().astype(np.float64)), axis=(1, 2, 3))
    aims = np.minimum(config.early, config.late * (1 - before))
    rate = np.minimum(config.max_learning_rate, aims / np.maximum(squared, 1e-30))
    step = tf.constant(rate[:, None, None, None].astype(np.float32)) * gradient

    def gain(moved: tf.Tensor) -> np.ndarray:
        return confidence(moved).numpy().astype(np.float64) - before

    moved, after, alone = offsets + step, {}, {}
    for regularise in regularisers.from_config(config):
        name = type(regularise).__name__.lower()
        moved = regularise(moved, gradient, tf.constant(0))
        after[name] = gain(moved)
        alone[name] = gain(regularise(offsets, gradient, tf.constant(0)))
    return Measured(
        confidence=before,
        aims=aims,
        gains=np.stack([gain(offsets + np.float32(part) * step) for part in PARTS]),
        after=after,
        alone=alone,
        blur_takes={sigma: _blur_takes(gradient, sigma) for sigma in SIGMAS},
    )


def _blur_takes(gradient: tf.Tensor, sigma: float) -> np.ndarray:
    blurred = regularisers.Blur(sigma)(gradient, gradient, tf.constant(0)).numpy()
    gradient = gradient.numpy().astype(np.float64)
    squared = np.sum(np.square(gradient), axis=(1, 2, 3))
    return 1 - np.sum(gradient * blurred, axis=(1, 2, 3)) / np.maximum(squared, 1e-30)


def _step_plan(context: experiment.Context) -> ascents.Ascend:
    return ascents.plan(context, ascents.subject(context), "s5", ascents.labels_of(context))


def _losses_plan(context: experiment.Context) -> dict[str, ascents.Ascend]:
    fooled, labels = ascents.subject(context), ascents.shown_of(context)
    return {
        preset: ascents.plan(context, fooled, preset, labels, changes={"steps": _STEPS})
        for preset in _PRESETS
    }


def _next_step(
    ascend: ascents.Ascend, scorer: scoring.LocalScorer
) -> tuple[champions.Champions, Measured]:
    """The images that an ascent ends with, and what the step after its last one gains."""
    images = champions.read(ascend.folder, unrounded=True)
    offsets, mean = ascents.offsets(images), np.array(ascend.mean)
    return images, measure(scorer.confidences, offsets, mean, images.niches, ascend.config)


def _step_report(context: experiment.Context) -> experiment.Outcome:
    planned = _step_plan(context)
    images, measured = _next_step(planned, scoring.LocalScorer(planned.classifier))
    shares = measured.gains / measured.aims
    return experiment.Outcome(
        settings=ascents.recorded([planned]),
        table=_step_table(measured),
        files={
            "ascent_step.png": plots.along_a_step(PARTS, shares, context.title()),
            "images.csv": _step_images(measured, [images.labels[n] for n in images.niches]),
        },
    )


def _losses_report(context: experiment.Context) -> experiment.Outcome:
    planned = _losses_plan(context)
    scorer = scoring.LocalScorer(planned[_PRESETS[0]].classifier)
    measured = {preset: _next_step(ascend, scorer) for preset, ascend in planned.items()}
    images = {preset: found for preset, (found, _) in measured.items()}
    found = {preset: of_next for preset, (_, of_next) in measured.items()}
    pictures = {
        f"step_{preset}.png": plots.along_a_step(
            PARTS,
            of_next.gains / of_next.aims,
            context.title(f"What parts of a step gain: settings of Figure {_name(preset)}"),
        )
        for preset, of_next in found.items()
    }
    return experiment.Outcome(
        settings=ascents.recorded(list(planned.values())),
        table=_losses_table(planned, images, found),
        files={"images.csv": _losses_images(images, found), **pictures},
    )


def _step_table(measured: Measured) -> str:
    rows = [
        [f"{PARTS[part]:g}", *_gain(measured, measured.gains[part], PARTS[part])] for part in _NAMED
    ]
    rows.append(["1, then decay", *_gain(measured, measured.after[_DECAY], 1)])
    headings = ["part of the step", "aims at, %", "gains, %", "gain / aim, %"]
    blurs = [
        [f"{sigma:g}", f"{100 * taken.mean():.2f}"] for sigma, taken in measured.blur_takes.items()
    ]
    return "\n".join(
        [
            f"Means of {len(measured.aims)} images after the last step of Figure S5; their "
            f"confidence is {100 * measured.confidence.mean():.2f} % on average.\n",
            tables.markdown(headings, rows),
            tables.markdown(
                ["blur, pixels", "of the gradient's gain to first order it takes, %"], blurs
            ),
        ]
    )


def _gain(measured: Measured, gains: np.ndarray, part: float) -> list[str]:
    aims = part * measured.aims.mean()
    share = 100 * gains.mean() / aims
    return [f"{100 * aims:.3f}", f"{100 * gains.mean():.3f}", f"{share:.0f}"]


def _step_images(measured: Measured, labels: Sequence[str]) -> bytes:
    columns = ["label", "confidence", "aim", *(f"gain_{part:g}" for part in PARTS)]
    columns += ["gain_decayed", *(f"blur_{sigma:g}_takes" for sigma in SIGMAS)]
    numbers = np.column_stack(
        [
            measured.confidence,
            measured.aims,
            *measured.gains,
            measured.after[_DECAY],
            *measured.blur_takes.values(),
        ]
    )
    rows = [
        [label, *(f"{number:.6g}" for number in of_image)]
        for label, of_image in zip(labels, numbers, strict=True)
    ]
    return tables.as_csv(columns, rows)


def _losses_table(
    planned: Mapping[str, ascents.Ascend],
    images: Mapping[str, champions.Champions],
    found: Mapping[str, Measured],
) -> str:
    headings = ["", *(f"Figure {_name(preset)}" for preset in found)]
    columns = [_losses_column(planned[name], images[name], found[name]) for name in found]
    return "\n".join(
        [
            "Means over the images. The next step, in parts and then whole; after that the "
            "regularisers in the order in which they work:\n",
            tables.markdown(headings, _rows([column for column, _ in columns])),
            "What a regulariser takes by itself, of the images as they are, without the step; "
            f"the blur of Figure {_name('s7')} is of every second step. And how much less than "
            "the gradient a blurred gradient gains, both of these figures' blurs on all three "
            "figures' images:\n",
            tables.markdown(headings, _rows([column for _, column in columns])),
        ]
    )


def _losses_column(
    ascend: ascents.Ascend, images: champions.Champions, measured: Measured
) -> tuple[dict[str, object], dict[str, str]]:
    """A column of each table, the cells by their names."""
    last = list(measured.after)[-1]
    losses = f"{100 * ascents.share_of_losses(ascend, ascend.labels):.0f}"
    with_step = {
        "images": len(images),
        "steps before": ascend.config.steps,
        "confidence, %": f"{100 * measured.confidence.mean():.2f}",
        "offsets, root mean square, grey levels": (
            f"{ascents.root_mean_square(ascents.offsets(images)).mean():.3f}"
        ),
        f"steps that lower the confidence, %, of the last {ascents.LAST_STEPS}": losses,
        "the next step aims at a gain of, %": f"{100 * measured.aims.mean():.3f}",
        "a twentieth of it gains, % of its aim": _of_aims(
            measured, measured.gains[_FIRST], PARTS[_FIRST]
        ),
        "the whole of it gains, % of its aim": _of_aims(measured, measured.gains[_WHOLE]),
        **{f"and after {name}": _after(measured, name) for name in _REGULARISERS},
        "images that are surer after it": sum(measured.after[last] > 0),
    }
    alone = {f"{name} takes of the confidence, %": _taken(measured, name) for name in _REGULARISERS}
    for sigma in SIGMAS:
        name = f"a blur of {sigma:g} pixels takes of the step's gain to first order, %"
        alone[name] = f"{100 * measured.blur_takes[sigma].mean():.2f}"
    return with_step, alone


def _rows(columns: Sequence[Mapping[str, object]]) -> list[list[object]]:
    """The rows of columns that have the same names."""
    return [[name, *(column[name] for column in columns)] for name in columns[0]]


def _after(measured: Measured, name: str) -> str:
    if name not in measured.after:
        return tables.NO_VALUE
    return _of_aims(measured, measured.after[name])


def _taken(measured: Measured, name: str) -> str:
    if name not in measured.alone:
        return tables.NO_VALUE
    taken = -100 * measured.alone[name].mean() / measured.confidence.mean()
    return f"{round(taken, 1) + 0.0:.1f}"  # and no -0.0


def _of_aims(measured: Measured, gains: np.ndarray, part: float = 1) -> str:
    return f"{100 * gains.mean() / (part * measured.aims.mean()):.0f}"


def _losses_images(
    images: Mapping[str, champions.Champions], found: Mapping[str, Measured]
) -> bytes:
    columns = ["preset", "label", "confidence", "offsets", "aim"]
    columns += [f"gain_{part:g}" for part in PARTS]
    columns += [f"gain_after_{name}" for name in _REGULARISERS]
    columns += [f"{name}_alone" for name in _REGULARISERS]
    columns += [f"blur_{sigma:g}_takes" for sigma in SIGMAS]
    rows = []
    for preset, measured in found.items():
        none = np.full(len(images[preset]), np.nan)
        numbers = [
            measured.confidence,
            ascents.root_mean_square(ascents.offsets(images[preset])),
            measured.aims,
            *measured.gains,
            *(measured.after.get(name, none) for name in _REGULARISERS),
            *(measured.alone.get(name, none) for name in _REGULARISERS),
            *measured.blur_takes.values(),
        ]
        names = [images[preset].labels[niche] for niche in images[preset].niches]
        rows += [
            [preset, name, *("" if np.isnan(number) else f"{number:.6g}" for number in of_image)]
            for name, of_image in zip(names, np.column_stack(numbers), strict=True)
        ]
    return tables.as_csv(columns, rows)


def _name(preset: str) -> str:
    return preset.upper()


_experiment = functools.partial(
    experiment.Experiment, dataset=ascents.IMAGENET, others=("mnist", "digits")
)
EXPERIMENTS = (
    _experiment(
        name="ascent_step",
        title="Gradient ascent: what a step gains, and what regularisers take",
        steps=lambda context: ascents.with_trainings([_step_plan(context)]),
        report=_step_report,
    ),
    _experiment(
        name="ascent_losses",
        title="Gradient ascent: what regularisers take of a step's gain",
        steps=lambda context: ascents.with_trainings([*_losses_plan(context).values()]),
        report=_losses_report,
    ),
)
