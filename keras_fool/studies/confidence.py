"""Supplement F: how sure a network is of real images, and of images that fool it."""

from collections.abc import Sequence

import numpy as np

from keras_fool.models import meanings, preprocess_advice, scorer_contract
from keras_fool.runs import champions
from keras_fool.runs.tables import number
from keras_fool.studies import (
    cross_scoring,
    evolutions,
    experiment,
    imagenet,
    plots,
    real_images,
    tables,
)
from trainers import datasets, sources

# Medians of the paper, in percent: of CaffeNet on the 50,000 validation images.
PAPER = {
    "all real images": 60.3,
    "classified rightly": 86.7,
    "classified wrongly": 33.7,
    "fooling images": 88.11,
}

# How many images tell whether another preprocessing is better.
_ADVISED_ON = 200


def load(
    name: str,
    image_shape: Sequence[int],
    data_dir: str | None = None,
    *,
    with_training: bool = False,
) -> sources.Source:
    """The test images of a data set, in the size and colours that a classifier takes.

    Args:
        name: As `datasets.load` takes it.
        image_shape: (height, width, channels) of the classifier.
        data_dir: As `datasets.load` takes it.
        with_training: Whether its training images are wanted, too, where there are some.

    Raises:
        ValueError: As `datasets.load` does, or the classifier takes no square images.
    """
    if name in datasets.SPECS:
        return datasets.load(name, data_dir)
    height, width, channels = image_shape
    if height != width:
        raise ValueError(f"pictures are made square, the classifier takes {height} x {width}.")
    image_size, crop_size = datasets.default_sizes(name, height)
    if height >= (image_size or 0):  # it crops for itself
        image_size, crop_size = height, None
    return datasets.load(
        name,
        data_dir,
        image_size=image_size,
        crop_size=crop_size,
        channels=channels,
        # Folders may lack training images; those of TensorFlow Datasets take time and memory.
        test_only=not (with_training and name.startswith("tfds:")),
    )


def report(
    real: real_images.RealImages, fooling: np.ndarray | None, title: str
) -> tuple[str, bytes]:
    """The medians as Markdown, and the distributions as a PNG file.

    Args:
        real: What the classifier says of real images.
        fooling: float32 [images], its confidences of fooling ones, as `of_fooling` gives
            them; None for none.
        title: The picture's first line.
    """
    groups = real.groups()
    lost = {"real": np.count_nonzero(~real.is_finite)}
    if fooling is not None:
        groups["fooling images"] = fooling[np.isfinite(fooling)]
        lost["fooling"] = np.count_nonzero(~np.isfinite(fooling))
    rows = [
        [name, len(values), PAPER[name], _median(values), _share(values, 0.9), _share(values, 0.99)]
        for name, values in groups.items()
    ]
    headings = ["top-1 confidence", "images", "paper: median, %", "median, %"]
    headings += ["of at least 90 %, %", "of at least 99 %, %"]
    errors = [[f"top-{ranks}", f"{real.error_percent(ranks):.2f}"] for ranks in (1, 5)]
    text = [
        tables.markdown(headings, rows),
        tables.markdown(["error, %", ""], errors),
        f"Accuracy: {100 * real.accuracy:.2f} % of {len(real.truth)} images.\n",
        f"{real.order}\n",
        *(
            f"Of the {kind} images {count} have NaN or infinite confidences: they are in no line "
            f"above{' and count as errors' if kind == 'real' else ''}.\n"
            for kind, count in lost.items()
            if count
        ),
    ]
    if real.independent:
        text.append(f"{meanings.INDEPENDENT} Confidences are those of the images' own labels.\n")
    return "\n".join(text), plots.distributions(groups, title)


def of_fooling(scorer: scorer_contract.Scorer, fooling: champions.Champions) -> np.ndarray:
    """The top-1 confidences of champions, or of independent labels those evolved for."""
    confidences = scorer.score(fooling.images)
    if scorer.independent:
        return confidences[np.arange(len(fooling)), fooling.niches]
    return confidences.max(axis=1)


def advice(
    scorer: scorer_contract.Scorer, data: sources.Source, real: real_images.RealImages
) -> str | None:
    """Names another preprocessing with which far more images would be classified rightly.

    Args:
        scorer: The classifier.
        data: What `real` is of.
        real: What the classifier says of it.
    """
    if not preprocess_advice.may_scale_wrongly(scorer):
        return None
    for images, _ in data.test_batches(_ADVISED_ON):
        if len(images):
            truth = real.truth[: len(images)]  # as the classifier has the labels
            return preprocess_advice.of_labelled_images(scorer, images, truth, real.accuracy)
    return None


def images_csv(real: real_images.RealImages, labels: Sequence[str]) -> bytes:
    """A row per real image."""
    rows = zip(
        real.files,
        (labels[label] for label in real.truth),
        (labels[label] if label >= 0 else "" for label in real.top),
        (number(top) if np.isfinite(top) else "" for top in real.confidences),
        real.rank,
        strict=True,
    )
    return tables.as_csv(("file", "label", "top1", "confidence", "surer_labels"), rows)


def _report(context: experiment.Context) -> experiment.Outcome:
    """Scores real images, and the fooling ones of `imagenet_run` where it has been done."""
    (classifier,) = imagenet.networks(context, 1)
    scorers = cross_scoring.Scorers()
    scorer = scorers.open(classifier)
    data = load(context.dataset, scorer.image_shape)
    real = real_images.score(scorer, data)
    for words in filter(None, (*scorers.notes, advice(scorer, data, real))):
        context.note(words)
    (planned,) = imagenet.run_steps(context)
    fooling = None
    if (planned.folder / "champions.csv").is_file():
        fooling = of_fooling(scorer, champions.read(planned.folder))
    else:
        context.note("no fooling images are compared: imagenet_run has not been done here.")
    table, picture = report(real, fooling, context.title())
    sees = f"{classifier.name}, which sees {imagenet.views(classifier)}.\n"
    return experiment.Outcome(
        settings={
            "data": data.name,
            "data_digest": data.digest,
            "unreadable": sorted(data.unreadable),
            **evolutions.recorded([classifier], [planned] if fooling is not None else []),
        },
        table=f"{sees}\n{table}",
        files={"confidence.png": picture, "images.csv": images_csv(real, scorer.labels)},
    )


def _steps(context: experiment.Context) -> list[evolutions.Evolve]:
    """None: images are scored for the report, and nothing of that is kept."""
    imagenet.networks(context, 1)
    return []


def _median(values: np.ndarray) -> str:
    return f"{100 * np.median(values):.1f}" if len(values) else tables.NO_VALUE


def _share(values: np.ndarray, threshold: float) -> str:
    if not len(values):
        return tables.NO_VALUE
    return f"{100 * np.mean(values >= np.float32(threshold)):.1f}"


EXPERIMENTS = (
    experiment.Experiment(
        name="confidence",
        title="Confidence in real and in fooling images (supplement F)",
        steps=_steps,
        report=_report,
        dataset="imagenet2012",
        others=None,
        takes_runs=True,
    ),
)
