"""Detectors: does an image look like real data, or like something made to fool the classifier?

    detector = keras_fool.detectors.fit("energy", "mnist_a", train_images)
    detector.score(images)                        # float32 [n], higher = more like real data
    detector.threshold(0.95, held_out_images)     # accepts 95 % of real images
    detector.save("energy.npz")
    detector = keras_fool.detectors.load("energy.npz", "mnist_a")
    detector = keras_fool.detectors.load(keras_fool.detectors.shipped("mnist_a")["vim"], "mnist_a")

    msp          max softmax(z)                                   needs confidences alone
    max_logit    max z                                            logits z
    energy       T logsumexp(z / T)                               logits
    odin         max softmax(z(x') / T), x' a step from x         logits, gradients
    mahalanobis  -(distance to the nearest class, squared)        penultimate features h
    knn          -(distance of h / |h| to its k-th neighbour)     features
    vim          logsumexp(z) - alpha |residual of h|             features, last layer's weights
    react        energy after h was clipped                       features, last layer's weights

One file each, with the formula and the paper. A detector is fitted on training images and its
threshold chosen on held-out real images, never on fooling ones. `metrics` has the figures of merit,
`outliers` noise and images of other data to measure them on.
"""

import importlib
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # TensorFlow
    import numpy as np

    from keras_fool.detectors.adaptive import Defence
    from keras_fool.detectors.detector import Detector
    from keras_fool.detectors.judged import Judged
    from keras_fool.detectors.signals import Source
    from keras_fool.detectors.training import Images
    from keras_fool.models.scorer_contract import Scorer

    Model = str | pathlib.Path | Scorer | Source | Any

_CLASSES = {
    "msp": "Msp",
    "max_logit": "MaxLogit",
    "energy": "Energy",
    "odin": "Odin",
    "mahalanobis": "Mahalanobis",
    "knn": "Knn",
    "vim": "Vim",
    "react": "React",
}
NAMES = tuple(_CLASSES)


def fit(
    name: str,
    model: "Model",
    images: "Images | None" = None,
    labels: "np.ndarray | None" = None,
    **parameters: float,
) -> "Detector":
    """Fits a detector on training images.

    Args:
        name: One of `NAMES`.
        model: The classifier: a name, path or address as `--model` takes it, a Keras model, a
            `keras_fool.Classifier`, a list of these (an ensemble); or what `open_source` gives,
            where several detectors share it.
        images: uint8 [n, height, width, channels] in 0..255, or an iterable of such batches: the
            images that the classifier was trained on. None where nothing is fitted: msp,
            max_logit, energy and odin.
        labels: int [n], the classes of the images, which mahalanobis takes; by default those that
            the classifier gives.
        **parameters: Numbers that the detector takes; its class says which.

    Raises:
        ValueError: There is no such detector, classifier or parameter, or the classifier does not
            have what the detector needs, or the images or labels do not suit.
    """
    return fit_all(model, images, labels, [name], {name: parameters})[name]


def fit_all(
    model: "Model",
    images: "Images | None" = None,
    labels: "np.ndarray | None" = None,
    names: Sequence[str] = NAMES,
    parameters: Mapping[str, Mapping[str, float]] | None = None,
) -> "dict[str, Detector]":
    """Fits several detectors on the same training images, in one pass of the network.

    Args:
        model: As `fit` takes it.
        images: As `fit` takes it.
        labels: As `fit` takes it.
        names: Which detectors, of `NAMES`; all by default.
        parameters: By name, the numbers that a detector takes; those that are not said have their
            defaults.

    Returns:
        The detectors by name, in the order of `names`; each the same as `fit` gives.

    Raises:
        ValueError: As `fit` does, for any of them.
    """
    from keras_fool.detectors import detector, signals, training
    from trainers import names as known_names

    for name in (*names, *(parameters or {})):
        if name not in _CLASSES:
            raise ValueError(known_names.unknown("detector", name, list(NAMES)))
    kinds = _kinds()
    chosen = {name: kinds[NAMES.index(name)] for name in names}
    checked = {
        name: detector.checked_parameters(kind, (parameters or {}).get(name, {}))
        for name, kind in chosen.items()
    }
    source = open_source(model)
    for kind in chosen.values():
        detector.check_needs(kind, source, kinds)
    fitted = {name for name, kind in chosen.items() if kind.expected_arrays(source.num_features)}
    given: Any = images
    if given is None and fitted:
        raise ValueError(f"{min(fitted)} is fitted on training images: give some.")
    if not fitted and hasattr(given, "dtype"):
        signals.check_images(source, given)
    found = training.collect(source, given, labels) if fitted else None
    made: dict[str, Detector] = {}
    for name, kind in chosen.items():
        if found is None or name not in fitted:
            made[name] = kind(source, checked[name], {}, detector.Fitting())
            continue
        arrays = kind.fitted_arrays(source, found, checked[name])
        fitting = detector.Fitting(found.num_images, "predicted" if labels is None else "given")
        made[name] = kind(source, checked[name], arrays, fitting)
    return made


