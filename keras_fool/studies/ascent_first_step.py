"""What the first steps of an ascent gain, compared with the published log of CaffeNet.

The code published with Nguyen, Yosinski and Clune, 2015, has a log of the first three steps
of one ascent, to lion, label 291, and what another of 300 steps ended with:
https://github.com/Evolving-AI-Lab/fooling, branch ascent, caffe/ascent/README.md and
291_info.txt. Here other networks take the same steps. A step aims at a gain of 0.03 whatever
the confidence is. Where the confidence is near 0 its gradient is small, the way that
a straight line would need is long, and the network bends long before. So what a first step
gains depends on the confidence that it starts from, and with it on the label and on the start;
each of them is varied:

    labels   lion; the classes of Figures S5 to S9; those that start nearest to CaffeNet's lion
    starts   those of the published code: the mean with noise (the log, and all figures),
             the mean, uniform noise
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from evolvers.ascent import config as config_module
from evolvers.ascent import loop
from keras_fool.models import classifiers, scoring
from keras_fool.runs import ascent_run, champions
from keras_fool.studies import ascents, evolutions, experiment, plots, tables

# The defaults of the published script, which the log is of.
CONFIG = config_module.Config(steps=3, early=0.03, late=0.1, decay=0.01, max_learning_rate=1e12)
LION = ascents.LION
CAFFENET = (0.00209935, 0.00962483, 0.0518007)  # before the first step, after it, after two
_VALUES = 3 * 227 * 227  # of an image of CaffeNet
_CAFFENET_MOVED = 100.364368613 / _VALUES**0.5  # by two steps; grey levels, root mean square
_LONG = 300  # steps
_LONG_CHANGES = {  # of Figure S5's settings
    "steps": _LONG,
    "late": CONFIG.late,
    "max_learning_rate": CONFIG.max_learning_rate,
}
_CAFFENET_LONG = (0.174631, 38.7580584996 / _VALUES**0.5, 2)  # confidence, offsets, first top-1
_SEEDS = 5
_LONG_SEEDS = (0, 1)
_NEAREST = 20
NOISY, MEAN, UNIFORM = "mean and noise", "mean", "uniform noise"
_LION, _CLASSES = "lion", "classes of S5 to S9"
_NEAR = f"nearest to {100 * CAFFENET[0]:.2f} %"

Target = tuple[int, int]  # label, seed


@dataclasses.dataclass(frozen=True, eq=False)
class Steps:
    """The first two steps of some images.

    Attributes:
        confidences: float64 [3, images]; before the first step, after it, after two.
        aims: float64 [2, images]; the gain d that a step aims at.
        lengths: float64 [2, images]; Euclidean, in grey levels; of the steps alone.
        moved: float64 [images]; by both, decay included: root mean square, grey levels.
    """

    confidences: np.ndarray
    aims: np.ndarray
    lengths: np.ndarray
    moved: np.ndarray

    @property
    def shares(self) -> np.ndarray:
        """What a step with its decay gains, as a share of its aim: float64 [2, images]."""
        return np.diff(self.confidences, axis=0) / self.aims

    def take(self, chosen: slice) -> "Steps":
        """Those of some images."""
        values = [getattr(self, field.name)[..., chosen] for field in dataclasses.fields(self)]
        return Steps(*values)


def first_steps(
    confidences: Callable[[tf.Tensor], tf.Tensor],
    starts: np.ndarray,
    mean: np.ndarray,
    targets: Sequence[Target],
    *,
    batch: int = 64,
) -> Steps:
    """Takes two steps of an ascent as published, decay included.

    Args:
        confidences: As `evolvers.ascent.loop.Ascent` takes it.
        starts: float32 [images, height, width, channels]; the images minus their mean.
        mean: Anything that broadcasts to an image, in 0..255.
        targets: (label, seed) of each image.
        batch: As `evolvers.ascent.loop.Ascent` takes it.

    Raises:
        ValueError: The classifier gave no confidences.
    """
    ascent = loop.Ascent(CONFIG, confidences, starts.shape[1:], mean, targets, batch=batch)
    ascent.restore({**ascent.state(), "offsets": starts})
    trace = ascent.advance(CONFIG.steps)
    seen = trace.confidence.astype(np.float64)
    begun = np.clip(starts + np.float64(mean), 0, 255) - mean
    return Steps(
        confidences=seen,
        aims=np.minimum(CONFIG.early, CONFIG.late * (1 - seen[:2])),
        lengths=(trace.learning_rate * trace.gradient_norm)[:2].astype(np.float64),
        moved=ascents.root_mean_square(ascent.state()["offsets"] - begun),
    )


def start(name: str, image_shape: Sequence[int], mean: np.ndarray, seed: int) -> np.ndarray:
    """Where an ascent starts: float32 [height, width, channels], minus the mean."""
    rng = np.random.default_rng(seed)
    if name == NOISY:  # as every ascent starts
        return rng.standard_normal(image_shape, np.float32)
    if name == UNIFORM:
        return (rng.uniform(0, 255, image_shape) - mean).astype(np.float32)
    return np.zeros(image_shape, np.float32)


def nearest(confidences: np.ndarray, wanted: float, count: int) -> list[int]:
    """The labels whose confidences [num_labels] have the nearest logarithms to `wanted`'s."""
    distances = np.abs(np.log(np.maximum(confidences, 1e-30)) - np.log(wanted))
    return sorted(np.argsort(distances, kind="stable")[:count].tolist())


