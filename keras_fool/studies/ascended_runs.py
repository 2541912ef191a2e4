"""The ascents that several experiments share: classes, classifier, run folders.

Nguyen, Yosinski and Clune, 2015, supplement E, https://arxiv.org/abs/1412.1897. The network
is the user's, --models names it; on the digits of --dataset=mnist or digits the labels take
the place of the paper's classes.

In the folder that an experiment works in, and that another one finds them in:

    <classifier>_<digest>_<preset>_seeds_<first>-<last>_labels_<number>/    a run folder

Where settings of the preset are changed, <preset> says so: s5_decay_0.001.
"""

import dataclasses
import hashlib
import itertools
import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence

from evolvers.ascent import config as config_module
from keras_fool.models import classifiers, data_means
from keras_fool.runs import ascent_run
from keras_fool.studies import evolved_runs, experiment, imagenet_runs
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


@dataclasses.dataclass(frozen=True)
class Ascent:
    """One ascent that an experiment needs.

    Attributes:
        classifier: What is fooled.
        preset: The name of the settings, with what is changed: "s5, decay 0.001".
        config: The settings.
        mean: The data mean.
        labels: What images shall be taken for.
        seeds: Of their noise.
        path: The run folder.
    """

    classifier: classifiers.Classifier | classifiers.Ensemble
    preset: str
    config: config_module.Config
    mean: tuple[float, ...]
    labels: tuple[int, ...]
    seeds: tuple[int, ...]
    path: pathlib.Path

    @property
    def title(self) -> str:
        """What its stage is called."""
        seeds = f"seed {self.seeds[0]}"
        if len(self.seeds) > 1:
            seeds = f"seeds {self.seeds[0]} to {self.seeds[-1]}"
        return f"ascend as {self.preset}, {len(self.labels)} labels, {seeds}"

    @property
    def gradients(self) -> int:
        """How many are taken, for all images."""
        return len(self.labels) * len(self.seeds) * self.config.steps


def classifier_of(
    context: experiment.Context, further_stages: int
) -> tuple[classifiers.Classifier | classifiers.Ensemble, Iterator[int], int]:
    """The classifier that an experiment is about.

    Args:
        context: The experiment's.
        further_stages: How many stages it has besides.

    Returns:
        The classifier, the numbers of the further stages, and how many there are in all.

    Raises:
        ValueError: --models names none where one is needed, or an unknown one, or one that
            gives no gradients or is not of ImageNet's 1000 labels.
    """
    if context.dataset != IMAGENET:
        (found,), numbers, of = evolved_runs.classifiers_of(context, 1, further_stages)
        return _checked(found), numbers, of
    (found,) = networks_of(context, 1)
    return found, itertools.count(1), further_stages


def networks_of(
    context: experiment.Context, count: int
) -> list[classifiers.Classifier | classifiers.Ensemble]:
    """The ImageNet networks that --models names, their labels named.

    Args:
        context: The experiment's.
        count: How many there must be.

    Raises:
        ValueError: There are fewer or more, or one is unknown, gives no gradients, is not
            of ImageNet's 1000 labels, or has them in another order.
    """
    found = [_checked(each) for each in imagenet_runs.classifiers_of(context, count)]
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


def _checked(
    found: classifiers.AnyClassifier,
) -> classifiers.Classifier | classifiers.Ensemble:
    if not found.gives_gradients:
        raise ValueError(
            f"{found.name} is an endpoint, and an endpoint gives no gradients to ascend: name a "
            "model that runs on this machine in --models."
        )
    return found


def _check_order(classifier: classifiers.Classifier | classifiers.Ensemble) -> None:
    """Looks whether a network of ImageNet has the paper's classes where they usually are.

    Names in other words or languages are nobody's order.

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


def plan(
    context: experiment.Context,
    classifier: classifiers.Classifier | classifiers.Ensemble,
    preset: str,
    labels: Sequence[int],
    seeds: Sequence[int],
    changes: Mapping[str, float] | None = None,
) -> Ascent:
    """An ascent with the paper's settings, its steps scaled; `changes` are of the settings."""
    changes = changes or {}
    settings = dataclasses.replace(config_module.PRESETS[preset], **changes)
    config = dataclasses.replace(settings, steps=context.scaled(settings.steps, _FEWEST_STEPS))
    preset = ", ".join([preset, *(f"{name} {value:g}" for name, value in changes.items())])
    channels = 3 if context.dataset == IMAGENET else 1
    # Networks of one name may see other crops, or have other weights.
    identity = json.dumps(classifiers.comparable(classifier.identity), sort_keys=True)
    digest = hashlib.sha256(identity.encode()).hexdigest()[:8]
    name = classifier.name.replace(".keras", "").replace("/", "-")
    settings_name = preset.replace(", ", "_").replace(" ", "_")
    folder = f"{name}_{digest}_{settings_name}_seeds_{seeds[0]}-{seeds[-1]}_labels_{len(labels)}"
    return Ascent(
        classifier,
        preset,
        config,
        data_means.known(classifier, channels),
        tuple(labels),
        tuple(seeds),
        context.workdir / folder,
    )


def ascend(context: experiment.Context, planned: Ascent, stage: experiment.Stage) -> None:
    """Ascends as planned, or goes on with it, or finds it complete and tells `stage`.

    Raises:
        UserError: The folder holds a run of other settings, or the model is of no use.
        StoppedError: A signal asked for it; all steps until then are saved.
    """
    stage.reused = ascent_run.ascend(
        planned.path,
        planned.config,
        planned.classifier,
        mean=planned.mean,
        labels=planned.labels,
        seeds=planned.seeds,
        command=context.command,
        note=context.note,
        dataset=context.dataset,
    )


def recorded(ascents: Sequence[Ascent]) -> dict[str, object]:
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
        "gradients": sum(planned.gradients for planned in ascents),
    }