def score_all(
    fitted: "Sequence[Detector]",
) -> "Callable[[np.ndarray], tuple[np.ndarray, dict[str, np.ndarray]]]":
    """What scores images with several detectors of one classifier, in one pass of the network.

    Args:
        fitted: The detectors, of different names; all made with the same source.

    Returns:
        A function that takes uint8 [n, height, width, channels], as `Detector.score` does, and
        gives the classifier's confidences, float32 [n, num_labels], and by name the scores that
        each detector's `score` gives, float32 [n].

    Raises:
        ValueError: There are none, or they are of several sources; or the images do not suit.
    """
    from keras_fool.detectors import detector

    return detector.together(fitted)


def check_needs(name: str, model: "Model") -> None:
    """Refuses a detector that needs what a classifier does not have, and says what can be used.

    Args:
        name: One of `NAMES`.
        model: As `fit` takes it.

    Raises:
        ValueError: So it is.
    """
    from keras_fool.detectors import detector

    kinds = _kinds()
    detector.check_needs(kinds[NAMES.index(name)], open_source(model), kinds)


def load(path: str | pathlib.Path, model: "Model") -> "Detector":
    """A detector that `Detector.save` wrote, with its threshold if one was chosen.

    Args:
        path: The `.npz` file; it may come from anyone.
        model: The classifier that it was fitted on, as `fit` takes it.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not a detector's file, or damaged, or was fitted on another classifier.
    """
    from keras_fool.detectors import storage

    return storage.read(pathlib.Path(path), open_source(model), _kinds())


def shipped(model: "Model") -> dict[str, pathlib.Path]:
    """The files of detectors that lie beside a classifier and were fitted on it, by their names.

    The shipped classifiers have them, with thresholds; `fit_detectors` writes them for others.

    Args:
        model: As `fit` takes it, but no source.

    Returns:
        The `.npz` files that there are, as `load` and `evolve --detector` take them.

    Raises:
        ValueError: There is no such classifier, or one of the files is damaged.
    """
    from keras_fool.detectors import beside
    from keras_fool.models import given_classifiers

    return beside.files(given_classifiers.find(model), _kinds())


def shipped_judged(model: "Model") -> "Judged | None":
    """What the detectors of `shipped` say of real images, for where these are not at hand.

    Args:
        model: As `shipped` takes it.

    Returns:
        Confidences and scores of images on which nothing was fitted and no threshold chosen; None
        where they are not there for all detectors of `shipped`.

    Raises:
        ValueError: As `shipped` does, or the file is damaged.
    """
    from keras_fool.detectors import judged

    files = shipped(model)
    found = judged.read(next(iter(files.values())).parent) if files else None
    return found if found is not None and set(found.scores) == set(files) else None


def defence(path: str | pathlib.Path) -> "Defence":
    """A detector's file as what evolution attacks together with the classifier.

    Args:
        path: What `Detector.save` wrote, with a threshold.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not a detector's file, or no threshold was chosen.
    """
    from keras_fool.detectors import adaptive

    return adaptive.Defence(path, _kinds())


def open_source(model: "Model", score_batch: int | None = None) -> "Source":
    """A classifier as detectors take it: loaded once, for any number of them.

    Args:
        model: As `fit` takes it; what was opened before is given back.
        score_batch: The largest number of images in one call of the model.

    Raises:
        ValueError: There is no such classifier, or it cannot be used.
        UserError: An endpoint needs packages that are not installed.
    """
    from keras_fool import errors
    from keras_fool.detectors import signals
    from keras_fool.models import given_classifiers

    found: Any = model
    if hasattr(found, "mapped"):  # a source
        return found
    if hasattr(found, "score"):  # a scorer
        return signals.ConfidenceSource(found)
    found = given_classifiers.find(model)
    if found.in_graph:
        return signals.SignalScorer(found, score_batch=score_batch)
    if not found.is_remote:
        return signals.ConfidenceSource(found.open(score_batch))
    with errors.needs_extra("serving"):
        from keras_fool.serving.client import endpoint_scorer

        scorer: Any = endpoint_scorer.EndpointScorer(found, score_batch=score_batch)
    return signals.ConfidenceSource(scorer)


def kinds() -> "list[type[Detector]]":
    """The classes of all detectors, in the order of `NAMES`."""
    return _kinds()


def _kinds() -> list[type["Detector"]]:
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in NAMES}
    return [getattr(module, _CLASSES[name]) for name, module in modules.items()]
