"""All images of the experiment, scored by the classifier and by all detectors in one pass."""

import dataclasses
import pathlib
from collections.abc import Mapping

import numpy as np

from keras_fool import detectors
from keras_fool.detectors import detector, outliers, signals
from keras_fool.runs import champions
from keras_fool.studies import confidence, experiment, real_parts
from keras_fool.studies.detection import plan
from trainers import datasets

REAL = "real"
SURE = 0.99
_NUM_OUTLIERS = 1000  # images of each kind of noise, and of other data
_FEWEST = 100
# Images that were made to fool, by the names that tables have them by.
MADE = {"cppn": "CPPN images", "direct": "pixel images", "ascent": "ascent images"}


@dataclasses.dataclass(frozen=True, eq=False)
class Scored:
    """Images of one kind.

    Attributes:
        title: What tables call them.
        top: float32 [images], the highest confidence of each.
        own: float32 [images], that of the label that they were made for; of others `top`.
        scores: By the detector's name, float32 [images]; NaN for none.
        found: Where they are from; None of real images, noise and other data.
    """

    title: str
    top: np.ndarray
    own: np.ndarray
    scores: Mapping[str, np.ndarray]
    found: champions.Champions | None = None

    def __len__(self) -> int:
        return len(self.top)

    @property
    def groups(self) -> np.ndarray | None:
        """The run of each, int [images]; None where images are independent."""
        return None if self.found is None else self.found.runs

    def by_run(self, values: np.ndarray) -> np.ndarray:
        """Values of images that were made, [images], as [runs, labels]."""
        assert self.found is not None  # who asks knows that there are runs
        return values.reshape(len(np.unique(self.found.runs)), -1)


@dataclasses.dataclass(frozen=True, eq=False)
class Collected:
    """What the experiment's tables are made of.

    Attributes:
        fitted: The detectors by name, with thresholds.
        real: The real images that judge.
        static: By name, images that were made without any detector.
        adaptive: By the detector's name, images that were made against it, too.
        remark: What the real images are, a sentence.
        accuracy: The share of the real images that judge which are classified rightly.
        digests: Of the data sets.
    """

    fitted: Mapping[str, detector.Detector]
    real: Scored
    static: Mapping[str, Scored]
    adaptive: Mapping[str, Scored]
    remark: str
    accuracy: float
    digests: Mapping[str, str]

    def accepts(self, name: str, images: Scored) -> np.ndarray:
        """Which images a detector takes for real: bool [images]."""
        chosen = self.fitted[name].operating_point
        assert chosen is not None  # the step chose it
        return images.scores[name] >= np.float32(chosen.value)


def collect(context: experiment.Context, planned: plan.Plan) -> Collected:
    """Reads and makes all images, and scores each once.

    Raises:
        ValueError: A run folder or a detector is damaged, or data is not what it was.
        FileNotFoundError: An image is missing.
    """
    source = plan.source_of(planned.subject.find())
    data, parts = plan.real(context, source)
    planned.fit.check_data(data)
    fitted = {name: detectors.load(planned.fit.file(name), source) for name in planned.fit.fitted}
    score = detectors.score_all(list(fitted.values()))

    def scored(title: str, images: np.ndarray) -> Scored:
        confidences, scores = score(images)
        top = confidences.max(axis=1)
        return Scored(title, top, top, scores)

    def made(title: str, folder: pathlib.Path) -> Scored:
        found = champions.read(folder)
        confidences, scores = score(found.images)
        own = confidences[np.arange(len(found)), found.niches]
        return Scored(title, confidences.max(axis=1), own, scores, found)

    number = context.scaled(_NUM_OUTLIERS, minimum=_FEWEST)
    static = {
        name: scored(
            outliers.TITLES[name],
            outliers.noise(name, number, source.image_shape, context.seed),
        )
        for name in outliers.NAMES
    }
    digests = {data.name: data.digest}
    for name in context.outliers:
        other, digests_of = _other(name, source, number)
        short = experiment.short(name)
        static[short], digests[short] = scored(f"images of {short}", other), digests_of
    for name, step in planned.evolved.items():
        static[name] = made(MADE[name], step.folder)
    static["ascent"] = made(MADE["ascent"], planned.ascended.folder)
    adaptive = {
        name: made(f"CPPN images against {fitted[name].title}", step.folder)
        for name, step in planned.attacked.items()
    }
    confidences, scores = score(parts.judged.images)
    right = confidences.argmax(axis=1) == parts.judged.labels
    top = confidences.max(axis=1)
    return Collected(
        fitted,
        Scored(f"real images ({data.name})", top, top, scores),
        static,
        adaptive,
        parts.remark,
        float(np.mean(right)),
        digests,
    )


def _other(name: str, source: signals.Source, number: int) -> tuple[np.ndarray, str]:
    """Test images of another data set, in the size and colours of the classifier."""
    if name == "shapes":  # they are drawn, in any size
        data = datasets.load(name, image_size=source.image_shape[0])
    else:
        data = confidence.load(name, source.image_shape)
    images = real_parts.tested(data, number)
    return outliers.as_images_for(images, source.image_shape), data.digest


def thresholds_accept(found: Collected) -> dict[str, float]:
    """By the detector's name, the share of the real images that judge which it accepts."""
    return {name: float(np.mean(found.accepts(name, found.real))) for name in found.fitted}
