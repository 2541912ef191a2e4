"""What each regulariser takes of a step's gain: Figures S5, S6 and S7 after 300 steps.

Not in the paper. `ascent_step` takes the step after Figure S5's last one in parts; this
takes the same measurements for three figures after fewer steps, on the images that each
figure's own settings lead to. Decay forgets within about 100 steps, so 300 lead to the level
at which gain and loss are equal. A regulariser works on the whole image, not on
the newest step alone, so what it takes is measured twice: of the image as it is, and after
the step.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from keras_fool.models import scoring
from keras_fool.runs import champions
from keras_fool.studies import (
    ascended_runs,
    ascent_report,
    ascent_step,
    curves,
    experiment,
    transfer_tables,
)

_PRESETS = ("s5", "s6", "s7")
_STEPS = 300
_REGULARISERS = ("decay", "blur", "clip")  # in the order in which they work
_FIRST, _WHOLE = 1, 20  # of `ascent_step.PARTS`: a twentieth of the step, and all of it


def run(context: experiment.Context) -> experiment.Outcome:
    """Ascends with each preset, takes one step more, and looks where its gain goes."""
    classifier, numbers, of = ascended_runs.classifier_of(context, 2 * len(_PRESETS))
    labels = ascended_runs.labels_of(context)
    if context.dataset == ascended_runs.IMAGENET:
        labels = tuple(label for label in ascended_runs.LEGIBLE if label in labels)
    scorer = scoring.LocalScorer(classifier)
    ascents, found, images = {}, {}, {}
    for preset in _PRESETS:
        planned = ascended_runs.plan(context, classifier, preset, labels, [0], {"steps": _STEPS})
        with context.stage(planned.title, next(numbers), of) as stage:
            ascended_runs.ascend(context, planned, stage)
        with context.stage(f"one step more of {planned.preset}", next(numbers), of):
            ascents[preset] = planned
            images[preset] = champions.read(planned.path, unrounded=True)
            found[preset] = ascent_step.measure(
                scorer.confidences,
                images[preset].offsets,
                np.array(planned.mean),
                images[preset].niches,
                planned.config,
            )
    return experiment.Outcome(
        settings=ascended_runs.recorded(list(ascents.values())),
        table=_table(ascents, images, found),
        files={
            "images.csv": _images_csv(images, found),
            **{
                f"step_{preset}.png": curves.along_a_step(
                    ascent_step.PARTS,
                    measured.gains / measured.aims,
                    context.title(f"What parts of a step gain: settings of Figure {_name(preset)}"),
                )
                for preset, measured in found.items()
            },
        },
    )


def _table(
    ascents: Mapping[str, ascended_runs.Ascent],
    images: Mapping[str, champions.Champions],
    found: Mapping[str, ascent_step.Measured],
) -> str:
    rows = {
        "images": [len(of) for of in images.values()],
        "steps before": [planned.config.steps for planned in ascents.values()],
        "confidence, %": [f"{100 * of.confidence.mean():.2f}" for of in found.values()],
        "offsets, root mean square, grey levels": [
            f"{_root_mean_square(of.offsets).mean():.3f}" for of in images.values()
        ],
        f"steps that lower the confidence, %, of the last {ascent_report.LAST_STEPS}": [
            f"{100 * ascent_report.share_of_losses(planned, planned.labels):.0f}"
            for planned in ascents.values()
        ],
        "the next step aims at a gain of, %": [
            f"{100 * of.aims.mean():.3f}" for of in found.values()
        ],
        "a twentieth of it gains, % of its aim": [
            _of_aims(of, of.gains[_FIRST], ascent_step.PARTS[_FIRST]) for of in found.values()
        ],
        "the whole of it gains, % of its aim": [
            _of_aims(of, of.gains[_WHOLE]) for of in found.values()
        ],
        **{
            f"and after {name}": [_after(of, name) for of in found.values()]
            for name in _REGULARISERS
        },
        "images that are surer after it": [
            sum(of.after[list(of.after)[-1]] > 0) for of in found.values()
        ],
    }
    alone = {
        f"{name} takes of the confidence, %": [_taken(of, name) for of in found.values()]
        for name in _REGULARISERS
    }
    alone |= {
        f"a blur of {sigma:g} pixels takes of the step's gain to first order, %": [
            f"{100 * of.blur_takes[sigma].mean():.2f}" for of in found.values()
        ]
        for sigma in ascent_step.SIGMAS
    }
    headings = ["", *(f"Figure {_name(preset)}" for preset in found)]
    return "\n".join(
        [
            "Means over the images. The next step, in parts and then whole; after that the "
            "regularisers in the order in which they work:\n",
            _markdown(headings, rows),
            "What a regulariser takes by itself, of the images as they are, without the step; "
            f"the blur of Figure {_name('s7')} is of every second step. And how much less than "
            "the gradient a blurred gradient gains, both of these figures' blurs on all three "
            "figures' images:\n",
            _markdown(headings, alone),
        ]
    )


def _markdown(headings: Sequence[str], rows: Mapping[str, Sequence[object]]) -> str:
    return transfer_tables.markdown(headings, [[name, *row] for name, row in rows.items()])


def _after(measured: ascent_step.Measured, name: str) -> str:
    if name not in measured.after:
        return transfer_tables.NO_VALUE
    return _of_aims(measured, measured.after[name])


def _taken(measured: ascent_step.Measured, name: str) -> str:
    if name not in measured.alone:
        return transfer_tables.NO_VALUE
    taken = -100 * measured.alone[name].mean() / measured.confidence.mean()
    return f"{round(taken, 1) + 0.0:.1f}"  # and no -0.0


def _of_aims(measured: ascent_step.Measured, gains: np.ndarray, part: float = 1) -> str:
    return f"{100 * gains.mean() / (part * measured.aims.mean()):.0f}"


def _root_mean_square(offsets: np.ndarray) -> np.ndarray:
    return np.sqrt(np.mean(np.square(offsets, dtype=np.float64), axis=(1, 2, 3)))


def _images_csv(
    images: Mapping[str, champions.Champions], found: Mapping[str, ascent_step.Measured]
) -> bytes:
    columns = ["preset", "label", "confidence", "offsets", "aim"]
    columns += [f"gain_{part:g}" for part in ascent_step.PARTS]
    columns += [f"gain_after_{name}" for name in _REGULARISERS]
    columns += [f"{name}_alone" for name in _REGULARISERS]
    columns += [f"blur_{sigma:g}_takes" for sigma in ascent_step.SIGMAS]
    rows = []
    for preset, measured in found.items():
        none = np.full(len(images[preset]), np.nan)
        numbers = [
            measured.confidence,
            _root_mean_square(images[preset].offsets),
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
    return transfer_tables.as_csv(columns, rows).encode()


def _name(preset: str) -> str:
    return preset.upper()


EXPERIMENT = experiment.Experiment(
    "ascent_losses",
    "Gradient ascent: what regularisers take of a step's gain",
    f"{_STEPS} steps as in Figures S5, S6 and S7, and the next one in parts.",
    run,
    dataset=ascended_runs.IMAGENET,
    others=("mnist", "digits"),
)