@dataclasses.dataclass(frozen=True, eq=False)
class _Group:
    """Some labels of one network from one start."""

    network: str
    start: str
    name: str
    targets: Sequence[Target]
    steps: Steps


def steps(context: experiment.Context) -> list[ascents.Ascend]:
    """The 300 steps for lion on each network."""
    networks = ascents.networks_of(context, max(1, len(context.models)))
    subjects = map(evolutions.Subject.found, networks)
    return [
        ascents.plan(context, found, "s5", [LION], _LONG_SEEDS, _LONG_CHANGES) for found in subjects
    ]


def report(context: experiment.Context) -> experiment.Outcome:
    """Takes the first steps on each network, and tells of those and of the 300."""
    planned = steps(context)
    networks = [ascend.classifier for ascend in planned]
    labels = networks[0].labels
    assert labels is not None  # `ascents.networks_of` names them
    groups = [group for ascend in planned for group in _groups(context, ascend)]
    return experiment.Outcome(
        settings={
            "first_steps": {**dataclasses.asdict(CONFIG), "seeds": context.scaled(_SEEDS)},
            **ascents.recorded(planned),
            "classifiers": [
                {"name": network.name, **classifiers.comparable(network.identity)}
                for network in networks
            ],
        },
        table=_table(groups, planned),
        files={
            "images.csv": _images_csv(groups, labels),
            "ascent_first_step.png": plots.gains_of_steps(
                _drawn(groups),
                {"CaffeNet, published": (CAFFENET[:2], np.diff(CAFFENET) / CONFIG.early)},
                context.title("What the first and the second step of an ascent gain"),
            ),
        },
    )


def _groups(context: experiment.Context, ascend: ascents.Ascend) -> list[_Group]:
    """All groups of a network; each start's go through it together."""
    network, mean, found = ascend.classifier, np.array(ascend.mean), []
    scorer = scoring.LocalScorer(network)
    for name in (NOISY, MEAN, UNIFORM):
        seeds = range(1 if name == MEAN else context.scaled(_SEEDS))
        offsets = {seed: start(name, scorer.image_shape, mean, seed) for seed in seeds}
        image = np.clip(offsets[0][None] + mean.astype(np.float32), 0, 255)
        begins = scorer.confidences(tf.constant(image, tf.float32)).numpy()[0]
        near = nearest(begins, CAFFENET[0], context.scaled(_NEAREST, 2))
        targets = {
            _LION: [(LION, seed) for seed in seeds],
            _CLASSES: [(label, 0) for label in ascents.labels_of(context)],
            _NEAR: [(label, 0) for label in near],
        }
        every = [target for of_group in targets.values() for target in of_group]
        steps = first_steps(
            scorer.confidences,
            np.stack([offsets[seed] for _, seed in every]),
            mean,
            every,
            batch=ascent_run.fitting_batch(scorer),
        )
        begun = 0
        for group, of_group in targets.items():
            taken = steps.take(slice(begun, begun + len(of_group)))
            found.append(_Group(network.name, name, group, of_group, taken))
            begun += len(of_group)
    return found


