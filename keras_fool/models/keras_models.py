"""Loads Keras models as data: nothing in a file runs, and no memory is spent on a lie."""

import contextlib
import copy
import importlib
import logging
import math
import pathlib
import random
import re
import warnings
from collections.abc import Iterator, Mapping

import keras
import numpy as np
import tensorflow as tf

import trainers.layers  # noqa: F401, so that Keras knows the layers of Caffe's networks
from keras_fool.models import (
    applications,
    classifiers,
    keras_archives,
    keras_h5,
    model_formats,
)
from trainers import models

# Weights that a description may build beyond those that the file holds, in bytes: what a
# layer keeps besides its weights is small.
_SPARE_BYTES = 64 * 2**20
_MOST_VALUES = 2**28  # of an image, in one layer
_LONGEST_REASON = 200
# Where Keras's own classes are, and names of them in older files.
_PLACES = (keras.layers, keras.initializers, keras.regularizers, keras.constraints, keras)
_OLD_NAMES = {"Functional", "Policy", "TensorShape"}
# What Keras suggests, and no user of a command can do.
_ADVICE = re.compile(
    r"safe_mode|custom_object|enable_unsafe|register_keras|deserializ|unsafe", re.I
)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps from the user what Keras warns of, which is about how a model was built."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def loaded(classifier: classifiers.Classifier) -> keras.Model:
    """The model of a classifier.

    Raises:
        ValueError: The file is not a model that loads safely, or its weights hold a NaN. The
            message names it.
    """
    with quiet():
        if classifier.application is not None:
            model = _application(classifier.application)
        else:
            assert classifier.path is not None
            model = _load(classifier.path)
    check_finite(classifier.name, model)
    return model


def _load(path: pathlib.Path) -> keras.Model:
    is_hdf5 = model_formats.of(path) is model_formats.HDF5
    try:
        config = (keras_h5 if is_hdf5 else keras_archives).check(path)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}.") from error
    if is_hdf5 and (words := _code(config, is_hdf5)):  # before any of it is built
        raise ValueError(f"{path} is not a model that loads safely: {words}")
    _check_memory(path, config, is_hdf5)
    try:
        # safe_mode: a model is data; a Lambda layer in it would be code.
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises what it meets: OSError, KeyError, TypeError, ...
        reason = _code(config, is_hdf5) or _first_line(error)
        raise ValueError(f"{path} is not a model that loads safely: {reason}") from error
    if not isinstance(model, keras.Model):
        raise ValueError(f"{path} holds a {type(model).__name__}, not a model.")
    return model


def _check_memory(path: pathlib.Path, config: dict, is_hdf5: bool) -> None:
    """Builds the layers without their weights, and compares them with what the file holds."""
    drawn_from = random.getstate()  # layers draw seeds
    try:
        with models.without_values():
            model = _without_weights(copy.deepcopy(config), is_hdf5)  # Keras takes it apart
        needed = sum(
            math.prod(weight.shape) * tf.as_dtype(weight.dtype).size for weight in model.variables
        )
        values = _largest_output(model)
    except Exception:  # loading meets it again, and says what it is
        return
    finally:
        random.setstate(drawn_from)
    held = path.stat().st_size if is_hdf5 else keras_archives.weight_bytes(path)
    if needed > 2 * held + _SPARE_BYTES:
        raise ValueError(
            f"{path} is not a model that loads safely: its layers have {needed:,} bytes of "
            f"weights, and the file holds {held:,}."
        )
    if values > _MOST_VALUES:
        raise ValueError(
            f"{path} is not a model that loads safely: one of its layers gives {values:,} values "
            f"for each image; at most {_MOST_VALUES:,} fit."
        )


def _without_weights(config: dict, is_hdf5: bool) -> keras.Model:
    if not is_hdf5:
        return keras.saving.deserialize_keras_object(config, safe_mode=True)
    # What `keras.saving.load_model` does first with such a file; it has no name of its own.
    from keras.src.legacy.saving import saving_options, saving_utils
    from keras.src.saving import serialization_lib

    with (
        saving_options.keras_option_scope(use_legacy_config=True),
        serialization_lib.SafeModeScope(True),
    ):
        return saving_utils.model_from_config(config)


