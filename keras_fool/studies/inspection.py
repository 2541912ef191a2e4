"""What was understood of a classifier, in words, and how often it is right."""

import functools
import math
import statistics
import time
from collections.abc import Callable

import numpy as np

from keras_fool.models import (
    classifiers,
    label_orders,
    meanings,
    networks,
    preprocessing,
    scorer_contract,
    scoring,
)
from keras_fool.studies import real_images
from trainers import sources

Facts = dict[str, str]

# Images that accuracies are measured on: enough to tell preprocessings apart.
NUM_MEASURED = 1000
_BATCH = 8  # images next to one another in the data, of every so many
_SECONDS = 1.0  # that the speed is measured for, after the first call
_SLOW = 0.5  # seconds; where a small batch takes longer, no larger one is tried
_MOST_NAMED = 6
_COLOURS = {1: "grey", 3: "RGB", 4: "RGB and full alpha"}
_PREPROCESSED = {
    "none": "bytes 0..255 as they are",
    "unit": "bytes divided by 255",
    "caffe": "BGR minus the mean of ImageNet, as keras.applications' mode caffe",
    "tf": "bytes / 127.5 - 1, as keras.applications' mode tf",
    "torch": "(bytes / 255 - mean) / deviation of ImageNet, as keras.applications' mode torch",
    "bgr": "BGR minus (104, 117, 123)",
}
_MEANT = {
    meanings.CONFIDENCES: "confidences, which add up to 1",
    meanings.LOGITS: "logits, whose softmax is the confidences",
    meanings.SIGMOID: "a probability of its own for each label (sigmoid)",
}


def facts(
    classifier: classifiers.Classifier | classifiers.Ensemble,
    scorer: scoring.LocalScorer,
    *,
    with_speed: bool = True,
) -> list[Facts]:
    """What is known of each member, and last of the whole: name of the fact -> in words.

    Args:
        classifier: A classifier on this machine.
        scorer: Its scorer.
        with_speed: Whether to measure how fast it is, which takes a second or two.
    """
    each = [
        _of_member(member, network)
        for member, network in zip(classifier.members, scorer.networks, strict=True)
    ]
    whole = {**facts_of_any(scorer), "gradients": _gradients(classifier, scorer)}
    if with_speed:
        whole["speed"] = f"{speed(scorer):,.0f} images/s on this machine"
    return [*each, whole]


def facts_of_any(scorer: scorer_contract.Scorer) -> Facts:
    """What is known of any classifier: what it takes, and its labels."""
    height, width, channels = scorer.image_shape
    colours = _COLOURS.get(channels, f"{channels} channels")
    return {
        "images": f"{height} x {width} pixels, {colours}, bytes 0..255",
        "labels": _labels(scorer),
    }


def speed(scorer: scoring.LocalScorer) -> float:
    """Images that are scored in a second: the median of some batches."""
    small = _seconds(scorer, 24)  # it traces, too
    small = _seconds(scorer, 24)
    batch = 24 if small > _SLOW else scorer.score_batch
    times = [small] if batch == 24 else []
    if batch != 24:
        _seconds(scorer, batch)
    begun = time.perf_counter()
    while not times or time.perf_counter() - begun < _SECONDS:
        times.append(_seconds(scorer, batch))
    return batch / statistics.median(times)


def accuracies(
    scorer: scoring.LocalScorer,
    data: sources.Source,
    on_images: Callable[[int], None] = lambda _: None,
) -> tuple[dict[str, float], int, str]:
    """How often a classifier is right on labelled images, under each preprocessing that suits it.

    Args:
        scorer: The classifier. Of an ensemble, the members' own preprocessing is tried alone.
        data: Labelled images of the size that it takes.
        on_images: Told how many more images were scored, under all preprocessings.

    Returns:
        By the word of `preprocessing.METHODS`, that of the classifier first, the share of images
        that it classifies rightly (which it gives their label with at least 0.5, where labels
        are independent); how many images there were; how the labels were found, in words.

    Raises:
        ValueError: Classifier and data have other labels or other images.
    """
    order = real_images.found_order(scorer, data)
    places = np.array(order.places)
    if tuple(data.image_shape) != tuple(scorer.image_shape):
        raise ValueError(
            f"{scorer.name} takes images of {list(scorer.image_shape)}, those of {data.name} are "
            f"{list(data.image_shape)} (height, width, channels)."
        )
    images, truth = _sample(data)
    shares = shares_right(scorer, images, places[truth], on_images)
    return shares, len(images), real_images.said(order, scorer, data)


def shares_right(
    scorer: scoring.LocalScorer,
    images: np.ndarray,
    truth: np.ndarray,
    on_images: Callable[[int], None] = lambda _: None,
) -> dict[str, float]:
    """The same of images that are at hand.

    Args:
        scorer: The classifier.
        images: uint8 [number, height, width, channels], at least one.
        truth: int [number], their labels, by the classifier's numbers.
        on_images: As `accuracies` takes it.
    """
    words = _words(scorer)
    shares = {}
    for word in words:
        own = word == words[0]
        found = scorer.score(images) if own else scorer.score_prepared(images, word)
        shares[word] = float(np.mean(_is_right(found, truth, scorer.independent)))
        on_images(len(images))
    return shares


