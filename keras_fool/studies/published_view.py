"""Table S1 through the published view: what the paper's own code shows a network of an image.

`image_views` tells what that is. Images are evolved through the view; then the other networks,
and the network itself, read the PNGs as they are. Two controls without any view, images turned
upside down and transposed for the other network, say how much of that is the squeeze alone.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from keras_fool.models import classifiers, image_views
from keras_fool.runs import champions
from keras_fool.studies import (
    cross_scoring,
    evolutions,
    experiment,
    statistics,
    table_s1,
    tables,
    transfer,
    transfer_tables,
)

_VIEWS = ("published", "published_no_mean")
_GENERATIONS = (200, 1000)
# Bytes that may lie past the end of an image, where the published code reads on.
_FILLINGS = (128, 255)
_TURNS = {
    "upside down": lambda images: images[:, ::-1],
    "transposed": lambda images: images.transpose(0, 2, 1, 3),
}
_BATCH = 2000
_NO_VIEW = "no view"

Models = Sequence[classifiers.Classifier]
Pair = tuple[cross_scoring.CrossScores, str]


@dataclasses.dataclass(frozen=True)
class _Group:
    """What one block of the table is about.

    Attributes:
        name: What was done to images.
        others: By a pair's name, images and another network that reads them.
        own: The same, but the network itself reads them, through no view.
    """

    name: str
    others: Mapping[str, Pair]
    own: Mapping[str, Pair]


def _plan(
    context: experiment.Context, subjects: Sequence[evolutions.Subject]
) -> dict[str, list[evolutions.Evolve]]:
    """By what is done to images, the evolutions on all classifiers."""
    plans = {_NO_VIEW: table_s1.plan(context, subjects, purpose=f"{_NO_VIEW}: ")}
    for view in _VIEWS:
        through = [subject.through(view) for subject in subjects]
        for generations in _GENERATIONS:
            # The default is not named, so that folders are those of table_s1_mnist --view.
            changes = {} if generations == evolutions.GENERATIONS else {"generations": generations}
            name = _name(view, generations)
            plans[name] = table_s1.plan(context, through, purpose=f"{name}: ", **changes)
    return plans


def _subjects(context: experiment.Context) -> list[evolutions.Subject]:
    return evolutions.subjects(context, max(2, len(context.models)))


def steps(context: experiment.Context) -> list[evolutions.Train | evolutions.Evolve]:
    """Evolutions through both views and through none."""
    subjects = _subjects(context)
    plans = _plan(context, subjects).values()
    return [*evolutions.trainings(subjects), *itertools.chain(*plans)]


def report(context: experiment.Context) -> experiment.Outcome:
    """Scores, and counts."""
    subjects = _subjects(context)
    plans = _plan(context, subjects)
    models = [evolutions.single_network(subject.find()) for subject in subjects]
    scorers = cross_scoring.Scorers()
    groups = [
        _viewed(scorers, name, planned, models)
        for name, planned in plans.items()
        if name != _NO_VIEW
    ]
    groups += _turned(scorers, plans[_NO_VIEW], models)
    parts = [
        _means_table(groups, context.seed),
        _pairs_table(groups, context.seed),
        _digits_table(groups),
        _fillings_table(scorers, groups, plans),
    ]
    return experiment.Outcome(
        settings=evolutions.recorded(models, [*itertools.chain(*plans.values())]),
        table="\n".join(parts),
        files={
            "images.csv": transfer_tables.images_csv(_studies(groups)),
            "seen.png": table_s1.seen_images(_studies(groups)[0].champions, context),
        },
    )


def _name(view: str, generations: int) -> str:
    words = {"published": "published view", "published_no_mean": "published view without the mean"}
    return f"{words[view]}, {generations} generations"


def _viewed(
    scorers: cross_scoring.Scorers,
    name: str,
    planned: Sequence[evolutions.Evolve],
    models: Models,
) -> _Group:
    """Images evolved through a view, which all networks read as they are."""
    others: dict[str, Pair] = {}
    own: dict[str, Pair] = {}
    for evolve, itself in zip(planned, models, strict=True):
        scores = scorers.cross_score(champions.read(evolve.folder), [evolve.classifier, *models])
        for model in models:
            where = own if model is itself else others
            where[f"{model.name} on images of {itself.name}"] = scores, model.name
    return _Group(name, others, own)


def _turned(
    scorers: cross_scoring.Scorers,
    planned: Sequence[evolutions.Evolve],
    models: Models,
) -> Iterator[_Group]:
    """Images evolved through no view, and turned for the networks that read them."""
    found = [champions.read(evolve.folder) for evolve in planned]
    height, width, _ = found[0].images.shape[1:]
    for name, turn in {"as they are": lambda images: images, **_TURNS}.items():
        if name == "transposed" and height != width:
            continue
        others: dict[str, Pair] = {}
        own: dict[str, Pair] = {}
        for images, itself in zip(found, models, strict=True):
            original = scorers.cross_score(images, [itself]).confidences[itself.name]
            for model in models:
                if model is itself and name == "as they are":
                    continue
                reader = f"{model.name} {name}"
                read = scorers.open(model).score(np.ascontiguousarray(turn(images.images)))
                scores = cross_scoring.CrossScores(
                    images, itself.name, {itself.name: original, reader: read}
                )
                where = own if model is itself else others
                where[f"{model.name} on images of {itself.name}"] = scores, reader
        yield _Group(f"no view, 200 generations, read {name}", others, own)


def _means_table(groups: Sequence[_Group], seed: int) -> str:
    """The mean over all pairs of different networks, and the paper's."""
    paper = [tables.percent(value) for value in table_s1.PAPER["mean"]]
    rows = [["paper (A on B, B on A)", *paper]]
    for group in groups:
        rows.append([group.name, *_mean(list(group.others.values()), seed)])
    for group in groups:
        if group.own:
            rows.append([f"{group.name}: by itself", *_mean(list(group.own.values()), seed)])
    table = tables.markdown(["%, mean over pairs", *transfer.ROWS], rows)
    return (
        f"{table}\nIn brackets the 95 % interval, bootstrap over runs ({statistics.RESAMPLES:,} "
        "resamples). Images are evolved through the view; the network that reads them, another "
        "one or, in the last rows, the same one, gets the PNGs as they are.\n"
    )