def operations(model: keras.Model) -> list[keras.Operation]:
    """The layers of a model and what else computes in it, in their order."""
    return list(getattr(model, "operations", None) or model.layers)


def _largest_output(model: keras.Model) -> int:
    largest = 0
    for layer in operations(model):
        if isinstance(layer, keras.Model):
            largest = max(largest, _largest_output(layer))
        for shape in _shapes(layer):
            largest = max(largest, math.prod(size or 1 for size in shape))
    return largest


def _shapes(layer: keras.layers.Layer) -> list[tuple[int | None, ...]]:
    try:
        outputs = layer.output
    except (AttributeError, ValueError):  # it is used in several places, or in none
        return []
    return [tuple(tensor.shape) for tensor in keras.tree.flatten(outputs)]


def check_finite(name: str, model: keras.Model) -> None:
    """Looks for NaN in the weights of a model.

    Raises:
        ValueError: There are some.
    """
    for weight in model.weights:
        if "float" in weight.dtype and np.isnan(weight.numpy()).any():
            raise ValueError(
                f"{name} has NaN in its weights ({weight.path}): its training diverged, and no "
                "confidence of it means anything."
            )


def _code(config: Mapping, is_hdf5: bool = False) -> str | None:
    """Says what of a model only code could build; None where Keras knows all of it."""
    lambdas, custom = [], []
    for found in keras_archives.objects(config):
        kind, settings = str(found["class_name"]), found.get("config")
        named = isinstance(settings, dict) and settings.get("name")
        if kind in ("Lambda", "__lambda__"):
            lambdas.append(repr(named) if named else "a function")
        elif not (_is_known_in_hdf5(found) if is_hdf5 else _is_known(found)):
            function = kind == "function"
            what = f"the function {settings!r}" if function else f"the class {kind}"
            custom.append(f"{what} (of layer {named!r})" if named else what)
    if lambdas:
        return (
            f"it has Lambda layers ({_some(lambdas)}), which are Python code, and no code of a "
            "file is run here. Build it of Keras's own layers, or serve it and name its address."
        )
    if custom:
        return (
            f"it needs {_some(custom)}, which Keras does not have, and no code of a file is run "
            "here. Name the module of yours that registers it (with "
            "keras.saving.register_keras_serializable): --import=package.module."
        )
    return None


def _is_known(found: Mapping) -> bool:
    module, name = found.get("module"), found.get("registered_name")
    if found["class_name"] in ("__keras_tensor__", "__tensor__", "__numpy__", "__typespec__"):
        return True
    if name and keras.saving.get_registered_object(name) is not None:
        return True
    return isinstance(module, str) and (
        module.split(".")[0] == "keras" or (module == "builtins" and not name)
    )


def _is_known_in_hdf5(found: Mapping) -> bool:
    """The same for older descriptions, which name Keras's own classes without their modules."""
    name = str(found["class_name"])
    if name == "function":  # called by what it is registered as
        return keras.saving.get_registered_object(str(found.get("config"))) is not None
    if found.get("module") is not None or name.startswith("__"):
        return _is_known(found)
    if keras.saving.get_registered_object(name) is not None:
        return True
    return name in _OLD_NAMES or any(hasattr(place, name) for place in _PLACES)


def _some(names: list[str], most: int = 3) -> str:
    names = list(dict.fromkeys(names))
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _first_line(error: Exception) -> str:
    """The first line of what Keras says that is not about its own settings."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    sentences = re.split(r"(?<=[.!:]) ", lines[0]) if lines else []
    kept = " ".join(part for part in sentences if not _ADVICE.search(part))
    return (kept or f"Keras cannot rebuild it ({type(error).__name__})")[:_LONGEST_REASON]


def _application(network: applications.Application) -> keras.Model:
    module = importlib.import_module("keras.applications")
    width = {"alpha": network.alpha} if network.alpha != 1 else {}
    try:
        # Files of weights have no group for the lists that a functional model keeps of its
        # operations, which hold no weights; Keras mentions each of them, which `quiet` hides.
        return getattr(module, network.name)(
            weights=network.weights, input_shape=(network.size, network.size, 3), **width
        )
    except Exception as error:  # again, whatever Keras meets
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise ValueError(
            f"the weights {network.weights} are none of {network.title} "
            f"(size={network.size}, alpha={network.alpha:g}): {' '.join(lines[:3])}"
        ) from error