def _table(groups: Sequence[_Group], planned: Sequence[ascents.Ascend]) -> str:
    published = np.diff(CAFFENET) / CONFIG.early
    headings = ["network", "labels", "images", "confidence at the start, %", "moved, grey levels"]
    headings += [
        heading
        for number, share in zip(("first", "second"), published, strict=True)
        for heading in (f"{number} step gains, % of its aim", f"at least {100 * share:.0f} %")
    ]
    own = [f"{100 * CAFFENET[0]:.2f}", f"{_CAFFENET_MOVED:.2f}"]
    shares = [part for share in published for part in (f"{100 * share:.0f}", "-")]
    rows: dict[str, list[list[object]]] = {name: [] for name in (NOISY, MEAN, UNIFORM)}
    rows[NOISY].append(["CaffeNet, published", _LION, 1, *own, *shares])
    for group in groups:
        rows[group.start].append(_row(group, published))
    parts = [
        f"A step aims at a gain of {CONFIG.early:g} in the confidence; what it gains is counted "
        f"after its decay of {CONFIG.decay:g}, as in the published log. Medians over the images, "
        "and how many gained at least as much as CaffeNet. *Moved* is what two steps change, "
        "root mean square over all values.\n"
    ]
    for name, lines in rows.items():
        parts += [f"Start: {name}.\n", tables.markdown(headings, lines)]
    confidence, offsets, top1 = _CAFFENET_LONG
    lines = [
        ["CaffeNet, published", _LONG, f"{100 * confidence:.2f}", "-", f"{offsets:.3f}", top1],
        *(line for ascend in planned for line in _long_rows(ascend)),
    ]
    headings = ["network", "steps", "confidence at the last, %", "mean of the last 100, %"]
    headings += ["offsets there, grey levels", "first step at which it is top-1"]
    return "\n".join(
        [
            *parts,
            f"The ascent to {_LION} with the same settings, going on; a line per seed:\n",
            tables.markdown(headings, lines),
        ]
    )


def _row(group: _Group, published: np.ndarray) -> list[object]:
    steps = group.steps
    row = [group.network, group.name, len(group.targets)]
    row += [f"{100 * np.median(steps.confidences[0]):.3g}", f"{np.median(steps.moved):.2f}"]
    for share, needed in zip(steps.shares, published, strict=True):
        row += [f"{round(100 * np.median(share), 2) + 0.0:.2f}", int((share >= needed).sum())]
    return row


def _long_rows(ascend: ascents.Ascend) -> list[list[object]]:
    images = champions.read(ascend.folder, unrounded=True)
    over_steps = ascents.confidences(ascend)
    records = ascents.records([ascend], [LION])
    last = ascents.LAST_STEPS
    return [
        [
            ascend.subject.name,
            ascend.config.steps,
            f"{100 * images.confidences[place]:.2f}",
            f"{100 * over_steps[int(record['run']), LION][-last:].mean():.2f}",
            f"{ascents.root_mean_square(ascents.offsets(images)[place]):.3f}",
            record["step_top1"] or "-",
        ]
        for place, record in enumerate(records)
    ]


def _drawn(groups: Sequence[_Group]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By network, of all its labels from the start of the log: confidences and shares."""
    found: dict[str, list[Steps]] = {}
    for group in groups:
        if group.start == NOISY:
            found.setdefault(group.network, []).append(group.steps)
    return {
        name: (
            np.concatenate([steps.confidences[:2] for steps in parts], axis=1),
            np.concatenate([steps.shares for steps in parts], axis=1),
        )
        for name, parts in found.items()
    }


def _images_csv(groups: Sequence[_Group], labels: Sequence[str]) -> bytes:
    columns = ["network", "start", "labels", "label", "label_name", "seed"]
    columns += [f"confidence_{step}" for step in range(3)]
    columns += ["aim_1", "aim_2", "length_1", "length_2", "moved"]
    rows = []
    for group in groups:
        steps = group.steps
        numbers = np.vstack([steps.confidences, steps.aims, steps.lengths, steps.moved[None]])
        for (label, seed), values in zip(group.targets, numbers.T, strict=True):
            name = labels[label]
            about = [group.network, group.start, group.name, label, name, seed]
            rows.append([*about, *(f"{value:.6g}" for value in values)])
    return tables.as_csv(columns, rows)


EXPERIMENTS = (
    experiment.Experiment(
        name="ascent_first_step",
        title="Gradient ascent: the first steps, beside the published log",
        steps=steps,
        report=report,
        dataset=ascents.IMAGENET,
        others=(),
    ),
)