def _mean(pairs: Sequence[Pair], seed: int) -> list[str]:
    return [transfer_tables.with_interval(*cell) for cell in transfer_tables.mean_row(pairs, seed)]


def _pairs_table(groups: Sequence[_Group], seed: int) -> str:
    """Each pair on its own."""
    rows = [
        [f"paper: {name}", *map(tables.percent, values)]
        for name, values in table_s1.PAPER.items()
        if name != "mean"
    ]
    for group in groups:
        for name, pair in {**group.others, **group.own}.items():
            intervals = transfer_tables.intervals(*pair, seed)
            values = transfer_tables.count(*pair).percentages
            cells = map(transfer_tables.with_interval, values, intervals)
            rows.append([f"{group.name}: {name}", *cells])
    table = tables.markdown(["%", *transfer.ROWS], rows)
    return f"## Each pair\n\n{table}"


def _digits_table(groups: Sequence[_Group]) -> str:
    """Which digits fool both networks most, over all pairs of different ones."""
    rows = [["paper, Figure S1", "9, 6, 2", ""]]
    for group in groups:
        labels = next(iter(group.others.values()))[0].champions.labels
        counts = np.zeros(len(labels), int)
        for scores, other in group.others.values():
            niches = scores.champions.niches
            sure = transfer.both_sure(
                scores.confidences[scores.original], scores.confidences[other], niches
            )
            counts += np.bincount(niches[sure], minlength=len(labels))
        order = np.argsort(-counts, kind="stable")
        listed = ", ".join(f"{labels[label]} ({counts[label]})" for label in order)
        rows.append([group.name, ", ".join(labels[label] for label in order[:3]), listed])
    headings = ["", "first three", "images that both give the digit with at least 99 %"]
    table = tables.markdown(headings, rows)
    return f"## Digits that fool both most\n\n{table}"


def _fillings_table(
    scorers: cross_scoring.Scorers,
    groups: Sequence[_Group],
    plans: Mapping[str, Sequence[evolutions.Evolve]],
) -> str:
    """What changes where other bytes than 0 lie past an image's end."""
    rows = []
    for group in groups:
        for planned in plans.get(group.name, ()):
            pairs = [
                (scores, other)
                for scores, other in group.others.values()
                if scores.original == planned.classifier.name
            ]
            scores = pairs[0][0]
            itself = evolutions.single_network(planned.classifier)
            score = _through_view(scorers, itself, scores.champions.images)
            own = scores.confidences[scores.original]
            for filling in _FILLINGS:
                changed = score(filling)
                labels = (changed.argmax(axis=1) != own.argmax(axis=1)).sum()
                at = np.arange(len(own)), scores.champions.niches
                shift = np.abs(changed[at] - own[at]).max()
                lines = [
                    np.subtract(
                        transfer.count(changed, scores.confidences[other]).percentages,
                        transfer_tables.count(scores, other).percentages,
                    )
                    for _, other in pairs
                ]
                most = np.nanmax(np.abs(lines), axis=0)
                about = f"{group.name}: {planned.classifier.name}", filling, len(own), labels
                rows.append([*about, f"{100 * shift:.3f}", *(f"{value:.1f}" for value in most)])
    headings = ["images", "byte", "number", "another top-1 label", "confidence, at most"]
    headings += [f"{name[:3]} at most" for name in transfer.ROWS]
    table = tables.markdown(headings, rows)
    return (
        "## What lies past the end of an image\n\n"
        "27 of the 784 bytes that the published code reads lie past the image's end; what they "
        "are is not known. They are 0 above. With 128 or 255 instead, on the same images, this "
        f"changes (the last four columns in percentage points):\n\n{table}"
    )


def _through_view(
    scorers: cross_scoring.Scorers, classifier: classifiers.Classifier, images: np.ndarray
) -> Callable[[int], np.ndarray]:
    """Confidences, float32 [images, num_labels], by the byte past the end of an image."""
    view, mean = classifier.views.view, None
    if classifier.mean_path is not None:
        mean = image_views.read_mean(classifier.mean_path, images.shape[1:])
    plain = dataclasses.replace(classifier, views=classifiers.Views())
    scorer = scorers.open(plain)

    def score(filling: int) -> np.ndarray:
        parts = [
            scorer.confidences(tf.constant(image_views.seen(part, view, mean, filling))).numpy()
            for part in np.array_split(images, -(-len(images) // _BATCH))
        ]
        return np.concatenate(parts)

    return score


def _studies(groups: Sequence[_Group]) -> list[cross_scoring.CrossScores]:
    """The scores of all images evolved through a view, each once."""
    found = {}
    for group in groups:
        if group.own and _NO_VIEW not in group.name:
            for scores, _ in group.own.values():
                found[id(scores)] = scores
    return list(found.values())


EXPERIMENTS = (
    experiment.Experiment(
        name="published_view",
        title="Table S1, MNIST, as the published code shows images to the network",
        steps=steps,
        report=report,
    ),
)