def num_preprocesses(scorer: scoring.LocalScorer) -> int:
    """How many preprocessings `accuracies` tries."""
    return len(_words(scorer))


def _words(scorer: scoring.LocalScorer) -> list[str]:
    own = scorer.networks[0].preprocess
    if len(scorer.networks) > 1:
        return [own]
    return [own, *(word for word in scorer.networks[0].preprocesses() if word != own)]


def _sample(data: sources.Source) -> tuple[np.ndarray, np.ndarray]:
    """At most `NUM_MEASURED` test images from all over the data, and their labels."""
    every = max(1, math.ceil(data.num_test / NUM_MEASURED))
    parts = [part for part in data.test_batches(_BATCH, 0, every) if len(part[0])]
    if not parts:
        raise ValueError(f"{data.name} has no test images that can be read.")
    images, labels = zip(*parts, strict=True)
    return np.concatenate(images), np.concatenate(labels)


def _is_right(confidences: np.ndarray, truth: np.ndarray, independent: bool) -> np.ndarray:
    finite = scorer_contract.is_finite(confidences)
    if independent:
        return finite & (confidences[np.arange(len(truth)), truth] >= meanings.GIVEN)
    return finite & (confidences.argmax(axis=1) == truth)


def _seconds(scorer: scoring.LocalScorer, batch: int) -> float:
    begun = time.perf_counter()
    scorer.score(_noise(batch, scorer.image_shape))
    return time.perf_counter() - begun


@functools.lru_cache(maxsize=2)
def _noise(batch: int, shape: tuple[int, int, int]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (batch, *shape), np.uint8)


def _of_member(classifier: classifiers.Classifier, network: networks.Network) -> Facts:
    sha256 = classifier.identity["sha256"]
    application = classifier.application
    where = str(classifier.path) if classifier.path else "weights that Keras downloads"
    found = {
        "model": classifier.name,
        "format": application.name if application else classifier.format.title,
        "from": where,
    }
    if sha256 is not None:
        found["sha256"] = sha256
    return {
        **found,
        "input": _input(network),
        "sees": _seen(classifier, network),
        "preprocess": f"{network.preprocess}: {_PREPROCESSED[network.preprocess]}",
        "range": _range(network),
        "outputs": _outputs(classifier, network),
        "computed in": network.computed_in,
    }


def _input(network: networks.Network) -> str:
    layout = network.layout
    order = "channels first" if layout.channels_first else "channels last"
    return (
        f"{layout.height} x {layout.width} pixels, {_COLOURS[layout.channels]}, {order}, "
        f"{network.dtype}"
    )


def _seen(classifier: classifiers.Classifier, network: networks.Network) -> str:
    views = classifier.views
    if views.image_size is None:
        return f"the whole image ({views.view})" if views.view != "plain" else "the whole image"
    side = views.crop_size or network.layout.height
    scaled = f", scaled to {network.layout.height}" if side != network.layout.height else ""
    which = "the centre" if views.crops == 1 else f"{views.crops} crops"
    if side == views.image_size:
        return f"the whole image{scaled}"
    return (
        f"{which} of {side} x {side} pixels{scaled}, out of {views.image_size} x {views.image_size}"
    )


def _range(network: networks.Network) -> str:
    """Between which values lies what reaches the network, for bytes 0..255."""
    channels = min(network.layout.channels, 3)
    ends = np.array([0, 255], np.float32).reshape(2, 1, 1, 1).repeat(channels, axis=3)
    values = np.asarray(preprocessing.METHODS[network.preprocess].apply(ends))
    inside = "; a layer inside makes them smaller" if network.scales_inside else ""
    return f"{values.min():.4g}..{values.max():.4g}{inside}"


def _outputs(classifier: classifiers.Classifier, network: networks.Network) -> str:
    number = network.num_outputs
    said = _MEANT[network.meaning]
    if number == 1 and network.num_labels == 2:
        said = f"one number for two labels ({network.meaning})"
    if classifier.outputs is not None:
        how = "as --outputs says"
    elif classifier.head is not None and classifier.head.meaning is not None:
        how = f"read off the layer {classifier.head.name!r} ({classifier.head.activation})"
    else:
        how = "taken for granted, and checked on images"
    return f"{number} x {said}; {how}" if number > 1 else f"{said}; {how}"


def _labels(scorer: scorer_contract.Scorer) -> str:
    number = len(scorer.labels)
    if label_orders.are_numbers(scorer.labels):
        return f"{number}, called by their numbers"
    named = ", ".join(scorer.labels[:_MOST_NAMED])
    return f"{number}: {named}{', ...' if number > _MOST_NAMED else ''}"


def _gradients(
    classifier: classifiers.Classifier | classifiers.Ensemble, scorer: scoring.LocalScorer
) -> str:
    if classifier.why_no_gradients is not None:
        return f"none: it {classifier.why_no_gradients}"
    if scorer.gives_gradients:
        return "reach the image: evolve and ascend can fool it"
    return "none reach the image: evolve can fool it, ascend cannot"
