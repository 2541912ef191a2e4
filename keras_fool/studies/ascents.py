"""Ascents that experiments share: their classes, their run folders, what came of them.

Nguyen, Yosinski and Clune, 2015, supplement E, https://arxiv.org/abs/1412.1897. The network
is the user's, --models names it; on the digits of --dataset=mnist or digits the labels take
the place of the paper's classes.

In the folder that an experiment works in, where another experiment finds them:

    <classifier>_<digest>_<preset>_seeds_<first>-<last>_labels_<number>/    a run folder

Where settings of the preset are changed, <preset> says so: s5_decay_0.001.
"""

import dataclasses
import pathlib
from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np

from evolvers.ascent import config as config_module
from keras_fool.models import classifiers, data_means
from keras_fool.runs import ascent_run, champions, run_folder, run_records
from keras_fool.studies import evolutions, experiment, imagenet, steps
from trainers import names

# By number, in ImageNet's usual order.
CLASSES = {
    200: "Tibetan terrier",
    207: "golden retriever",
    215: "Brittany spaniel",
    279: "Arctic fox",
    366: "gorilla",
    367: "chimpanzee",
    390: "eel",
    414: "backpack",
    445: "bikini",
    500: "cliff dwelling",
    509: "confectionery",
    580: "greenhouse",
    643: "mask",
    657: "missile",
    704: "parking meter",
    713: "photocopier",
    782: "screen",
    805: "soccer ball",
    826: "stopwatch",
    906: "Windsor tie",
}
LION = 291  # of the log that the code published with the paper has
_PLACES = {**CLASSES, LION: "lion"}
# Those whose confidences can be read in the paper's figures.
LEGIBLE = (713, 782, 805, 826, 906)
IMAGENET = "imagenet"
_NUM_LABELS = 1000
_NUM_DIGITS = 10
_FEWEST_STEPS = 10
LAST_STEPS = 100  # of which tables say how often they lower the confidence
_GUESS = 1 / 1_000  # seconds per gradient of a network of digits, until it is measured

Ascendable = classifiers.Classifier | classifiers.Ensemble
Record = dict[str, str]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Ascend(steps.Step):
    """Ascends to some labels of a classifier.

    Attributes:
        subject: What is fooled.
        preset: The name of the settings, with what is changed: "s5, decay 0.001".
        config: The settings.
        labels: What images shall be taken for.
        seeds: Of their noise.
        workdir: Where the experiment works.
        channels: Of an image.
    """

    kind = "ascend"
    subject: evolutions.Subject
    preset: str
    config: config_module.Config
    labels: tuple[int, ...]
    seeds: tuple[int, ...]
    workdir: pathlib.Path
    channels: int

    @property
    def classifier(self) -> Ascendable:
        """What is fooled, once it is trained."""
        return _checked(self.subject.find())

    @property
    def mean(self) -> tuple[float, ...]:
        """The data mean, a value per channel."""
        return data_means.known(self.classifier, self.channels)

    @property
    def folder(self) -> pathlib.Path:
        """The run folder."""
        settings = self.preset.replace(", ", "_").replace(" ", "_")
        seeds = f"seeds_{self.seeds[0]}-{self.seeds[-1]}"
        classifier = imagenet.file_name(self.classifier)
        return self.workdir / f"{classifier}_{settings}_{seeds}_labels_{len(self.labels)}"

    def is_done(self) -> bool:
        """Whether the run folder is complete."""
        settings = ascent_run.settings(
            self.config, self.classifier, self.mean, self.labels, self.seeds
        )
        return run_folder.is_complete(self.folder, settings)

    def run(self, context: experiment.Context) -> None:
        """Ascends, or goes on with it."""
        ascent_run.ascend(
            self.folder,
            self.config,
            self.classifier,
            mean=self.mean,
            labels=self.labels,
            seeds=self.seeds,
            command=context.command,
            note=context.note,
            dataset=context.dataset,
        )


def subject(context: experiment.Context) -> evolutions.Subject:
    """The classifier that an experiment is about.

    Raises:
        ValueError: --models names none where one is needed, or an unknown one, or one that
            gives no gradients or is not of ImageNet's 1000 labels.
    """
    if context.dataset == IMAGENET:
        return evolutions.Subject.found(*networks_of(context, 1))
    (found,) = evolutions.subjects(context, 1)
    if found.training is None:
        _checked(found.find())
    return found


def networks_of(context: experiment.Context, count: int) -> list[Ascendable]:
    """The ImageNet networks that --models names, their labels named.

    Args:
        context: The experiment's.
        count: How many there must be.

    Raises:
        ValueError: There are fewer or more, or one is unknown, gives no gradients, is not
            of ImageNet's 1000 labels, or has them in another order.
    """
    found = [_checked(each) for each in imagenet.networks(context, count)]
    for each in found:
        if each.labels is not None and len(each.labels) != _NUM_LABELS:
            raise ValueError(
                f"{each.name} has {len(each.labels)} labels, this experiment is about networks of "
                f"ImageNet's {_NUM_LABELS}: name such a network in --models, and in --label_names "
                f"a file of {_NUM_LABELS} names."
            )
        _check_order(each)
    usual = tuple(_PLACES.get(label, str(label)) for label in range(_NUM_LABELS))
    return [each if each.labels else each.with_labels(usual) for each in found]


