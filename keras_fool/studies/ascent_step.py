"""What one step of an ascent gains: Figure S5's next one, taken in parts.

Not in the paper. A step aims at a gain d = min(early, late (1 - p)) in the confidence p, and
goes so far along the gradient g that a straight line would gain d: d / |g|^2. The network
bends: how much of d comes is measured here on the images that Figure S5 ends with, by going
a twentieth of the way, two twentieths, and so on. And what regularisers take of it: decay of
the gain, blur of the gradient.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from evolvers.ascent import config as config_module
from evolvers.ascent import objectives, regularisers
from keras_fool.models import scoring
from keras_fool.runs import champions
from keras_fool.studies import ascended_runs, curves, experiment, transfer_tables

_PRESET = "s5"
PARTS = np.arange(31) / 20
_DECAY = "decay"  # of the regularisers
_NAMED = (1, 5, 10, 20)  # of the parts, in the table
SIGMAS = (0.3, 0.4)  # of Figures S6 and S7


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
    labels: Sequence[int],
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


def run(context: experiment.Context) -> experiment.Outcome:
    """Ascends, or finds that done by Figure S5, and takes one step more, in parts."""
    classifier, numbers, of = ascended_runs.classifier_of(context, 2)
    labels = ascended_runs.labels_of(context)
    planned = ascended_runs.plan(context, classifier, _PRESET, labels, [0])
    with context.stage(planned.title, next(numbers), of) as stage:
        ascended_runs.ascend(context, planned, stage)
    with context.stage("one step more", next(numbers), of):
        images = champions.read(planned.path, unrounded=True)
        measured = measure(
            scoring.LocalScorer(classifier).confidences,
            images.offsets,
            np.array(planned.mean),
            images.niches,
            planned.config,
        )
        title = context.title(EXPERIMENT.title)
        return experiment.Outcome(
            settings=ascended_runs.recorded([planned]),
            table=_table(measured),
            files={
                "ascent_step.png": curves.along_a_step(
                    PARTS, measured.gains / measured.aims, title
                ),
                "images.csv": _images_csv(measured, [images.labels[n] for n in images.niches]),
            },
        )


def _blur_takes(gradient: tf.Tensor, sigma: float) -> np.ndarray:
    blurred = regularisers.Blur(sigma)(gradient, gradient, tf.constant(0)).numpy()
    gradient = gradient.numpy().astype(np.float64)
    squared = np.sum(np.square(gradient), axis=(1, 2, 3))
    return 1 - np.sum(gradient * blurred, axis=(1, 2, 3)) / np.maximum(squared, 1e-30)


def _table(measured: Measured) -> str:
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
            transfer_tables.markdown(headings, rows),
            transfer_tables.markdown(
                ["blur, pixels", "of the gradient's gain to first order it takes, %"], blurs
            ),
        ]
    )


def _gain(measured: Measured, gains: np.ndarray, part: float) -> list[str]:
    aims = part * measured.aims.mean()
    share = 100 * gains.mean() / aims
    return [f"{100 * aims:.3f}", f"{100 * gains.mean():.3f}", f"{share:.0f}"]


def _images_csv(measured: Measured, labels: Sequence[str]) -> bytes:
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
    return transfer_tables.as_csv(columns, rows).encode()


EXPERIMENT = experiment.Experiment(
    "ascent_step",
    "Gradient ascent: what a step gains, and what regularisers take",
    "The step after the last one of Figure S5, in parts.",
    run,
    dataset=ascended_runs.IMAGENET,
    others=("mnist", "digits"),
)
