"""Finds classifiers by the names that users give them, without loading them (no TensorFlow).

A classifier is a file or a folder (`saved_classifiers`), a network of `keras.applications`, an
endpoint, or an ensemble of several. `model_specs` has the words that
users name them with; what is found is one of `classifier_kinds`, whose names are here, too.
"""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

from keras_fool import errors
from keras_fool.models import (
    applications,
    endpoints,
    image_views,
    model_formats,
    model_specs,
    saved_classifiers,
)
from keras_fool.models.classifier_kinds import (  # noqa: F401, this is their door
    AnyClassifier,
    Classifier,
    Ensemble,
    Views,
    comparable,
    with_view,
)
from keras_fool.models.saved_classifiers import (  # noqa: F401, likewise
    CARD_FILE,
    MODEL_FILE,
    exists,
    known,
    printable,
)
from trainers import names

# The classifier that stands for a data set where no other is asked for.
_OF_DATASET = {"mnist": "mnist_a", "digits": "digits_a", "shapes": "shapes_a"}


def listed(models: str) -> list[str]:
    """The classifiers in "a,b+c", which may be none: a text for each, "a" and "b+c".

    Raises:
        ValueError: One is empty.
    """
    if not models:
        return []

    def is_one(part: str) -> bool:
        return all(map(_is_there, names.separated(part, _is_there, "+")))

    return model_specs.split(models, is_one)


def members(model: str, separator: str = ",") -> list[str]:
    """The members of an ensemble "a,b", or "a+b"; the one classifier where it is none.

    Raises:
        ValueError: One is empty.
    """
    if not model:
        raise errors.MisuseError(
            "the name of a classifier is missing, such as mnist_a or my.keras."
        )
    if model.startswith(model_specs.URL_SCHEMES):
        return [model]
    return model_specs.split(model, _is_there, separator)


def _is_there(text: str) -> bool:
    return model_specs.is_there(text, exists)


def find_all(
    model: str | Sequence[str] | None,
    dataset: str | None = None,
    views: Views = Views(),  # noqa: B008, it is frozen
) -> AnyClassifier:
    """The classifier that a user means, or the ensemble of several with commas between.

    Args:
        model: As `find` takes it, or several of them, as a sequence or with commas between.
        dataset: As `find` takes it, for one.
        views: Likewise, for each.

    Raises:
        ValueError: As `find` does, or a member is there twice, or they name their labels
            differently.
    """
    if model is None:
        return find(model, dataset, views)
    each = members(model) if isinstance(model, str) else list(model)
    if len(each) < 2:
        return find(each[0], dataset, views)
    return ensemble([find(member, dataset, views) for member in each], each)


def ensemble(members: Sequence[Any], called: Sequence[str]) -> Ensemble:
    """The ensemble of classifiers.

    Args:
        members: The classifiers, at least two, of any kinds.
        called: What the user calls each.

    Raises:
        ValueError: A member is there twice, or is not in TensorFlow's graph, or they name their
            labels differently.
    """
    for number, member in enumerate(members):
        if member in members[:number]:
            raise errors.MisuseError(f"the ensemble names {called[number]} twice.")
        if not member.in_graph:
            kind = "an endpoint" if member.is_remote else "a function"
            raise errors.MisuseError(
                f"{called[number]} is {kind}, which no ensemble has as a member."
            )
    found = Ensemble(tuple(members))
    _ = found.orders  # checked here
    return found


def find(
    model: str | None,
    dataset: str | None = None,
    views: Views = Views(),  # noqa: B008, it is frozen
) -> Classifier | endpoints.Endpoint:
    """The classifier that a user means.

    Args:
        model: A name under ./saved_models/ or under the shipped saved_models/ (the newest
            version is taken), a version folder, a model file or folder, or a network of
            `keras.applications`, with the options of `model_specs`; or the address of
            an endpoint, which crops by itself if at all.
        dataset: Without a model, the data set whose shipped classifier is meant.
        views: What it sees of an image, where the options do not say it.

    Raises:
        ValueError: There is no such classifier or data set (the known ones are
            named), or its card is damaged, or it is one of another data set, or it has
            no such option.
    """
    if dataset is not None and dataset not in _OF_DATASET:
        raise errors.MisuseError(names.unknown("data set", dataset, list(_OF_DATASET)))
    if model is None:
        if dataset is None:
            raise errors.MisuseError(f"give --dataset ({', '.join(_OF_DATASET)}) or --model.")
        model = _OF_DATASET[dataset]
        if model not in known():
            raise ValueError(
                f"no classifier of {dataset} is here yet; train one: "
                f"python -m keras_fool.train --dataset={dataset} --name={model}"
            )
    with errors.about_words():
        spec = model_specs.parse(model, exists)
        if spec.is_url:
            return endpoints.parse(model)
    said: dict[str, Any] = {
        "image_size": spec.image,
        "crops": spec.crops,
        "crop_size": spec.crop,
        "view": spec.view,
    }
    views = dataclasses.replace(
        views, **{name: value for name, value in said.items() if value is not None}
    )
    if spec.is_application:
        if spec.output is not None or spec.signature is not None:
            raise errors.MisuseError(
                f"{spec.what} has one output: leave output= and signature= out."
            )
        if views.view != image_views.PLAIN:
            raise errors.MisuseError(
                f"view={views.view} is of grey images; {spec.what} takes colour."
            )
        return _application(spec, views)
    for option in ("weights", "size", "alpha"):
        if getattr(spec, option) is not None:
            raise errors.MisuseError(
                f"{option} is for networks of keras.applications, such as MobileNet; "
                f"{spec.what} is none."
            )
    found = saved_classifiers.find(spec.what, dataset)
    if spec.signature is not None and found.format is not model_formats.SAVED_MODEL:
        raise errors.MisuseError(
            f"signature={spec.signature} is for SavedModels; {found.name} is {found.format.title}."
        )
    return with_view(
        dataclasses.replace(
            found,
            preprocess=spec.preprocess or "none",
            outputs=spec.outputs,
            output=spec.output,
            signature=spec.signature,
            views=dataclasses.replace(views, view=image_views.PLAIN),
        ),
        views.view,
    )


def _application(spec: model_specs.Spec, views: Views) -> Classifier:
    given: dict[str, Any] = {"weights": spec.weights, "size": spec.size, "alpha": spec.alpha}
    network = applications.Application(
        spec.what, **{name: value for name, value in given.items() if value is not None}
    )
    file = None if network.weights == "imagenet" else pathlib.Path(network.weights).resolve()
    return Classifier(
        network.title,
        file,
        applications.imagenet_labels(),
        spec.preprocess or applications.PREPROCESS[spec.what],
        spec.outputs,
        network,
        views,
    )
