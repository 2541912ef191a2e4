"""The classifier that a user gives: by a name, or as an object, with what is said of it.

The commands' flags and the arguments of `keras_fool.fool` come in here.
"""

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, cast

from keras_fool import errors
from keras_fool.models import classifiers, in_memory, label_names, model_specs
from trainers import names

AnyClassifier = classifiers.AnyClassifier | in_memory.Classifier
_NO_VIEWS = classifiers.Views()


def find(
    model: object,
    dataset: str | None = None,
    views: classifiers.Views = _NO_VIEWS,
    *,
    weights: str | None = None,
    preprocess: str | None = None,
    outputs: str | None = None,
    output_name: str | None = None,
    signature_name: str | None = None,
    named: object = None,
    image_shape: Sequence[int] | None = None,
) -> AnyClassifier:
    """The classifier that is given.

    Args:
        model: A text as `classifiers.find_all` takes it, or a path; a Keras model; a function, as
            `in_memory.Classifier` takes it, or one of these; or a list, whose members are an
            ensemble. None for the one that stands for `dataset`.
        dataset: Without a model, the data set whose shipped classifier is meant.
        views: What a network sees of an image.
        weights: A file of weights, or "imagenet", for a network of `keras.applications`.
        preprocess: What turns bytes into its input, one of `preprocessing.METHODS`.
        outputs: What its outputs mean, one of `meanings.MEANINGS`.
        output_name: Which of several outputs is meant.
        signature_name: Which signature of a SavedModel is meant.
        named: The names of its labels: a list, or a file as `label_names.read` takes it.
        image_shape: (height, width, channels) that a function takes.

    Raises:
        TypeError: `model` is nothing that classifies.
        ValueError: There is no such classifier, or what is said does not go with it.
    """
    words = {
        "weights": weights,
        "preprocess": preprocess,
        "outputs": outputs,
        "output_name": output_name,
        "signature_name": signature_name,
    }
    said = {name: word for name, word in words.items() if word}
    if image_shape is not None and (not callable(model) or in_memory.is_keras_model(model)):
        raise errors.MisuseError(
            "--image_shape is about functions: other classifiers say what they take."
        )
    found = _found(model, dataset, views, said, image_shape)
    if named is None:
        return found
    if isinstance(named, str | os.PathLike):
        return found.with_labels(label_names.read(pathlib.Path(named)))
    if not isinstance(named, Sequence):
        raise TypeError(f"--label_names takes a list of names or a file, got {named!r}.")
    return found.with_labels(names.checked_labels(list(named), "the names of labels"))


def _found(
    model: object,
    dataset: str | None,
    views: classifiers.Views,
    said: Mapping[str, str],
    image_shape: Sequence[int] | None,
) -> AnyClassifier:
    if model is None or isinstance(model, str | os.PathLike):
        text = None if model is None else os.fspath(model)
        return classifiers.find_all(_members(text, said, views), dataset, views)
    if dataset is not None:
        raise errors.MisuseError(
            f"--dataset={dataset} stands for its own classifier, and another one is given: leave "
            "one of them out."
        )
    if isinstance(model, AnyClassifier):
        _refuse(said, views, "classifiers that are made already", "say it where they are made")
        return model
    if in_memory.is_keras_model(model):
        return _keras_model(model, views, said)
    if isinstance(model, list | tuple):
        return _ensemble(model, views, said)
    if callable(model):
        others = {name: word for name, word in said.items() if name != "outputs"}
        _refuse(others, views, "functions", "they are given bytes, and do the rest themselves")
        if image_shape is None:
            raise errors.MisuseError(
                "a function does not say what images it takes: give "
                "--image_shape=(height, width, channels), too."
            )
        return in_memory.Classifier(
            model, image_shape=cast(Any, image_shape), outputs=said.get("outputs")
        )
    raise TypeError(
        "a classifier is a name, a path, an address, a Keras model, a function, a "
        f"keras_fool.Classifier, or a list of them, got {type(model).__name__}."
    )


def _keras_model(
    model: Any, views: classifiers.Views, said: Mapping[str, str]
) -> classifiers.Classifier:
    if "weights" in said:
        raise errors.MisuseError(
            "--weights is for networks of keras.applications: a model has its own."
        )
    if "signature_name" in said:
        raise errors.MisuseError(
            "--signature_name is for SavedModel folders: a Keras model has none."
        )
    return classifiers.with_view(
        in_memory.KerasModel.of(
            model,
            preprocess=said.get("preprocess", "none"),
            outputs=said.get("outputs"),
            output=said.get("output_name"),
            views=dataclasses.replace(views, view="plain"),
        ),
        views.view,
    )


def _ensemble(
    models: Sequence[object], views: classifiers.Views, said: Mapping[str, str]
) -> AnyClassifier:
    if not models:
        raise errors.MisuseError("the list of classifiers is empty.")
    if len(models) == 1:
        return _found(models[0], None, views, said, None)
    found: list[Any] = []
    for model in models:
        is_text = isinstance(model, str | os.PathLike)
        if is_text and said:
            raise errors.MisuseError(_each_its_own(next(iter(said))))
        found.append(_found(model, None, views, said, None))
    called = [
        model if isinstance(model, str) else of.name
        for model, of in zip(models, found, strict=True)
    ]
    return classifiers.ensemble(found, called)


def _members(
    model: str | None, said: Mapping[str, str], views: classifiers.Views
) -> list[str] | None:
    """A text, or each member of an ensemble, with what is said of it as its options."""
    if model is None:
        if said:
            raise errors.MisuseError(f"--{next(iter(said))} is about a --model, and none is given.")
        return None
    if model.startswith(model_specs.URL_SCHEMES):
        hint = "their options stand behind the address, such as ?preprocess=tf&outputs=logits"
        _refuse(said, views, "endpoints", hint)
    members = classifiers.members(model)
    if said and len(members) > 1:
        raise errors.MisuseError(_each_its_own(next(iter(said))))
    if not said:
        return members
    words = [*members]
    words += [f"weights={said['weights']}"] if "weights" in said else []
    words += [str(said[name]) for name in ("preprocess", "outputs") if name in said]
    for option in ("output", "signature"):
        words += [f"{option}={said[f'{option}_name']}"] if f"{option}_name" in said else []
    return [":".join(words)]


def _refuse(said: Mapping[str, str], views: classifiers.Views, kind: str, hint: str) -> None:
    """Refuses options that do not go with a kind of classifier."""
    if said or views != _NO_VIEWS:
        raise errors.MisuseError(f"--{next(iter(said), 'image_size')} is not about {kind}: {hint}.")


def _each_its_own(option: str) -> str:
    return (
        f"--{option} is about one --model; in an ensemble each has its own options, such as "
        "a.keras:tf:logits,MobileNet:weights=FILE."
    )