def _checked(found: classifiers.AnyClassifier) -> Ascendable:
    if not found.gives_gradients:
        raise ValueError(
            f"{found.name} {found.why_no_gradients} to ascend: name another model in --models, "
            "one that TensorFlow runs on this machine."
        )
    return found


def _check_order(classifier: Ascendable) -> None:
    """Checks that a network of ImageNet has the paper's classes where they usually are.

    Names in other words or languages say nothing of the order.

    Raises:
        ValueError: One of them is elsewhere.
    """
    labels = tuple(classifier.labels or ())
    found = names.places(list(_PLACES.values()), labels)
    for (number, name), there in zip(_PLACES.items(), found, strict=True):
        if there and number not in there:
            raise ValueError(
                f"label {there[0]} of {classifier.name} is {name}, which is label {number} in "
                "ImageNet's usual order; this experiment is about networks that have that."
            )


def labels_of(context: experiment.Context) -> tuple[int, ...]:
    """The paper's 20 classes, or the digits; as many as the scale takes, the legible first."""
    if context.dataset == IMAGENET:
        by_use = sorted(CLASSES, key=lambda label: label not in LEGIBLE)
        return tuple(sorted(by_use[: context.scaled(len(CLASSES), minimum=2)]))
    return tuple(range(context.scaled(_NUM_DIGITS, minimum=2)))


def shown_of(context: experiment.Context) -> tuple[int, ...]:
    """Those of `labels_of` whose confidences can be read in the paper; all digits."""
    labels = labels_of(context)
    if context.dataset != IMAGENET:
        return labels
    return tuple(label for label in LEGIBLE if label in labels)


def plan(
    context: experiment.Context,
    fooled: evolutions.Subject,
    preset: str,
    labels: Sequence[int],
    seeds: Sequence[int] = (0,),
    changes: Mapping[str, Any] | None = None,
) -> Ascend:
    """An ascent with the paper's settings, its steps scaled; `changes` are of the settings."""
    changes = changes or {}
    settings = dataclasses.replace(config_module.PRESETS[preset], **changes)
    config = dataclasses.replace(settings, steps=context.scaled(settings.steps, _FEWEST_STEPS))
    of_imagenet = context.dataset == IMAGENET
    preset = ", ".join([preset, *(f"{name} {value:g}" for name, value in changes.items())])
    said = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"
    return Ascend(
        name=f"ascend as {preset}, {len(labels)} labels, {said}, on {fooled.name}",
        work=len(labels) * len(seeds) * config.steps,
        guess=None if of_imagenet else _GUESS,
        subject=fooled,
        preset=preset,
        config=config,
        labels=tuple(labels),
        seeds=tuple(seeds),
        workdir=context.workdir,
        channels=3 if of_imagenet else 1,
    )


def with_trainings(ascents: Sequence[Ascend]) -> list[steps.Step]:
    """The steps of an experiment on one classifier, which may have to be trained first."""
    return [*evolutions.trainings([ascents[0].subject]), *ascents]


def recorded(ascents: Sequence[Ascend]) -> dict[str, object]:
    """What settings.json says of the classifier and the ascents of an experiment."""
    classifier = ascents[0].classifier
    entries = [
        {
            "preset": planned.preset,
            **dataclasses.asdict(planned.config),
            "mean": planned.mean,
            "labels": planned.labels,
            "seeds": planned.seeds,
        }
        for planned in ascents
    ]
    return {
        "classifiers": [
            {"name": member.name, **classifiers.comparable(member.identity)}
            for member in classifier.members
        ],
        "ascents": entries,
        "gradients": sum(planned.work for planned in ascents),
    }


def records(ascents: Sequence[Ascend], shown: Container[int]) -> list[Record]:
    """The rows of the ascents' champions.csv with their preset, of the shown labels."""
    found = []
    for planned in ascents:
        found += [
            {"preset": planned.preset, **row}
            for row in run_records.RunRecords(planned.folder).rows
            if int(row["label"]) in shown
        ]
    return found


def confidences(planned: Ascend) -> dict[tuple[int, int], np.ndarray]:
    """The confidences of an ascent's images before each step: float64 [steps], by (seed, label)."""
    found: dict[tuple[int, int], list[float]] = {}
    for row in run_records.RunRecords(planned.folder).metrics():
        of_image = found.setdefault((int(row["run"]), int(row["label"])), [])
        if row["confidence"]:  # else it is the step in which the image was lost
            of_image.append(float(row["confidence"]))
    return {image: np.array(values) for image, values in found.items()}


def share_of_losses(planned: Ascend, shown: Container[int], last: int = LAST_STEPS) -> float:
    """Of the `last` steps of the shown labels the share after which the confidence is lower."""
    falls = [
        np.diff(values[-last - 1 :]) < 0
        for (_, label), values in confidences(planned).items()
        if label in shown
    ]
    return float(np.mean(falls))


def offsets(images: champions.Champions) -> np.ndarray:
    """Those of images that were read unrounded: float32 [images, height, width, channels]."""
    assert images.offsets is not None  # they were
    return images.offsets


def root_mean_square(offsets: np.ndarray) -> np.ndarray:
    """Of images [..., height, width, channels], over all values of each: float64 [...]."""
    return np.sqrt(np.mean(np.square(offsets, dtype=np.float64), axis=(-3, -2, -1)))
